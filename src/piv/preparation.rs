//! Making a YubiKey ready: its PIN, PUK and management key changed, its keys made on the card.
//!
//! Each step leaves a card with which the next attempt goes on: what is done already is found and not done again.

use std::{sync::Arc, time::Instant};

use getrandom::SysRng;
use yubikey::{MgmAlgorithmId, MgmKey};

use super::{
    card::check_pin,
    fault::Fault,
    inventory::{self, ADMIN_DATA, CardInventory, Certificates},
    look, reader,
    session::{Protected, Session},
    unlocked::{TOUCH_PATIENCE, touch_fault},
};
use crate::{
    encoding::text::Line,
    memory::{ManagementSecret, Pin},
    ports::card::{Attention, CardError, Departure, FinalTry, Rescue, Touches, Waiting, Work},
    roster::attestation::TouchPolicy,
};

/// What every card is delivered with. Tried only where the card itself says that they are unchanged: a wrong one costs a try.
const DELIVERED_PIN: &[u8] = b"123456";
const DELIVERED_PUK: &[u8] = b"12345678";
const DELIVERED_KEY: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// What cannot be read, in the words of an error.
const UNDER_PIN: &str = "its management key under the PIN";

/// The data object that can be read only with the PIN; Yubico's tools keep the management key there, `88 { 89 { key } }`.
const PRINTED: u32 = 0x005f_c109;

impl From<TouchPolicy> for yubikey::TouchPolicy {
    fn from(policy: TouchPolicy) -> Self {
        match policy {
            TouchPolicy::Always => Self::Always,
            TouchPolicy::Cached => Self::Cached,
            TouchPolicy::Never => Self::Never,
        }
    }
}

/// Where the management key is kept.
pub enum ManagementKey {
    UnderPin,
    Operator(ManagementSecret),
}

/// What a signing key is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SigningAlgorithm {
    /// Ed25519, from firmware 5.7 on; signs messages of about 1,000 bytes at most.
    Ed25519,
    /// ECDSA on P-256, which every firmware has.
    P256,
}

/// A card in the making.
pub struct Preparation {
    pub(super) session: Option<Session>,
    pub(super) inventory: CardInventory,
    pub(super) pin: Option<Pin>,
    /// Whether a PIN was presented, whatever the card said: it may be unlocked.
    is_presented: bool,
    /// Of all that will be done, the signature of the enrolment included.
    pub(super) touches: Touches,
}

impl Drop for Preparation {
    fn drop(&mut self) {
        match self.session.take() {
            Some(session) if self.is_presented => session.reset(),
            Some(session) => session.leave(),
            None => {}
        }
    }
}

impl Preparation {
    /// Opens the card and reads what is on it.
    pub fn open(serial: Option<u32>, attention: &Arc<dyn Attention>) -> Result<Self, CardError> {
        let first = reader::find(serial, attention)?;
        let (number, reader) = (first.number(), first.reader().to_owned());
        // Its rules are in another application, which the crate's connection must not find selected.
        first.leave();
        let pin_rules = look::pin_rules(&reader);
        let mut session = reader::find(Some(number), attention)?;
        let inventory = match inventory::read(&mut session, Certificates::All) {
            Ok(inventory) => CardInventory { pin_rules, ..inventory },
            Err(error) => {
                session.leave();
                return Err(error);
            }
        };
        Ok(Self {
            session: Some(session),
            inventory,
            pin: None,
            is_presented: false,
            touches: Touches::default(),
        })
    }

    pub fn inventory(&self) -> &CardInventory {
        &self.inventory
    }

    pub fn has_ed25519(&self) -> bool {
        self.session.as_ref().is_some_and(|s| {
            let version = s.firmware();
            (version.major, version.minor) >= (5, 7)
        })
    }

    /// How many touches will come until the enrolment is signed, so that prompts can count them.
    pub fn announce(&mut self, total: u32) {
        self.touches = Touches::of(total);
    }

    /// Touches that were asked for so far, and that will be.
    pub fn touches(&self) -> Touches {
        self.touches
    }

    pub(super) fn session(&mut self) -> Result<&mut Session, CardError> {
        let serial = self.inventory.serial.clone();
        self.session.as_mut().ok_or(CardError::Gone { serial, how: Departure::LetGo })
    }

    pub(super) fn of(&self, fault: Fault) -> CardError {
        use yubikey::Error as Crate;
        let serial = self.inventory.serial.clone();
        match fault {
            Fault::Said(Crate::WrongPin { tries: 0 } | Crate::PinLocked) => self.blocked(),
            Fault::Said(Crate::WrongPin { tries }) => {
                CardError::WrongPin { serial, tries_left: tries.into() }
            }
            other => other.of(&serial),
        }
    }

