//! A credential, sealed to its authority.
//!
//! age says nothing about who sealed a file, and recipients are public: anybody can seal a credential of
//! their own choice. So the plaintext names what it is for, the ledger's lines say which file is in
//! force, and both must agree.

use super::target::Role;
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{CredentialSecret, LockedBytes, MemoryError},
    sealing::{
        document::{self, DocumentError, Reader},
        hybrid::HybridRecipient,
        single::{self, SealError},
    },
};

const TITLE: &str = "quorate-credential-v2";

/// The most bytes that a credential can have.
pub const MAX_SECRET: usize = 4096;

/// What a credential is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CredentialName {
    /// The ledger's nonce.
    pub ledger: Digest,
    pub authority: Name,
    pub target: Name,
    pub role: Role,
    /// Counts the credentials of one target and role, from 1.
    pub version: u32,
}

/// Why a credential did not open.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("the sealed {role} of {target} cannot be opened: {source}")]
    Seal { role: Role, target: Name, source: SealError },
    #[error("the sealed {role} of {target}: {source}")]
    Document { role: Role, target: Name, source: DocumentError },
    /// A good credential, but for something else.
    #[error(
        "the sealed {role} of {target} was made for something else (another ledger, target, role or version)"
    )]
    Other { role: Role, target: Name },
}

impl CredentialName {
    fn fields(&self) -> [(&'static str, String); 5] {
        [
            ("ledger", self.ledger.to_string()),
            ("authority", self.authority.to_string()),
            ("target", self.target.to_string()),
            ("role", self.role.to_string()),
            ("version", self.version.to_string()),
        ]
    }

    /// Seals `secret` under this name to the authority's age recipient.
    pub fn seal(&self, recipient: &HybridRecipient, secret: &CredentialSecret) -> Result<Vec<u8>, SealError> {
        let plaintext = document::write(TITLE, &self.fields(), secret.expose())?;
        single::seal_to(recipient, plaintext.expose())
    }

    /// Opens a sealed credential and refuses one that was made for anything else.
    pub fn open(
        &self,
        identity: &dyn age::Identity,
        sealed: &[u8],
    ) -> Result<CredentialSecret, CredentialError> {
        let plaintext =
            single::open_with(identity, sealed, MAX_SECRET.saturating_mul(3)).map_err(|source| {
                CredentialError::Seal { role: self.role, target: self.target.clone(), source }
            })?;
        let document =
            |source| CredentialError::Document { role: self.role, target: self.target.clone(), source };
        let (fields, secret) = read(&plaintext).map_err(document)?;
        if fields.iter().zip(self.fields()).all(|(found, (_, wanted))| *found == wanted) {
            Ok(CredentialSecret::new(secret))
        } else {
            Err(CredentialError::Other { role: self.role, target: self.target.clone() })
        }
    }
}

fn read(plaintext: &LockedBytes) -> Result<([String; 5], LockedBytes), DocumentError> {
    let mut reader = Reader::new(plaintext.expose(), TITLE)?;
    let fields = [
        reader.field("ledger")?.to_owned(),
        reader.field("authority")?.to_owned(),
        reader.field("target")?.to_owned(),
        reader.field("role")?.to_owned(),
        reader.field("version")?.to_owned(),
    ];
    let secret = reader.secret()?;
    reader.end()?;
    Ok((fields, secret))
}

/// A random PIN as the token takes it, and its strength in bits.
pub struct FreshPin {
    /// Printable ASCII.
    pub secret: CredentialSecret,
    /// Entropy in bits: 256 where the token takes 64 characters.
    pub bits: u32,
}

/// Makes a PIN for a token that takes `shortest` to `longest` bytes (0: no limit): 64 hex digits of a random
/// 256-bit value, or as many random characters of a 32-letter alphabet as fit.
pub fn fresh_pin(
    shortest: usize,
    longest: usize,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<FreshPin, MemoryError> {
    if longest == 0 || longest >= 64 {
        let mut random = LockedBytes::zeroed(32)?;
        rng.fill_bytes(random.expose_mut());
        let mut pin = LockedBytes::zeroed(64.max(shortest))?;
        pin.expose_mut().fill(b'0');
        if let Some(hex) = pin.expose_mut().get_mut(..64) {
            // 64 digits for 32 bytes: the lengths agree.
            let _ = base16ct::lower::encode(random.expose(), hex);
        }
        return Ok(FreshPin { secret: CredentialSecret::new(pin), bits: 256 });
    }
    // 32 characters without look-alikes, so that a byte's low five bits choose one without bias.
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut pin = LockedBytes::zeroed(longest)?;
    rng.fill_bytes(pin.expose_mut());
    for byte in pin.expose_mut() {
        *byte = ALPHABET.get(usize::from(*byte & 31)).copied().unwrap_or(b'2');
    }
    let bits = u32::try_from(longest).unwrap_or(u32::MAX).saturating_mul(5);
    Ok(FreshPin { secret: CredentialSecret::new(pin), bits })
}
