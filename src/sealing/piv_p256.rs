//! Sealing to a P-256 key on a PIV card, as age-plugin-yubikey 0.5 does it: recipients `age1yubikey1…`, stanza `piv-p256`.
//!
//! ```text
//! -> piv-p256 B64(tag) B64(ephemeral share)
//! B64(ChaCha20-Poly1305(wrap key, nonce 0, file key))
//!
//! tag      = SHA-256(recipient)[..4], where a recipient is its compressed point (SEC 1, 2.3.3), 33 bytes
//! wrap key = HKDF-SHA-256(ikm: x of the shared point, salt: ephemeral share ‖ recipient, info: "piv-p256")
//! ```
//!
//! Only the multiplication happens on the card (SP 800-56A's ECDH, SP 800-73 GENERAL AUTHENTICATE); the rest is here.
//! What this module keeps of a shared secret is in locked memory; the age crate holds the file key in a buffer of its
//! own, which it wipes.

use std::{cell::RefCell, collections::HashSet, fmt, str::FromStr};

use age_core::{
    format::{FILE_KEY_BYTES, FileKey, Stanza},
    primitives::{aead_decrypt, aead_encrypt, hkdf},
    secrecy::ExposeSecret as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use p256::elliptic_curve::{Generate as _, sec1::ToSec1Point as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::single::{self, SealError};
use crate::{encoding::digest::Digest, memory::LockedBytes};

/// Stanza tag, and domain of the key derivation.
const PIV_P256: &str = "piv-p256";
const PREFIX: &str = "age1yubikey";
const TAG: usize = 4;
/// A compressed point.
const POINT: usize = 33;

/// The public half of a card's share key.
#[derive(Clone, PartialEq, Eq)]
pub struct PivRecipient {
    key: p256::PublicKey,
    compressed: [u8; POINT],
}

impl PivRecipient {
    pub fn new(key: p256::PublicKey) -> Result<Self, SealError> {
        let point = key.to_sec1_point(true);
        match point.as_bytes().try_into() {
            Ok(compressed) => Ok(Self { key, compressed }),
            Err(_) => refuse("the point has another length"),
        }
    }

    pub fn key(&self) -> &p256::PublicKey {
        &self.key
    }

    /// The first bytes of a stanza: for whom it may be.
    pub fn tag(&self) -> [u8; TAG] {
        let digest = Digest::of(&self.compressed);
        let mut tag = [0; TAG];
        tag.copy_from_slice(digest.as_bytes().split_at(TAG).0);
        tag
    }

    /// Refuses a file that is not sealed to this key alone: its stanza names another, or is not one of this kind.
    pub fn check_sealed(&self, sealed: &[u8]) -> Result<(), SealError> {
        single::check_stanza(
            sealed,
            |stanza| matches!(self.read(stanza), Some(Ok((_, body))) if body.len() == FILE_KEY_BYTES + 16),
        )
    }

    fn salt(&self, ephemeral: &[u8; POINT]) -> [u8; 2 * POINT] {
        let mut salt = [0; 2 * POINT];
        let (first, second) = salt.split_at_mut(POINT);
        first.copy_from_slice(ephemeral);
        second.copy_from_slice(&self.compressed);
        salt
    }

    /// The ephemeral share and the body of a stanza that may be for this key; none if it is for another.
    fn read(&self, stanza: &Stanza) -> Option<Result<(EphemeralShare, Vec<u8>), age::DecryptError>> {
        if stanza.tag != PIV_P256 {
            return None;
        }
        let invalid = || Some(Err(age::DecryptError::InvalidHeader));
        let [tag, ephemeral] = stanza.args.as_slice() else { return invalid() };
        let (Ok(tag), Ok(ephemeral)) = (STANDARD_NO_PAD.decode(tag), STANDARD_NO_PAD.decode(ephemeral))
        else {
            return invalid();
        };
        if tag != self.tag() {
            return if tag.len() == TAG { None } else { invalid() };
        }
        let Ok(compressed) = <[u8; POINT]>::try_from(ephemeral) else { return invalid() };
        let Ok(key) = p256::PublicKey::from_sec1_bytes(&compressed) else { return invalid() };
        Some(Ok((EphemeralShare { key, compressed }, stanza.body.clone())))
    }
}

impl FromStr for PivRecipient {
    type Err = SealError;

    /// Parses `age1yubikey1…` in its only spelling. Every point of the curve but the neutral one, which has no such
    /// spelling, has the group's prime order, so that none is weak.
    fn from_str(text: &str) -> Result<Self, SealError> {
        let wanted = "it needs age1yubikey1 and 59 more characters, with their checksum";
        let Ok((prefix, bytes)) = bech32::decode(text) else { return refuse(wanted) };
        if prefix.as_str() != PREFIX || bytes.len() != POINT {
            return refuse(wanted);
        }
        let Ok(key) = p256::PublicKey::from_sec1_bytes(&bytes) else {
            return refuse("not a point of the curve P-256");
        };
        let recipient = Self::new(key)?;
        // Bech32 has a second spelling of its own, Bech32m, and capitals.
        if recipient.to_string() == text { Ok(recipient) } else { refuse(wanted) }
    }
}

/// A sender's ephemeral share.
struct EphemeralShare {
    key: p256::PublicKey,
    compressed: [u8; POINT],
}

fn refuse<T>(reason: &'static str) -> Result<T, SealError> {
    Err(SealError::Recipient { reason })
}

impl fmt::Display for PivRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = bech32::Hrp::parse(PREFIX).map_err(|_| fmt::Error)?;
        bech32::encode_lower_to_fmt::<bech32::Bech32, _>(f, prefix, &self.compressed).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for PivRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl serde::Serialize for PivRecipient {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl age::Recipient for PivRecipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let ephemeral = p256::ecdh::EphemeralSecret::try_generate()
            .map_err(|_| age::EncryptError::Io(std::io::Error::other("no random numbers")))?;
        let shared = ephemeral.diffie_hellman(&self.key);
        Ok((vec![self.stanza(&ephemeral.public_key(), shared.raw_secret_bytes(), file_key)?], HashSet::new()))
    }
}

impl PivRecipient {
    fn stanza(
        &self,
        ephemeral: &p256::PublicKey,
        shared: &[u8],
        file_key: &FileKey,
    ) -> Result<Stanza, age::EncryptError> {
        let share: [u8; POINT] = ephemeral
            .to_sec1_point(true)
            .as_bytes()
            .try_into()
            .map_err(|_| age::EncryptError::Io(std::io::Error::other("a point of another length")))?;
        let wrap_key = Zeroizing::new(hkdf(&self.salt(&share), PIV_P256.as_bytes(), shared));
        Ok(Stanza {
            tag: PIV_P256.into(),
            args: vec![STANDARD_NO_PAD.encode(self.tag()), STANDARD_NO_PAD.encode(share)],
            body: aead_encrypt(&wrap_key, file_key.expose_secret()),
        })
    }
}

/// Why a card did not open a file: what was given to it, or the card itself.
#[derive(Debug)]
pub enum OpenError<E> {
    Seal(SealError),
    Card(E),
}

impl<E> From<SealError> for OpenError<E> {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

/// Opens a file that is sealed to this key, and to nobody else. `multiply` has the card multiply an uncompressed
/// point (65 bytes) by its secret, and gives the x coordinate of the result (32 bytes). It is called at most once, and
/// only for a file of exactly one stanza with this key's tag: a touch is not asked for in vain.
pub fn open_on_card<E>(
    recipient: &PivRecipient,
    sealed: &[u8],
    max_len: usize,
    multiply: impl FnOnce(&[u8]) -> Result<LockedBytes, E>,
) -> Result<LockedBytes, OpenError<E>> {
    let identity = CardIdentity { recipient, card: RefCell::new(CardState::Waiting(multiply)) };
    let opened = single::open_with(&identity, sealed, max_len);
    match identity.card.into_inner() {
        CardState::Failed(error) => Err(OpenError::Card(error)),
        _ => Ok(opened?),
    }
}

struct CardIdentity<'r, E, M> {
    recipient: &'r PivRecipient,
    card: RefCell<CardState<E, M>>,
}

enum CardState<E, M> {
    Waiting(M),
    Asked,
    Failed(E),
}

impl<E, M: FnOnce(&[u8]) -> Result<LockedBytes, E>> CardIdentity<'_, E, M> {
    fn multiply(&self, share: &EphemeralShare) -> Result<LockedBytes, age::DecryptError> {
        let failed = || age::DecryptError::DecryptionFailed;
        let CardState::Waiting(multiply) = self.card.replace(CardState::Asked) else { return Err(failed()) };
        match multiply(share.key.to_sec1_point(false).as_bytes()) {
            Ok(shared) if shared.len() == 32 => Ok(shared),
            Ok(_) => Err(failed()),
            Err(error) => {
                self.card.replace(CardState::Failed(error));
                Err(failed())
            }
        }
    }
}

