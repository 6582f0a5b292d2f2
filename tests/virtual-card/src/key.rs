//! The asymmetric keys of a card: made, imported, used for signatures and key agreement.

use std::fmt;

use p256::{
    ecdsa::signature::{Signer, hazmat::PrehashSigner},
    elliptic_curve::sec1::ToSec1Point,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384};

use crate::{der, memory::Hex, tlv};

/// Algorithms, by the numbers that Yubico's PIV gives them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Algorithm {
    /// NIST P-256, 0x11.
    P256,
    /// NIST P-384, 0x14.
    P384,
    /// Ed25519, 0xE0, from firmware 5.7 on.
    Ed25519,
    /// X25519, 0xE1, from firmware 5.7 on.
    X25519,
}

impl Algorithm {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::P256, Self::P384, Self::Ed25519, Self::X25519].into_iter().find(|it| it.number() == number)
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::P256 => 0x11,
            Self::P384 => 0x14,
            Self::Ed25519 => 0xE0,
            Self::X25519 => 0xE1,
        }
    }

    pub(crate) fn needs_5_7(self) -> bool {
        matches!(self, Self::Ed25519 | Self::X25519)
    }

    /// The tag under which IMPORT brings the private key.
    pub(crate) fn import_tag(self) -> u8 {
        match self {
            Self::P256 | Self::P384 => 0x06,
            Self::Ed25519 => 0x07,
            Self::X25519 => 0x08,
        }
    }

    fn private_length(self) -> usize {
        if self == Self::P384 { 48 } else { 32 }
    }
}

/// A private key. It is a test's: nothing protects it.
#[derive(Clone, Serialize, Deserialize)]
pub struct PrivateKey {
    algorithm: Algorithm,
    secret: Hex,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.algorithm)
    }
}

impl PrivateKey {
    /// A new one.
    pub fn generate(algorithm: Algorithm) -> Self {
        loop {
            let mut secret = vec![0; algorithm.private_length()];
            getrandom::fill(&mut secret).expect("the operating system has random numbers");
            if let Some(key) = Self::from_secret(algorithm, &secret) {
                return key;
            }
        }
    }

    /// From the bytes of its scalar or seed; none if they are no key.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let good = match algorithm {
            Algorithm::P256 => p256::SecretKey::from_slice(secret).is_ok(),
            Algorithm::P384 => p384::SecretKey::from_slice(secret).is_ok(),
            Algorithm::Ed25519 | Algorithm::X25519 => secret.len() == 32,
        };
        good.then(|| Self { algorithm, secret: Hex(secret.to_vec()) })
    }

    /// Which kind it is.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn p256(&self) -> p256::SecretKey {
        p256::SecretKey::from_slice(&self.secret.0).expect("checked when the key was made")
    }

    fn p384(&self) -> p384::SecretKey {
        p384::SecretKey::from_slice(&self.secret.0).expect("checked when the key was made")
    }

    fn seed(&self) -> [u8; 32] {
        self.secret.0.as_slice().try_into().expect("checked when the key was made")
    }

    /// The public key: an uncompressed point, or the 32 bytes of Curve25519.
    pub fn public_bytes(&self) -> Vec<u8> {
        match self.algorithm {
            Algorithm::P256 => self.p256().public_key().to_sec1_point(false).as_bytes().to_vec(),
            Algorithm::P384 => self.p384().public_key().to_sec1_point(false).as_bytes().to_vec(),
            Algorithm::Ed25519 => {
                ed25519_dalek::SigningKey::from_bytes(&self.seed()).verifying_key().to_bytes().to_vec()
            }
            Algorithm::X25519 => {
                let secret = x25519_dalek::StaticSecret::from(self.seed());
                x25519_dalek::PublicKey::from(&secret).to_bytes().to_vec()
            }
        }
    }

    /// The public key as GENERATE and GET METADATA tell it.
    pub(crate) fn public_template(&self) -> Vec<u8> {
        tlv::tlv(0x86, &self.public_bytes())
    }

    /// The public key as a SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> Vec<u8> {
        let ec = |curve| der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid(curve)]);
        let identifier = match self.algorithm {
            Algorithm::P256 => ec("1.2.840.10045.3.1.7"),
            Algorithm::P384 => ec("1.3.132.0.34"),
            Algorithm::Ed25519 => der::sequence(&[der::oid("1.3.101.112")]),
            Algorithm::X25519 => der::sequence(&[der::oid("1.3.101.110")]),
        };
        der::sequence(&[identifier, der::bit_string(&self.public_bytes())])
    }

    /// What GENERAL AUTHENTICATE signs: a digest for ECDSA, the message itself for Ed25519.
    pub fn sign_raw(&self, data: &[u8]) -> Option<Vec<u8>> {
        match self.algorithm {
            Algorithm::P256 => {
                let digest = padded(data, 32)?;
                let key = p256::ecdsa::SigningKey::from(self.p256());
                let signature: p256::ecdsa::Signature = key.sign_prehash(&digest).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Algorithm::P384 => {
                let digest = padded(data, 48)?;
                let key = p384::ecdsa::SigningKey::from(self.p384());
                let signature: p384::ecdsa::Signature = key.sign_prehash(&digest).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Algorithm::Ed25519 => {
                Some(ed25519_dalek::SigningKey::from_bytes(&self.seed()).sign(data).to_bytes().to_vec())
            }
            Algorithm::X25519 => None,
        }
    }

    /// A signature over `message`, as certificates carry them, and its algorithm identifier.
    pub(crate) fn sign_message(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (oid, input) = match self.algorithm {
            Algorithm::P256 => ("1.2.840.10045.4.3.2", Sha256::digest(message).to_vec()),
            Algorithm::P384 => ("1.2.840.10045.4.3.3", Sha384::digest(message).to_vec()),
            Algorithm::Ed25519 => ("1.3.101.112", message.to_vec()),
            Algorithm::X25519 => panic!("an X25519 key signs nothing"),
        };
        let signature = self.sign_raw(&input).expect("these algorithms sign");
        (der::sequence(&[der::oid(oid)]), signature)
    }

    /// ECDH with the other side's public key.
    pub(crate) fn agree(&self, public: &[u8]) -> Option<Vec<u8>> {
        match self.algorithm {
            Algorithm::P256 => {
                let other = p256::PublicKey::from_sec1_bytes(public).ok()?;
                let key = self.p256();
                let shared = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), other.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }
            Algorithm::P384 => {
                let other = p384::PublicKey::from_sec1_bytes(public).ok()?;
                let key = self.p384();
                let shared = p384::ecdh::diffie_hellman(key.to_nonzero_scalar(), other.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }
            Algorithm::X25519 => {
                let other: [u8; 32] = public.try_into().ok()?;
                let secret = x25519_dalek::StaticSecret::from(self.seed());
                Some(secret.diffie_hellman(&other.into()).to_bytes().to_vec())
            }
            Algorithm::Ed25519 => None,
        }
    }
}

/// A shorter digest is padded at the left; a longer one is refused.
fn padded(data: &[u8], length: usize) -> Option<Vec<u8>> {
    let missing = length.checked_sub(data.len())?;
    Some([vec![0; missing], data.to_vec()].concat())
}
