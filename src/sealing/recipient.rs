//! The public halves of cards' share keys, as formats have them: parsed where they are read, and written as they were.

use std::{fmt, str::FromStr};

use super::{
    companion::CompanionedRecipient,
    hybrid::{self, HybridRecipient},
    single::{self, SealError},
};
use crate::encoding::{digest::Digest, strict::spelled};

/// A card's share key, its public half: a hybrid key on a soft card, a P-256 key with a hybrid companion on a
/// YubiKey.
#[derive(Clone, PartialEq, Eq)]
pub enum ShareRecipient {
    /// `age1pq1…`
    Hybrid(HybridRecipient),
    /// `age1yubikey1…+age1pq1…`
    Yubikey(CompanionedRecipient),
}

impl ShareRecipient {
    /// Seals to it alone.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        match self {
            Self::Hybrid(recipient) => single::seal_to(recipient, plaintext),
            Self::Yubikey(recipient) => recipient.seal(plaintext),
        }
    }

    /// Refuses a file that shows that it is not sealed to this key alone. The tag tells for which YubiKey; a hybrid
    /// key has none, so that only the kind is seen, and of what is in a YubiKey's file nothing.
    pub fn check_sealed(&self, sealed: &[u8]) -> Result<(), SealError> {
        match self {
            Self::Hybrid(_) => hybrid::check_sealed(sealed),
            Self::Yubikey(recipient) => recipient.key.check_sealed(sealed),
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
            Self::Yubikey(recipient) => recipient.told(),
        }
    }
}

impl FromStr for ShareRecipient {
    type Err = SealError;

    /// Parses either in its only spelling.
    fn from_str(text: &str) -> Result<Self, SealError> {
        if text.starts_with("age1yubikey1") {
            return text.parse().map(Self::Yubikey);
        }
        text.parse().map(Self::Hybrid)
    }
}

impl fmt::Display for ShareRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hybrid(recipient) => recipient.fmt(f),
            Self::Yubikey(recipient) => recipient.fmt(f),
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
