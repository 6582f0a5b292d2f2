//! PIV attestations of YubiKeys: X.509 certificates (RFC 5280) by which a card states that a key was generated on it.
//!
//! The chain has one shape, and no other is taken:
//!
//! ```text
//! attestation of a slot's key   subject "YubiKey PIV Attestation 9c"; no authority; says serial, firmware, policies
//!   ← the card's certificate     from slot f9; an authority; never itself the attestation of a slot's key
//!     ← 0 to 3 intermediates      authorities, from the operator's file
//!       ← an authority pinned by the SHA-256 of its certificate
//! ```
//!
//! Anyone with a card can have its attested signing key sign anything, a certificate with Yubico's extensions too. What
//! stops them is the shape: the key in slot f9 signs attestations only, made by the firmware, and a slot's attestation
//! can be in one place only, at the end.
//!
//! A pinned authority is trusted for its digest: of what its certificate says, only its name, key and dates count.
//! Attestations cannot be revoked, and they carry no time of their own: a card copies the dates of its certificate.

mod authority;
mod bundle;
mod certificate;
mod chain;
mod enrolled;
mod error;
mod facts;
mod signature;

pub use authority::{Trust, TrustAnchor, YUBICO};
pub use bundle::{BundleError, Bundled, MAX_BUNDLE, read as read_bundle};
pub use certificate::Certificate;
pub use chain::{Link, Marking, VerifiedAttestation, verify, verify_among};
pub use enrolled::{AttestedCard, check as check_enrolled};
pub use error::{AttestationError, KeyUse};
pub use facts::{Firmware, FormFactor, PinPolicy, Slot, TouchPolicy};
pub use signature::SubjectKey;
