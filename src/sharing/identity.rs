//! An authority's key: a hybrid age identity whose seed is what is shared.

use crate::{
    memory::{AuthoritySecret, LockedBytes, MemoryError},
    sealing::{hybrid::HybridIdentity, hybrid::HybridRecipient, single::SealError},
};

/// A fresh seed. Each of its 32 bytes is uniform.
pub fn fresh(rng: &mut impl rand_core::CryptoRng) -> Result<AuthoritySecret, MemoryError> {
    let mut bytes = LockedBytes::zeroed(32)?;
    rng.fill_bytes(bytes.expose_mut());
    Ok(AuthoritySecret::new(bytes))
}

pub fn age_identity(secret: &AuthoritySecret) -> Result<HybridIdentity, SealError> {
    let bytes = secret.expose().try_into().map_err(|_| SealError::Damaged)?;
    Ok(HybridIdentity::from_seed(bytes)?)
}

pub fn recipient(secret: &AuthoritySecret) -> Result<HybridRecipient, SealError> {
    Ok(age_identity(secret)?.recipient())
}
