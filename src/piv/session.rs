//! A connection to one card. Every call of the crate goes through here.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use pcsc::Disposition;
use yubikey::{
    Error as Crate, MgmKey, PinPolicy, TouchPolicy, Version, YubiKey,
    piv::{self, AlgorithmId, SlotMetadata},
};

use super::{
    fault::Fault,
    slots::{self, Slot, SlotKey},
};
use crate::{
    encoding::text::Line,
    memory::{LockedBytes, Pin},
    ports::card::{Attention, CardError, Contact, Waiting},
};

/// Which secret of the card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reference {
    Pin,
    Puk,
    Management,
}

/// An open connection. Its end is said by [`Session::reset`] or [`Session::leave`]; dropped otherwise, the card is reset.
pub(super) struct Session {
    yubikey: YubiKey,
    serial: Line,
    attention: Arc<dyn Attention>,
}

/// Runs the crate, which panics at some answers that no honest card gives. Nothing is said of the panic.
pub(super) fn guarded<T>(call: impl FnOnce() -> yubikey::Result<T>) -> Result<T, Fault> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    panic::set_hook(hook);
    match result {
        Ok(result) => result.map_err(Fault::Said),
        Err(_) => Err(Fault::Nonsense),
    }
}

impl Session {
    pub(super) fn new(yubikey: YubiKey, attention: Arc<dyn Attention>) -> Self {
        let serial = Line::lossy(&yubikey.serial().to_string());
        Self { yubikey, serial, attention }
    }

    pub(super) fn serial(&self) -> &Line {
        &self.serial
    }

    pub(super) fn number(&self) -> u32 {
        self.yubikey.serial().0
    }

    pub(super) fn firmware(&self) -> Version {
        self.yubikey.version()
    }

    /// Whether its firmware tells metadata: 5.3 or later.
    fn has_metadata(&self) -> bool {
        let version = self.firmware();
        (version.major, version.minor) >= (5, 3)
    }

    /// How it is connected: a YubiKey on USB is a reader of its own, which is named after it.
    pub(super) fn contact(&self) -> Contact {
        if self.reader().to_ascii_lowercase().contains("yubi") { Contact::Usb } else { Contact::Field }
    }

    pub(super) fn reader(&self) -> &str {
        self.yubikey.name()
    }

    /// Lets the card go, so that a verified PIN serves nobody.
    pub(super) fn reset(self) {
        // A card that was pulled out is reset already.
        drop(self.yubikey.disconnect(Disposition::ResetCard));
    }

    /// Lets a card go to which no PIN was given, and leaves it to others as it is.
    pub(super) fn leave(self) {
        drop(self.yubikey.disconnect(Disposition::LeaveCard));
    }

    fn call<T>(
        &mut self,
        waiting: Waiting,
        call: impl FnOnce(&mut YubiKey) -> yubikey::Result<T>,
    ) -> Result<T, Fault> {
        self.attention.begin(&self.serial, waiting.through(self.contact()));
        let result = guarded(|| call(&mut self.yubikey));
        let result = result.map_err(|fault| self.explain(fault));
        self.attention.end();
        result
    }

    /// A card that was pulled out while it worked gives an empty answer now and then, which the crate takes for a
    /// refusal. One that is there says how many tries its PIN has. Firmware that knows a command and says that it does not
    /// is not old: another program selected another application of the card in between, as gpg's scdaemon does where it
    /// shares the card.
    fn explain(&mut self, fault: Fault) -> Fault {
        use yubikey::piv::{ManagementSlotId, SlotId};
        let taken = Fault::Said(Crate::PcscError { inner: Some(pcsc::Error::ResetCard) });
        if fault.is_unsupported() && self.has_metadata() {
            return taken;
        }
        if fault != Fault::Said(Crate::GenericError) {
            return fault;
        }
        match guarded(|| piv::metadata(&mut self.yubikey, SlotId::Management(ManagementSlotId::Pin))) {
            Ok(_) => fault,
            Err(other) if other.pcsc().is_some() => other,
            Err(other) if other.is_unsupported() && self.has_metadata() => taken,
            Err(_) => Fault::Said(Crate::PcscError { inner: Some(pcsc::Error::RemovedCard) }),
        }
    }

