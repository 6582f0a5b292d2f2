//! A line of a transcript, with its payload: never a panic, and a line that is taken is of the mode that was asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::{encoding::dsse::Mode, transcript::line};

fuzz_target!(|data: &[u8]| {
    let taken = [Mode::Production, Mode::Rehearsal].map(|mode| line::parse(data, mode, 1).is_ok());
    assert_ne!(taken, [true, true]);
    if taken != [false, false] {
        assert!(line::claimed_mode(data).is_ok_and(|mode| mode.is_some()));
    }
});
