//! A card's PIN: from whom it comes, what is said before it is asked for, and that it goes to the card it is meant for.

use std::path::PathBuf;

use super::{
    args::{CardArgs, CardPlace, PinArgs},
    handed,
    terminal::Terminal,
    wiring,
};
use crate::{
    account::counted,
    ceremony::{Code, Error, residence},
    memory::Pin,
    ports::card::{Card, CardDescription, CardError, EnrolledKeys, FinalTry, Touches, UnlockedCard, Uses},
    roster::{Roster, card::CardKind},
    softcard::SoftCard,
};

/// Says how many touches will come. Then the person with the card can have a finger ready.
fn announce(
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

/// A card that somebody presents, and how its PIN comes.
pub struct PresentedCard {
    card: Box<dyn Card>,
    place: CardPlace,
    pin: PinSource,
    final_try: FinalTry,
    /// Whether the PIN is kept in locked memory for the next step of the same command.
    keeps_pin: bool,
}

enum PinSource {
    Typed,
    /// It was given beforehand, and no card has taken it yet.
    Given(PinArgs),
    /// It is known: a card took it before, or it was made with the card.
    Known(Pin),
}

impl PresentedCard {
    pub fn once(terminal: Terminal, given: &CardArgs) -> Result<Self, Error> {
        let CardArgs { card: place, pin } = given;
        let kept = Self::kept(terminal, place, pin.clone(), pin.final_try())?;
        Ok(Self { keeps_pin: false, ..kept })
    }

    /// For the steps of a ceremony that one command leads through: the PIN is asked for at the first of them.
    pub fn kept(
        terminal: Terminal,
        place: &CardPlace,
        pin: PinArgs,
        final_try: FinalTry,
    ) -> Result<Self, Error> {
        let card = wiring::card(terminal, place)?;
        Ok(Self { card, place: place.clone(), pin: PinSource::of(pin), final_try, keeps_pin: true })
    }

    /// Another person's card beside this one, whose PIN is asked for.
    pub fn beside(&self, terminal: Terminal, place: &CardPlace) -> Result<Self, Error> {
        Self::kept(terminal, place, PinArgs::default(), self.final_try)
    }

    /// A soft card that was made for a rehearsal, with its PIN.
    pub fn rehearsed(card: SoftCard, path: PathBuf, pin: Pin) -> Self {
        Self {
            card: Box::new(card),
            place: CardPlace::Soft(path),
            pin: PinSource::Known(pin),
            final_try: FinalTry::Keep,
            keeps_pin: true,
        }
    }

    /// Where it is, as it was given.
    pub const fn place(&self) -> &CardPlace {
        &self.place
    }

    /// Looks whether the card is there. What it lacks in the usual slots may be in others: that is seen when it is
    /// compared with the roster.
    pub fn look(&mut self) -> Result<(), Error> {
        match self.card.describe(&[]) {
            Ok(_) | Err(CardError::Unfit { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whose card it is, by the keys that may be on it.
    pub fn describe(&mut self, enrolled: &[EnrolledKeys]) -> Result<CardDescription, Error> {
        Ok(self.card.describe(enrolled)?)
    }

    /// Says how many touches come, gets the PIN, presents it, and goes on with the unlocked card. A PIN that was given or is
    /// known is presented once, and forgotten if it is wrong; a person who types a wrong one is asked again, see [`Typing`].
    pub fn unlocked<T>(
        &mut self,
        terminal: Terminal,
        description: &CardDescription,
        roster: Option<&Roster>,
        uses: Uses,
        then: impl FnOnce(&mut dyn UnlockedCard) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if matches!(self.pin, PinSource::Given(_)) {
            check_named(&self.place, description, roster)?;
        }
        let allowed = self.final_try;
        let card = self.card.as_mut();
        let final_try = before_pin(terminal, card, description, roster, uses, allowed)?;
        let given = match std::mem::replace(&mut self.pin, PinSource::Typed) {
            PinSource::Known(pin) => Some(pin),
            PinSource::Given(args) => read_pin(&args)?,
            PinSource::Typed => None,
        };
        let keeps_pin = self.keeps_pin;
        let next = |pin: &Pin| match keeps_pin {
            true => Pin::copy_of(pin.expose()).map(PinSource::Known),
            false => Ok(PinSource::Typed),
        };
        if let Some(pin) = given {
            let next = next(&pin)?;
            let mut unlocked = card.unlock(pin, final_try)?;
            self.pin = next;
            return then(unlocked.as_mut());
        }
        let mut typing = Typing::new(terminal, description, roster, allowed, final_try);
        let mut unlocked = loop {
            let (pin, final_try) = typing.pin(&mut |keep| card.check_tries(keep))?;
            let next = next(&pin)?;
            match card.unlock(pin, final_try) {
                Ok(unlocked) => {
                    self.pin = next;
                    break unlocked;
                }
                Err(error) => typing.failed(error)?,
            }
        };
        then(unlocked.as_mut())
    }

    /// Goes on with the card where its PIN was presented a moment ago, and the touches were announced.
    pub fn unlocked_with<T>(
        &mut self,
        pin: Pin,
        touches: Touches,
        then: impl FnOnce(&mut dyn UnlockedCard) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.card.announce(touches);
        then(self.card.unlock(pin, FinalTry::Keep)?.as_mut())
    }
}

impl PinSource {
    fn of(args: PinArgs) -> Self {
        if args.pin_file.is_some() || args.pin_fd.is_some() { Self::Given(args) } else { Self::Typed }
    }
}

/// A person types the PIN of a card: until it is right, they give up with Enter alone, or only the last try is left. Nothing
/// that is typed meanwhile is shown.
pub struct Typing {
    terminal: Terminal,
    whose: String,
    tries_left: Option<u32>,
    allowed: FinalTry,
    /// What was settled for the next try; to be settled again after a wrong PIN.
    settled: Option<FinalTry>,
    /// Whether it was said that Enter alone gives up.
    warned: bool,
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
        Self { terminal, whose, tries_left, allowed, settled: Some(settled), warned: false }
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
        let mut pin = self.terminal.pin_or_none(&prompt)?;
        if pin.is_none() && !std::mem::replace(&mut self.warned, true) {
            self.terminal.notice("nothing was typed: type the PIN; Enter alone gives up");
            pin = self.terminal.pin_or_none(&prompt)?;
        }
        let pin = pin.ok_or_else(|| {
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
        self.warned = true;
        self.terminal.complain(&error);
        Ok(())
    }
}

/// Refuses a PIN that was given beforehand to whichever YubiKey is in a reader, where it could be meant for another one
/// of the quorum: a PIN at the wrong card costs a try. A person who types one is told whose card it is.
fn check_named(
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
fn before_pin(
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

/// The PIN from file or descriptor; none if it is to be asked for.
pub fn read_pin(args: &PinArgs) -> Result<Option<Pin>, Error> {
    match (&args.pin_file, args.pin_fd) {
        (Some(path), _) => handed::pin_from_file(path).map(Some),
        (None, Some(number)) => handed::pin_from_descriptor(number).map(Some),
        (None, None) => Ok(None),
    }
}