impl<E, M: FnOnce(&[u8]) -> Result<LockedBytes, E>> age::Identity for CardIdentity<'_, E, M> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        let (share, body) = match self.recipient.read(stanza)? {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        if body.len() != FILE_KEY_BYTES + 16 {
            return Some(Err(age::DecryptError::InvalidHeader));
        }
        let shared = match self.multiply(&share) {
            Ok(shared) => shared,
            Err(error) => return Some(Err(error)),
        };
        let salt = self.recipient.salt(&share.compressed);
        let wrap_key = Zeroizing::new(hkdf(&salt, PIV_P256.as_bytes(), shared.expose()));
        Some(aead_decrypt(&wrap_key, FILE_KEY_BYTES, &body).map_err(age::DecryptError::from).map(
            |mut bytes| {
                FileKey::init_with_mut(|key| {
                    key.copy_from_slice(&bytes);
                    bytes.zeroize();
                })
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> p256::SecretKey {
        p256::SecretKey::from_slice(&[byte; 32]).unwrap()
    }

    fn recipient(byte: u8) -> PivRecipient {
        PivRecipient::new(secret(byte).public_key()).unwrap()
    }

    /// What a card does.
    fn card(byte: u8) -> impl FnOnce(&[u8]) -> Result<LockedBytes, &'static str> {
        move |point: &[u8]| {
            assert_eq!((point.len(), point[0]), (65, 4));
            let share = p256::PublicKey::from_sec1_bytes(point).unwrap();
            let shared = p256::ecdh::diffie_hellman(secret(byte).to_nonzero_scalar(), share.as_affine());
            Ok(LockedBytes::copy_of(shared.raw_secret_bytes()).unwrap())
        }
    }

    #[test]
    fn what_is_sealed_to_a_card_is_opened_by_it_alone() {
        for length in [1, 32, 150, 70_000] {
            let sealed = single::seal_to(&recipient(7), &vec![0x5a; length]).unwrap();
            assert_eq!(single::count_stanzas(&sealed).unwrap(), 1);
            let opened = open_on_card(&recipient(7), &sealed, length, card(7)).unwrap();
            assert!(opened.expose() == vec![0x5a; length]);
            let never = |_: &[u8]| -> Result<LockedBytes, &str> { panic!("a touch in vain") };
            assert!(matches!(
                open_on_card(&recipient(8), &sealed, length, never),
                Err(OpenError::Seal(SealError::NotOurs))
            ));
            assert!(matches!(
                open_on_card(&recipient(7), &sealed, length, card(8)),
                Err(OpenError::Seal(SealError::NotOurs))
            ));
        }
    }

    #[test]
    fn the_cards_own_error_comes_through() {
        let sealed = single::seal_to(&recipient(7), b"share").unwrap();
        let opened = open_on_card(&recipient(7), &sealed, 100, |_| Err("not touched"));
        assert!(matches!(opened, Err(OpenError::Card("not touched"))));
    }

    #[test]
    fn a_second_recipient_is_refused_before_the_card_is_asked() {
        let all = [recipient(1), recipient(2)];
        let mut sealed = Vec::new();
        let recipients = all.iter().map(|r| r as &dyn age::Recipient);
        let mut writer =
            age::Encryptor::with_recipients(recipients).unwrap().wrap_output(&mut sealed).unwrap();
        std::io::Write::write_all(&mut writer, b"share").unwrap();
        writer.finish().unwrap();
        let never = |_: &[u8]| -> Result<LockedBytes, &str> { panic!("a touch in vain") };
        assert!(matches!(
            open_on_card(&recipient(1), &sealed, 100, never),
            Err(OpenError::Seal(SealError::ManyRecipients { found: 2 }))
        ));
    }

    #[test]
    fn no_changed_bit_goes_unseen() {
        let sealed = single::seal_to(&recipient(3), b"thirty-two bytes of a share 1234").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open_on_card(&recipient(3), &changed, 1000, card(3)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_recipient_has_one_spelling() {
        let good = recipient(9).to_string();
        assert!(good.starts_with("age1yubikey1"));
        assert_eq!(PivRecipient::from_str(&good).unwrap(), recipient(9));
        let spell = |bytes: &[u8]| {
            bech32::encode::<bech32::Bech32>(bech32::Hrp::parse(PREFIX).unwrap(), bytes).unwrap()
        };
        let uncompressed = recipient(9).key.to_sec1_point(false).as_bytes().to_vec();
        let mut off_the_curve = recipient(9).compressed;
        while p256::PublicKey::from_sec1_bytes(&off_the_curve).is_ok() {
            off_the_curve[32] = off_the_curve[32].wrapping_add(1);
        }
        let m =
            bech32::encode::<bech32::Bech32m>(bech32::Hrp::parse(PREFIX).unwrap(), &recipient(9).compressed);
        let bad = [
            good.to_uppercase(),
            good[..good.len() - 1].to_owned(),
            spell(&uncompressed),
            spell(&off_the_curve),
            spell(&[0; 33]),
            spell(&[0]),
            spell(&recipient(9).compressed[1..]),
            m.unwrap(),
            "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".to_owned(),
        ];
        for bad in bad {
            assert!(PivRecipient::from_str(&bad).is_err(), "{bad}");
        }
    }

    /// Made with Python's cryptography package from the construction that age-plugin-yubikey documents: secret key
    /// 0x07…07, ephemeral secret 0x09…09, file key 0x2a…2a.
    #[test]
    fn the_stanza_is_that_of_the_plugin() {
        let stanza = recipient(7)
            .stanza(
                &secret(9).public_key(),
                p256::ecdh::diffie_hellman(secret(9).to_nonzero_scalar(), secret(7).public_key().as_affine())
                    .raw_secret_bytes(),
                &FileKey::init_with_mut(|key| key.fill(0x2a)),
            )
            .unwrap();
        assert_eq!(recipient(7).to_string(), VECTOR_RECIPIENT);
        assert_eq!(stanza.args, [VECTOR_TAG, VECTOR_SHARE]);
        assert_eq!(STANDARD_NO_PAD.encode(&stanza.body), VECTOR_BODY);
    }

    #[test]
    fn what_the_plugin_sealed_is_opened() {
        use base64::engine::general_purpose::STANDARD;
        let sealed = STANDARD.decode(SEALED_BY_THE_PLUGIN).unwrap();
        let opened = open_on_card(&recipient(7), &sealed, 100, card(7)).unwrap();
        assert!(opened.expose() == b"a share sealed by the plugin");
    }

    const VECTOR_RECIPIENT: &str = "age1yubikey1qv0ps5e06365cqhnqswecawwkvac8l7crtruunlgstxtrjvtckykuv6993p";
    const VECTOR_TAG: &str = "NBsr4A";
    const VECTOR_SHARE: &str = "AnE1+k/ZOgnc6Yu/aBtL/PUOfA1jVOYq+wv/KjQpYXhl";
    const VECTOR_BODY: &str = "G0d2NJaIor/WVOzJvrDQcnoF5Kdho8SA56QxPH8U768";

    /// Made by `age` 1.1.1 with age-plugin-yubikey 0.5.1: `age -r age1yubikey1…`.
    const SEALED_BY_THE_PLUGIN: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHBpdi1wMjU2IE5Cc3I0QSBBN3RMN01QVk1HNit0OGJ1WmI0bzdMMk1acDR3dzNs\
         cEhPMzZ2dHFyb1B6RApyYzZ0RjZMYXB1eithT05PTTVIZ0JvWWhNajQ4WHBqemNpNVhDV1JzQ3hNCi0tLSBzazkwcWF1U3FO\
         NG9YclA3MGtPa0xPU1ZiSVhBeXhvSVc0ZVl1YmNYRzBrCmUes3FQSv0hrpw93A9USX/vKenm/FG7YtuM8pW5c5m+nylgauKe\
         oazxdD/C8FMA41quQoIBkNWrf4YL2g==";
}
