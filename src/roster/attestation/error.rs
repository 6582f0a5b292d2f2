//! Why an attestation is not believed: one case for each rule.

use super::facts::{Firmware, PinPolicy, Slot, TouchPolicy};
use crate::encoding::{digest::Digest, text::Line, time::Timestamp};

/// Why an attestation was refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AttestationError {
    #[error("nothing attests its keys")]
    Missing,
    /// More or fewer certificates than an enrolment carries.
    #[error(
        "{0} certificates attest it: the card's own is wanted, one for each key, and at most 4 of authorities"
    )]
    Count(usize),
    /// A soft card has no key that could attest anything.
    #[error("a soft card cannot attest its keys")]
    Soft,
    #[error("{which}: {problem}")]
    Malformed { which: String, problem: String },
    #[error("\"{0}\" is not an attestation of a slot's key: {1}")]
    NoAttestation(String, &'static str),
    /// The attestation of a slot's key in the place of the card's own certificate.
    #[error(
        "\"{0}\" is the attestation of a slot's key and not a card's own certificate: it can attest nothing"
    )]
    SlotAsCard(String),
    /// A certificate without the right to issue others.
    #[error("\"{subject}\" may not issue certificates: {reason}")]
    NoAuthority { subject: String, reason: &'static str },
    /// The issuer is another one, or only its name fits.
    #[error("\"{subject}\" was not signed by \"{issuer}\"")]
    Signature { subject: String, issuer: String },
    #[error("the chain breaks off at \"{subject}\": the certificate of its issuer \"{issuer}\" is not there")]
    Incomplete {
        /// The last certificate that is there.
        subject: String,
        issuer: String,
    },
    #[error("the chain leads to \"{subject}\", SHA-256 {digest}, which is not pinned")]
    Unpinned { subject: String, digest: Digest },
    /// More intermediates than there ever were, or more ways through them than are tried.
    #[error("the chain is longer than any that Yubico makes")]
    Length,
    #[error("more than {0} signatures of certificates would have to be checked")]
    Checks(u32),
    /// An extension that has to be understood, and is not.
    #[error("\"{0}\" has a critical extension that is not understood")]
    CriticalExtension(String),
    #[error("\"{subject}\" is valid from {from} to {until}, not at {at}")]
    Dates {
        subject: String,
        from: Timestamp,
        until: Timestamp,
        /// When it was to count.
        at: Timestamp,
    },
    #[error("the attestation of slot {0} is of another key than the card's {1} key")]
    OtherKey(Slot, KeyUse),
    /// A key in a slot where it should not be.
    #[error("its {key} key is in slot {slot}: {wanted}")]
    WrongSlot { key: KeyUse, slot: Slot, wanted: &'static str },
    #[error("the attestation of slot {slot} is of card {found}, not of card {enrolled}")]
    OtherCard {
        slot: Slot,
        /// The serial that it attests, or that there is none.
        found: String,
        enrolled: Line,
    },
    #[error("its firmware is {found}, and the policy asks for {wanted} or later")]
    Firmware {
        found: Firmware,
        /// `min_firmware`.
        wanted: Firmware,
    },
    /// The PIN is not wanted for each use.
    #[error("its {key} key asks for the PIN: {found}; always is required")]
    Pin { key: KeyUse, found: PinPolicy },
    /// A touch is not wanted for each use.
    #[error("its {key} key asks for a touch: {found}; always is required")]
    Touch { key: KeyUse, found: TouchPolicy },
}

/// What a card's key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyUse {
    Signing,
    Share,
}

impl std::fmt::Display for KeyUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Signing => "signing",
            Self::Share => "share",
        })
    }
}

impl AttestationError {
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing | Self::Count(_) | Self::Soft => {
                "have the card enrolled again with 'quorate card enroll', which brings its attestations"
            }
            Self::Malformed { .. } => "give X.509 certificates, in PEM or DER",
            Self::NoAttestation(..) | Self::SlotAsCard(_) => {
                "give the attestation of a slot's key, and the certificate of slot f9 of the same card"
            }
            Self::NoAuthority { .. } | Self::Signature { .. } | Self::CriticalExtension(_) => {
                "take it for a forgery until its holder shows you the card; a key that was imported has no attestation"
            }
            Self::Incomplete { .. } => {
                "bring the certificates of Yubico's authorities, roots and intermediates, in one file"
            }
            Self::Unpinned { .. } | Self::Length | Self::Checks(_) => {
                "the card is none of Yubico's, or its slot f9 was overwritten: use another card"
            }
            Self::Dates { .. } => "check the clock of the machine; if it is right, use another card",
            Self::OtherKey(..) | Self::OtherCard { .. } => "have the card enrolled again",
            Self::WrongSlot { .. } | Self::Pin { .. } | Self::Touch { .. } => {
                "generate a new key on the card with 'quorate card enroll'"
            }
            Self::Firmware { .. } => {
                "firmware cannot be updated: use a newer card, or take the risk with policy.min_firmware in the plan"
            }
        }
    }
}
