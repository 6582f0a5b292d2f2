//! `quorate abort`.

use super::{
    args::{Abort, Global},
    done::Done,
    execute as execute_verb,
    exit::Exit,
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring,
};
use crate::{
    account::{acts::CeremonyAborted, counted, listed},
    ceremony::{Error, abort, execute, recognition},
    encoding::text::{Name, Remark},
    storage::FileInbox,
};

pub fn run(args: &Abort, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let reason = Remark::new(&args.reason)
        .map_err(|e| Error::usage(format!("--reason: {e}"), "give one line of plain text"))?;
    let proposal = wiring::paper("--proposal", args.proposal.proposal.as_ref())?;
    let mut card = PresentedCard::once(terminal, &args.card)?;
    let mut stage = Stage::open(terminal, Lead::Verb, global, &args.ledger, &args.copies.copies)?;
    let state = stage.state()?;
    stage.wiring.world().sweep(&state)?;
    let ceremony = execute::open_ceremony(&state, "abort")?;
    execute::check_proposal(ceremony, proposal)?;
    let description = card.describe(&recognition::enrolled(&state))?;
    recognition::administrator(&ceremony.roster, &description, "abort")?;
    stage.wiring.world().now(Some(&state))?;
    terminal.confirm(&format!("Give up ceremony {} ({})?", ceremony.number(), ceremony.proposal.title))?;
    let mut inbox = FileInbox::new(args.files.iter().cloned());
    let given = card.unlocked(terminal, &description, Some(&ceremony.roster), abort::USES, |card| {
        abort::abort(&mut stage.wiring.world(), &description, card, &mut inbox, reason)
    })?;
    let and = if given.left.is_empty() { "; its releases and keys are destroyed" } else { "" };
    terminal.tell(&format!("Ceremony {} is aborted{and}.", given.directory));
    execute_verb::tell_left(terminal, &given.left);
    let outstanding: Vec<Name> = given.outstanding.into_iter().collect();
    if !outstanding.is_empty() {
        let who = counted(outstanding.len(), "custodian", "custodians");
        terminal.notice(&format!(
            "warning: releases-outstanding: {who} ({}) released shares for it: whoever kept a copy of what they handed over still has \
             those shares.",
            listed(&outstanding)
        ));
    }
    terminal.digest("Head (write it down)", given.head);
    let ceremony = given.directory;
    let aborted =
        CeremonyAborted { ceremony, outcome: "aborted", head: given.head, left: given.left, outstanding };
    Ok(Done::new(stage.ended(Exit::Done), aborted))
}
