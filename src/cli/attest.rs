//! `quorate attest`.

use serde_json::json;

use super::{
    Done,
    args::{Attest, Global},
    terminal::Terminal,
    unlocking,
    wiring::{self, Wiring},
};
use crate::{
    ceremony::{
        Error,
        attest::{self, Opinion},
        recognition,
    },
    encoding::text::Line,
    ports::{card::Uses, store::LedgerStore as _},
    storage::SystemClock,
    transcript::ledger::LedgerState,
};

/// Signs the head of the last ceremony.
pub fn run(args: &Attest, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let said = args.disagree.as_ref().or(args.remark.as_ref()).map(String::as_str).unwrap_or_default();
    let remark = Line::new(said).map_err(|e| Error::usage(e.to_string(), "give one line of plain text"))?;
    let mut card = wiring::card(terminal, &args.card.card)?;
    let mut wiring = Wiring::open(global, &args.ledger, &args.copies.copies)?;
    let state = wiring.world().load()?;
    let description = card.describe(&recognition::enrolled(&state))?;
    if let Ok((ceremony, _)) = attest::subject(&state, &description) {
        wiring.ledger.check_writable(&ceremony.directory)?;
    }
    show(terminal, &state);
    let opinion = Opinion { agrees: args.disagree.is_none(), remark };
    let question = if opinion.agrees { "Is this what you saw?" } else { "Sign that you do not agree?" };
    terminal.confirm(question)?;
    let (ceremony, _) = attest::subject(&state, &description)?;
    let agrees = opinion.agrees;
    let attested = unlocking::unlocked(
        terminal,
        card.as_mut(),
        &description,
        &args.card,
        Some(&ceremony.roster),
        Uses::SIGNATURE,
        |card| attest::attest(&mut wiring.ledger, &state, &description, card, opinion, &SystemClock),
    )?;
    terminal.tell(&format!("{} attested the head of {}.", attested.person, attested.directory));
    Ok(Done::ok(json!({
        "person": attested.person,
        "ceremony": attested.directory,
        "head": attested.head,
        "agrees": agrees,
    })))
}

fn show(terminal: Terminal, state: &LedgerState) {
    if let Some(last) = state.ceremonies.iter().rev().find(|c| c.end.is_some()) {
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
}
