//! A YubiKey's share key and its companion.
//!
//! The key with which a YubiKey opens is on P-256, which a quantum computer breaks. So a file for it is two age files, one in
//! the other: the outer sealed to the card's key (`piv-p256`, whose tag anybody can check), the inner to its companion, a
//! hybrid identity that the card keeps in a data object and gives only after its PIN. Opening takes both.
//!
//! Not guaranteed: that nobody else knows the companion. It is made in software, on the machine that enrolls the card, and
//! nothing attests it.

use std::{fmt, str::FromStr};

use bech32::primitives::{
    decode::CheckedHrpstring,
    iter::{ByteIterExt as _, Fe32IterExt as _},
};

use super::{
    hybrid::{HybridIdentity, HybridRecipient},
    piv_p256::PivRecipient,
    single::{self, SealError},
};
use crate::memory::{LockedBytes, MemoryError, scrubbed};

/// age's spelling of a hybrid identity is this prefix in upper case, a separator, 52 letters and a checksum of 6.
const IDENTITY: bech32::Hrp = bech32::Hrp::parse_unchecked("age-secret-key-pq-");
const IDENTITY_LENGTH: usize = 77;
const SEED: usize = 32;
/// Between the two recipients. Neither has it.
const AND: char = '+';

/// The public halves of a YubiKey's share key and of its companion.
#[derive(Clone, PartialEq, Eq)]
pub struct CompanionedRecipient {
    pub key: PivRecipient,
    pub companion: HybridRecipient,
}

impl CompanionedRecipient {
    /// Seals to the companion, and what comes of it to the key.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        single::seal_to(&self.key, &single::seal_to(&self.companion, plaintext)?)
    }

    /// As a person reads it.
    pub fn told(&self) -> String {
        format!("{}, companion with SHA-256 {}", self.key, self.companion.digest())
    }
}

impl FromStr for CompanionedRecipient {
    type Err = SealError;

    /// Parses its only spelling.
    fn from_str(text: &str) -> Result<Self, SealError> {
        let missing = SealError::Recipient {
            reason: "a YubiKey's share key needs a companion: age1yubikey1, its characters, a plus sign, age1pq1 and \
                     its own",
        };
        let (key, companion) = text.split_once(AND).ok_or(missing)?;
        Ok(Self { key: key.parse()?, companion: companion.parse()? })
    }
}

impl fmt::Display for CompanionedRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{AND}{}", self.key, self.companion)
    }
}

/// A companion's secret.
pub struct Companion(LockedBytes);

impl Companion {
    /// Every seed is one.
    pub fn fresh(rng: &mut impl rand_core::CryptoRng) -> Result<Self, MemoryError> {
        let mut seed = LockedBytes::zeroed(SEED)?;
        rng.fill_bytes(seed.expose_mut());
        Ok(Self(seed))
    }

    /// From its text; none where it is anything else.
    pub fn read(text: &[u8]) -> Result<Option<Self>, MemoryError> {
        let mut seed = LockedBytes::zeroed(SEED)?;
        if !scrubbed(|| decode(text, seed.expose_mut())) {
            return Ok(None);
        }
        let found = Self(seed);
        // The checksum leaves bits without a meaning, and letters either case.
        Ok((found.write()?.expose() == text).then_some(found))
    }

    /// `AGE-SECRET-KEY-PQ-1…`, which stock age takes as an identity file.
    pub fn write(&self) -> Result<LockedBytes, MemoryError> {
        let mut text = LockedBytes::zeroed(IDENTITY_LENGTH)?;
        scrubbed(|| {
            let letters =
                self.0.expose().iter().copied().bytes_to_fes().with_checksum::<bech32::Bech32>(&IDENTITY);
            for (to, letter) in text.expose_mut().iter_mut().zip(letters.chars()) {
                // Bech32 is ASCII.
                *to = u8::try_from(letter).unwrap_or_default().to_ascii_uppercase();
            }
        });
        Ok(text)
    }

    pub fn identity(&self) -> Result<HybridIdentity, SealError> {
        let seed = self.0.expose().try_into().map_err(|_| SealError::Damaged)?;
        Ok(HybridIdentity::from_seed(seed)?)
    }
}