    fn blocked(&self) -> CardError {
        let rescue = match self.inventory.puk.map(|puk| puk.tries_left) {
            None => Rescue::None,
            Some(0) => Rescue::PukBlocked,
            Some(_) => Rescue::Puk,
        };
        CardError::Blocked { serial: self.inventory.serial.clone(), rescue }
    }

    /// What was put on the card, or why not. The crate has one error for all refusals, and lack of room is the usual one.
    pub(super) fn put<T>(&self, what: &str, done: Result<T, Fault>) -> Result<T, CardError> {
        match done {
            Err(Fault::Said(yubikey::Error::GenericError)) => {
                Err(CardError::Full { serial: self.inventory.serial.clone(), what: what.to_owned() })
            }
            other => other.map_err(|fault| self.of(fault)),
        }
    }

    pub(super) fn refuse(&self, reason: &str) -> CardError {
        CardError::Failed { serial: self.inventory.serial.clone(), reason: reason.to_owned() }
    }

    /// Refuses a card whose PIN is blocked, or whose last try is to be kept, before anybody types a PIN.
    pub fn check_tries(&self, final_try: FinalTry) -> Result<(), CardError> {
        match (self.inventory.pin.tries_left, final_try) {
            (0, _) => Err(self.blocked()),
            (1, FinalTry::Keep) => Err(CardError::FinalTry { serial: self.inventory.serial.clone() }),
            _ => Ok(()),
        }
    }

    /// What the card would refuse is refused before anything is changed, as far as the card tells its rules.
    fn check_new(&self, pin: &Pin) -> Result<(), CardError> {
        check_pin(pin)?;
        match self.inventory.pin_rules.objection(pin.expose()) {
            Some(reason) => Err(CardError::PinForm { reason: reason.into() }),
            None => Ok(()),
        }
    }

    /// Refuses what no card of a quorum has as its PIN.
    pub fn check_new_pin(&self, pin: &Pin) -> Result<(), CardError> {
        self.check_new(pin)?;
        refuse_delivered(pin)
    }

    pub fn check_new_puk(&self, puk: &Pin) -> Result<(), CardError> {
        self.check_new(puk)?;
        if puk.expose() != DELIVERED_PUK && puk.expose() != DELIVERED_PIN {
            return Ok(());
        }
        Err(CardError::PinForm { reason: "this is the PUK with which every card is delivered".into() })
    }

    /// Presents the PIN; where the card still has the factory default, makes this its PIN instead.
    pub fn unlock(&mut self, pin: Pin, final_try: FinalTry) -> Result<(), CardError> {
        if self.inventory.pin.is_default {
            self.check_new_pin(&pin)?;
        }
        check_pin(&pin)?;
        refuse_delivered(&pin)?;
        self.check_tries(final_try)?;
        self.is_presented = true;
        if self.inventory.pin.is_default {
            let changed = self.session()?.change_pin(DELIVERED_PIN, &pin);
            changed.map_err(|fault| self.not_taken("PIN", fault))?;
            self.inventory.pin.is_default = false;
        }
        let verified = self.session()?.verify(&pin);
        if let Err(fault) = verified {
            let error = self.of(fault);
            if let CardError::WrongPin { tries_left, .. } = &error {
                self.inventory.pin.tries_left = *tries_left;
            }
            return Err(error);
        }
        self.pin = Some(pin);
        Ok(())
    }

    /// Makes this the PUK, where the card still has the factory default.
    pub fn set_puk(&mut self, puk: &Pin) -> Result<(), CardError> {
        self.check_new_puk(puk)?;
        let changed = self.session()?.change_puk(DELIVERED_PUK, puk);
        changed.map_err(|fault| self.not_taken("PUK", fault))?;
        if let Some(standing) = &mut self.inventory.puk {
            standing.is_default = false;
        }
        Ok(())
    }

    /// The crate has one error for all refusals; of a new PIN or PUK that is well formed, the card's rules are the reason
    /// (SW 6985 where PIN complexity is on, 6A80 for its length).
    fn not_taken(&self, what: &'static str, fault: Fault) -> CardError {
        match fault {
            Fault::Said(yubikey::Error::GenericError) => {
                CardError::NewPin { serial: self.inventory.serial.clone(), what, is_pin_set: what == "PUK" }
            }
            other => self.of(other),
        }
    }

    fn management_algorithm(&self) -> MgmAlgorithmId {
        match self.inventory.management_algorithm {
            "AES-128" => MgmAlgorithmId::Aes128,
            "AES-192" => MgmAlgorithmId::Aes192,
            "AES-256" => MgmAlgorithmId::Aes256,
            _ => MgmAlgorithmId::ThreeDes,
        }
    }

    fn given_key(&self, secret: &ManagementSecret) -> Result<MgmKey, CardError> {
        MgmKey::from_bytes(secret.expose(), Some(self.management_algorithm())).map_err(|_| {
            let algorithm = self.inventory.management_algorithm;
            self.needs_key(format!(
                "its management key is {algorithm}, and what was given has another length"
            ))
        })
    }

