//! Who belongs to a quorum: people, their cards and keys, authorities, thresholds.

pub mod attestation;
mod attested;
pub mod card;
pub mod deal;
mod error;
mod governing;
pub mod key;
mod keys;
mod members;
mod naming;
mod operation;
mod people;
pub mod point;
pub mod requirement;
pub mod signatures;
mod validation;
mod warnings;

pub use error::RosterError;
pub use governing::check_minima;
pub use members::{AttestationPolicy, Member, OperationRule, Policy, RestOfRoster, RosterDocument};
pub(crate) use operation::operations;
pub use operation::{Governing, OperationKind};
pub use people::{Person, Standing, check_keepers};
pub use validation::Roster;
