//! Cards as people bring them: a signed enrolment for each.

use serde::{Deserialize, Serialize};

use super::key::{KeyError, PublicKey};
use crate::encoding::{
    digest::Digest,
    dsse::Envelope,
    strict::{self, Base64, StrictError},
    text::{Line, Name},
    time::Timestamp,
};

/// The payload type of an enrolment. A card is enrolled once, for rehearsals and for production alike.
pub const ENROLMENT_TYPE: &str = "application/vnd.quorate.enrolment.v1+json";

/// The kinds of card.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardKind {
    /// A file under a PIN: rehearsals and tests.
    Soft,
    /// A YubiKey's PIV application.
    Yubikey,
}

impl std::fmt::Display for CardKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Soft => "soft",
            Self::Yubikey => "yubikey",
        })
    }
}

/// What a card's holder states about it, signed by the card itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The person who holds the card.
    pub holder: Name,
    /// The person's name as it is read aloud.
    pub full_name: Line,
    /// What kind of card.
    pub kind: CardKind,
    /// Its serial number.
    pub serial: Line,
    /// The key that signs.
    pub signing_key: PublicKey,
    /// The recipient to which shares are sealed; none on a witness's card.
    pub share_recipient: Option<String>,
    /// When it was enrolled, by the clock of the machine that did it.
    pub created: Timestamp,
    /// X.509 certificates in DER that attest the keys; empty on a soft card.
    pub attestation: Vec<Base64>,
}

/// An enrolment whose signature by its own card was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnrolledCard {
    enrolment: Enrolment,
    envelope: Envelope,
}

/// Why an enrolment was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnrolmentError {
    /// Not an enrolment document.
    #[error("not an enrolment: {0}")]
    Document(#[from] StrictError),
    /// A statement of another type.
    #[error("not an enrolment but a statement of type {0:?}")]
    Type(String),
    /// Not signed by the card that it describes.
    #[error("not signed by the card it describes: {0}")]
    Signature(#[from] KeyError),
}

impl EnrolledCard {
    /// Parses the file that `quorate card enroll` writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolmentError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Self::from_envelope(Envelope::parse(bytes)?)
    }

    /// Checks type, spelling and signature.
    pub fn from_envelope(envelope: Envelope) -> Result<Self, EnrolmentError> {
        if envelope.payload_type != ENROLMENT_TYPE {
            return Err(EnrolmentError::Type(crate::encoding::text::printable(&envelope.payload_type)));
        }
        let enrolment: Enrolment = strict::parse(&envelope.payload.0)?;
        enrolment.signing_key.verify_envelope(&envelope)?;
        Ok(Self { enrolment, envelope })
    }

    /// What was stated.
    pub fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// The signed statement.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// `keyid` of the signing key: how the card is named everywhere.
    pub fn keyid(&self) -> Digest {
        self.enrolment.signing_key.keyid()
    }
}

impl std::fmt::Display for EnrolledCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let serial: String = self.enrolment.serial.as_str().chars().take(12).collect();
        write!(f, "{} card {}", self.enrolment.kind, serial)
    }
}
