//! What goes wrong with YubiKeys, each with the very words that are seen, through the real PC/SC stack.
//!
//! After each failure the ledger and the station are as they were, no PIN stands in the output, no try is lost but where
//! a wrong PIN was given, and the card is not left unlocked.

mod absent;
mod cut_off;
mod enrolment;
mod keys;
mod lies;
mod meanwhile;
mod odd;
mod pins;
mod signals;
pub mod table;
mod touches;
