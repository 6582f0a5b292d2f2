//! The second keeper: another administrator, where one card does not open what custodians released.

use super::{
    args::{CardPlace, KeeperArgs},
    run::table::{GIVE, instead},
    stage::Stage,
    terminal::Terminal,
    unlocking::PresentedCard,
};
use crate::{
    ceremony::{
        Error,
        keyring::{KEEPER_USES, Keyring, Scope},
        recognition,
    },
    ports::card::FinalTry,
    roster::Policy,
    transcript::ledger::Ceremony,
};

/// The card that was given for it.
pub fn given(
    terminal: Terminal,
    args: &KeeperArgs,
    final_try: FinalTry,
) -> Result<Option<PresentedCard>, Error> {
    let Some(place) = &args.keeper else { return Ok(None) };
    PresentedCard::kept(terminal, place, args.pin(), final_try).map(Some)
}

/// Refuses before any PIN, where nobody can be asked for a card that was not given.
pub fn check_given<C>(terminal: Terminal, policy: &Policy, keeper: Option<&C>) -> Result<(), Error> {
    if policy.station_keepers == 1 || keeper.is_some() || terminal.is_interactive() {
        return Ok(());
    }
    Err(Error::usage(
        "the releases are opened by two administrators, and the card of one is given",
        "give the card of another one with --keeper CARD, or run it in a terminal",
    ))
}

impl Stage {
    /// Opens the station's keys: with the card of the administrator who is there, and then with that of another one where the
    /// releases need it.
    pub(super) fn keyring(
        &self,
        ceremony: &Ceremony,
        scope: Scope,
        card: &mut PresentedCard,
        keeper: Option<&mut PresentedCard>,
    ) -> Result<Keyring, Error> {
        let (terminal, roster, store) = (self.terminal, &*ceremony.roster, &self.wiring.station);
        let description = card.describe(&recognition::enrolled_in(roster))?;
        recognition::administrator(roster, &description, "execute")?;
        let mut keyring = card.unlocked(terminal, &description, Some(roster), scope.uses(), |card| {
            Keyring::open(store, ceremony, scope, &description, card)
        })?;
        if keyring.lacks_keeper() {
            self.second_keeper(ceremony, &mut keyring, card, keeper)?;
        }
        Ok(keyring)
    }

    /// Where a person is asked, a wrong card or PIN ends nothing: another one may be given.
    fn second_keeper(
        &self,
        ceremony: &Ceremony,
        keyring: &mut Keyring,
        first: &PresentedCard,
        mut given: Option<&mut PresentedCard>,
    ) -> Result<(), Error> {
        let terminal = self.terminal;
        let asks = terminal.is_interactive();
        if given.is_none() {
            terminal.tell("Two administrators open what was released: the next card is another one's.");
        }
        loop {
            let added = match given.take() {
                Some(card) => self.add_keeper(ceremony, keyring, card),
                None => {
                    let whose = "Another administrator's card (yubikey:SERIAL, soft:FILE)";
                    let place = terminal.place(whose, "yubikey", &["yubikey:", "soft:"], CardPlace::typed);
                    place
                        .and_then(|place| first.beside(terminal, &place))
                        .and_then(|mut card| self.add_keeper(ceremony, keyring, &mut card))
                }
            };
            match added {
                Err(error) if asks && !error.ends_questions() => {
                    terminal.complain(&instead(error, GIVE));
                }
                added => return added,
            }
        }
    }

    fn add_keeper(
        &self,
        ceremony: &Ceremony,
        keyring: &mut Keyring,
        card: &mut PresentedCard,
    ) -> Result<(), Error> {
        let (terminal, roster) = (self.terminal, &*ceremony.roster);
        let description = card.describe(&recognition::enrolled_in(roster))?;
        let administrator = recognition::administrator(roster, &description, "open what was released")?;
        keyring.check_keeper(&administrator.name)?;
        card.unlocked(terminal, &description, Some(roster), KEEPER_USES, |card| {
            keyring.add(&self.wiring.station, ceremony, &description, card)
        })
    }
}
