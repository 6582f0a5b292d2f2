//! What a verified ledger may not say: lies of a hostile station whose every key belongs to the test.
//!
//! `tests/suite/support/forge.rs` is that station; the tests that need the program itself use it too, and stand in
//! `tests/suite/attacks_record`. Each test names the code of the finding that it
//! expects, and its words: many rules share a code, and only the words tell that it was this one.

mod approvals;
mod attestations;
mod backups;
mod bounds;
mod ceremonies;
mod commands;
mod companions;
mod drills;
mod groups;
mod handovers;
mod inventories;
mod known;
pub(crate) mod lines;
mod modules;
mod on_record;
mod order;
mod outcomes;
mod plans;
mod practice;
mod programs;
mod proposals;
mod recovery;
mod releases;
mod remarks;
mod renewals;
mod rosters;
mod sealed;
mod statements;
mod stations;
mod taken_up_again;
mod targets;
mod times;

#[allow(dead_code, reason = "shared with the suite, whose tests need the program")]
#[path = "../../tests/suite/support/forge.rs"]
pub(crate) mod forge;

use super::{
    finding::{Finding, Severity},
    ledger::{CeremonyFiles, LedgerState},
    verification,
};
use crate::encoding::dsse::Mode;

/// The errors in a ledger.
fn errors(files: &[CeremonyFiles], mode: Mode) -> Vec<Finding> {
    let findings = verification::verify(files, mode).findings;
    findings.into_iter().filter(|f| f.severity == Severity::Error).collect()
}

/// Fails unless the ledger has one error, of this `code: words`; says in which line it is.
#[track_caller]
fn finds(files: &[CeremonyFiles], mode: Mode, expected: &str) -> Option<usize> {
    let found = errors(files, mode);
    let (code, words) = expected.split_once(": ").expect("code: words");
    let is_expected = matches!(found.as_slice(), [f] if f.code == code && f.message.contains(words));
    assert!(is_expected, "{expected}\n{found:#?}");
    forge::vectors::keep(files, mode, &found);
    found.first().and_then(|finding| finding.line)
}

/// Fails if anything is wrong with a ledger that was made honestly.
#[track_caller]
fn honest(forge: &forge::Forge) -> LedgerState {
    let state = forge.state();
    forge::vectors::keep(&forge.files, forge.mode, &[]);
    state
}

/// The same for a forged ledger.
#[track_caller]
fn forged(forge: &forge::Forge, expected: &str) -> Option<usize> {
    finds(&forge.files, forge.mode, expected)
}
