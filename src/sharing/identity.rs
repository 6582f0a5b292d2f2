//! An authority's key: an age X25519 identity whose 32 bytes are what is shared.

use crate::{
    memory::{AuthoritySecret, LockedBytes, MemoryError},
    sealing::{
        recipient::X25519Recipient,
        single::{self, SealError},
        x25519::X25519Identity,
    },
};

/// Whether 32 bytes are an X25519 scalar as RFC 7748, section 5 clamps it.
///
/// Secrets are clamped before they are dealt, so that a result which is not clamped is known to be wrong.
pub fn is_clamped(bytes: &[u8]) -> bool {
    match (bytes.len(), bytes.first(), bytes.last()) {
        (32, Some(first), Some(last)) => first & 0b111 == 0 && last & 0b1100_0000 == 0b0100_0000,
        _ => false,
    }
}

/// A fresh, clamped secret.
pub fn fresh(rng: &mut impl rand_core::CryptoRng) -> Result<AuthoritySecret, MemoryError> {
    let mut bytes = LockedBytes::zeroed(32)?;
    rng.fill_bytes(bytes.expose_mut());
    if let Some(first) = bytes.expose_mut().first_mut() {
        *first &= 0b1111_1000;
    }
    if let Some(last) = bytes.expose_mut().last_mut() {
        *last = (*last & 0b0011_1111) | 0b0100_0000;
    }
    Ok(AuthoritySecret::new(bytes))
}

/// The age identity of these bytes. The age crate keeps it on its heap and wipes it on drop.
pub fn age_identity(secret: &AuthoritySecret) -> Result<X25519Identity, SealError> {
    let bytes = secret.expose().try_into().map_err(|_| SealError::Damaged)?;
    single::x25519_identity(bytes)
}

pub fn recipient(secret: &AuthoritySecret) -> Result<X25519Recipient, SealError> {
    X25519Recipient::of(&age_identity(secret)?)
}
