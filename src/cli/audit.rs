//! `quorate audit`.

use std::path::PathBuf;

use serde_json::json;

use super::{
    Done,
    args::{Audit, Global},
    terminal::{Terminal, counted},
    wiring,
};
use crate::{
    ceremony::{
        Error,
        audit::{self, Verdict},
    },
    encoding::{dsse::Mode, text},
    storage,
    transcript::{
        finding,
        verification::{self, Pins},
    },
};

/// Audits a ledger and its copies.
pub fn run(args: &Audit, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let pins = Pins {
        genesis: wiring::paper("--genesis", args.genesis.as_ref())?,
        head: wiring::paper("--head", args.head.as_ref())?,
    };
    let mut copies = Vec::new();
    for ledger in &args.ledgers {
        copies.push((text::printable(&ledger.to_string_lossy()), storage::ledger::read(ledger)?));
    }
    let mode = wiring::mode(global);
    let mut audit = audit::audit(&copies, mode, pins, &storage::SystemClock);
    if audit.verdict == Verdict::NotALedger
        && let (Some(reason), Some(advice)) = (&mut audit.reason, advice(&args.ledgers, mode))
    {
        reason.push_str(&format!("; {advice}"));
    }
    tell(terminal, &audit, mode, copies.len());
    let state = audit.state.as_ref();
    let json = json!({
        "verdict": audit.verdict,
        "reason": audit.reason,
        "mode": mode,
        "genesis": state.map(|s| s.genesis),
        "head": state.and_then(crate::transcript::ledger::LedgerState::head),
        "ceremonies": state.map_or(0, |s| s.ceremonies.len()),
        "findings": audit.findings,
    });
    Ok(Done::new(audit.verdict.into(), json))
}

/// The audit in words, the verdict last.
pub fn tell(terminal: Terminal, audit: &audit::Audit, mode: Mode, copies: usize) {
    if let Some(state) = &audit.state {
        terminal.tell(&format!(
            "A {mode} ledger: {}, {} read:",
            counted(state.ceremonies.len(), "ceremony", "ceremonies"),
            counted(copies, "copy", "copies")
        ));
        for ceremony in &state.ceremonies {
            terminal.item(&format!(
                "{} \"{}\": {}; {} approved, {} attested",
                ceremony.directory,
                ceremony.proposal.title,
                ceremony.standing(),
                ceremony.approving().len(),
                ceremony.attestations.len()
            ));
        }
        terminal.digest("Genesis fingerprint", state.genesis);
        if let Some(head) = state.head() {
            terminal.digest("Head", head);
        }
    }
    for told in finding::grouped(&audit.findings) {
        terminal.tell(&told);
    }
    let reason = audit.reason.as_deref().unwrap_or_default();
    terminal.line(&match audit.verdict {
        Verdict::Verified => {
            "VERIFIED: every line, signature, link and count checks out, from your genesis to your head."
                .into()
        }
        Verdict::Unpinned => {
            format!("INCOMPLETE: every line checks out, and it is not proven to the end: {reason}.")
        }
        Verdict::Contradicted => {
            format!("CONTRADICTED: every line checks out, and people signed otherwise: {reason}.")
        }
        Verdict::NotYourPaper => format!("NOT YOUR PAPER: every line checks out, and {reason}."),
        Verdict::Broken => format!("BROKEN: this ledger cannot be believed: {reason}."),
        Verdict::NotALedger => format!("NOT A LEDGER: {reason}."),
    });
}

/// What to do about a folder that is not a ledger of this mode.
fn advice(ledgers: &[PathBuf], mode: Mode) -> Option<String> {
    let other = match mode {
        Mode::Production => "add --rehearsal",
        Mode::Rehearsal => "leave --rehearsal out",
    };
    for ledger in ledgers {
        match storage::ledger::read(ledger) {
            Ok(files) if files.is_empty() => {
                let near = storage::ledger::near(ledger)?;
                return Some(format!("there is one in {}", text::printable(&near.to_string_lossy())));
            }
            Ok(files) if verification::foreign(&files, mode).is_some() => return Some(other.into()),
            _ => {}
        }
    }
    None
}
