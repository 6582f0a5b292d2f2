//! Making a YubiKey ready, the second half: its keys are made on the card, certified and attested, and
//! their companion beside them.

use std::time::Instant;

use getrandom::SysRng;
use rand_core::UnwrapErr;
use yubikey::piv::AlgorithmId;

use super::{
    certificate::{self, CertificateSubject, Unsigned},
    companion::{Found, PLACE},
    inventory::{CertificateBeside, certificate_in},
    preparation::{Preparation, SigningAlgorithm},
    record::RECORD,
    slots::{Slot, SlotKey, certificate_object},
    unlocked::{signed, touch_fault},
};
use crate::{
    encoding::time::Timestamp,
    ports::card::{CardError, Departure, Waiting, Work},
    roster::attestation::TouchPolicy,
    sealing::{companion::Companion, hybrid::HybridRecipient},
};

/// What is where the companion belongs, seen by who makes a card ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CompanionSeen {
    Nothing,
    /// The companion that was made here.
    Ours(HybridRecipient),
    /// One that was made elsewhere, or replaced since.
    Another,
    /// Not a companion.
    Data,
}

impl Preparation {
    pub fn make_signing_key(
        &mut self,
        algorithm: SigningAlgorithm,
        touch: TouchPolicy,
    ) -> Result<SlotKey, CardError> {
        let algorithm = match algorithm {
            SigningAlgorithm::Ed25519 => AlgorithmId::Ed25519,
            SigningAlgorithm::P256 => AlgorithmId::EccP256,
        };
        self.make_key(Slot::SIGNING, algorithm, touch)
    }

    pub fn make_share_key(&mut self, slot: Slot, touch: TouchPolicy) -> Result<SlotKey, CardError> {
        self.make_key(slot, AlgorithmId::EccP256, touch)
    }

    fn make_key(
        &mut self,
        slot: Slot,
        algorithm: AlgorithmId,
        touch: TouchPolicy,
    ) -> Result<SlotKey, CardError> {
        self.inventory.record.begin(slot);
        self.keep_record()?;
        let made = self.session()?.generate(slot, algorithm, touch.into());
        self.put(&format!("a new key in slot {slot}"), made)?;
        // What the metadata says is what counts later.
        let read = self.session()?.key(slot);
        let key = read
            .map_err(|fault| self.of(fault))?
            .ok_or_else(|| self.refuse(&format!("it made a key in slot {slot}, and shows none")))?;
        self.inventory.record.made(&key);
        self.keep_record()?;
        if !key.wants_certificate() && self.inventory.holds_certificate(slot) {
            let removed = self.session()?.put_object(certificate_object(slot), &mut []);
            self.put(&format!("that the old certificate of slot {slot} goes"), removed)?;
        }
        self.inventory.lone.retain(|other| *other != slot);
        self.inventory.names.remove(&slot);
        self.inventory.keys.retain(|(other, _)| other.slot != slot);
        self.inventory.keys.push((key.clone(), CertificateBeside::Nothing));
        self.inventory.keys.sort_by_key(|(key, _)| key.slot);
        Ok(key)
    }

    /// Notes on the card which keys are made here. Where it does not fit, the next attempt asks whether they are.
    fn keep_record(&mut self) -> Result<(), CardError> {
        let mut record = self.inventory.record.write();
        match self.session()?.put_object(RECORD, &mut record) {
            Err(fault) if fault.pcsc().is_some() => Err(self.of(fault)),
            _ => Ok(()),
        }
    }

    /// Puts a self-signed certificate beside a key: one touch.
    pub fn certify(&mut self, key: &SlotKey, name: &str, now: Timestamp) -> Result<(), CardError> {
        let subject = if key.slot == Slot::SIGNING {
            CertificateSubject::signing_key(name)
        } else {
            CertificateSubject::share_key(name)
        };
        let mut serial = [0; 16];
        getrandom::fill(&mut serial).map_err(|_| self.refuse("no random numbers for its certificate"))?;
        let unsigned = Unsigned::new(key, &subject, serial, now);
        let signature = self.sign(key, unsigned.message())?;
        let mut object = certificate::object(&unsigned.finish(&signature));
        let put = self.session()?.put_object(certificate_object(key.slot), &mut object);
        self.put(&format!("the certificate of slot {}", key.slot), put)?;
        if let Some((_, beside)) = self.inventory.keys.iter_mut().find(|(other, _)| other.slot == key.slot) {
            *beside = CertificateBeside::Certificate;
        }
        Ok(())
    }

