//! `quorate attest`.

use super::{
    args::{Attest, Global},
    done::Done,
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
};
use crate::{
    account::acts::HeadAttested,
    ceremony::{
        Code, Error,
        attest::{self, Opinion, Shown},
        recognition,
    },
    encoding::text::Remark,
    ports::card::Uses,
    storage::SystemClock,
    transcript::ledger::Ceremony,
};

pub fn run(args: &Attest, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let said = args.disagree.as_ref().or(args.remark.as_ref()).map(String::as_str).unwrap_or_default();
    let remark = Remark::new(said).map_err(|e| Error::usage(e.to_string(), "give one line of plain text"))?;
    let opinion = Opinion { agrees: args.disagree.is_none(), remark };
    let mut card = PresentedCard::once(terminal, &args.card)?;
    let mut stage = Stage::open(terminal, Lead::Verb, global, &args.ledger, &args.copies.copies)?;
    let attested = stage.attest(&mut card, opinion, None)?;
    terminal.tell(&format!("{} attested the head of {}.", attested.person, attested.ceremony));
    Ok(Done::ok(attested))
}

impl Stage {
    /// Has somebody sign the head of the ceremony that ended last: the one that was `shown` to them, or else the one that is shown
    /// here. Whoever is not on its roster is refused before anything is asked.
    ///
    /// The whole ledger is compared with what was verified: a head binds all ceremonies before it.
    pub fn attest(
        &mut self,
        card: &mut PresentedCard,
        opinion: Opinion,
        shown: Option<Shown<'_>>,
    ) -> Result<HeadAttested, Error> {
        let terminal = self.terminal;
        let state = self.state()?;
        if let Some(shown) = shown {
            attest::check_shown(&state, shown)?;
        }
        let description = card.describe(&recognition::enrolled(&state))?;
        let (ceremony, _) = attest::subject(&state, &description)?;
        self.wiring.ledger.check_writable(&ceremony.directory)?;
        if shown.is_none() {
            show(terminal, ceremony);
            let question =
                if opinion.agrees { "Is this what you saw?" } else { "Sign that you do not agree?" };
            terminal.confirm(question).map_err(|error| objecting(error, &opinion))?;
        }
        let ledger = self.wiring.ledger.as_mut();
        card.unlocked(terminal, &description, Some(&ceremony.roster), Uses::SIGNATURE, |card| {
            attest::attest(ledger, &state, &description, card, opinion, &SystemClock)
        })
    }
}

/// Whoever did not see this has something to say, and should know how.
fn objecting(mut error: Error, opinion: &Opinion) -> Error {
    if opinion.agrees && error.code == Code::NotConfirmed {
        error.hint = "if it is not what you saw, sign that: 'quorate attest LEDGER --disagree TEXT'; if only something is to be \
                      added, 'quorate attest LEDGER --remark TEXT'"
            .into();
    }
    error
}

fn show(terminal: Terminal, last: &Ceremony) {
    terminal.tell(&format!(
        "Ceremony {} ({}): {}: {}",
        last.number(),
        last.kind(),
        last.proposal.title,
        last.standing()
    ));
    if let Some(concluded) = &last.concluded {
        terminal.item(concluded.summary.as_str());
    }
    terminal.digest("Head", last.last_line);
}
