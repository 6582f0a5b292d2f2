//! Keys of the practice token: AES-256 (FIPS 197), P-256 and Ed25519 (FIPS 186-5).

use aes_kw::{
    KeyInit as _,
    aes::{Aes256, Block},
    cipher::BlockCipherEncrypt as _,
};
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, SecretDocument,
};
use p256::ecdsa::signature::Signer as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    encoding::digest::Digest,
    memory::LockedBytes,
    proposal::target::{ObjectClass, ObjectRecord},
    roster::key::PublicKey,
};

/// The kinds of key that the token can hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    P256,
    Ed25519,
    Aes256,
}

impl KeyKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "ec-p256",
            Self::Ed25519 => "ed25519",
            Self::Aes256 => "aes-256",
        }
    }

    /// The kind of a private or secret key's record.
    pub(super) fn of(record: &ObjectRecord) -> Result<Self, String> {
        match (record.class, record.key_type.as_str()) {
            (ObjectClass::PrivateKey, "ec-p256") => Ok(Self::P256),
            (ObjectClass::PrivateKey, "ed25519") => Ok(Self::Ed25519),
            (ObjectClass::SecretKey, "aes-256") => Ok(Self::Aes256),
            (class, key_type) => Err(format!("the practice token has no {class} of type {key_type}")),
        }
    }
}

/// A private or secret key: all kinds have 32 bytes.
pub(super) struct Material {
    kind: KeyKind,
    secret: LockedBytes,
}

impl Material {
    pub(super) fn generate(kind: KeyKind) -> Result<Self, String> {
        // A random string is not a P-256 scalar with probability 2^-32.
        for _ in 0..4 {
            let mut secret = LockedBytes::zeroed(32).map_err(|e| e.to_string())?;
            getrandom::fill(secret.expose_mut()).map_err(|e| e.to_string())?;
            if let Ok(material) = Self::new(kind, secret) {
                return Ok(material);
            }
        }
        Err("the random numbers give no key".into())
    }

    /// Checks that the bytes are a key of this kind.
    pub(super) fn new(kind: KeyKind, secret: LockedBytes) -> Result<Self, String> {
        let material = Self { kind, secret };
        match kind {
            KeyKind::P256 => drop(material.p256()?),
            KeyKind::Ed25519 => drop(material.ed25519()?),
            KeyKind::Aes256 => drop(material.check_value()?),
        }
        Ok(material)
    }

    /// From PKCS#8 (RFC 5958) of a private key, or the bytes of a secret key.
    pub(super) fn from_plain(kind: KeyKind, plain: &[u8]) -> Result<Self, String> {
        let mut bytes = match kind {
            KeyKind::P256 => {
                let key = p256::ecdsa::SigningKey::from_pkcs8_der(plain)
                    .map_err(|_| "not a P-256 private key in PKCS#8")?;
                Zeroizing::new(key.to_bytes().to_vec())
            }
            KeyKind::Ed25519 => {
                let key = ed25519_dalek::SigningKey::from_pkcs8_der(plain)
                    .map_err(|_| "not an Ed25519 private key in PKCS#8")?;
                Zeroizing::new(key.as_bytes().to_vec())
            }
            KeyKind::Aes256 => Zeroizing::new(plain.to_vec()),
        };
        if bytes.len() != 32 {
            return Err(format!("a key of {} bytes, want 32", bytes.len()));
        }
        let secret = LockedBytes::copy_of(&bytes).map_err(|e| e.to_string())?;
        bytes.zeroize();
        Self::new(kind, secret)
    }

    /// PKCS#8 of a private key, or the bytes of a secret key: what a backup wraps.
    pub(super) fn to_plain(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let wiped = |document: SecretDocument| Zeroizing::new(document.as_bytes().to_vec());
        match self.kind {
            KeyKind::P256 => self.p256()?.to_pkcs8_der().map(wiped).map_err(|e| e.to_string()),
            KeyKind::Ed25519 => self.ed25519()?.to_pkcs8_der().map(wiped).map_err(|e| e.to_string()),
            KeyKind::Aes256 => Ok(Zeroizing::new(self.secret.expose().to_vec())),
        }
    }

