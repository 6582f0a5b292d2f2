//! The header of a sealed file, as every reader of a ledger looks at it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::sealing::single;

fuzz_target!(|data: &[u8]| {
    let stanzas = single::count_stanzas(data);
    if single::check_x25519(data).is_ok() {
        assert!(stanzas.is_ok());
    }
});
