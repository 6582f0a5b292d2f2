//! Small secrets under a PIN: age files with an scrypt stanza.
//!
//! A PIN has little entropy. What keeps a thief of the file from trying all PINs is the cost of scrypt
//! alone, which is chosen for a person's patience here, not for a safe: soft cards and practice tokens are for
//! rehearsals and tests.

use age::secrecy::SecretString;

use super::single::{self, SealError};
use crate::memory::{LockedBytes, Pin};

/// scrypt's work factor: N = 2^`log_n`, r = 8, p = 1 (RFC 7914), memory 2^(`log_n` + 10) bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// 16 MiB: a soft card's PIN.
    pub const CARD: Self = Self(14);
    /// 2 MiB: a practice token's PIN, which a rehearsal tries a hundred times.
    pub const PRACTICE: Self = Self(11);
}

pub fn seal(pin: &Pin, work: WorkFactor, secret: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase(pin)?);
    recipient.set_work_factor(work.0);
    single::seal_to(&recipient, secret)
}

/// Opens what was sealed under `pin` with at most this work. [`SealError::NotOurs`] is a wrong PIN.
pub fn open(pin: &Pin, work: WorkFactor, sealed: &[u8], max_len: usize) -> Result<LockedBytes, SealError> {
    let mut identity = age::scrypt::Identity::new(passphrase(pin)?);
    // The file names its own cost: more than ours is refused instead of paid.
    identity.set_max_work_factor(work.0);
    single::open_with(&identity, sealed, max_len)
}

/// The age crate's type for it, which wipes on drop but is not locked.
fn passphrase(pin: &Pin) -> Result<SecretString, SealError> {
    match std::str::from_utf8(pin.expose()) {
        Ok(text) => Ok(SecretString::from(text.to_owned())),
        Err(_) => Err(SealError::Failed { reason: "a PIN that is not text".into() }),
    }
}
