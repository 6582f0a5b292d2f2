//! What is on a YubiKey, read without a PIN, and what it lacks to serve.

use std::{collections::BTreeMap, sync::Arc};

use yubikey::{MgmAlgorithmId, piv::SlotAlgorithmId};

use super::{
    certificate,
    companion::PLACE,
    fault::Fault,
    look::{self, PinRules},
    reader,
    record::{KeyRecord, RECORD},
    session::{Reference, Session, too_old},
    slots::{Slot, SlotKey, certificate_object},
    tlv::read_tlv,
};
use crate::{
    encoding::{digest::Digest, text::Line},
    ports::card::{Attention, CardError},
    roster::attestation::Firmware,
};

/// Data object with the flags of the management key (Yubico's).
pub(super) const ADMIN_DATA: u32 = 0x005f_ff00;
/// Flag in it: the management key is kept under the PIN.
const PROTECTED: u8 = 0x02;

/// The state of a PIN or a PUK; not the PIN itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinStanding {
    pub tries_left: u32,
    /// Whether it is still the one with which every card is delivered.
    pub is_default: bool,
}

/// What is where the certificate of a key belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateBeside {
    Certificate,
    Nothing,
    /// A certificate of another key, or what is none.
    Other,
}

/// Everything that a card says without a PIN.
#[derive(Clone, Debug)]
pub struct CardInventory {
    pub serial: Line,
    /// `5.7.1`
    pub firmware: String,
    pub reader: String,
    /// Keys, each with what is beside it.
    pub keys: Vec<(SlotKey, CertificateBeside)>,
    /// Slots with keys of a kind that is not known here: they are nobody's to overwrite.
    pub unknown: Vec<Slot>,
    pub pin: PinStanding,
    /// The PIN unblocking key; the Bio series has none.
    pub puk: Option<PinStanding>,
    /// The card's rules for a new PIN or PUK: read where one card is looked at.
    pub pin_rules: PinRules,
    /// `AES-192`, `3DES` …
    pub management_algorithm: &'static str,
    /// Whether the management key is the factory default.
    pub management_is_default: bool,
    /// Whether the card keeps the management key under its PIN.
    pub management_is_protected: bool,
    /// Whether the management key requires a touch.
    pub management_touch: bool,
    /// Slots in which a certificate is and no key: it was moved, or deleted.
    pub lone: Vec<Slot>,
    /// Whom the certificates name that were read, as they say themselves.
    pub names: BTreeMap<Slot, String>,
    /// The keys that `quorate card enroll` made.
    pub(super) record: KeyRecord,
    /// The certificate of slot f9, which attests the keys, and the attestation of the signing key and of the share key:
    /// read of one card only.
    pub attestation: Option<(Vec<u8>, Vec<(SlotKey, Vec<u8>)>)>,
}

impl CardInventory {
    pub fn key(&self, slot: Slot) -> Option<&SlotKey> {
        self.keys.iter().map(|(key, _)| key).find(|key| key.slot == slot)
    }

    /// Whether a key is in this slot, be it known or not.
    pub fn is_occupied(&self, slot: Slot) -> bool {
        self.key(slot).is_some() || self.unknown.contains(&slot)
    }

    /// Whether the certificate of its key is in this slot.
    pub fn has_certificate(&self, slot: Slot) -> bool {
        self.keys.iter().any(|(key, beside)| key.slot == slot && *beside == CertificateBeside::Certificate)
    }

    /// Whether a certificate of whatever key is in this slot.
    pub fn holds_certificate(&self, slot: Slot) -> bool {
        let beside =
            self.keys.iter().any(|(key, beside)| key.slot == slot && *beside != CertificateBeside::Nothing);
        beside || self.lone.contains(&slot)
    }

    pub fn signing_key(&self) -> Option<&SlotKey> {
        self.key(Slot::SIGNING).filter(|key| key.signing_key().is_some())
    }

    /// The share key: that which was made here, or else the first that can be one.
    pub fn share_key(&self) -> Option<&SlotKey> {
        let able = || self.keys.iter().map(|(key, _)| key).filter(|key| key.serves_shares());
        able().find(|key| self.is_made_here(key)).or_else(|| able().next())
    }

    /// Whether `quorate card enroll` made this key, as the card's own record has it.
    pub fn is_made_here(&self, key: &SlotKey) -> bool {
        self.record.has(key)
    }

