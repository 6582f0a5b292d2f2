//! Who belongs to a quorum: people, their cards and keys, authorities, thresholds.

pub mod attestation;
mod attested;
pub mod card;
pub mod deal;
mod error;
pub mod key;
mod members;
mod naming;
pub mod point;
pub mod requirement;
mod validation;

pub use error::RosterError;
pub use members::{AttestationPolicy, Member, OperationKind, Policy, RosterDocument};
pub use validation::{Person, Roster, Standing};
