//! Recipients of age files as formats have them: parsed where they are read, and written as they were.

use std::{collections::HashSet, fmt, str::FromStr};

use age_core::format::{FileKey, Stanza};

use super::{
    piv_p256::PivRecipient,
    single::{self, SealError},
    x25519::X25519Identity,
};
use crate::encoding::strict::spelled;

/// `age1…`: of a soft card, a station, an authority or an application.
#[derive(Clone, PartialEq, Eq)]
pub struct X25519Recipient {
    recipient: age::x25519::Recipient,
    point: [u8; 32],
}

impl X25519Recipient {
    /// Of this identity.
    ///
    /// # Errors
    /// Where everybody could open what is sealed to it, which no secret that is clamped gives.
    pub fn of(identity: &X25519Identity) -> Result<Self, SealError> {
        identity.to_public().to_string().parse()
    }

    /// The u-coordinate, little-endian (RFC 7748).
    pub const fn point(&self) -> &[u8; 32] {
        &self.point
    }
}

impl FromStr for X25519Recipient {
    type Err = SealError;

    /// Parses its only spelling, and refuses points of small order: for those the shared secret is
    /// zero, so that everybody could open (RFC 7748, section 6.1), and the `age` crate panics.
    fn from_str(text: &str) -> Result<Self, SealError> {
        let refuse = |reason| Err(SealError::Recipient { reason });
        let recipient = match age::x25519::Recipient::from_str(text) {
            Ok(recipient) if recipient.to_string() == text => recipient,
            Ok(_) => return refuse("it must be in lower case"),
            Err(_) => return refuse("it needs age1 and 58 more characters, with their checksum"),
        };
        let Some(point): Option<[u8; 32]> =
            bech32::decode(text).ok().and_then(|(_, bytes)| bytes.try_into().ok())
        else {
            return refuse("misspelled");
        };
        if !single::is_canonical(&point) {
            return refuse("the point has another, shorter spelling");
        }
        if has_small_order(&point) {
            return refuse("a point of small order, for which everybody could open");
        }
        Ok(Self { recipient, point })
    }
}

impl age::Recipient for X25519Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        self.recipient.wrap_file_key(file_key)
    }
}

/// The u-coordinates, little-endian, of all points of small order on Curve25519 and its twist: 0, 1, -1, and two of order 8.
/// With each of them every shared secret is zero (RFC 7748, section 6.1).
const SMALL_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
];

/// Whether the shared secret with `point`, in its shortest spelling, is zero for every identity.
fn has_small_order(point: &[u8]) -> bool {
    SMALL_ORDER.contains(&base16ct::lower::encode_string(point).as_str())
}

/// A card's share key, its public half: an X25519 key on a soft card, a P-256 key on a PIV card.
#[derive(Clone, PartialEq, Eq)]
pub enum ShareRecipient {
    /// `age1…`
    X25519(X25519Recipient),
    /// `age1yubikey1…`
    Piv(PivRecipient),
}

impl ShareRecipient {
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

impl FromStr for ShareRecipient {
    type Err = SealError;

    /// Parses either in its only spelling.
    fn from_str(text: &str) -> Result<Self, SealError> {
        if text.starts_with("age1yubikey1") {
            return text.parse().map(Self::Piv);
        }
        text.parse().map(Self::X25519)
    }
}

impl fmt::Display for X25519Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.recipient.fmt(f)
    }
}

impl fmt::Display for ShareRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X25519(recipient) => recipient.fmt(f),
            Self::Piv(recipient) => recipient.fmt(f),
        }
    }
}

impl fmt::Debug for X25519Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for ShareRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

spelled! {
    X25519Recipient, str::parse;
    ShareRecipient, str::parse;
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

    use super::*;

    #[test]
    fn recipients_of_small_order_or_in_a_second_spelling_are_refused() {
        let spell = |bytes: &[u8; 32]| {
            bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), bytes).unwrap()
        };
        let good = single::x25519_identity(&[9; 32]).unwrap().to_public().to_string();
        assert_eq!(X25519Recipient::from_str(&good).unwrap().to_string(), good);
        assert!(X25519Recipient::from_str(&good.to_uppercase()).is_err());
        let mut one = [0; 32];
        one[0] = 1;
        let mut order_eight = [0; 32];
        base16ct::lower::decode(
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            &mut order_eight,
        )
        .unwrap();
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        let mut minus_one = p;
        minus_one[0] = 0xec;
        let (_, point) = bech32::decode(&good).unwrap();
        let mut high_bit: [u8; 32] = point.try_into().unwrap();
        high_bit[31] |= 0x80;
        for bad in [[0; 32], one, order_eight, p, minus_one, high_bit] {
            assert!(matches!(spell(&bad).parse::<X25519Recipient>(), Err(SealError::Recipient { .. })));
        }
    }

    /// The `age` crate says that a shared secret is zero when it is shown the point as a sender's ephemeral share.
    #[test]
    fn the_points_of_small_order_are_those_whose_shared_secret_is_zero() {
        use age::Identity as _;
        let is_zero = |point: &[u8]| {
            let args = vec![STANDARD_NO_PAD.encode(point)];
            let stanza = Stanza { tag: "X25519".into(), args, body: vec![0; 32] };
            single::x25519_identity(&[1; 32]).unwrap().unwrap_stanza(&stanza).is_some()
        };
        let listed = SMALL_ORDER.map(|hex| {
            let mut point = [0; 32];
            base16ct::lower::decode(hex, &mut point).unwrap();
            assert!(single::is_canonical(&point) && is_zero(&point), "{hex}");
            point
        });
        let near = listed.iter().flat_map(|point| {
            (0..=255).map(move |low| {
                let mut near = *point;
                near[0] = low;
                near
            })
        });
        for point in near.filter(|point| single::is_canonical(point)) {
            assert_eq!(has_small_order(&point), is_zero(&point), "{point:?}");
        }
    }
}
