//! What attestations prove of where a card's keys are, in words.

use super::terminal::Terminal;
use crate::{
    account::card::ProofSeen,
    roster::attestation::{AttestationError, Firmware, Marking, TrustAnchor},
};

/// Of a card's certificate that says nothing of being an authority's.
pub const UNMARKED: &str = "the card's own certificate is not marked as an authority's (some of firmware 4 and of the 5Ci with 5.2.4 are not); the pinned root itself signed it, and that counts. openssl refuses such a chain";

/// What is known of where the keys of a card were made.
pub enum KeyOrigin {
    /// Nothing attests them, and why that is so.
    None(&'static str),
    /// It checks out, up to an authority that is believed.
    Verified {
        facts: String,
        firmware: Firmware,
        /// Where the chain ends.
        authority: TrustAnchor,
        /// Of the card's own certificate.
        marking: Marking,
    },
    /// It may check out, but the certificate of an authority is not at hand.
    Incomplete(AttestationError),
    Refused(AttestationError),
}

impl From<AttestationError> for KeyOrigin {
    fn from(error: AttestationError) -> Self {
        match error {
            AttestationError::Incomplete { .. } => Self::Incomplete(error),
            other => Self::Refused(other),
        }
    }
}

impl KeyOrigin {
    /// Says it; `what` is what `quorate card show` was or would be asked for, as a shell takes it.
    pub fn tell(&self, what: &str, terminal: Terminal) {
        let more = |line: &str| terminal.item(&format!("              {line}"));
        match self {
            Self::None(why) => terminal.item(&format!("attestation   none: {why}")),
            Self::Verified { facts, firmware, authority, marking } => {
                terminal.item(&match authority {
                    TrustAnchor::Yubico(name) => format!("attestation   checks out, up to {name}"),
                    TrustAnchor::Other => {
                        "attestation   checks out, up to an authority that --trust named".into()
                    }
                });
                more(facts);
                if *marking == Marking::RootOnly {
                    more(UNMARKED);
                }
                if *firmware < Firmware::WITHOUT_EUCLEAK {
                    more("anyone who takes it apart can read its ECDSA keys (EUCLEAK)");
                }
            }
            Self::Incomplete(error) => {
                terminal.item(&format!("attestation   NOT VERIFIED: {error}"));
                more("bring Yubico's certificates:");
                terminal.command(&format!("quorate card show {what} --roots CERTIFICATES"));
            }
            Self::Refused(error) => {
                terminal.item(&format!("attestation   REFUSED: {error}"));
                more(error.hint());
            }
        }
    }

    pub fn seen(&self) -> ProofSeen {
        let (verdict, reason) = match self {
            Self::None(_) => ("none", None),
            Self::Verified { .. } => ("verified", None),
            Self::Incomplete(error) => ("incomplete", Some(error.to_string())),
            Self::Refused(error) => ("refused", Some(error.to_string())),
        };
        let (firmware, authority) = match self {
            Self::Verified { firmware, authority: TrustAnchor::Yubico(name), .. } => {
                (Some(*firmware), Some(*name))
            }
            Self::Verified { firmware, .. } => (Some(*firmware), None),
            _ => (None, None),
        };
        ProofSeen { verdict, reason, firmware, authority }
    }
}
