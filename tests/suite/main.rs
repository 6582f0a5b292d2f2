//! The tests that drive the program, and the library as the program uses it: one program, so that it is linked once, that
//! what they share is made once, and that both cores are busy to the end.
//!
//! Each module says in its head what it is about; `tests/README.md` lists them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test stops where its ground gives way"
)]

mod attacks_cards;
mod attacks_custodian;
mod attacks_files;
mod attacks_plans;
mod attacks_record;
mod attacks_targets;
mod attestation;
mod before_proposing;
mod break_glass;
mod card_drill;
mod ceremony_softhsm;
mod crash_faults;
mod crash_kill;
mod crash_kill_operations;
mod crash_module;
mod crash_power;
mod crash_station;
mod crash_together;
mod examples;
mod groups;
mod install;
mod json_objects;
mod many_objects;
mod mistyped;
mod operations_softhsm;
mod other_modules;
mod pkcs11_softhsm;
mod programs;
mod standing;
mod station_keepers;
mod support;
mod token_look;
mod version_0_1;
mod yubikey_ceremony;
mod yubikey_companion;
mod yubikey_enroll;
mod yubikey_failures;
mod yubikey_terminal;
