//! The record: signed, hash-chained lines, what they may say in which order, and what a reader can believe.

mod attested;
pub mod ceremonies;
pub mod ceremony;
pub mod context;
pub mod drilled;
pub mod event;
mod executed;
pub mod finding;
pub mod foreign;
mod inventories;
pub mod known;
pub mod ledger;
pub mod line;
mod modules;
pub mod outcome;
mod pins;
mod program;
mod proposed;
pub mod recovery;
pub mod released;
pub mod times;
pub mod verification;

#[cfg(test)]
pub(crate) mod tests;
