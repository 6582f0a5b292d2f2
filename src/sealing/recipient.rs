//! To whom a share is sealed: an X25519 key on a soft card, a P-256 key on a PIV card.

use super::{
    piv_p256::PivRecipient,
    single::{self, SealError},
};

/// A card's share key, its public half. Stations, authorities and applications have X25519 keys only.
#[derive(Clone)]
pub enum ShareRecipient {
    /// `age1…`
    X25519(age::x25519::Recipient),
    /// `age1yubikey1…`
    Piv(PivRecipient),
}

impl ShareRecipient {
    /// Parses either in its only spelling.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        if text.starts_with("age1yubikey1") {
            return PivRecipient::parse(text).map(Self::Piv);
        }
        single::parse_x25519_recipient(text).map(Self::X25519)
    }

    /// Seals to it alone.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        match self {
            Self::X25519(recipient) => single::seal_to(recipient, plaintext),
            Self::Piv(recipient) => single::seal_to(recipient, plaintext),
        }
    }

    /// Refuses a file that shows that it is not sealed to this key alone. For a card on P-256 its tag tells; X25519 has none,
    /// so that only the kind is seen.
    pub fn check_sealed(&self, sealed: &[u8]) -> Result<(), SealError> {
        match self {
            Self::X25519(_) => single::check_x25519(sealed),
            Self::Piv(recipient) => recipient.check_sealed(sealed),
        }
    }
}

/// The P-256 key behind `age1yubikey1…`, by which an attested key is compared; none for every other recipient.
pub fn share_point(recipient: &str) -> Option<p256::PublicKey> {
    PivRecipient::parse(recipient).ok().map(|recipient| *recipient.key())
}
