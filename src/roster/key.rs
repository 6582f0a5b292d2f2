//! Public keys that sign: Ed25519 (RFC 8032) and ECDSA P-256 with SHA-256 (FIPS 186-5).

use std::{fmt, sync::Arc};

use ed25519_dalek::pkcs8::{DecodePublicKey as _, EncodePublicKey, spki::der::pem::LineEnding};
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::{digest::Digest, dsse::Envelope};

/// A verification key, known by the SHA-256 of its SubjectPublicKeyInfo.
///
/// It is re-encoded when read: named curve, uncompressed point. Two spellings of one key are
/// therefore one key, with one `keyid`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Arc<Parsed>);

#[derive(PartialEq, Eq)]
struct Parsed {
    kind: Kind,
    spki_der: Vec<u8>,
    keyid: Digest,
}

#[derive(PartialEq, Eq)]
enum Kind {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

/// Why a key or a signature was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("not an Ed25519 or P-256 public key in SPKI PEM")]
    Encoding,
    /// A key that verifies forged signatures (small order).
    #[error("a weak Ed25519 key (small order)")]
    Weak,
    #[error("signed by key {found}, not by key {wanted}")]
    OtherKey {
        /// First hex digits of the key asked about.
        wanted: String,
        /// First hex digits of the key that the signature names.
        found: String,
    },
    /// The signature is not one over these bytes by this key, or not in its only spelling.
    #[error("the signature does not verify")]
    Signature,
}

impl PublicKey {
    /// Parses SPKI PEM (RFC 7468) or SPKI DER and re-encodes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_pem(text) {
            return Self::from_ed25519(key);
        }
        match p256::ecdsa::VerifyingKey::from_public_key_pem(text) {
            Ok(key) => Self::from_p256(key),
            Err(_) => Err(KeyError::Encoding),
        }
    }

    /// From a decoded Ed25519 key; refuses keys of small order.
    pub fn from_ed25519(key: ed25519_dalek::VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Self::of(&key, Kind::Ed25519(key))
    }

    pub fn from_p256(key: p256::ecdsa::VerifyingKey) -> Result<Self, KeyError> {
        Self::of(&key, Kind::P256(key))
    }

    fn of(key: &impl EncodePublicKey, kind: Kind) -> Result<Self, KeyError> {
        let spki_der = key.to_public_key_der().map_err(|_| KeyError::Encoding)?.into_vec();
        Ok(Self(Arc::new(Parsed { kind, keyid: Digest::of(&spki_der), spki_der })))
    }

    /// SPKI PEM with line feeds.
    pub fn to_pem(&self) -> String {
        match &self.0.kind {
            Kind::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
            Kind::P256(key) => key.to_public_key_pem(LineEnding::LF),
        }
        .unwrap_or_default()
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki_der
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn keyid(&self) -> Digest {
        self.0.keyid
    }

    /// The key, if it is an Ed25519 one.
    pub fn as_ed25519(&self) -> Option<&ed25519_dalek::VerifyingKey> {
        match &self.0.kind {
            Kind::Ed25519(key) => Some(key),
            Kind::P256(_) => None,
        }
    }

    /// The key, if it is a P-256 one.
    pub fn as_p256(&self) -> Option<&p256::ecdsa::VerifyingKey> {
        match &self.0.kind {
            Kind::P256(key) => Some(key),
            Kind::Ed25519(_) => None,
        }
    }

    /// `ed25519` or `ecdsa-p256`.
    pub fn algorithm(&self) -> &'static str {
        match self.0.kind {
            Kind::Ed25519(_) => "ed25519",
            Kind::P256(_) => "ecdsa-p256",
        }
    }

    /// Checks a signature over `message`: Ed25519 strictly (no small-order points, canonical `S`), ECDSA
    /// in DER with low `S` only, so that no third party can make a second valid spelling.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match &self.0.kind {
            Kind::Ed25519(key) => {
                let signature =
                    ed25519_dalek::Signature::from_slice(signature).map_err(|_| KeyError::Signature)?;
                key.verify_strict(message, &signature).map_err(|_| KeyError::Signature)
            }
            Kind::P256(key) => {
                let parsed = p256::ecdsa::Signature::from_der(signature).map_err(|_| KeyError::Signature)?;
                if parsed.normalize_s() != parsed || parsed.to_der().as_bytes() != signature {
                    return Err(KeyError::Signature);
                }
                key.verify(message, &parsed).map_err(|_| KeyError::Signature)
            }
        }
    }

    /// Checks that `envelope` names this key as the one that signed it.
    pub(super) fn check_named(&self, envelope: &Envelope) -> Result<(), KeyError> {
        let (wanted, found) = (self.keyid(), envelope.signature().keyid);
        if found == wanted {
            return Ok(());
        }
        Err(KeyError::OtherKey { wanted: wanted.short(), found: found.short() })
    }

    /// Checks that `envelope` names this key and carries its signature.
    pub fn verify_envelope(&self, envelope: &Envelope) -> Result<(), KeyError> {
        self.check_named(envelope)?;
        self.verify(&envelope.signed_bytes(), &envelope.signature().sig.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.keyid().short())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_pem())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_pem(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::signature::Signer as _;

    #[test]
    fn a_high_s_twin_is_refused() {
        let signing = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let key = PublicKey::from_p256(*signing.verifying_key()).unwrap();
        let signature: p256::ecdsa::Signature = signing.sign(b"m");
        let low = signature.normalize_s();
        assert_eq!(key.verify(b"m", low.to_der().as_bytes()), Ok(()));
        let (r, s) = (low.r(), low.s());
        let high = p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
        assert_eq!(key.verify(b"m", high.to_der().as_bytes()), Err(KeyError::Signature));
    }

    #[test]
    fn a_small_order_key_is_refused() {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&{
            let mut identity = [0; 32];
            identity[0] = 1;
            identity
        })
        .unwrap();
        assert_eq!(PublicKey::from_ed25519(key), Err(KeyError::Weak));
    }

    /// Another encoding of a point is not another key: a second one would pass as a second person's.
    #[test]
    fn a_compressed_point_is_the_same_key() {
        use base64::Engine as _;
        use p256::elliptic_curve::sec1::ToSec1Point as _;
        let signing = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let key = PublicKey::from_p256(*signing.verifying_key()).unwrap();
        let point = p256::PublicKey::from(signing.verifying_key()).to_sec1_point(true);
        // RFC 5480: ecPublicKey with the curve's name, then the point's 33 bytes.
        let mut der = vec![0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        der.extend([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00]);
        der.extend(point.as_bytes());
        let text = base64::engine::general_purpose::STANDARD.encode(&der);
        let (first, rest) = text.split_at(64);
        let text = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{rest}\n-----END PUBLIC KEY-----\n");
        assert_ne!(text, key.to_pem());
        let read = PublicKey::from_pem(&text).unwrap();
        assert_eq!((read.keyid(), read.to_pem()), (key.keyid(), key.to_pem()));
    }

    #[test]
    fn pem_goes_round() {
        let signing = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let key = PublicKey::from_ed25519(signing.verifying_key()).unwrap();
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap().keyid(), key.keyid());
        assert!(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").is_err());
    }
}
