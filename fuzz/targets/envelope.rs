//! A DSSE envelope: what is taken has one spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::encoding::dsse::Envelope;

fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::parse(data) {
        assert_eq!(envelope.write(), data);
        let _ = envelope.signed_bytes();
    }
});
