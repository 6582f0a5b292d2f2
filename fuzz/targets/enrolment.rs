//! An enrolment, its signature and its attestations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::roster::card::EnrolledCard;

fuzz_target!(|data: &[u8]| {
    if let Ok(enrolment) = EnrolledCard::parse(data) {
        let _ = (enrolment.keyid(), enrolment.attestation().count());
    }
});
