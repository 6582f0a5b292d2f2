//! The header of a sealed file, as every reader of a ledger looks at it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::sealing::{hybrid, single};

fuzz_target!(|data: &[u8]| {
    let stanzas = single::count_stanzas(data);
    if hybrid::check_sealed(data).is_ok() {
        assert!(stanzas.is_ok());
    }
});
