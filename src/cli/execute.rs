//! `quorate execute`.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::json;

use super::{
    Done,
    args::{Execute, Global},
    invocation::Invocation,
    spent::{Spent, Watch},
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring,
};
use crate::{
    ceremony::{
        Error, Report,
        clearing::{self, Left},
        execute::{self, Persistence, Request},
        recognition,
    },
    encoding::{digest::Digest, text::Name},
    memory::Pin,
    proposal::target::Role,
    storage::FileInbox,
    transcript::{ledger::LedgerState, outcome::Outcome},
};

/// Executes the open ceremony.
pub fn run(args: &Execute, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let reviewed = wiring::paper("--proposal", args.proposal.proposal.as_ref())?;
    let mut card = PresentedCard::once(terminal, &args.card)?;
    let present = wiring::present_pins(&args.present)?;
    let mut stage = Stage::open(terminal, Lead::Verb, global, &args.ledger, &args.copies.copies)?;
    let persistence = match (args.give_up, args.keep_room) {
        (false, _) => Persistence::GoOn,
        (true, false) => Persistence::GiveUp,
        (true, true) => Persistence::GiveUpAndKeep,
    };
    let (report, spent) =
        stage.execute(&mut card, Execution { reviewed, files: &args.files, present, persistence })?;
    let next = Invocation::at(global, &args.ledger, &args.copies.copies).by(Some(&args.card.card));
    tell(terminal, &report, &next);
    tell_next(terminal, &report, &next);
    Ok(Done::new(report.outcome.into(), report_json(&report, spent)))
}

/// What an administrator brings to an execution besides their card.
pub struct Execution<'a> {
    /// The proposal that was reviewed, if one was named.
    pub reviewed: Option<Digest>,
    /// Approval files.
    pub files: &'a [PathBuf],
    /// PINs that the quorum does not hold.
    pub present: BTreeMap<(Name, Role), Pin>,
    /// What to do with an intent that cannot be brought to its end.
    pub persistence: Persistence,
}

impl Stage {
    /// Executes the open ceremony, or goes on with one that was cut off.
    pub fn execute(
        &mut self,
        card: &mut PresentedCard,
        execution: Execution<'_>,
    ) -> Result<(Report, Spent), Error> {
        let terminal = self.terminal;
        let Execution { reviewed, files, mut present, persistence } = execution;
        let state = self.state()?;
        self.wiring.world().sweep(&state)?;
        let ceremony = execute::open_ceremony(&state, "execute")?;
        execute::check_proposal(ceremony, reviewed)?;
        let description = card.describe(&recognition::enrolled(&state))?;
        recognition::administrator(&ceremony.roster, &description, "execute")?;
        let mut inbox = FileInbox::new(files.iter().cloned());
        if ceremony.intended.is_none() {
            clearing::check(ceremony, &mut inbox)?;
        }
        self.ask_clock(&state)?;
        if self.lead == Lead::Verb {
            let (number, kind) = (ceremony.number(), ceremony.kind());
            terminal.tell(&format!("Ceremony {number} ({kind}): {}", ceremony.proposal.title));
            terminal.confirm("Execute it now?")?;
        }
        ask_present(terminal, &state, &mut present)?;
        let request = Request { card: &description, inbox: &mut inbox, present, persistence };
        let wiring = &mut self.wiring;
        let (executed, spent) =
            card.unlocked(terminal, &description, Some(&ceremony.roster), execute::USES, |card| {
                let watch = Watch::start(wiring.meter());
                let executed = execute::execute(&mut wiring.world(), card, request);
                Ok((executed, watch.stop()))
            })?;
        spent.tell(terminal);
        Ok((executed?, spent))
    }
}

/// Asks for the PINs that the quorum does not hold and that were not given.
fn ask_present(
    terminal: Terminal,
    state: &LedgerState,
    present: &mut BTreeMap<(Name, Role), Pin>,
) -> Result<(), Error> {
    for (target, role, why) in execute::present_pins_needed(state) {
        let key = (target.clone(), role);
        if !present.contains_key(&key) && terminal.is_interactive() {
            terminal.tell(&format!("{target}, {role}: {why}"));
            present.insert(key, terminal.pin(&format!("{role} of {target}"))?);
        }
    }
    Ok(())
}

