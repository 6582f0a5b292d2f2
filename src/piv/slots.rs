//! Slots of the PIV application, and what their metadata says.

use der::Encode as _;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use yubikey::{
    PinPolicy, TouchPolicy,
    piv::{AlgorithmId, Origin, RetiredSlotId, SlotAlgorithmId, SlotId, SlotMetadata},
};

use super::fault::Fault;
pub(crate) use crate::roster::attestation::Slot;
use crate::{roster::key::PublicKey, sealing::piv_p256::PivRecipient};

/// As the card's commands name it.
pub(super) fn id(slot: Slot) -> SlotId {
    match slot.number() {
        0x9a => SlotId::Authentication,
        0x9d => SlotId::KeyManagement,
        0x9e => SlotId::CardAuthentication,
        0xf9 => SlotId::Attestation,
        retired => RetiredSlotId::try_from(retired).map_or(SlotId::Signature, SlotId::Retired),
    }
}

/// The data object with the slot's certificate (SP 800-73-4, part 1, table 3; Yubico's for f9).
pub(super) fn certificate_object(slot: Slot) -> u32 {
    match slot.number() {
        0x9a => 0x005f_c105,
        0x9d => 0x005f_c10b,
        0x9e => 0x005f_c101,
        0xf9 => 0x005f_ff01,
        retired @ 0x82..=0x95 => 0x005f_c10d + u32::from(retired - 0x82),
        _ => 0x005f_c10a,
    }
}

/// A key on a card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotKey {
    pub slot: Slot,
    pub(super) algorithm: AlgorithmId,
    /// SubjectPublicKeyInfo in DER.
    pub(super) spki: Vec<u8>,
    pub(super) pin: PinPolicy,
    pub(super) touch: TouchPolicy,
    /// Whether it was made on the card and never was outside.
    pub generated: bool,
}

impl SlotKey {
    pub(super) fn read(slot: Slot, metadata: &SlotMetadata) -> Result<Self, Fault> {
        let SlotAlgorithmId::Asymmetric(algorithm) = metadata.algorithm else {
            return Err(Fault::Nonsense);
        };
        let public = metadata.public.as_ref().ok_or(Fault::Nonsense)?;
        let spki = public.to_der().map_err(|_| Fault::Nonsense)?;
        let (pin, touch) = metadata.policy.ok_or(Fault::Nonsense)?;
        Ok(Self { slot, algorithm, spki, pin, touch, generated: metadata.origin == Some(Origin::Generated) })
    }

    /// Its public key: SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// As a key that verifies signatures; none for algorithms that sign no statements.
    pub fn signing_key(&self) -> Option<PublicKey> {
        match self.algorithm {
            AlgorithmId::Ed25519 => {
                let key = ed25519_dalek::VerifyingKey::from_public_key_der(&self.spki).ok()?;
                PublicKey::from_ed25519(key).ok()
            }
            AlgorithmId::EccP256 => {
                PublicKey::from_p256(p256::ecdsa::VerifyingKey::from_public_key_der(&self.spki).ok()?).ok()
            }
            _ => None,
        }
    }

    /// As a key to which shares are sealed; none for other curves.
    pub fn recipient(&self) -> Option<PivRecipient> {
        match self.algorithm {
            AlgorithmId::EccP256 => {
                PivRecipient::new(p256::PublicKey::from_public_key_der(&self.spki).ok()?).ok()
            }
            _ => None,
        }
    }

    /// Whether it can be the share key: on P-256, in a retired slot, and the card requires the PIN for each use. Other
    /// identities of age-plugin-yubikey want it once.
    pub fn serves_shares(&self) -> bool {
        self.slot.is_retired() && self.algorithm == AlgorithmId::EccP256 && self.requires_pin()
    }

    /// Whether a certificate belongs beside it, so that other programs find the key. Not beside an Ed25519 key:
    /// age-plugin-yubikey 0.5.1 lists no key at all of a card that has a certificate for one, and it is what opens
    /// shares in an emergency.
    pub fn wants_certificate(&self) -> bool {
        self.algorithm == AlgorithmId::EccP256
    }

    /// Whether the card requires the PIN for each use.
    pub fn requires_pin(&self) -> bool {
        self.pin == PinPolicy::Always
    }

    /// Whether the card requires a touch for each use.
    pub fn requires_touch(&self) -> bool {
        self.touch == TouchPolicy::Always
    }

    /// Touches that one use costs.
    pub fn touches(&self) -> u32 {
        u32::from(self.touch != TouchPolicy::Never)
    }

    /// `P-256`, `Ed25519` …
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            AlgorithmId::Rsa1024 => "RSA 1024",
            AlgorithmId::Rsa2048 => "RSA 2048",
            AlgorithmId::Rsa3072 => "RSA 3072",
            AlgorithmId::Rsa4096 => "RSA 4096",
            AlgorithmId::EccP256 => "P-256",
            AlgorithmId::EccP384 => "P-384",
            AlgorithmId::Ed25519 => "Ed25519",
            AlgorithmId::X25519 => "X25519",
        }
    }

    pub fn pin_policy(&self) -> &'static str {
        match self.pin {
            PinPolicy::Default => "default",
            PinPolicy::Never => "never",
            PinPolicy::Once => "once",
            PinPolicy::Always => "always",
        }
    }

    pub fn touch_policy(&self) -> &'static str {
        match self.touch {
            TouchPolicy::Default => "default",
            TouchPolicy::Never => "never",
            TouchPolicy::Always => "always",
            TouchPolicy::Cached => "cached",
        }
    }
}
