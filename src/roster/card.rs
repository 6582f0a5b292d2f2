//! Cards as people bring them: a signed enrolment for each.

use serde::{Deserialize, Serialize};

use super::{
    key::{KeyError, PublicKey},
    signatures::Signatures,
};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        dsse::Envelope,
        strict::{self, Base64, StrictError, worded},
        text::{Line, Name},
        time::Timestamp,
    },
    sealing::recipient::ShareRecipient,
};

/// The payload type of an enrolment. A card is enrolled once, for rehearsals and for production alike.
pub const ENROLMENT_TYPE: &str = "application/vnd.quorate.enrolment.v2+json";

/// The kinds of card.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardKind {
    /// A file under a PIN: rehearsals and tests.
    Soft,
    /// A YubiKey's PIV application.
    Yubikey,
}

worded!(CardKind);

/// What a card's holder states about it, signed by the card itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    pub holder: Name,
    /// The person's name as it is read aloud.
    pub full_name: Line,
    pub kind: CardKind,
    pub serial: Line,
    pub signing_key: PublicKey,
    /// SHA-256 of the recipient to which shares are sealed, in its spelling; none on a witness's card.
    pub share_recipient: Option<Digest>,
    /// When it was enrolled, by the clock of the machine that did it.
    pub created: Timestamp,
    /// SHA-256 of each certificate that attests the keys; empty for a soft card. Recipient and certificates themselves travel
    /// beside the statement: an Ed25519 key on a YubiKey signs messages of about 1,000 bytes at most.
    #[serde(deserialize_with = "bounds::attestation")]
    pub attestation: Vec<Digest>,
}

/// The file that `quorate card enroll` writes, and a card's place in a roster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentFile {
    /// The enrolment, signed by its card.
    pub statement: Envelope,
    /// The recipient whose digest the enrolment gives.
    pub share_recipient: Option<ShareRecipient>,
    /// X.509 certificates in DER, in the order in which the enrolment names their digests.
    #[serde(deserialize_with = "bounds::attestation_files")]
    pub attestation: Vec<Base64>,
}

impl EnrolmentFile {
    /// The file's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = strict::write(self);
        bytes.push(b'\n');
        bytes
    }
}

/// An enrolment whose signature by its own card was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnrolledCard {
    enrolment: Enrolment,
    file: EnrolmentFile,
}

/// Why an enrolment was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnrolmentError {
    #[error("{}", .0.of("an enrolment"))]
    Document(#[from] StrictError),
    #[error("not an enrolment but a statement of type {0:?}")]
    Type(String),
    /// Not signed by the card that it describes.
    #[error("not signed by the card it describes: {0}")]
    Signature(#[from] KeyError),
    /// The certificates are not those that the enrolment names.
    #[error("its share recipient is not the one that the card's statement names")]
    ShareRecipient,
    #[error("its certificates are not those that the card's statement names")]
    Certificates,
}

impl EnrolledCard {
    /// Parses the file that `quorate card enroll` writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolmentError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Self::from_file(strict::parse(bytes)?)
    }

    /// Checks type, spelling and signature, and that the certificates are the named ones. What they attest is for
    /// the roster to judge.
    pub fn from_file(file: EnrolmentFile) -> Result<Self, EnrolmentError> {
        Self::in_walk(file, &Signatures::AT_ONCE)
    }

    pub(super) fn in_walk(file: EnrolmentFile, signatures: &Signatures<'_>) -> Result<Self, EnrolmentError> {
        let envelope = &file.statement;
        if envelope.payload_type != ENROLMENT_TYPE {
            return Err(EnrolmentError::Type(crate::encoding::text::printable(&envelope.payload_type)));
        }
        let enrolment: Enrolment = strict::parse(&envelope.payload.0)?;
        signatures.check(&enrolment.signing_key, envelope)?;
        if file.share_recipient.as_ref().map(ShareRecipient::digest) != enrolment.share_recipient {
            return Err(EnrolmentError::ShareRecipient);
        }
        if !file.attestation.iter().map(|der| Digest::of(&der.0)).eq(enrolment.attestation.iter().copied()) {
            return Err(EnrolmentError::Certificates);
        }
        Ok(Self { enrolment, file })
    }

    pub fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// The recipient to which shares are sealed; none on a witness's card.
    pub fn share_recipient(&self) -> Option<&ShareRecipient> {
        self.file.share_recipient.as_ref()
    }

    /// Statement, recipient and certificates, as they stand in a roster.
    pub fn file(&self) -> &EnrolmentFile {
        &self.file
    }

    /// The certificates that attest the keys, in DER.
    pub fn attestation(&self) -> impl Iterator<Item = &[u8]> {
        self.file.attestation.iter().map(|der| der.0.as_slice())
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