/// Says how it ended.
pub fn tell(terminal: Terminal, report: &Report, next: &Invocation) {
    let concluded = &report.concluded;
    terminal.tell(&format!("Outcome: {}. {}.", report.outcome, concluded.summary));
    for change in &report.noticed {
        terminal.item(&format!("NOTICE: {change}"));
    }
    for object in &concluded.deleted {
        terminal.item(&format!("gone: {object}"));
    }
    for object in &concluded.restored {
        terminal.item(&format!("restored and proven: {object}"));
    }
    for left in &concluded.left_out {
        terminal.item(&format!("left out: {}: {}", left.object, left.reason));
    }
    for unkept in &concluded.unkept {
        terminal.item(&format!("NOT KEPT: {}: {}", unkept.object, unkept.reason));
    }
    if let Some(backup) = &concluded.backup {
        terminal.item(&format!("backup: {} bytes, SHA-256 {}", backup.length, backup.sha256));
    }
    if let Some(seen) = concluded.program.as_ref().and_then(|p| p.run.as_ref()) {
        for file in [&seen.stdout, &seen.stderr].into_iter().flatten().chain(&seen.outputs) {
            terminal.item(&format!("{}: {} bytes, SHA-256 {}", file.name, file.length, file.sha256));
        }
    }
    for line in &report.said {
        terminal.item(line);
    }
    if let Some(kept) = &report.kept {
        terminal
            .item(&format!("its working directory is kept in {kept}: remove it when it is no longer needed"));
    }
    for handover in &concluded.handovers {
        terminal.item(&format!("THE APPLICATION of {} needs its new user PIN:", handover.target));
        let (number, target) = (report.number, &handover.target);
        next.command(terminal, &format!("quorate show LEDGER {number} --handover {target} -o FILE"));
    }
    for file in &report.set_aside {
        terminal.item(&format!("did not count: {}: {}", file.file, file.reason));
    }
    tell_left(terminal, &report.left);
    terminal.digest("Head of this ceremony (write it down, and have those present attest it)", report.head);
}

/// Names what should have been destroyed, on standard error in any case.
pub fn tell_left(terminal: Terminal, left: &[Left]) {
    for left in left {
        terminal.notice(&format!(
            "warning: {} could not be destroyed: {}. The ceremony is closed all the same: destroy it by hand.",
            left.file, left.reason
        ));
    }
}

/// Says what comes after a ceremony.
pub fn tell_next(terminal: Terminal, report: &Report, next: &Invocation) {
    match report.outcome {
        Outcome::Completed => next.tell(
            terminal,
            "Next: each who was there and has not attested runs 'quorate attest'; then \
             'quorate audit --genesis HEX-OR-WORDS --head HEX-OR-WORDS', both from paper.",
        ),
        _ => next.tell(
            terminal,
            "Next: look at the target, then propose again. 'quorate status' says where things stand.",
        ),
    }
}

/// The object of `--json`.
pub fn report_json(report: &Report, spent: Spent) -> serde_json::Value {
    json!({
        "ceremony": report.directory,
        "outcome": report.outcome,
        "summary": report.concluded.summary,
        "head": report.head,
        "head_words": report.head.words().join(" "),
        "deleted": report.concluded.deleted,
        "restored": report.concluded.restored,
        "left_out": report.concluded.left_out,
        "unkept": report.concluded.unkept,
        "targets": report.concluded.targets,
        "backup": report.concluded.backup,
        "program": report.concluded.program,
        "pins": report.concluded.pins,
        "handovers": report.concluded.handovers,
        "noticed": report.noticed,
        "said": report.said,
        "kept": report.kept,
        "set_aside": report.set_aside,
        "destroyed": report.destroyed,
        "left": report.left,
        "time": spent.json(),
    })
}
