//! Where secrets live.
//!
//! Everything in this crate that is secret is held by a [`LockedBytes`] inside one of the types of
//! [`secrets`]; none of them can be printed, copied or serialised. All of the crate's `unsafe`
//! is in `locked`, `hardening`, `signals`, `descriptors` and `held`, but for the calls of PKCS#11 modules in `pkcs11::raw`.

pub mod descriptors;
pub mod hardening;
pub mod held;
mod locked;
mod scrub;
mod secrets;
mod signals;

pub use hardening::{Hardening, HardeningError, Residency, harden, lock_all};
pub use locked::{LockedBytes, MemoryError, Protection, kind};
pub use scrub::scrubbed;
pub use secrets::{AuthoritySecret, CredentialSecret, ManagementSecret, Pin, ShareSecret, StationSecret};

#[cfg(test)]
pub(crate) use scrub::search;
