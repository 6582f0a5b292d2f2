//! A card's PIN: from whom it comes, what is said before it is asked for, and that it goes to the card it is meant for.

use super::{
    args::{CardArgs, CardPlace, PinArgs},
    handed,
    terminal::{Terminal, counted},
};
use crate::{
    ceremony::{Error, residence},
    memory::Pin,
    ports::card::{Card, CardDescription, CardError, FinalTry, Touches, UnlockedCard, Uses},
    roster::{Roster, card::CardKind},
};

/// Says how many touches will come. Then those who hold the card can have their finger ready.
pub fn announce(
    terminal: Terminal,
    card: &mut dyn Card,
    description: &CardDescription,
    roster: Option<&Roster>,
    uses: Uses,
) {
    let touches = uses.touches(description);
    card.announce(Touches::of(touches));
    if touches > 0 {
        let times = counted(usize::try_from(touches).unwrap_or(usize::MAX), "touch", "touches");
        terminal.tell(&format!("{}: {times} will be asked for.", whose(description, roster)));
    }
}

/// Whose card this is, as a person would say it.
pub fn whose(description: &CardDescription, roster: Option<&Roster>) -> String {
    let serial = short_serial(description);
    match roster.and_then(|r| r.holder(description.signing_key.keyid())) {
        Some((person, _)) => format!("{}'s {} card {serial}", person.full_name, description.kind),
        None => format!("{} card {serial}", description.kind),
    }
}

/// A serial that fits a line.
fn short_serial(description: &CardDescription) -> String {
    description.serial.as_str().chars().take(12).collect()
}

/// Says how many touches come, gets the PIN and presents it, once. The prompt says whose card it is, and how many tries
/// are left.
pub fn unlock<'c>(
    terminal: Terminal,
    card: &'c mut dyn Card,
    description: &CardDescription,
    given: &CardArgs,
    roster: Option<&Roster>,
    uses: Uses,
) -> Result<Box<dyn UnlockedCard + 'c>, Error> {
    let CardArgs { card: place, pin } = given;
    if pin.pin_file.is_some() || pin.pin_fd.is_some() {
        check_named(place, description, roster)?;
    }
    let final_try = before_pin(terminal, card, description, roster, uses, pin.final_try())?;
    let pin = match read_pin(pin)? {
        Some(pin) => pin,
        None => ask_pin(terminal, description, roster)?,
    };
    Ok(card.unlock(pin, final_try)?)
}

/// Refuses a PIN that was given beforehand to whichever YubiKey is in a reader, where it could be meant for another one
/// of the quorum: a PIN at the wrong card costs a try. A person who types one is told whose card it is.
pub fn check_named(
    place: &CardPlace,
    description: &CardDescription,
    roster: Option<&Roster>,
) -> Result<(), Error> {
    let yubikeys = roster.map_or(0, |roster| {
        let cards = roster.people().iter().flat_map(|person| &person.cards);
        cards.filter(|card| card.enrolment().kind == CardKind::Yubikey).count()
    });
    if *place != CardPlace::Yubikey(None) || yubikeys < 2 {
        return Ok(());
    }
    Err(Error::usage(
        format!(
            "the PIN was given beforehand, and its card was not named: {} is in, and this quorum has {yubikeys} YubiKeys",
            whose(description, roster)
        ),
        format!("if the PIN is this card's, give --card yubikey:{}; no try was spent", description.serial),
    ))
}

/// Everything that comes before a PIN: the policy lets this process have it, the last try is kept, unless it may be spent, and the touches are announced.
pub fn before_pin(
    terminal: Terminal,
    card: &mut dyn Card,
    description: &CardDescription,
    roster: Option<&Roster>,
    uses: Uses,
    allowed: FinalTry,
) -> Result<FinalTry, Error> {
    if let Some(roster) = roster {
        residence::check(roster.deal().mode, roster.policy())?;
    }
    let checked = card.check_tries(FinalTry::Keep);
    let final_try = settle_final_try(terminal, &whose(description, roster), checked, allowed)?;
    announce(terminal, card, description, roster, uses);
    Ok(final_try)
}

/// The last try is spent only if that was allowed and somebody says so now.
pub fn settle_final_try(
    terminal: Terminal,
    whose: &str,
    checked: Result<(), CardError>,
    allowed: FinalTry,
) -> Result<FinalTry, Error> {
    match checked {
        Ok(()) => Ok(FinalTry::Keep),
        Err(CardError::FinalTry { .. }) if allowed == FinalTry::Spend => {
            terminal.confirm(&format!(
                "One try is left for {whose}: a wrong PIN blocks it. Spend the last try?"
            ))?;
            Ok(FinalTry::Spend)
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks for a PIN; the prompt says whose card it is, and how many tries are left.
pub fn ask_pin(
    terminal: Terminal,
    description: &CardDescription,
    roster: Option<&Roster>,
) -> Result<Pin, Error> {
    let tries = match description.tries_left {
        Some(1) => " (1 try left)".into(),
        Some(n) => format!(" ({n} tries left)"),
        None => String::new(),
    };
    terminal.pin(&format!("PIN of {}{tries}", whose(description, roster)))
}

/// The PIN from file or descriptor; none if it is to be asked for.
pub fn read_pin(args: &PinArgs) -> Result<Option<Pin>, Error> {
    match (&args.pin_file, args.pin_fd) {
        (Some(path), _) => handed::pin_from_file(path).map(Some),
        (None, Some(number)) => handed::pin_from_descriptor(number).map(Some),
        (None, None) => Ok(None),
    }
}
