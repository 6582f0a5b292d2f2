//! An approval file, its statement of each kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::{
    approval::statement::{Abort, Approval, ApprovalFile, Attestation, Rejection, read},
    encoding::dsse::Mode,
};

fuzz_target!(|data: &[u8]| {
    let Ok(file) = ApprovalFile::parse(data) else { return };
    assert_eq!(file.write(), data);
    for mode in [Mode::Production, Mode::Rehearsal] {
        let _ = read::<Approval>(&file.statement, mode);
        let _ = read::<Rejection>(&file.statement, mode);
        let _ = read::<Attestation>(&file.statement, mode);
        let _ = read::<Abort>(&file.statement, mode);
    }
});