    /// Whose key is in a slot; none if it is empty.
    pub(super) fn key(&mut self, slot: Slot) -> Result<Option<SlotKey>, Fault> {
        match self.call(Waiting::Answer, |card| piv::metadata(card, slots::id(slot))) {
            Ok(metadata) => Ok(Some(SlotKey::read(slot, &metadata)?)),
            Err(Fault::Said(Crate::NotFound)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(super) fn metadata(&mut self, of: Reference) -> Result<SlotMetadata, Fault> {
        use yubikey::piv::{ManagementSlotId, SlotId};
        let id = match of {
            Reference::Pin => ManagementSlotId::Pin,
            Reference::Puk => ManagementSlotId::Puk,
            Reference::Management => ManagementSlotId::Management,
        };
        self.call(Waiting::Answer, |card| piv::metadata(card, SlotId::Management(id)))
    }

    /// Tries left of the PIN or the PUK.
    pub(super) fn tries(&mut self, of: Reference) -> Result<u32, Fault> {
        let metadata = self.metadata(of)?;
        Ok(metadata.retries.ok_or(Crate::ParseError)?.remaining_count.into())
    }

    /// Tries left of the PUK; none where the card has no PUK (the Bio series: none, or one without tries).
    pub(super) fn puk_tries(&mut self) -> Result<Option<u32>, Fault> {
        match self.metadata(Reference::Puk) {
            Ok(metadata) => {
                Ok(metadata.retries.filter(|r| r.retry_count > 0).map(|r| r.remaining_count.into()))
            }
            Err(Fault::Said(Crate::NotFound)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Presents the PIN. An empty one would only ask for the tries left, and must not come here.
    pub(super) fn verify(&mut self, pin: &Pin) -> Result<(), Fault> {
        self.call(Waiting::Answer, |card| card.verify_pin(pin.expose()))
    }

    pub(super) fn sign(&mut self, waiting: Waiting, key: &SlotKey, input: &[u8]) -> Result<Vec<u8>, Fault> {
        let (algorithm, id) = (key.algorithm, slots::id(key.slot));
        Ok(self.call(waiting, |card| piv::sign_data(card, input, algorithm, id))?.to_vec())
    }

    /// x of the product of an uncompressed point and the key.
    pub(super) fn multiply(
        &mut self,
        waiting: Waiting,
        key: &SlotKey,
        point: &[u8],
    ) -> Result<LockedBytes, Fault> {
        let id = slots::id(key.slot);
        let shared = self.call(waiting, |card| piv::decrypt_data(card, point, AlgorithmId::EccP256, id))?;
        LockedBytes::copy_of(&shared).map_err(|_| Fault::Said(Crate::MemoryError))
    }

    /// A data object; none if it is not there or empty.
    pub(super) fn object(&mut self, id: u32) -> Result<Option<Vec<u8>>, Fault> {
        match self.call(Waiting::Answer, |card| card.fetch_object(id)) {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Fault::Said(Crate::NotFound)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(super) fn put_object(&mut self, id: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        self.call(Waiting::Answer, |card| card.save_object(id, bytes))
    }

    pub(super) fn attest(&mut self, slot: Slot) -> Result<Vec<u8>, Fault> {
        Ok(self.call(Waiting::Answer, |card| piv::attest(card, slots::id(slot)))?.to_vec())
    }

    pub(super) fn generate(
        &mut self,
        slot: Slot,
        algorithm: AlgorithmId,
        touch: TouchPolicy,
    ) -> Result<(), Fault> {
        self.call(Waiting::KeyGeneration, |card| {
            piv::generate(card, slots::id(slot), algorithm, PinPolicy::Always, touch).map(drop)
        })
    }

    pub(super) fn change_pin(&mut self, old: &[u8], new: &Pin) -> Result<(), Fault> {
        self.call(Waiting::Answer, |card| card.change_pin(old, new.expose()))
    }

    pub(super) fn change_puk(&mut self, old: &[u8], new: &Pin) -> Result<(), Fault> {
        self.call(Waiting::Answer, |card| card.change_puk(old, new.expose()))
    }

    pub(super) fn authenticate(&mut self, waiting: Waiting, key: &MgmKey) -> Result<(), Fault> {
        self.call(waiting, |card| card.authenticate(key))
    }

    pub(super) fn set_management(&mut self, key: &MgmKey, protected: Protected) -> Result<(), Fault> {
        self.call(Waiting::Answer, |card| match protected {
            Protected::UnderPin => key.set_protected(card),
            Protected::No => key.set_manual(card, false),
        })
    }

    pub(super) fn protected_management(&mut self) -> Result<MgmKey, Fault> {
        self.call(Waiting::Answer, MgmKey::get_protected)
    }
}

/// Whether a management key is kept on the card, under the PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protected {
    UnderPin,
    No,
}

/// Of firmware without metadata.
pub(super) fn too_old(session: &Session) -> CardError {
    CardError::Unfit {
        serial: session.serial().clone(),
        reason: format!("its firmware is {}; 5.3.0 is the oldest that can be used", session.firmware()),
        next: "use a newer YubiKey: firmware cannot be renewed",
    }
}
