//! What is in a sealed share or a release: share documents, one after the other. One that is taken is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::sharing::share::UnverifiedShare;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok((_, after)) = UnverifiedShare::read(rest) {
        assert!(after.len() < rest.len());
        rest = after;
    }
});
