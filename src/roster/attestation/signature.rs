//! Keys in certificates, and the signatures that they verify: RSA PKCS#1 v1.5 (RFC 8017) and ECDSA (FIPS 186-5).

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::{
    Pkcs1v15Sign, RsaPublicKey, pkcs1::DecodeRsaPublicKey as _, pkcs8::AssociatedOid,
    traits::PublicKeyParts as _,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::{
    AlgorithmIdentifier,
    der::{Decode as _, asn1::ObjectIdentifier},
    spki::SubjectPublicKeyInfoRef,
};

use crate::roster::key::PublicKey;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// The sizes of RSA keys that may sign certificates.
const SIGNING_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// The key of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKey {
    Rsa(Box<RsaPublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    /// Ed25519: a slot's key only.
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    /// X25519: a slot's key only.
    X25519([u8; 32]),
}

impl SubjectKey {
    pub fn from_spki(spki: &[u8]) -> Result<Self, &'static str> {
        let unreadable = "its public key cannot be read";
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| unreadable)?;
        let bits = info.subject_public_key.as_bytes().ok_or(unreadable)?;
        // Firmware 4.3.0 to 4.3.2 leave out the NULL after RSA's OID.
        let curve = info.algorithm.parameters.filter(|parameters| !parameters.is_null());
        let curve = curve.map(|curve| curve.decode_as()).transpose().map_err(|_| unreadable)?;
        match (info.algorithm.oid, curve) {
            (RSA, None) => {
                let key = RsaPublicKey::from_pkcs1_der(bits).map_err(|_| "its RSA key cannot be read")?;
                if (1024..=4096).contains(&key.n().bit_width()) {
                    Ok(Self::Rsa(Box::new(key)))
                } else {
                    Err("its RSA key has neither 1024 nor up to 4096 bits")
                }
            }
            (EC, Some(P256)) if bits.len() == 65 => p256::ecdsa::VerifyingKey::from_sec1_bytes(bits)
                .map(|key| Self::P256(Box::new(key)))
                .map_err(|_| "its P-256 key is not a point of the curve"),
            (EC, Some(P384)) if bits.len() == 97 => p384::ecdsa::VerifyingKey::from_sec1_bytes(bits)
                .map(|key| Self::P384(Box::new(key)))
                .map_err(|_| "its P-384 key is not a point of the curve"),
            (ED25519, None) => {
                let bytes =
                    <[u8; 32]>::try_from(bits).map_err(|_| "its Ed25519 key does not have 32 bytes")?;
                ed25519_dalek::VerifyingKey::from_bytes(&bytes)
                    .map(|key| Self::Ed25519(Box::new(key)))
                    .map_err(|_| "its Ed25519 key is not a point of the curve")
            }
            (X25519, None) => {
                bits.try_into().map(Self::X25519).map_err(|_| "its X25519 key does not have 32 bytes")
            }
            _ => Err("its public key is of a kind that no YubiKey has"),
        }
    }

    /// `rsa-2048`, `p-256`, `p-384`, `ed25519` or `x25519`.
    pub fn algorithm(&self) -> String {
        match self {
            Self::Rsa(key) => format!("rsa-{}", key.n().bit_width()),
            Self::P256(_) => "p-256".into(),
            Self::P384(_) => "p-384".into(),
            Self::Ed25519(_) => "ed25519".into(),
            Self::X25519(_) => "x25519".into(),
        }
    }

    /// The key as rosters have it; none if it is of a kind that signs no statements.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self {
            Self::P256(key) => PublicKey::from_p256(**key).ok(),
            Self::Ed25519(key) => PublicKey::from_ed25519(**key).ok(),
            Self::Rsa(_) | Self::P384(_) | Self::X25519(_) => None,
        }
    }
}

/// How a certificate was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    EcdsaSha384,
}

impl Algorithm {
    pub(super) fn parse(identifier: &AlgorithmIdentifier) -> Option<Self> {
        if !identifier.parameters.as_ref().is_none_or(|parameters| parameters.is_null()) {
            return None;
        }
        match identifier.oid {
            RSA_SHA256 => Some(Self::RsaSha256),
            RSA_SHA384 => Some(Self::RsaSha384),
            RSA_SHA512 => Some(Self::RsaSha512),
            ECDSA_SHA256 => Some(Self::EcdsaSha256),
            ECDSA_SHA384 => Some(Self::EcdsaSha384),
            _ => None,
        }
    }

    /// Whether `signature` is one by `key` over `message`.
    pub(super) fn verifies(self, key: &SubjectKey, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::RsaSha256 => rsa_verifies::<Sha256>(key, message, signature),
            Self::RsaSha384 => rsa_verifies::<Sha384>(key, message, signature),
            Self::RsaSha512 => rsa_verifies::<Sha512>(key, message, signature),
            Self::EcdsaSha256 => ecdsa_verifies(key, &Sha256::digest(message), signature),
            Self::EcdsaSha384 => ecdsa_verifies(key, &Sha384::digest(message), signature),
        }
    }
}

fn rsa_verifies<D: sha2::Digest + AssociatedOid>(key: &SubjectKey, message: &[u8], signature: &[u8]) -> bool {
    match key {
        SubjectKey::Rsa(key) if SIGNING_BITS.contains(&key.n().bit_width()) => {
            key.verify(Pkcs1v15Sign::new::<D>(), &D::digest(message), signature).is_ok()
        }
        _ => false,
    }
}

fn ecdsa_verifies(key: &SubjectKey, digest: &[u8], signature: &[u8]) -> bool {
    match key {
        SubjectKey::P256(key) => p256::ecdsa::Signature::from_der(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        SubjectKey::P384(key) => p384::ecdsa::Signature::from_der(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        _ => false,
    }
}
