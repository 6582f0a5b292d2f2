//! The cards of those at the table, one after the other: as they were given, or asked for.

use std::path::PathBuf;

use crate::{
    ceremony::Error,
    cli::{
        args::{CardPlace, PinArgs},
        invocation::Invocation,
        terminal::Terminal,
        unlocking::PresentedCard,
    },
    ports::card::FinalTry,
};

/// The cards, as they are given or asked for.
pub struct Table<'a> {
    pub terminal: Terminal,
    pub next: Invocation,
    pub places: std::slice::Iter<'a, CardPlace>,
    pub pin_files: std::slice::Iter<'a, PathBuf>,
    pub asks: bool,
    pub final_try: FinalTry,
}

impl Table<'_> {
    /// The administrator's card. Nothing is begun yet: where another person's card is in, another may be given.
    pub fn administrator(
        &mut self,
        check: &dyn Fn(&mut PresentedCard) -> Result<(), Error>,
    ) -> Result<Option<PresentedCard>, Error> {
        loop {
            let tried = self.next("Administrator's card (yubikey:SERIAL, soft:FILE)").and_then(|card| {
                let Some(mut card) = card else { return Ok(None) };
                check(&mut card)?;
                Ok(Some(card))
            });
            if let Some(first) = self.forgives(tried, GIVE)? {
                if let Some(admin) = &first {
                    self.next = self.next.clone().by(Some(admin.place()));
                }
                return Ok(first);
            }
        }
    }

    /// The next card; none when there are no more.
    pub fn next(&mut self, whose: &str) -> Result<Option<PresentedCard>, Error> {
        let place = match self.places.next() {
            Some(place) => place.clone(),
            None if self.asks => {
                match self.terminal.place(whose, "yubikey", &["yubikey:", "soft:", DONE], answer)? {
                    Some(place) => place,
                    None => return Ok(None),
                }
            }
            None => return Ok(None),
        };
        let pin = PinArgs { pin_file: self.pin_files.next().cloned(), ..PinArgs::default() };
        PresentedCard::kept(self.terminal, &place, pin, self.final_try).map(Some)
    }

    /// Whether those who are there stop before there is a quorum. Anyone who said `done` too early may go on.
    pub fn stops(&self) -> Result<bool, Error> {
        let question = "That is too few. Stop here, and leave the ceremony open?";
        if self.asks { self.terminal.person_says_yes(question) } else { Ok(true) }
    }

    /// Waits until this card is in a reader again, unless its holder goes without: where there is one reader, each takes their
    /// card out after their turn.
    pub fn wait_for(&self, card: &mut PresentedCard, whose: &str) -> Result<bool, Error> {
        while self.forgives(card.look(), GIVE)?.is_none() {
            if !self.terminal.goes_on(&format!("Is the card of {whose} in?"))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the person at the table is given another try. A wrong PIN or a wrong card must not end a ceremony. `again`: what
    /// they do for it, since it was no command that failed.
    pub fn forgives<T>(&self, tried: Result<T, Error>, again: &str) -> Result<Option<T>, Error> {
        match tried {
            Ok(value) => Ok(Some(value)),
            // Where nobody answers any more, asking again would never end.
            Err(error) if self.asks && !error.ends_questions() => {
                self.terminal.complain(&self.next.explain(instead(error, again)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Says that no more cards come.
const DONE: &str = "done";

/// The place of a card, or none where no more come.
fn answer(typed: &str) -> Result<Option<CardPlace>, Error> {
    if typed == DONE { Ok(None) } else { CardPlace::typed(typed).map(Some) }
}

/// What a person does who is given another try, where a hint speaks of the whole command.
pub const GIVE: &str = "give the card again";
pub const TRY: &str = "try again";

/// The ceremony goes on: a hint that says to run the command again says this.
pub fn instead(mut error: Error, again: &str) -> Error {
    error.hint = error.hint.replacing("run the same command again", again);
    error
}