    /// SHA-256 of the recipient of the companion that `quorate card enroll` made, as the card's own record has it: the card
    /// shows what is there only after its PIN.
    pub fn companion(&self) -> Option<Digest> {
        self.record.companion()
    }

    /// The first retired slot without a key and without a certificate.
    pub fn free_slot(&self) -> Option<Slot> {
        Slot::retired().find(|slot| !self.is_occupied(*slot) && !self.lone.contains(slot))
    }

    /// What production has against it beside what is [`missing`](Self::missing).
    pub fn production(&self) -> Vec<String> {
        let mut against = Vec::new();
        let least = Firmware::WITHOUT_EUCLEAK;
        if self.firmware.parse::<Firmware>().is_ok_and(|firmware| firmware < least) {
            against.push(format!(
                "its firmware is {}, and a production quorum requires {least} or later, unless policy.min_firmware in the plan \
                 allows it",
                self.firmware
            ));
        }
        against
    }

    /// What it lacks to serve as a custodian's card, in words; a witness's card needs no share key.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut lacks = |condition: bool, what: &str| {
            if condition {
                missing.push(what.to_owned());
            }
        };
        lacks(self.pin.is_default, "the PIN is the factory default");
        lacks(self.pin.tries_left == 0, "the PIN is blocked");
        let delivered = self.puk.is_some_and(|puk| puk.is_default && puk.tries_left > 0);
        lacks(delivered, "the PUK is the factory default");
        lacks(self.management_is_default, "the management key is the factory default");
        match self.signing_key() {
            None if self.is_occupied(Slot::SIGNING) => {
                lacks(true, "the key in slot 9c does not sign statements: Ed25519 or P-256 is required");
            }
            None => lacks(true, "there is no signing key in slot 9c"),
            Some(key) => self.lacks_of(key, "signing key", &mut lacks),
        }
        match self.share_key() {
            None => lacks(true, "there is no share key in a retired slot (witnesses need none)"),
            Some(key) => {
                self.lacks_of(key, "share key", &mut lacks);
                lacks(
                    self.companion().is_none(),
                    &format!("the share key has no companion in data object {PLACE} that 'card enroll' made"),
                );
            }
        }
        missing
    }

    fn lacks_of(&self, key: &SlotKey, what: &str, lacks: &mut impl FnMut(bool, &str)) {
        let certified = !key.wants_certificate() || self.has_certificate(key.slot);
        lacks(!certified, &format!("the {what} in slot {} has no certificate of its own", key.slot));
        lacks(!key.generated, &format!("the {what} was imported: nothing attests it"));
        lacks(!key.requires_pin(), &format!("the {what} does not require the PIN for each use"));
        lacks(!key.requires_touch(), &format!("the {what} does not require a touch for each use"));
    }
}

/// A reader, and what is in it.
pub struct ReaderContents {
    pub reader: String,
    /// The card, or why there is none that can be used.
    pub card: Result<CardInventory, String>,
}

/// All readers. No reader at all is not an error.
pub fn readers(attention: &Arc<dyn Attention>) -> Result<Vec<ReaderContents>, CardError> {
    let all = match reader::open_all(attention, |_| false) {
        Err(CardError::Absent { .. }) => Vec::new(),
        other => other?,
    };
    let seen = all.into_iter().map(|found| {
        let card = match found.card {
            Ok(mut session) => {
                let read = read(&mut session, Certificates::UntilFree).map_err(|error| error.to_string());
                session.leave();
                read.map(|card| CardInventory { pin_rules: look::pin_rules(&found.name), ..card })
            }
            Err(fault) => Err(reader::why(fault)),
        };
        ReaderContents { reader: found.name, card }
    });
    Ok(seen.collect())
}

pub fn inventory(serial: Option<u32>, attention: &Arc<dyn Attention>) -> Result<CardInventory, CardError> {
    let mut session = reader::find(serial, attention)?;
    let reader = session.reader().to_owned();
    let read = read(&mut session, Certificates::All).and_then(|mut inventory| {
        inventory.attestation = attested(&mut session, &inventory)?;
        Ok(inventory)
    });
    session.leave();
    Ok(CardInventory { pin_rules: look::pin_rules(&reader), ..read? })
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

/// In which slots without a key a certificate is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Certificates {
    /// In all: one card is looked at.
    All,
    /// In slot 9c, and in the retired slots until one is free: many cards are looked at, and each answer takes its time.
    UntilFree,
}

