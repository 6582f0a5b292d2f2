//! A card's PIN: from whom it comes, what is said before it is asked for, and that it goes to the card it is meant for.

use super::{
    args::{CardArgs, CardPlace, PinArgs},
    handed,
    terminal::{Terminal, counted},
};
use crate::{
    ceremony::{Code, Error, residence},
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

/// Says how many touches come, gets the PIN, presents it, and goes on with the unlocked card. A PIN that was given beforehand
/// is presented once; a person who types a wrong one is asked again, see [`Typing`].
pub fn unlocked<T>(
    terminal: Terminal,
    card: &mut dyn Card,
    description: &CardDescription,
    given: &CardArgs,
    roster: Option<&Roster>,
    uses: Uses,
    then: impl FnOnce(&mut dyn UnlockedCard) -> Result<T, Error>,
) -> Result<T, Error> {
    let CardArgs { card: place, pin } = given;
    if pin.pin_file.is_some() || pin.pin_fd.is_some() {
        check_named(place, description, roster)?;
    }
    let final_try = before_pin(terminal, card, description, roster, uses, pin.final_try())?;
    if let Some(pin) = read_pin(pin)? {
        return then(card.unlock(pin, final_try)?.as_mut());
    }
    let mut typing = Typing::new(terminal, description, roster, pin.final_try(), final_try);
    let mut unlocked = loop {
        let (pin, final_try) = typing.pin(&mut |keep| card.check_tries(keep))?;
        match card.unlock(pin, final_try) {
            Ok(unlocked) => break unlocked,
            Err(error) => typing.failed(error)?,
        }
    };
    then(unlocked.as_mut())
}

/// A person types the PIN of a card: until it is right, they give up with Enter alone, or only the last try is left. Nothing
/// that is typed meanwhile is shown.
pub struct Typing {
    terminal: Terminal,
    whose: String,
    tries_left: Option<u32>,
    allowed: FinalTry,
    /// What was settled for the next try; to be settled anew after a wrong PIN.
    settled: Option<FinalTry>,
}

impl Typing {
    /// `allowed`: what the command line says of the last try; `settled`: what was decided before the first one.
    pub fn new(
        terminal: Terminal,
        description: &CardDescription,
        roster: Option<&Roster>,
        allowed: FinalTry,
        settled: FinalTry,
    ) -> Self {
        Self::of(terminal, whose(description, roster), description.tries_left, allowed, settled)
    }

    /// The same for a card that no roster knows.
    pub const fn of(
        terminal: Terminal,
        whose: String,
        tries_left: Option<u32>,
        allowed: FinalTry,
        settled: FinalTry,
    ) -> Self {
        Self { terminal, whose, tries_left, allowed, settled: Some(settled) }
    }

    /// The next PIN to present. `check` has the card compare its tries.
    pub fn pin(
        &mut self,
        check: &mut dyn FnMut(FinalTry) -> Result<(), CardError>,
    ) -> Result<(Pin, FinalTry), Error> {
        let final_try = match self.settled.take() {
            Some(settled) => settled,
            None => settle_final_try(self.terminal, &self.whose, check(FinalTry::Keep), self.allowed)?,
        };
        let tries = self.tries_left.map(|n| format!(" ({n} {} left)", if n == 1 { "try" } else { "tries" }));
        let prompt = format!("PIN of {}{}", self.whose, tries.unwrap_or_default());
        let pin = self.terminal.pin_or_none(&prompt)?.ok_or_else(|| {
            let message = format!("no PIN was typed for {}: nothing was done with it", self.whose);
            Error::problem(message, "run the same command again").coded(Code::PinMissing)
        })?;
        Ok((pin, final_try))
    }

    /// The card did not take it. Another try for a wrong PIN; anything else is an error.
    pub fn failed(&mut self, error: CardError) -> Result<(), Error> {
        match &error {
            CardError::WrongPin { tries_left, .. } if *tries_left > 0 => self.tries_left = Some(*tries_left),
            CardError::PinForm { .. } => {}
            _ => return Err(error.into()),
        }
        let mut error = Error::from(error);
        // The last try is kept, and nobody is asked, unless it may be spent.
        let is_over = self.tries_left == Some(1) && self.allowed == FinalTry::Keep;
        error.hint = if is_over { "" } else { "type it again; Enter alone gives up" }.into();
        self.terminal.complain(&error);
        Ok(())
    }
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
            // A wrong PIN may have come before.
            terminal.confirm_unseen(&format!(
                "One try is left for {whose}: a wrong PIN blocks it. Spend the last try?"
            ))?;
            Ok(FinalTry::Spend)
        }
        Err(error) => Err(error.into()),
    }
}

/// The PIN from file or descriptor; none if it is to be asked for.
pub fn read_pin(args: &PinArgs) -> Result<Option<Pin>, Error> {
    match (&args.pin_file, args.pin_fd) {
        (Some(path), _) => handed::pin_from_file(path).map(Some),
        (None, Some(number)) => handed::pin_from_descriptor(number).map(Some),
        (None, None) => Ok(None),
    }
}
