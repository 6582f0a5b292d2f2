//! A ledger of up to four ceremonies, its files one after the other, each ended by a NUL: transcript, plan, an approval, an
//! attestation, a drill. Whatever it is, the verifier comes to an end with findings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::{
    encoding::dsse::Mode,
    transcript::{foreign::Foreign, ledger::CeremonyFiles, verification},
};

const DIRECTORIES: [&str; 4] = ["0000-genesis", "0001-delete", "0002-backup", "0003-reset"];

fuzz_target!(|data: &[u8]| {
    let mut files = data.split(|byte| *byte == 0).map(<[u8]>::to_vec);
    let mut next = || files.next();
    let mut ledger = Vec::new();
    for directory in DIRECTORIES {
        let Some(transcript) = next() else { break };
        let named =
            |bytes: Option<Vec<u8>>| bytes.map(|bytes| ("a.json".to_owned(), bytes)).into_iter().collect();
        ledger.push(CeremonyFiles {
            directory: directory.to_owned(),
            transcript,
            plan: next().unwrap_or_default(),
            approvals: named(next()),
            attestations: named(next()),
            drills: named(next()),
            unread: Vec::new(),
        });
    }
    for mode in [Mode::Production, Mode::Rehearsal] {
        let _ = verification::verify(&ledger, mode).sound();
        let _ = Foreign::of(ledger.first(), mode).map(|foreign| foreign.finding(mode));
    }
});