/// Whether it was a seed's text.
fn decode(text: &[u8], seed: &mut [u8]) -> bool {
    if text.len() != IDENTITY_LENGTH {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let Ok(checked) = CheckedHrpstring::new::<bech32::Bech32>(text) else { return false };
    let mut bytes = checked.byte_iter();
    for to in &mut *seed {
        match bytes.next() {
            Some(byte) => *to = byte,
            None => return false,
        }
    }
    checked.hrp() == IDENTITY && bytes.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encoding::digest::Digest, sealing::recipient::ShareRecipient};

    fn companion(byte: u8) -> Companion {
        Companion(LockedBytes::copy_of(&[byte; 32]).unwrap())
    }

    fn recipient(key: u8, byte: u8) -> CompanionedRecipient {
        let secret = p256::SecretKey::from_slice(&[key; 32]).unwrap();
        CompanionedRecipient {
            key: PivRecipient::new(secret.public_key()).unwrap(),
            companion: companion(byte).identity().unwrap().recipient(),
        }
    }

    fn multiplied(key: u8) -> impl FnOnce(&[u8]) -> Result<LockedBytes, SealError> {
        move |point: &[u8]| {
            let secret = p256::SecretKey::from_slice(&[key; 32]).unwrap();
            let share = p256::PublicKey::from_sec1_bytes(point).unwrap();
            let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), share.as_affine());
            Ok(LockedBytes::copy_of(shared.raw_secret_bytes()).unwrap())
        }
    }

    #[test]
    fn opening_takes_the_card_and_its_companion() {
        use crate::sealing::piv_p256::open_on_card;
        let wanted = recipient(7, 9);
        let sealed = wanted.seal(b"a share").unwrap();
        ShareRecipient::Yubikey(wanted.clone()).check_sealed(&sealed).unwrap();
        for stranger in [recipient(8, 9), recipient(7, 8)] {
            let refused = ShareRecipient::Yubikey(stranger.clone()).check_sealed(&sealed);
            // Whom the inner file is for cannot be seen from outside.
            assert_eq!(refused.is_err(), stranger.key != wanted.key);
        }
        let inner = open_on_card(&wanted.key, &sealed, 1 << 16, multiplied(7)).ok().unwrap();
        let opened = |byte| single::open_with(&companion(byte).identity().unwrap(), inner.expose(), 100);
        assert_eq!(opened(9).unwrap().expose(), b"a share");
        assert!(matches!(opened(8), Err(SealError::NotOurs)));
        assert!(!inner.expose().windows(7).any(|part| part == b"a share"));
    }

    /// The seed and its text are those of a file that npm's age-encryption made: `tests/interop`.
    #[test]
    fn its_text_is_an_identity_of_age_and_has_one_spelling() {
        let text = include_str!("../../tests/interop/identity.txt").trim();
        let found = Companion::read(text.as_bytes()).unwrap().unwrap();
        assert_eq!(found.write().unwrap().expose(), text.as_bytes());
        let recipient = include_str!("../../tests/interop/recipient.txt").trim();
        assert_eq!(found.identity().unwrap().recipient().to_string(), recipient);
        for place in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[place] ^= 1;
            assert!(Companion::read(&changed).unwrap().is_none(), "byte {place}");
        }
        let spell = |prefix: &str, seed: &[u8]| {
            let prefix = bech32::Hrp::parse(prefix).unwrap();
            bech32::encode_upper::<bech32::Bech32>(prefix, seed).unwrap()
        };
        for bad in [
            String::new(),
            format!("{text}\n"),
            text.to_lowercase(),
            spell("AGE-SECRET-KEY-PQ-", &[9; 31]),
            spell("AGE-SECRET-KEY-PQ-", &[9; 33]),
            spell("AGE-SECRET-KEY-", &[9; 32]),
            spell("AGE-SECRET-KEY-PR-", &[9; 32]),
        ] {
            assert!(Companion::read(bad.as_bytes()).unwrap().is_none(), "{bad}");
        }
    }

    #[test]
    fn a_recipient_has_both_halves_in_one_spelling() {
        let good = recipient(7, 9);
        let text = good.to_string();
        assert_eq!(text.parse::<ShareRecipient>().unwrap(), ShareRecipient::Yubikey(good.clone()));
        assert_eq!(ShareRecipient::Yubikey(good.clone()).digest(), Digest::of(text.as_bytes()));
        for bad in [
            good.key.to_string(),
            format!("{}+", good.key),
            format!("+{}", good.companion),
            format!("{}+{}", good.companion, good.key),
            format!("{} {}", good.key, good.companion),
            format!("{text}+"),
            format!("{text}+{}", good.companion),
            text.to_uppercase(),
        ] {
            assert!(bad.parse::<ShareRecipient>().is_err(), "{bad}");
        }
        // A companion for which everybody could open, or nobody.
        let companion = good.companion.to_string();
        let collect = |_, bytes: bech32::primitives::decode::ByteIter<'_>| Ok(bytes.collect::<Vec<u8>>());
        let bytes =
            age_core::primitives::bech32_decode(&companion, |_| "no Bech32", |_| Ok(()), collect).unwrap();
        let spelled = |bytes: &[u8]| {
            let prefix = bech32::Hrp::parse("age1pq").unwrap();
            let mut text = String::new();
            age_core::primitives::bech32_encode_to_fmt(&mut text, prefix, bytes).unwrap();
            format!("{}+{text}", good.key).parse::<ShareRecipient>().unwrap_err().to_string()
        };
        let (mut low_order, mut too_large) = (bytes.clone(), bytes);
        low_order[1184..].fill(0);
        too_large[..2].fill(0xff);
        assert!(spelled(&low_order).contains("small order"), "{}", spelled(&low_order));
        assert!(spelled(&too_large).contains("ML-KEM half"), "{}", spelled(&too_large));
        let said = good.key.to_string().parse::<ShareRecipient>().unwrap_err().to_string();
        assert!(said.contains("needs a companion"), "{said}");
    }
}
