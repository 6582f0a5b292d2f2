//! What a verified ledger may not say: lies of a hostile station whose every key belongs to the test.
//!
//! `tests/suite/support/forge.rs` is that station; the tests that need the program itself use it too, and stand in
//! `tests/suite/attacks_record`. Each test names the code of the finding that it expects.

mod approvals;
mod backups;
mod handovers;
mod modules;
mod outcomes;
mod proposals;
mod recovery;
mod renewals;
mod taken_up_again;
mod targets;

#[allow(dead_code, reason = "shared with the suite, whose tests need the program")]
#[path = "../../tests/suite/support/forge.rs"]
mod forge;

use super::{
    finding::{Finding, Severity},
    ledger::CeremonyFiles,
    verification,
};
use crate::encoding::dsse::Mode;

/// The errors in a ledger.
fn errors(files: &[CeremonyFiles], mode: Mode) -> Vec<Finding> {
    let findings = verification::verify(files, mode).findings;
    findings.into_iter().filter(|f| f.severity == Severity::Error).collect()
}

/// Fails unless the one error of the ledger has this code.
#[track_caller]
fn finds(files: &[CeremonyFiles], mode: Mode, code: &str) {
    let found = errors(files, mode);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [code], "{found:#?}");
}

/// The same for a forged ledger.
#[track_caller]
fn forged(forge: &forge::Forge, code: &str) {
    finds(&forge.files, forge.mode, code);
}
