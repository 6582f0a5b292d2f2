//! What there is to tell: of a ledger, a ceremony, a verdict, an outcome, a card, a token.
//!
//! Each is told once, as a pure value. `--json` serialises it; its [`Passage`]s of typed rows are what a person reads; help,
//! manual pages and `quorate schema` are made from the doc comments of its fields ([`keys`]). Keys are added, never renamed.

pub mod acts;
pub mod advice;
pub mod card;
pub mod ceremony;
pub mod comparison;
pub mod files;
pub mod keys;
pub mod outcome;
mod passage;
pub mod schema;
mod shapes;
pub mod standing;
pub mod token;
pub mod verdict;

pub use passage::{Passage, Row, Tone, counted, listed};
