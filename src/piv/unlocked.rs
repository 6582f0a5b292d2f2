//! A YubiKey whose PIN was right.

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use yubikey::piv::AlgorithmId;

use super::{
    card::PivCard,
    companion::Found,
    fault::Fault,
    keys::{CardKeys, ShareKey},
    slots::SlotKey,
};
use crate::{
    encoding::text::Line,
    memory::{LockedBytes, Pin},
    ports::card::{CardError, CompanionFault, Contact, Departure, UnlockedCard, Work},
    roster::key::PublicKey,
    sealing::{
        hybrid::{HybridIdentity, HybridRecipient},
        piv_p256::{self, OpenError},
        single::{self, SealError},
    },
};

/// Longest plaintext that a card opens: shares have about 150 bytes, a station's state some thousands.
const MAX_OPENED: usize = 256 * 1024;
/// The file in the file: besides, a header of some 1,600 bytes and a tag for each 64 KiB.
const MAX_OUTER: usize = MAX_OPENED + 4096;

/// The crate has a buffer of 1,024 bytes for what is signed.
const LONGEST_ED25519: usize = 1000;
/// The crate miscounts the bytes of this length, and panics.
const MISCOUNTED: usize = 255;

/// A person for whose touch the card waits that long gets the same answer as one whose PIN is not there. A YubiKey waits about 15 s.
pub(super) const TOUCH_PATIENCE: Duration = Duration::from_secs(5);

/// The PIN stays in locked memory as long as this lives, because the card requires it before each use of a key: the person
/// types it once.
pub(super) struct UnlockedPiv<'c> {
    card: &'c mut PivCard,
    keys: CardKeys,
    pin: Pin,
    /// Whether the PIN was presented, and no key was used since.
    fresh: bool,
    /// Read once, and compared with the enrolled one.
    companion: Option<HybridIdentity>,
}

impl Drop for UnlockedPiv<'_> {
    fn drop(&mut self) {
        self.card.release();
    }
}

impl<'c> UnlockedPiv<'c> {
    pub(super) fn new(card: &'c mut PivCard, keys: CardKeys, pin: Pin) -> Self {
        Self { card, keys, pin, fresh: true, companion: None }
    }

    /// Presents the PIN again if the key requires that. The connection is the one on which it was right: a card that was
    /// reset or swapped since is refused by PC/SC, and gets nothing.
    fn prepare(&mut self, key: &SlotKey) -> Result<(), CardError> {
        if !self.fresh && key.requires_pin() {
            self.card.verify(&self.pin)?;
        }
        self.fresh = false;
        Ok(())
    }

    fn failed(&mut self, fault: Fault, began: Instant, touches: u32) -> CardError {
        let contact = self.card.unlocked_session().map_or(Contact::Usb, |session| session.contact());
        self.card.release();
        touch_fault(fault, &self.card.serial, contact, began, touches)
    }

    /// The companion, compared with that with which the card was enrolled: whoever has the management key can put another there.
    fn companion(&mut self, enrolled: &HybridRecipient) -> Result<&HybridIdentity, CardError> {
        let serial = self.card.serial.clone();
        let fault = |fault| CardError::Companion { serial: serial.clone(), fault };
        if self.companion.is_none() {
            let found = match self.read_companion()? {
                Found::Nothing => return Err(fault(CompanionFault::Missing)),
                Found::Data => return Err(fault(CompanionFault::Damaged)),
                Found::Companion(found) => found,
            };
            let identity = found
                .identity()
                .map_err(|e| CardError::Failed { serial: serial.clone(), reason: e.to_string() })?;
            if identity.recipient() != *enrolled {
                return Err(fault(CompanionFault::Another));
            }
            self.companion = Some(identity);
        }
        self.companion.as_ref().ok_or_else(|| fault(CompanionFault::Missing))
    }

    /// A card for which the use of a key has used up the PIN gets it again.
    fn read_companion(&mut self) -> Result<Found, CardError> {
        match self.card.unlocked_session()?.companion() {
            Err(Fault::Said(yubikey::Error::GenericError)) => {
                self.card.verify(&self.pin)?;
                let again = self.card.unlocked_session()?.companion();
                again.map_err(|fault| fault.of(&self.card.serial))
            }
            other => other.map_err(|fault| fault.of(&self.card.serial)),
        }
    }

    fn sign_raw(&mut self, input: &[u8]) -> Result<Vec<u8>, CardError> {
        let key = self.keys.signing.clone();
        self.prepare(&key)?;
        let waiting = self.card.next_touch(&key, Work::Sign);
        let began = Instant::now();
        let signed = self.card.unlocked_session()?.sign(waiting, &key, input);
        signed.map_err(|fault| self.failed(fault, began, key.touches()))
    }
}