    /// The 32 bytes, to be sealed.
    pub(super) fn expose(&self) -> &[u8] {
        self.secret.expose()
    }

    pub(super) fn public_key(&self) -> Result<Option<PublicKey>, String> {
        let key = match self.kind {
            KeyKind::P256 => PublicKey::from_p256(*self.p256()?.verifying_key()),
            KeyKind::Ed25519 => PublicKey::from_ed25519(self.ed25519()?.verifying_key()),
            KeyKind::Aes256 => return Ok(None),
        };
        key.map(Some).map_err(|e| e.to_string())
    }

    /// CKA_CHECK_VALUE of a secret key (PKCS#11 v3.0, section 4.10.2): the first three bytes of a block of zeros
    /// encrypted in ECB mode.
    pub(super) fn check_value(&self) -> Result<Option<String>, String> {
        if self.kind != KeyKind::Aes256 {
            return Ok(None);
        }
        let cipher = Aes256::new_from_slice(self.secret.expose()).map_err(|_| "not an AES-256 key")?;
        let mut block = Block::default();
        cipher.encrypt_block(&mut block);
        Ok(block.first_chunk::<3>().map(|bytes| base16ct::lower::encode_string(bytes)))
    }

    /// Proves that this is the key that `record` describes: what it signs verifies under the public key of
    /// the recorded hash; a secret key has the recorded check value.
    pub(super) fn prove(&self, record: &ObjectRecord) -> Result<(), String> {
        if KeyKind::of(record)? != self.kind {
            return Err("a key of another kind than recorded".into());
        }
        let Some(public) = self.public_key()? else {
            return match (&record.check_value, self.check_value()?) {
                (Some(recorded), Some(own)) if *recorded == own => Ok(()),
                (None, _) => Err("no check value is recorded, so that the key cannot be proven".into()),
                _ => Err("another key than recorded: the check values differ".into()),
            };
        };
        match record.public_key_sha256 {
            Some(recorded) if recorded == public.keyid() => {}
            None => return Err("no public key is recorded, so that the key cannot be proven".into()),
            Some(_) => return Err("another key than recorded: the public keys differ".into()),
        }
        let mut challenge = [0; 32];
        getrandom::fill(&mut challenge).map_err(|e| e.to_string())?;
        let signature = self.sign(&challenge)?;
        public.verify(&challenge, &signature).map_err(|e| e.to_string())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        match self.kind {
            KeyKind::P256 => {
                let signature: p256::ecdsa::Signature = self.p256()?.sign(message);
                Ok(signature.normalize_s().to_der().as_bytes().to_vec())
            }
            KeyKind::Ed25519 => Ok(ed25519_dalek::Signer::sign(&self.ed25519()?, message).to_vec()),
            KeyKind::Aes256 => Err("a secret key does not sign".into()),
        }
    }

    fn p256(&self) -> Result<p256::ecdsa::SigningKey, String> {
        p256::ecdsa::SigningKey::from_slice(self.secret.expose()).map_err(|_| "not a P-256 key".into())
    }

    fn ed25519(&self) -> Result<ed25519_dalek::SigningKey, String> {
        let seed = self.secret.expose().try_into().map_err(|_| "not an Ed25519 key")?;
        Ok(ed25519_dalek::SigningKey::from_bytes(seed))
    }
}

/// Checks that `spki` is the public key of `record`, in its only spelling.
pub(super) fn check_public_key(record: &ObjectRecord, spki: &[u8]) -> Result<(), String> {
    let key = match record.key_type.as_str() {
        "ec-p256" => p256::ecdsa::VerifyingKey::from_public_key_der(spki)
            .map_err(|e| e.to_string())
            .and_then(|key| PublicKey::from_p256(key).map_err(|e| e.to_string())),
        "ed25519" => ed25519_dalek::VerifyingKey::from_public_key_der(spki)
            .map_err(|e| e.to_string())
            .and_then(|key| PublicKey::from_ed25519(key).map_err(|e| e.to_string())),
        other => return Err(format!("the practice token has no public key of type {other}")),
    }?;
    if key.spki_der() == spki && record.public_key_sha256 == Some(Digest::of(spki)) {
        Ok(())
    } else {
        Err("another public key than recorded".into())
    }
}
