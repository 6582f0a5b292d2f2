//! What is on a YubiKey, read without a PIN, and what it lacks to serve.

use std::sync::Arc;

use yubikey::{MgmAlgorithmId, PinPolicy, piv::SlotAlgorithmId};

use super::{
    card::too_old,
    certificate::{self, read_tlv},
    fault::Fault,
    reader,
    session::{Reference, Session},
    slots::{Slot, SlotKey},
};
use crate::{
    encoding::text::Line,
    ports::card::{Attention, CardError},
};

/// Data object with the flags of the management key (Yubico's).
pub(super) const ADMIN_DATA: u32 = 0x005f_ff00;
/// Flag in it: the management key is kept under the PIN.
const PROTECTED: u8 = 0x02;

/// How it stands with a PIN or a PUK; not the PIN itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinStanding {
    /// Tries left.
    pub tries_left: u32,
    /// Whether it is still the one with which every card is delivered.
    pub is_default: bool,
}

/// What is where the certificate of a key belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beside {
    /// A certificate of the key.
    Certificate,
    /// Nothing.
    Nothing,
    /// A certificate of another key, or what is none.
    Other,
}

/// Everything that a card says without a PIN.
#[derive(Clone, Debug)]
pub struct CardInventory {
    /// Its serial.
    pub serial: Line,
    /// `5.7.1`
    pub firmware: String,
    /// Where it is.
    pub reader: String,
    /// Keys, each with what is beside it.
    pub keys: Vec<(SlotKey, Beside)>,
    /// Slots with keys of a kind that is not known here: they are nobody's to overwrite.
    pub unknown: Vec<Slot>,
    /// The PIN.
    pub pin: PinStanding,
    /// The PIN unblocking key.
    pub puk: PinStanding,
    /// `AES-192`, `3DES` …
    pub management_algorithm: &'static str,
    /// Whether the management key is the one of delivery.
    pub management_is_default: bool,
    /// Whether the card keeps the management key under its PIN.
    pub management_is_protected: bool,
    /// The certificate of slot f9, which attests the keys, and the attestation of the signing key and of the share key:
    /// read of one card only.
    pub attestation: Option<(Vec<u8>, Vec<(SlotKey, Vec<u8>)>)>,
}

impl CardInventory {
    /// The key in this slot.
    pub fn key(&self, slot: Slot) -> Option<&SlotKey> {
        self.keys.iter().map(|(key, _)| key).find(|key| key.slot == slot)
    }

    /// Whether anything is in this slot, be it known or not.
    pub fn is_occupied(&self, slot: Slot) -> bool {
        self.key(slot).is_some() || self.unknown.contains(&slot)
    }

    /// Whether the certificate of its key is in this slot.
    pub fn has_certificate(&self, slot: Slot) -> bool {
        self.keys.iter().any(|(key, beside)| key.slot == slot && *beside == Beside::Certificate)
    }

    /// The signing key.
    pub fn signing_key(&self) -> Option<&SlotKey> {
        self.key(Slot::SIGNING).filter(|key| key.signing_key().is_some())
    }

    /// The share key.
    pub fn share_key(&self) -> Option<&SlotKey> {
        self.keys.iter().map(|(key, _)| key).find(|key| key.serves_shares())
    }

    /// The first retired slot without a key.
    pub fn free_slot(&self) -> Option<Slot> {
        Slot::retired().find(|slot| !self.is_occupied(*slot))
    }

    /// What it lacks to serve as a custodian's card, in words; a witness's card needs no share key.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut lacks = |condition: bool, what: &str| {
            if condition {
                missing.push(what.to_owned());
            }
        };
        lacks(self.pin.is_default, "the PIN is the one of delivery");
        lacks(self.pin.tries_left == 0, "the PIN is blocked");
        lacks(self.puk.is_default && self.puk.tries_left > 0, "the PUK is the one of delivery");
        lacks(self.management_is_default, "the management key is the one of delivery");
        match self.signing_key() {
            None if self.is_occupied(Slot::SIGNING) => {
                lacks(true, "the key in slot 9c signs no statements: want Ed25519 or P-256");
            }
            None => lacks(true, "there is no signing key in slot 9c"),
            Some(key) => self.lacks_of(key, "signing key", &mut lacks),
        }
        match self.share_key() {
            None => lacks(true, "there is no share key in a retired slot (witnesses need none)"),
            Some(key) => self.lacks_of(key, "share key", &mut lacks),
        }
        missing
    }

    fn lacks_of(&self, key: &SlotKey, what: &str, lacks: &mut impl FnMut(bool, &str)) {
        let certified = !key.wants_certificate() || self.has_certificate(key.slot);
        lacks(!certified, &format!("the {what} in slot {} has no certificate of its own", key.slot));
        lacks(!key.generated, &format!("the {what} was imported: nothing attests it"));
        lacks(key.pin != PinPolicy::Always, &format!("the {what} does not want the PIN for each use"));
        lacks(key.touch_policy() != "always", &format!("the {what} does not want a touch for each use"));
    }
}

/// A reader, and what is in it.
pub struct Seen {
    /// The reader's name.
    pub reader: String,
    /// The card, or why there is none that can be used.
    pub card: Result<CardInventory, String>,
}