pub(super) fn read(session: &mut Session, wanted: Certificates) -> Result<CardInventory, CardError> {
    let serial = session.serial().clone();
    let failed = |fault: Fault| fault.of(&serial);
    let pin = match standing(session, Reference::Pin) {
        Err(fault) if fault.is_unsupported() => return Err(too_old(session)),
        other => other.map_err(failed)?,
    };
    let puk = match session.puk_tries().map_err(failed)? {
        Some(_) => Some(standing(session, Reference::Puk).map_err(failed)?),
        None => None,
    };
    let management = session.metadata(Reference::Management).map_err(failed)?;
    let touch = management.policy.is_some_and(|(_, touch)| {
        !matches!(touch, yubikey::TouchPolicy::Never | yubikey::TouchPolicy::Default)
    });
    let protected = session.object(ADMIN_DATA).map_err(failed)?.is_some_and(|data| is_protected(&data));
    let record = recorded(session).map_err(failed)?;
    let mut inventory = CardInventory {
        serial: serial.clone(),
        firmware: session.firmware().to_string(),
        reader: crate::encoding::text::printable(session.reader()),
        keys: Vec::new(),
        unknown: Vec::new(),
        pin,
        puk,
        pin_rules: PinRules::NONE,
        management_algorithm: match management.algorithm {
            SlotAlgorithmId::Management(algorithm) => algorithm_name(algorithm),
            _ => "unknown",
        },
        management_is_default: management.default == Some(true),
        management_is_protected: protected,
        management_touch: touch,
        lone: Vec::new(),
        names: BTreeMap::new(),
        record,
        attestation: None,
    };
    for slot in Slot::all() {
        read_slot(session, slot, wanted, &mut inventory).map_err(failed)?;
    }
    Ok(inventory)
}

fn read_slot(
    session: &mut Session,
    slot: Slot,
    wanted: Certificates,
    found: &mut CardInventory,
) -> Result<(), Fault> {
    let key = match session.key(slot) {
        Ok(key) => key,
        Err(fault) if fault.pcsc().is_none() => {
            found.unknown.push(slot);
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    let is_looked_at = slot == Slot::SIGNING || (slot.is_retired() && !found.has_free_below(slot));
    if key.is_none() && wanted == Certificates::UntilFree && !is_looked_at {
        return Ok(());
    }
    let object = match session.object(certificate_object(slot)) {
        Err(Fault::Said(yubikey::Error::SizeError | yubikey::Error::ParseError)) => Some(Vec::new()),
        other => other?,
    };
    let certificate = object.as_deref().and_then(certificate::from_object);
    if let Some(name) = certificate.as_deref().and_then(certificate::subject) {
        found.names.insert(slot, name);
    } else if object.as_deref().is_some_and(certificate::is_compressed) {
        found.names.insert(slot, "compressed: whom it names cannot be read here".into());
    }
    match key {
        None if object.is_some() => found.lone.push(slot),
        None => {}
        Some(key) => {
            let beside = match (object, certificate) {
                (None, _) => CertificateBeside::Nothing,
                (_, Some(der)) if certificate::is_of(&der, &key.spki) => CertificateBeside::Certificate,
                _ => CertificateBeside::Other,
            };
            found.keys.push((key, beside));
        }
    }
    Ok(())
}

impl CardInventory {
    /// Whether a retired slot before this one is free, as far as was read.
    fn has_free_below(&self, slot: Slot) -> bool {
        self.free_slot().is_some_and(|free| free < slot)
    }
}

fn recorded(session: &mut Session) -> Result<KeyRecord, Fault> {
    match session.object(RECORD) {
        Ok(object) => Ok(object.map(|object| KeyRecord::read(&object)).unwrap_or_default()),
        // It is a help, not a proof: without it, a person is asked.
        Err(fault) if fault.pcsc().is_none() => Ok(KeyRecord::default()),
        Err(fault) => Err(fault),
    }
}

pub(super) fn certificate_in(session: &mut Session, slot: Slot) -> Result<Option<Vec<u8>>, Fault> {
    Ok(session.object(certificate_object(slot))?.and_then(|object| certificate::from_object(&object)))
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
