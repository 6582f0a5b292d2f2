//! Keys as points: two texts can spell one key, and one secret can serve two algorithms.
//!
//! An Ed25519 key and an X25519 key of one secret are two spellings of one point (RFC 7748, section 4.1), and so are a P-256
//! key that signs and an `age1yubikey1` recipient. What tells a point from its negative is left out: an ECDH key does not
//! depend on it. A hybrid recipient is compared by each of its halves.

use p256::elliptic_curve::sec1::ToSec1Point as _;

use super::key::PublicKey;
use crate::{
    encoding::digest::Digest,
    sealing::{application::ApplicationRecipient, hybrid::HybridRecipient, recipient::ShareRecipient},
};

/// What two keys have in common if one is worth the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyPoint {
    /// The u-coordinate on Curve25519, little-endian.
    Curve25519([u8; 32]),
    /// The x-coordinate on P-256, big-endian.
    P256([u8; 32]),
    /// SHA-256 of an ML-KEM-768 encapsulation key, which has one spelling.
    MlKem768(Digest),
}

impl KeyPoint {
    /// Of a key that signs.
    pub fn of_key(key: &PublicKey) -> Self {
        match (key.as_ed25519(), key.as_p256()) {
            (Some(key), _) => Self::Curve25519(key.to_montgomery().to_bytes()),
            (None, Some(key)) => Self::of_p256(&key.into()),
            // A key is of one of the two kinds.
            (None, None) => Self::P256([0; 32]),
        }
    }

    /// The ML-KEM half, then the X25519 half.
    pub fn of_recipient(recipient: &HybridRecipient) -> [Self; 2] {
        let (ml_kem, point) = recipient.halves();
        [Self::MlKem768(Digest::of(ml_kem)), Self::Curve25519(point)]
    }

    pub fn of_application(recipient: &ApplicationRecipient) -> Vec<Self> {
        match recipient {
            ApplicationRecipient::Hybrid(recipient) => Self::of_recipient(recipient).to_vec(),
            ApplicationRecipient::Classical(recipient) => vec![Self::Curve25519(*recipient.point())],
        }
    }

    pub fn of_share_key(recipient: &ShareRecipient) -> Vec<Self> {
        match recipient {
            ShareRecipient::Yubikey(recipient) => {
                let companion = Self::of_recipient(&recipient.companion);
                [Self::of_p256(recipient.key.key())].into_iter().chain(companion).collect()
            }
            ShareRecipient::Hybrid(recipient) => Self::of_recipient(recipient).to_vec(),
        }
    }

    fn of_p256(key: &p256::PublicKey) -> Self {
        let point = key.to_sec1_point(false);
        let mut x = [0; 32];
        if let Some(found) = point.x() {
            x.copy_from_slice(found);
        }
        Self::P256(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::{companion::CompanionedRecipient, hybrid::HybridIdentity, piv_p256::PivRecipient};
    use sha2::Digest as _;

    /// RFC 8032, section 5.1.5: the scalar of an Ed25519 seed is the first half of its SHA-512, clamped, which X25519 takes
    /// as it is.
    #[test]
    fn an_ed25519_key_and_the_x25519_key_of_its_scalar_are_one_point() {
        let seed = [7; 32];
        let signing = ed25519_dalek::SigningKey::from_bytes(&seed);
        let key = PublicKey::from_ed25519(signing.verifying_key()).unwrap();
        let classical = |scalar: &[u8]| -> ApplicationRecipient {
            let prefix = bech32::Hrp::parse("AGE-SECRET-KEY-").unwrap();
            let spelled = bech32::encode_upper::<bech32::Bech32>(prefix, scalar).unwrap();
            let identity: age::x25519::Identity = spelled.parse().unwrap();
            identity.to_public().to_string().parse().unwrap()
        };
        let scalar = &sha2::Sha512::digest(seed)[..32];
        assert_eq!(KeyPoint::of_application(&classical(scalar)), [KeyPoint::of_key(&key)]);
        assert_ne!(KeyPoint::of_application(&classical(&seed)), [KeyPoint::of_key(&key)]);
    }

    #[test]
    fn a_p256_key_that_signs_and_one_that_opens_are_one_point_whatever_their_sign() {
        let signing = p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
        let key = PublicKey::from_p256(*signing.verifying_key()).unwrap();
        let companion = HybridIdentity::from_seed(&[1; 32]).unwrap().recipient();
        let share = |key: p256::PublicKey| {
            let (key, companion) = (PivRecipient::new(key).unwrap(), companion.clone());
            ShareRecipient::Yubikey(CompanionedRecipient { key, companion })
        };
        let [ml_kem, point] = KeyPoint::of_recipient(&companion);
        let all = [KeyPoint::of_key(&key), ml_kem, point];
        let same = p256::PublicKey::from(signing.verifying_key());
        assert_eq!(KeyPoint::of_share_key(&share(same)), all);
        let mut negative = same.to_sec1_point(true).as_bytes().to_vec();
        negative[0] ^= 1;
        let negative = p256::PublicKey::from_sec1_bytes(&negative).unwrap();
        assert_ne!(share(same), share(negative));
        assert_eq!(KeyPoint::of_share_key(&share(negative)), all);
    }
}
