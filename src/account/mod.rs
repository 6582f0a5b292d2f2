//! What there is to tell: of a ledger, a ceremony, a verdict, an outcome, a card, a token.
//!
//! Each is told once, as a pure value. `--json` serialises it; its [`Passage`]s of typed rows are what a person reads; help,
//! manual pages and `quorate schema` are made from the doc comments of its fields ([`keys`]). Keys are added, never renamed.

pub(crate) mod acts;
pub(crate) mod advice;
pub(crate) mod card;
pub(crate) mod ceremony;
pub(crate) mod comparison;
mod drills;
pub(crate) mod files;
pub(crate) mod keys;
pub(crate) mod open;
pub(crate) mod outcome;
mod passage;
pub mod schema;
mod shapes;
pub(crate) mod standing;
pub(crate) mod token;
pub(crate) mod verdict;

pub(crate) use passage::{Passage, Row, Tone, counted, listed};