impl UnlockedCard for UnlockedPiv<'_> {
    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, CardError> {
        let keys = self.keys.clone();
        let serial = self.card.serial.clone();
        signed(&keys.signing, &keys.public, &serial, message, |input| self.sign_raw(input))
    }

    fn open(&mut self, sealed: &[u8]) -> Result<LockedBytes, CardError> {
        let sealed_error =
            |card: &PivCard, reason: String| CardError::Sealed { serial: card.serial.clone(), reason };
        let Some(ShareKey { key, recipient, companion }) = self.keys.share.clone() else {
            return Err(sealed_error(self.card, "it has no share key".into()));
        };
        let Some(companion) = companion else {
            return Err(sealed_error(self.card, "its share key was not enrolled".into()));
        };
        let opened = piv_p256::open_on_card(&recipient, sealed, MAX_OUTER, |point| {
            self.prepare(&key)?;
            let waiting = self.card.next_touch(&key, Work::Open);
            let began = Instant::now();
            let shared = self.card.unlocked_session()?.multiply(waiting, &key, point);
            shared.map_err(|fault| self.failed(fault, began, key.touches()))
        });
        let inner = opened.map_err(|error| match error {
            OpenError::Card(error) => error,
            OpenError::Seal(error) => sealed_error(self.card, error.to_string()),
        })?;
        let opened = single::open_with(self.companion(&companion)?, inner.expose(), MAX_OPENED);
        opened.map_err(|error| match error {
            SealError::NotOurs => {
                sealed_error(self.card, "what is in it is not sealed to the card's companion".into())
            }
            other => sealed_error(self.card, format!("of what is in it: {other}")),
        })
    }
}

/// Has a key sign a message: the message itself for Ed25519 (RFC 8032, not prehashed), its SHA-256 for ECDSA, whose `s`
/// is made the low one. The signature is verified.
pub(super) fn signed(
    key: &SlotKey,
    public: &PublicKey,
    serial: &Line,
    message: &[u8],
    raw: impl FnOnce(&[u8]) -> Result<Vec<u8>, CardError>,
) -> Result<Vec<u8>, CardError> {
    let refuse = |reason: String| CardError::Failed { serial: serial.clone(), reason };
    let signature = match key.algorithm {
        AlgorithmId::Ed25519 => {
            check_length(message.len()).map_err(refuse)?;
            raw(message)?
        }
        _ => {
            let der = raw(&Sha256::digest(message))?;
            let signature = p256::ecdsa::Signature::from_der(&der)
                .map_err(|_| refuse("it gave something that is not an ECDSA signature".into()))?;
            // With s, its negative verifies too: only the low one is accepted, so that a statement has one signature.
            signature.normalize_s().to_der().as_bytes().to_vec()
        }
    };
    let verified = public.verify(message, &signature);
    verified.map_err(|e| refuse(format!("it signed, but not this, or not with this key: {e}")))?;
    Ok(signature)
}

/// Why a use of a key failed. A card that was not touched says the same as one that lacks the PIN.
pub(super) fn touch_fault(
    fault: Fault,
    serial: &Line,
    contact: Contact,
    began: Instant,
    touches: u32,
) -> CardError {
    use yubikey::Error as Crate;
    let serial = serial.clone();
    match fault {
        Fault::Said(Crate::AuthenticationError) if touches > 0 && began.elapsed() > TOUCH_PATIENCE => {
            CardError::NotTouched { serial }
        }
        Fault::Said(Crate::AuthenticationError) if touches > 0 && contact == Contact::Field => {
            CardError::Odd {
                place: format!("card {serial}"),
                reason: "it refused at once: over NFC, some take no touch".into(),
                next: "nothing was signed; plug it into USB, then run the same command again",
            }
        }
        Fault::Said(Crate::AuthenticationError) => CardError::Gone { serial, how: Departure::Taken },
        other => other.of(&serial),
    }
}

/// Refuses what an Ed25519 key on a card cannot sign: the card requires the whole message, not its digest.
fn check_length(length: usize) -> Result<(), String> {
    match length {
        MISCOUNTED => Err(format!(
            "a statement of exactly {MISCOUNTED} bytes cannot be given to it; change a word of the text"
        )),
        0..=LONGEST_ED25519 => Ok(()),
        _ => Err(format!(
            "its Ed25519 key signs at most {LONGEST_ED25519} bytes, and this statement has {length}: use a card with a \
             P-256 signing key"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_crate_cannot_take_is_refused_before_it_panics() {
        assert!(
            check_length(254).is_ok() && check_length(256).is_ok() && check_length(LONGEST_ED25519).is_ok()
        );
        assert!(check_length(255).is_err_and(|reason| reason.contains("255")));
        assert!(check_length(LONGEST_ED25519 + 1).is_err());
    }
}
