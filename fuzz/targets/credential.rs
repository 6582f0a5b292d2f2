//! What is in a sealed credential: the first line names what the reader is to find.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::sealing::document::Reader;

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = Reader::new(data, "quorate-credential-v2") else { return };
    for key in ["ledger", "authority", "target", "role", "version"] {
        if reader.field(key).is_err() {
            return;
        }
    }
    if let Ok(secret) = reader.secret() {
        assert!(secret.expose().len() <= data.len());
        let _ = reader.end();
    }
});
