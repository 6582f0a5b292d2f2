//! The recipients of applications, to which reissued PINs are handed over. They are somebody else's keys, and may be classical.

use std::{collections::HashSet, fmt, str::FromStr};

use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    curve25519,
    hybrid::{self, HybridRecipient},
    single::{self, SealError},
};
use crate::encoding::strict::spelled;

/// An age recipient of either kind.
#[derive(Clone, PartialEq, Eq)]
pub enum ApplicationRecipient {
    /// `age1pq1…`
    Hybrid(HybridRecipient),
    /// `age1…`: X25519 alone.
    Classical(X25519Recipient),
}

impl ApplicationRecipient {
    /// Seals to it alone.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        match self {
            Self::Hybrid(recipient) => single::seal_to(recipient, plaintext),
            Self::Classical(recipient) => single::seal_to(recipient, plaintext),
        }
    }

    /// Refuses a file that shows that it is not sealed to one recipient of this kind. Neither kind has a tag.
    pub fn check_sealed(&self, sealed: &[u8]) -> Result<(), SealError> {
        match self {
            Self::Hybrid(_) => hybrid::check_sealed(sealed),
            Self::Classical(recipient) => recipient.check_sealed(sealed),
        }
    }

    /// As a person reads it.
    pub fn told(&self) -> String {
        match self {
            Self::Hybrid(recipient) => recipient.told(),
            Self::Classical(recipient) => recipient.to_string(),
        }
    }
}

impl FromStr for ApplicationRecipient {
    type Err = SealError;

    /// Parses either in its only spelling.
    fn from_str(text: &str) -> Result<Self, SealError> {
        if text.starts_with("age1pq1") {
            return text.parse().map(Self::Hybrid);
        }
        text.parse().map(Self::Classical)
    }
}

impl fmt::Display for ApplicationRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hybrid(recipient) => recipient.fmt(f),
            Self::Classical(recipient) => recipient.fmt(f),
        }
    }
}

impl fmt::Debug for ApplicationRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `age1…`, which a quantum computer opens.
#[derive(Clone, PartialEq, Eq)]
pub struct X25519Recipient {
    recipient: age::x25519::Recipient,
    point: [u8; 32],
}

impl X25519Recipient {
    /// The u-coordinate, little-endian (RFC 7748).
    pub const fn point(&self) -> &[u8; 32] {
        &self.point
    }

    /// `-> X25519 SHARE`, the share 32 bytes, the body 32.
    fn check_sealed(&self, sealed: &[u8]) -> Result<(), SealError> {
        let is_share = |text: &String| {
            let share = STANDARD_NO_PAD.decode(text).ok().and_then(|share| share.try_into().ok());
            share.is_some_and(|share| curve25519::check(&share).is_ok())
        };
        single::check_stanza(sealed, |stanza| {
            matches!(stanza.args.as_slice(), [text] if is_share(text))
                && stanza.tag == "X25519"
                && stanza.body.len() == FILE_KEY_BYTES + 16
        })
    }
}

impl FromStr for X25519Recipient {
    type Err = SealError;

    /// Parses its only spelling, and refuses points of small order, for which the `age` crate panics.
    fn from_str(text: &str) -> Result<Self, SealError> {
        let refuse = |reason| Err(SealError::Recipient { reason });
        let recipient = match age::x25519::Recipient::from_str(text) {
            Ok(recipient) if recipient.to_string() == text => recipient,
            Ok(_) => return refuse("it must be in lower case"),
            Err(_) => return refuse("it needs age1 and 58 more characters, with their checksum"),
        };
        let bytes = bech32::decode(text).ok().map(|(_, bytes)| bytes);
        let Some(point): Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok()) else {
            return refuse("misspelled");
        };
        curve25519::check(&point).map_err(|reason| SealError::Recipient { reason })?;
        Ok(Self { recipient, point })
    }
}

impl age::Recipient for X25519Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        self.recipient.wrap_file_key(file_key)
    }
}

impl fmt::Display for X25519Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.recipient.fmt(f)
    }
}

spelled! {
    ApplicationRecipient, str::parse;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::hybrid::HybridIdentity;

    fn classical(byte: u8) -> age::x25519::Identity {
        let prefix = bech32::Hrp::parse("AGE-SECRET-KEY-").unwrap();
        bech32::encode_upper::<bech32::Bech32>(prefix, &[byte; 32]).unwrap().parse().unwrap()
    }

    #[test]
    fn classical_recipients_of_small_order_or_in_a_second_spelling_are_refused() {
        let spell = |bytes: &[u8; 32]| {
            bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), bytes).unwrap()
        };
        let good = classical(9).to_public().to_string();
        assert_eq!(ApplicationRecipient::from_str(&good).unwrap().to_string(), good);
        assert!(ApplicationRecipient::from_str(&good.to_uppercase()).is_err());
        let mut one = [0; 32];
        one[0] = 1;
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        for bad in [[0; 32], one, p, [0xff; 32]] {
            assert!(matches!(spell(&bad).parse::<ApplicationRecipient>(), Err(SealError::Recipient { .. })));
        }
    }

    #[test]
    fn either_kind_is_sealed_to_and_known_by_its_stanza() {
        let hybrid = HybridIdentity::from_seed(&[9; 32]).unwrap();
        let recipients: [ApplicationRecipient; 2] = [
            hybrid.recipient().to_string().parse().unwrap(),
            classical(9).to_public().to_string().parse().unwrap(),
        ];
        let sealed = [0, 1].map(|i| recipients[i].seal(b"1234").unwrap());
        assert_eq!(single::open_with(&hybrid, &sealed[0], 9).unwrap().expose(), b"1234");
        assert_eq!(single::open_with(&classical(9), &sealed[1], 9).unwrap().expose(), b"1234");
        for (i, recipient) in recipients.iter().enumerate() {
            recipient.check_sealed(&sealed[i]).unwrap();
            assert!(matches!(recipient.check_sealed(&sealed[1 - i]), Err(SealError::NotOurs)));
        }
    }

    #[test]
    fn a_classical_stanza_of_another_form_is_refused() {
        let recipient: X25519Recipient = classical(1).to_public().to_string().parse().unwrap();
        let sealed = single::seal_to(&recipient, b"1234").unwrap();
        let text = String::from_utf8_lossy(&sealed).into_owned();
        let (head, body) = sealed.split_at(text.find("-> ").unwrap());
        let line = body.iter().position(|b| *b == b'\n').unwrap();
        let share = std::str::from_utf8(&body[..line]).unwrap().rsplit(' ').next().unwrap().to_owned();
        for (line_text, good) in [
            (format!("-> X25519 {share}"), true),
            (format!("-> X25519 {share} {share}"), false),
            ("-> X25519".to_owned(), false),
            (format!("-> X25519 {}", &share[..40]), false),
            (format!("-> x25519 {share}"), false),
            (format!("-> X25519 {}", "A".repeat(43)), false),
            (format!("-> mlkem768x25519 {share}"), false),
        ] {
            let changed = [head, line_text.as_bytes(), &body[line..]].concat();
            assert_eq!(recipient.check_sealed(&changed).is_ok(), good, "{line_text}");
        }
    }
}
