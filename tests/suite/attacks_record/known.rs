//! A ledger that changes while a process works on it. What such a process keeps of it is tested in
//! `src/transcript/tests/known.rs`.

use quorate::{
    encoding::dsse::Mode,
    ports::store::LedgerStore as _,
    storage::LedgerDirectory,
    transcript::{finding::Severity, known::Known},
};

use super::{copy_tree, rehearsed};

fn flipped(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

/// An earlier ceremony of a ledger that this process has open, and has locked, is changed by somebody who asks for no lock.
#[test]
fn a_ledger_that_changes_under_our_feet_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    copy_tree(&rehearsed().ledger, &ledger);
    let mut store = LedgerDirectory::open(&ledger, Vec::new()).unwrap();
    let mut known = Known::default();
    known.verify(&*store.read().unwrap(), Mode::Rehearsal).unwrap().sound().unwrap();
    let transcript = ledger.join("0000-genesis/transcript.jsonl");
    let mut bytes = std::fs::read(&transcript).unwrap();
    flipped(&mut bytes);
    std::fs::write(&transcript, bytes).unwrap();
    let found = known.verify(&*store.read().unwrap(), Mode::Rehearsal).unwrap().sound().unwrap_err();
    let broken = found.iter().find(|finding| finding.severity == Severity::Error).unwrap();
    assert_eq!(broken.ceremony.as_deref(), Some("0000-genesis"), "{broken:?}");
}
