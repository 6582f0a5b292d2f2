//! A file that people hand over: an approval or another statement alone, a release, a confirmation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::{
    approval::{
        release::{Confirmation, ConfirmationFile, HandedFile as _, Release, ReleaseFile},
        statement::{Abort, Approval, Attestation, Rejection, read},
    },
    encoding::dsse::{Envelope, Mode},
};

fuzz_target!(|data: &[u8]| {
    let mut statements = Vec::new();
    if let Ok(file) = ReleaseFile::parse(data) {
        assert_eq!(file.write(), data);
        statements.push(file.statement);
        statements.extend(file.approvals);
    }
    if let Ok(file) = ConfirmationFile::parse(data) {
        assert_eq!(file.write(), data);
        statements.push(file.statement);
        statements.extend(file.drills);
    }
    statements.extend(data.strip_suffix(b"\n").and_then(|line| Envelope::parse(line).ok()));
    for statement in &statements {
        for mode in [Mode::Production, Mode::Rehearsal] {
            let _ = read::<Approval>(statement, mode);
            let _ = read::<Release>(statement, mode);
            let _ = read::<Confirmation>(statement, mode);
            let _ = read::<Rejection>(statement, mode);
            let _ = read::<Attestation>(statement, mode);
            let _ = read::<Abort>(statement, mode);
        }
    }
});
