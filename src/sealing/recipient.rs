//! The public halves of cards' share keys, as formats have them: parsed where they are read, and written as they were.

use std::{fmt, str::FromStr};

use super::{
    hybrid::{self, HybridRecipient},
    piv_p256::PivRecipient,
    single::{self, SealError},
};
use crate::encoding::{digest::Digest, strict::spelled};

/// A card's share key, its public half: a hybrid key on a soft card, a P-256 key on a PIV card.
#[derive(Clone, PartialEq, Eq)]
pub enum ShareRecipient {
    /// `age1pq1…`
    Hybrid(HybridRecipient),
    /// `age1yubikey1…`
    Piv(PivRecipient),
}

impl ShareRecipient {
    /// Seals to it alone.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        match self {
            Self::Hybrid(recipient) => single::seal_to(recipient, plaintext),
            Self::Piv(recipient) => single::seal_to(recipient, plaintext),
        }
    }

    /// Refuses a file that shows that it is not sealed to this key alone. For a card on P-256 its tag tells; a hybrid key has
    /// none, so that only the kind is seen.
    pub fn check_sealed(&self, sealed: &[u8]) -> Result<(), SealError> {
        match self {
            Self::Hybrid(_) => hybrid::check_sealed(sealed),
            Self::Piv(recipient) => recipient.check_sealed(sealed),
        }
    }

    /// SHA-256 of its spelling, by which a card's signed statement names it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }

    /// As a person reads it.
    pub fn told(&self) -> String {
        match self {
            Self::Hybrid(recipient) => recipient.told(),
            Self::Piv(recipient) => recipient.to_string(),
        }
    }
}

impl FromStr for ShareRecipient {
    type Err = SealError;

    /// Parses either in its only spelling.
    fn from_str(text: &str) -> Result<Self, SealError> {
        if text.starts_with("age1yubikey1") {
            return text.parse().map(Self::Piv);
        }
        text.parse().map(Self::Hybrid)
    }
}

impl fmt::Display for ShareRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hybrid(recipient) => recipient.fmt(f),
            Self::Piv(recipient) => recipient.fmt(f),
        }
    }
}

impl fmt::Debug for ShareRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

spelled! {
    ShareRecipient, str::parse;
}
