//! The record: signed, hash-chained lines, what they may say in which order, and what a reader can believe.

pub mod ceremony;
pub mod event;
pub mod finding;
pub mod ledger;
pub mod line;
pub mod outcome;
pub mod verification;
