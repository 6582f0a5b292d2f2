//! A plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::proposal::operations::Plan;

fuzz_target!(|data: &[u8]| {
    if let Ok(plan) = Plan::parse(data) {
        let _ = (plan.kind(), plan.heading(), plan.keeps_pins());
    }
});
