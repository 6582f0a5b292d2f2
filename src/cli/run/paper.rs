//! Whether the ledger may be an old copy, before anything is proposed: compared with what is on paper, and with what custodians'
//! memories know.

use super::table::Table;
use crate::{
    ceremony::{
        Error,
        matter::{self, Continuity},
        recognition,
    },
    cli::{args::PinArgs, deciding::unproven, unlocking::PresentedCard},
    ports::{card::FinalTry, store::CustodianMemory},
    roster::{Roster, Standing},
    transcript::{ledger::LedgerState, verification::Pins},
};

/// Compares the ledger with what is on paper before anybody is asked for anything. A genesis has no paper yet.
pub fn check_paper(state: Option<&LedgerState>, paper: Pins) -> Result<(), Error> {
    match state {
        Some(state) => matter::check_paper(state, paper),
        None if paper.genesis.is_some() || paper.head.is_some() => Err(Error::refused(
            "no ledger is there yet that could be compared with your paper",
            "look at the ledger's path; to begin a ledger, leave out --genesis and --head",
        )),
        None => Ok(()),
    }
}

/// Where nobody can be asked, a custodian whose card was given and who could not know that the ledger is whole ends the
/// command before anything is proposed. A card that is not in yet is looked at when it is its turn.
pub fn check_memory(
    table: &Table<'_>,
    state: &LedgerState,
    roster: &Roster,
    memory: &dyn CustodianMemory,
    paper: Pins,
) -> Result<(), Error> {
    if table.terminal.is_interactive() {
        return Ok(());
    }
    let enrolled = recognition::enrolled_in(roster);
    for place in table.places.clone() {
        let mut card = PresentedCard::kept(table.terminal, place, PinArgs::default(), FinalTry::Keep)?;
        let Ok(card) = card.describe(&enrolled) else { continue };
        let Ok(person) = recognition::holder(roster, &card) else { continue };
        if person.standing == Standing::Custodian
            && matter::foresee(state, memory, &person.name, paper)? == Continuity::Unknown
        {
            return Err(unproven());
        }
    }
    Ok(())
}
