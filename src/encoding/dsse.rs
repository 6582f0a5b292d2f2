//! DSSE envelopes (Dead Simple Signing Envelope, protocol v1.0.0).
//!
//! What is signed is the pre-authentication encoding of payload type and payload bytes, so that a
//! statement of one type cannot pass as another, and no JSON has to be brought into a canonical form.

use serde::{Deserialize, Serialize};

use super::{
    bounds,
    digest::Digest,
    strict::{self, Base64, StrictError, worded},
    version::TYPE_SUFFIX,
};

/// Whether a ledger is in earnest. It is part of every signed payload type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Real authority over real targets.
    Production,
    /// A rehearsal; production refuses everything that was signed in one.
    Rehearsal,
}

worded!(Mode);

impl Mode {
    /// `application/vnd.quorate.<event>.v2+json`, or the rehearsal's twin of it.
    pub fn payload_type(self, event: &str) -> String {
        match self {
            Self::Production => format!("application/vnd.quorate.{event}{TYPE_SUFFIX}"),
            Self::Rehearsal => format!("application/vnd.quorate-rehearsal.{event}{TYPE_SUFFIX}"),
        }
    }

    /// The mode and event that a payload type names.
    pub fn parse_payload_type(payload_type: &str) -> Option<(Self, &str)> {
        let rest = payload_type.strip_prefix("application/vnd.quorate")?.strip_suffix(TYPE_SUFFIX)?;
        match rest.strip_prefix("-rehearsal.") {
            Some(event) => Some((Self::Rehearsal, event)),
            None => Some((Self::Production, rest.strip_prefix('.')?)),
        }
    }
}

/// One signature of an envelope.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// SHA-256 of the signer's SubjectPublicKeyInfo in DER.
    pub keyid: Digest,
    /// Ed25519 (64 bytes) or ECDSA P-256 with SHA-256 in DER.
    #[serde(deserialize_with = "bounds::signature")]
    pub sig: Base64,
}

/// A payload, its type, and exactly one signature over both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    #[serde(rename = "payloadType")]
    #[serde(deserialize_with = "bounds::payload_type")]
    pub payload_type: String,
    /// The bytes that were signed.
    #[serde(deserialize_with = "bounds::payload")]
    pub payload: Base64,
    /// One element. DSSE allows more; this format does not.
    pub signatures: [Signature; 1],
}

impl Envelope {
    /// Puts an envelope together from a signature made over [`pae`].
    pub fn new(payload_type: String, payload: Vec<u8>, keyid: Digest, sig: Vec<u8>) -> Self {
        Self { payload_type, payload: Base64(payload), signatures: [Signature { keyid, sig: Base64(sig) }] }
    }

    /// Parses one line or file. The signature is not checked here.
    pub fn parse(bytes: &[u8]) -> Result<Self, StrictError> {
        strict::parse(bytes)
    }

    /// The line or file, without a line feed.
    pub fn write(&self) -> Vec<u8> {
        strict::write(self)
    }

    pub fn signed_bytes(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload.0)
    }

    /// SHA-256 of the payload: how other statements refer to this one.
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload.0)
    }

    pub fn signature(&self) -> &Signature {
        let [signature] = &self.signatures;
        signature
    }
}

/// DSSE's pre-authentication encoding: `DSSEv1 SP LEN(type) SP type SP LEN(body) SP body`.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {} {} ", payload_type.len(), payload_type, payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pae_is_that_of_the_protocol_document() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn the_mode_stands_in_the_type() {
        for mode in [Mode::Production, Mode::Rehearsal] {
            let text = mode.payload_type("approval");
            assert_eq!(Mode::parse_payload_type(&text), Some((mode, "approval")));
        }
        assert_eq!(Mode::parse_payload_type("application/json"), None);
    }
}