    fn sign(&mut self, key: &SlotKey, message: &[u8]) -> Result<Vec<u8>, CardError> {
        let serial = self.inventory.serial.clone();
        let public = key.signing_key().ok_or_else(|| self.refuse("this key signs nothing"))?;
        let waiting = self.next_touch(key);
        signed(key, &public, &serial, message, |input| {
            let pin = self
                .pin
                .as_ref()
                .ok_or_else(|| CardError::Gone { serial: serial.clone(), how: Departure::LetGo })?;
            let session = self
                .session
                .as_mut()
                .ok_or_else(|| CardError::Gone { serial: serial.clone(), how: Departure::LetGo })?;
            session.verify(pin).map_err(|fault| fault.of(&serial))?;
            let began = Instant::now();
            let contact = session.contact();
            session
                .sign(waiting, key, input)
                .map_err(|fault| touch_fault(fault, &serial, contact, began, key.touches()))
        })
    }

    fn next_touch(&mut self, key: &SlotKey) -> Waiting {
        if key.touches() == 0 {
            return Waiting::Answer;
        }
        self.touches.next(Work::Sign)
    }

    /// The certificates that attest the keys: that of slot f9, then one for each key. None where a key was imported,
    /// or where the card has no key that attests.
    pub fn attestation(&mut self, keys: &[&SlotKey]) -> Result<Option<Vec<Vec<u8>>>, CardError> {
        let session = self.session()?;
        let Ok(Some(device)) = certificate_in(session, Slot::ATTESTING) else { return Ok(None) };
        let mut certificates = vec![device];
        for key in keys.iter().filter(|key| key.generated) {
            match self.session()?.attest(key.slot) {
                Ok(certificate) => certificates.push(certificate),
                Err(fault) if fault.pcsc().is_some() => return Err(self.of(fault)),
                Err(_) => return Ok(None),
            }
        }
        Ok((certificates.len() > keys.len()).then_some(certificates))
    }

    /// Looks what is there: the PIN has been presented.
    pub fn see_companion(&mut self) -> Result<CompanionSeen, CardError> {
        Ok(match self.read_companion()? {
            Found::Nothing => CompanionSeen::Nothing,
            Found::Data => CompanionSeen::Data,
            Found::Companion(companion) => {
                let recipient = self.recipient(&companion)?;
                if self.inventory.record.has_companion(&recipient) {
                    CompanionSeen::Ours(recipient)
                } else {
                    CompanionSeen::Another
                }
            }
        })
    }

    /// Makes one over whatever is there, and reads it back: the management key has been proved.
    pub fn make_companion(&mut self) -> Result<HybridRecipient, CardError> {
        let companion = Companion::fresh(&mut UnwrapErr(SysRng)).map_err(|e| self.refuse(&e.to_string()))?;
        let recipient = self.recipient(&companion)?;
        self.inventory.record.begin_companion();
        self.keep_record()?;
        let mut text = companion.write().map_err(|e| self.refuse(&e.to_string()))?;
        let put = self.session()?.put_companion(&mut text);
        self.put(&format!("a companion in its data object {PLACE}"), put)?;
        match self.read_companion()? {
            Found::Companion(read) if self.recipient(&read)? == recipient => {}
            _ => {
                return Err(self.refuse(&format!(
                    "what was put into its data object {PLACE} does not come back from it"
                )));
            }
        }
        self.keep_companion(&recipient)?;
        Ok(recipient)
    }

    /// Notes that this companion was made here.
    pub fn keep_companion(&mut self, recipient: &HybridRecipient) -> Result<(), CardError> {
        self.inventory.record.made_companion(recipient);
        self.keep_record()
    }

    /// The PIN again: the use of a key in between may have used it up.
    fn read_companion(&mut self) -> Result<Found, CardError> {
        if let (Some(session), Some(pin)) = (self.session.as_mut(), self.pin.as_ref()) {
            let verified = session.verify(pin);
            verified.map_err(|fault| self.of(fault))?;
        }
        let found = self.session()?.companion();
        found.map_err(|fault| self.of(fault))
    }

    fn recipient(&self, companion: &Companion) -> Result<HybridRecipient, CardError> {
        Ok(companion.identity().map_err(|e| self.refuse(&e.to_string()))?.recipient())
    }
}
