//! What the process that loads a PKCS#11 module says, and what it is told.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate::pkcs11::fuzzing::frames(data));
