//! `quorate audit`.

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
    transcript::verification::Pins,
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
    let audit = audit::audit(&copies, wiring::mode(global), pins);
    tell(terminal, &audit, wiring::mode(global), copies.len());
    let state = audit.state.as_ref();
    let json = json!({
        "verdict": audit.verdict,
        "mode": wiring::mode(global),
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
                ceremony.approvals.len(),
                ceremony.attestations.len()
            ));
        }
        terminal.digest("Genesis fingerprint", state.genesis);
        if let Some(head) = state.head() {
            terminal.digest("Head", head);
        }
    }
    for finding in &audit.findings {
        terminal.tell(&finding.to_string());
    }
    terminal.tell(match audit.verdict {
        Verdict::Verified => "VERIFIED: every line, signature, link and count holds, from your genesis to your head.",
        Verdict::Unpinned => {
            "INCOMPLETE: every line holds, but the ledger is not pinned from outside. Give --genesis and --head."
        }
        Verdict::Broken => "BROKEN: this ledger cannot be believed.",
    });
}
