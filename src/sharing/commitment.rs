//! A public promise of what one share is, made by the dealer and kept in the roster.

use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{ShareSecret, scrubbed},
};

/// Separates this hash from every other use of SHA-256: 32 bytes.
const DOMAIN: &[u8; 32] = b"quorate/share-commitment/v2\0\0\0\0\0";

/// All that binds a share: what its commitment covers besides the secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareName {
    /// The dealing id.
    pub dealing: Digest,
    /// Number of the dealing.
    pub epoch: u32,
    pub authority: Name,
    pub custodian: Name,
    /// 1..=N.
    pub index: u8,
    pub threshold: u8,
}

/// SHA-256 over the domain (32 bytes), dealing id (32), epoch (4, big-endian), SHA-256 of the authority's name
/// (32), SHA-256 of the custodian's name (32), index (1), threshold (1) and the share (32).
///
/// It hides the share because the share is 32 uniformly random bytes; it would not hide a PIN.
pub fn commitment(name: &ShareName, secret: &ShareSecret) -> Digest {
    scrubbed(|| {
        Digest::of_parts(&[
            DOMAIN,
            name.dealing.as_bytes(),
            &name.epoch.to_be_bytes(),
            // By digests, so that each part has a fixed length and no two names can run into each other.
            Digest::of(name.authority.as_str().as_bytes()).as_bytes(),
            Digest::of(name.custodian.as_str().as_bytes()).as_bytes(),
            &[name.index, name.threshold],
            secret.expose(),
        ])
    })
}