    /// Authenticates with the management key; where the card still has the factory default, changes it first. The PIN
    /// has been presented.
    pub fn manage(&mut self, key: &ManagementKey) -> Result<(), CardError> {
        if self.inventory.management_is_default {
            return self.replace_management(key);
        }
        let current = match key {
            ManagementKey::Operator(secret) => self.given_key(secret)?,
            ManagementKey::UnderPin => match self.session()?.protected_management() {
                Ok(key) => key,
                Err(fault) if fault.pcsc().is_some() => return Err(self.of(fault)),
                Err(_) => {
                    let reason = "its management key is neither the factory default nor kept under the PIN";
                    return Err(self.needs_key(reason.into()));
                }
            },
        };
        self.authenticate(&current)
    }

    /// The operator has to bring a management key.
    fn needs_key(&self, reason: String) -> CardError {
        CardError::Odd {
            place: format!("card {}", self.inventory.serial),
            reason,
            next: "give it with --management-key FILE: the card's own, or a new one where the card still has the factory default",
        }
    }

    fn authenticate(&mut self, key: &MgmKey) -> Result<(), CardError> {
        let touch = u32::from(self.inventory.management_touch);
        let waiting = if touch > 0 { self.touches.next(Work::Manage) } else { Waiting::Answer };
        let began = Instant::now();
        let contact = self.session()?.contact();
        match self.session()?.authenticate(waiting, key) {
            Err(fault @ Fault::Said(yubikey::Error::AuthenticationError))
                if touch > 0 && began.elapsed() > TOUCH_PATIENCE =>
            {
                Err(touch_fault(fault, &self.inventory.serial, contact, began, touch))
            }
            Err(Fault::Said(yubikey::Error::AuthenticationError)) => {
                Err(self
                    .needs_key("its management key is not the one that was given, or that it keeps".into()))
            }
            other => other.map_err(|fault| self.of(fault)),
        }
    }

    /// A key that goes under the PIN is written there before it is set: after a crash in between the card still has the
    /// factory default, and after one behind it the key can be read.
    fn replace_management(&mut self, key: &ManagementKey) -> Result<(), CardError> {
        let algorithm = self.management_algorithm();
        let delivered = MgmKey::from_bytes(DELIVERED_KEY, Some(algorithm))
            .map_err(|_| self.refuse("a management key of this kind is not a factory default"))?;
        let (new, protected) = match key {
            ManagementKey::Operator(secret) => (self.given_key(secret)?, Protected::No),
            ManagementKey::UnderPin => {
                let new = MgmKey::generate(algorithm, &mut SysRng)
                    .map_err(|_| self.refuse("no random numbers for its management key"))?;
                (new, Protected::UnderPin)
            }
        };
        if new.as_ref() == DELIVERED_KEY {
            let reason = "what was given is the management key with which every card is delivered";
            return Err(self.needs_key(reason.into()));
        }
        self.authenticate(&delivered)?;
        if protected == Protected::UnderPin {
            self.store_under_pin(&new)?;
        }
        let set = self.session()?.set_management(&new, protected);
        self.put("its management key", set)?;
        self.inventory.management_is_default = false;
        self.inventory.management_is_protected = protected == Protected::UnderPin;
        Ok(())
    }

    fn store_under_pin(&mut self, key: &MgmKey) -> Result<(), CardError> {
        let present = self.session()?.object(PRINTED);
        if present.map_err(|fault| self.of(fault))?.is_some_and(|object| object.first() != Some(&0x88)) {
            let reason =
                "something else is where its management key would be kept under the PIN (object 5fc109)";
            return Err(self.needs_key(reason.into()));
        }
        let bytes: &[u8] = key.as_ref();
        let length = u8::try_from(bytes.len()).unwrap_or(0);
        let mut object = zeroize::Zeroizing::new(vec![0x88, length.saturating_add(2), 0x89, length]);
        object.extend_from_slice(bytes);
        let stored = self.session()?.put_object(PRINTED, &mut object);
        self.put(UNDER_PIN, stored)?;
        let session = self.session()?;
        let flagged = match session.object(ADMIN_DATA) {
            Ok(None) => session.put_object(ADMIN_DATA, &mut [0x80, 3, 0x81, 1, 2]),
            other => other.map(drop),
        };
        self.put(UNDER_PIN, flagged)
    }

    pub fn serial(&self) -> &Line {
        &self.inventory.serial
    }
}

fn refuse_delivered(pin: &Pin) -> Result<(), CardError> {
    if pin.expose() != DELIVERED_PIN {
        return Ok(());
    }
    Err(CardError::PinForm { reason: "this is the PIN with which every card is delivered".into() })
}
