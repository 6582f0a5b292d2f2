//! Who belongs to a quorum: people, their cards and keys, authorities, thresholds.

pub mod card;
pub mod deal;
pub mod key;
mod members;
mod validation;

pub use members::{Member, OperationKind, Policy, RosterDocument};
pub use validation::{Person, Roster, RosterError, Standing};
