//! Attacks on the record: what somebody can do who has the ledger's files, or even the station's keys, and what the audit
//! then says. Each test names the code of the finding that it expects.
//!
//! `rehearsed()` is an honest ledger of five ceremonies, made once by the binary. `support/forge.rs` makes ledgers
//! with keys of its own, for lies that are properly signed.

mod acting;
mod attestations;
mod by_hand;
mod bytes;
mod ceremonies;
mod clocks;
mod comparing;
mod continuity;
mod copies;
mod honest;
mod hostile_files;
mod known;
mod lines;
mod modes;
mod pins;
mod screen;
mod vectors;
mod verdicts;

use crate::support::forge;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::support::quorum::{QUORATE, Ran, ran};
use quorate::{
    encoding::{dsse::Mode, text},
    storage,
    transcript::{
        finding::{Finding, Severity},
        ledger::CeremonyFiles,
    },
};
use tempfile::TempDir;

/// An honest ledger, with what its people wrote on paper.
pub struct Rehearsed {
    _dir: TempDir,
    /// The rehearsal's folder.
    pub folder: PathBuf,
    /// The ledger.
    pub ledger: PathBuf,
    /// Fingerprint of the genesis.
    pub genesis: String,
    /// Head of the last ceremony.
    pub head: String,
    /// The ledger, read.
    pub files: Vec<CeremonyFiles>,
}

/// The honest ledger of this test binary.
pub fn rehearsed() -> &'static Rehearsed {
    static ONCE: OnceLock<Rehearsed> = OnceLock::new();
    ONCE.get_or_init(rehearse)
}

/// Another honest ledger.
pub fn rehearse() -> Rehearsed {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("rehearsal");
    let done = quorate(&["rehearse", "--json", "--dir", folder.to_str().unwrap()]).ok();
    let ledger = folder.join("ledger");
    Rehearsed {
        genesis: done.text("genesis"),
        head: done.text("head"),
        files: storage::ledger::read(&ledger).unwrap(),
        folder,
        ledger,
        _dir: dir,
    }
}

/// Runs the binary. Whatever it is given, it does not panic and prints no control character.
#[track_caller]
pub fn quorate(args: &[&str]) -> Ran {
    let done = ran(Command::new(QUORATE).args(args));
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    assert!(done.code.is_some(), "ended by a signal: {}", done.stderr);
    for (stream, printed) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
        assert!(printed.lines().all(text::is_printable), "on {stream}: {printed:?}");
    }
    done
}

/// `audit --rehearsal --json` of these copies, with options.
#[track_caller]
pub fn audit(ledgers: &[&Path], options: &[&str]) -> Ran {
    let mut args = vec!["audit", "--rehearsal", "--json"];
    args.extend(ledgers.iter().map(|l| l.to_str().unwrap()));
    args.extend(options);
    quorate(&args)
}

/// `audit` with both pins of the honest ledger.
#[track_caller]
pub fn pinned(ledger: &Path) -> Ran {
    let honest = rehearsed();
    audit(&[ledger], &["--genesis", &honest.genesis, "--head", &honest.head])
}

/// The codes that an audit printed, of this severity.
pub fn codes(done: &Ran, severity: &str) -> Vec<String> {
    let findings = done.json["findings"].as_array().unwrap_or_else(|| panic!("{}", done.stderr));
    let of = findings.iter().filter(|f| f["severity"] == severity);
    of.map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

/// The errors in a ledger.
pub fn errors(files: &[CeremonyFiles], mode: Mode) -> Vec<Finding> {
    let findings = forge::verified(files, mode).findings;
    findings.into_iter().filter(|f| f.severity == Severity::Error).collect()
}

/// A copy of the honest ledger, to be spoiled.
pub fn copy() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    copy_tree(&rehearsed().ledger, &ledger);
    (dir, ledger)
}

/// Copies a directory.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &to),
            false => fs::copy(entry.path(), to).map(drop).unwrap(),
        }
    }
}

/// The lines of a transcript, with their line feeds.
pub fn split(transcript: &[u8]) -> Vec<Vec<u8>> {
    transcript.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}
