//! What a card answers: data objects with certificates, and the record of keys that were made for us.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate::piv::fuzzing::answer(data));
