//! What goes wrong with YubiKeys, each with the very words that are seen, through the real PC/SC stack.
//!
//! After each failure the ledger and the station are as they were, no PIN stands in the output, no try is lost but where
//! a wrong PIN was given, and the card is not left unlocked.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/founded.rs"]
mod founded;
#[path = "../support/lab.rs"]
mod lab;
#[path = "../support/yubikeys.rs"]
mod yubikeys;

mod absent;
mod cut_off;
mod enrolment;
mod keys;
mod lies;
mod meanwhile;
mod odd;
mod pins;
mod signals;
mod table;
mod touches;