/// All readers. No reader at all is no error.
pub fn readers(attention: &Arc<dyn Attention>) -> Result<Vec<Seen>, CardError> {
    let all = match reader::open_all(attention, |_| false) {
        Err(CardError::Absent { .. }) => Vec::new(),
        other => other?,
    };
    let seen = all.into_iter().map(|found| {
        let card = match found.card {
            Ok(mut session) => {
                let read = read(&mut session).map_err(|error| error.to_string());
                session.leave();
                read
            }
            Err(fault) => Err(reader::why(fault)),
        };
        Seen { reader: found.name, card }
    });
    Ok(seen.collect())
}

/// One card.
pub fn inventory(serial: Option<u32>, attention: &Arc<dyn Attention>) -> Result<CardInventory, CardError> {
    let mut session = reader::find(serial, attention)?;
    let read = read(&mut session).and_then(|mut inventory| {
        inventory.attestation = attested(&mut session, &inventory)?;
        Ok(inventory)
    });
    session.leave();
    read
}

/// What the card attests of its two keys; none if it attests not both of them, or has no key that attests.
fn attested(
    session: &mut Session,
    inventory: &CardInventory,
) -> Result<Option<(Vec<u8>, Vec<(SlotKey, Vec<u8>)>)>, CardError> {
    let Ok(Some(device)) = certificate_in(session, Slot::ATTESTING) else { return Ok(None) };
    let mut certificates = Vec::new();
    for key in inventory.signing_key().into_iter().chain(inventory.share_key()) {
        match session.attest(key.slot) {
            Ok(certificate) => certificates.push((key.clone(), certificate)),
            Err(fault) if fault.pcsc().is_some() => return Err(fault.of(&inventory.serial)),
            Err(_) => return Ok(None),
        }
    }
    Ok((!certificates.is_empty()).then_some((device, certificates)))
}

pub(super) fn read(session: &mut Session) -> Result<CardInventory, CardError> {
    let serial = session.serial().clone();
    let failed = |fault: Fault| fault.of(&serial);
    let pin = match standing(session, Reference::Pin) {
        Err(Fault::Said(yubikey::Error::NotSupported)) => return Err(too_old(session)),
        other => other.map_err(failed)?,
    };
    let puk = standing(session, Reference::Puk).map_err(failed)?;
    let management = session.metadata(Reference::Management).map_err(failed)?;
    let (mut keys, mut unknown) = (Vec::new(), Vec::new());
    for slot in Slot::all() {
        let key = match session.key(slot) {
            Ok(Some(key)) => key,
            Ok(None) => continue,
            Err(fault) if fault.pcsc().is_none() => {
                unknown.push(slot);
                continue;
            }
            Err(fault) => return Err(failed(fault)),
        };
        let beside = beside(session, &key).map_err(failed)?;
        keys.push((key, beside));
    }
    let protected = session.object(ADMIN_DATA).map_err(failed)?.is_some_and(|data| is_protected(&data));
    Ok(CardInventory {
        serial: serial.clone(),
        firmware: session.firmware().to_string(),
        reader: crate::encoding::text::printable(session.reader()),
        keys,
        unknown,
        pin,
        puk,
        management_algorithm: match management.algorithm {
            SlotAlgorithmId::Management(algorithm) => algorithm_name(algorithm),
            _ => "unknown",
        },
        management_is_default: management.default == Some(true),
        management_is_protected: protected,
        attestation: None,
    })
}

pub(super) fn certificate_in(session: &mut Session, slot: Slot) -> Result<Option<Vec<u8>>, Fault> {
    Ok(session.object(slot.certificate_object())?.and_then(|object| certificate::from_object(&object)))
}

fn beside(session: &mut Session, key: &SlotKey) -> Result<Beside, Fault> {
    let object = match session.object(key.slot.certificate_object()) {
        Err(Fault::Said(yubikey::Error::SizeError | yubikey::Error::ParseError)) => return Ok(Beside::Other),
        other => other?,
    };
    Ok(match object.map(|object| certificate::from_object(&object)) {
        None => Beside::Nothing,
        Some(Some(der)) if certificate::is_of(&der, &key.spki) => Beside::Certificate,
        Some(_) => Beside::Other,
    })
}

fn standing(session: &mut Session, of: Reference) -> Result<PinStanding, Fault> {
    let metadata = session.metadata(of)?;
    let retries = metadata.retries.ok_or(Fault::Nonsense)?;
    Ok(PinStanding { tries_left: retries.remaining_count.into(), is_default: metadata.default == Some(true) })
}

fn algorithm_name(algorithm: MgmAlgorithmId) -> &'static str {
    match algorithm {
        MgmAlgorithmId::ThreeDes => "3DES",
        MgmAlgorithmId::Aes128 => "AES-128",
        MgmAlgorithmId::Aes192 => "AES-192",
        MgmAlgorithmId::Aes256 => "AES-256",
    }
}

/// `80 { 81 { flags } … }`
fn is_protected(admin_data: &[u8]) -> bool {
    let Some((0x80, mut items, _)) = read_tlv(admin_data) else { return false };
    while let Some((tag, value, rest)) = read_tlv(items) {
        if tag == 0x81 {
            return value.first().is_some_and(|flags| flags & PROTECTED != 0);
        }
        items = rest;
    }
    false
}
