//! Which keys of a card, and which companion, `quorate card enroll` made: a data object on the card itself, which anybody can
//! read.
//!
//! People have keys of their own on their cards. One that could serve is not adopted in silence; one that an earlier
//! attempt made is, and an Ed25519 key has no certificate by which it could be told. The object proves nothing: whoever
//! has the management key can write it, and where a key was made its attestation says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    companion,
    slots::{Slot, SlotKey},
};
use crate::{
    encoding::{bounds, digest::Digest, strict},
    sealing::hybrid::HybridRecipient,
};

/// Free for vendors' use (0x5f0000 to 0x5fffff, but for those that PIV and Yubico name).
pub(super) const RECORD: u32 = 0x005f_5154;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: Format,
    /// By the slot's two hex digits: SHA-256 of the key's SubjectPublicKeyInfo; null while the key is being made, so that a
    /// crash in between leaves a key that is known. By its object's six: SHA-256 of the companion's recipient.
    #[serde(deserialize_with = "bounds::card_slots")]
    keys: BTreeMap<String, Option<Digest>>,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "quorate-card-keys-v1")]
    V1,
}

/// The keys that were made here.
#[derive(Clone, Default, Debug)]
pub(super) struct KeyRecord {
    slots: BTreeMap<Slot, Option<Digest>>,
    companion: Option<Option<Digest>>,
}

impl KeyRecord {
    /// From the object; what cannot be read names no key.
    pub(super) fn read(object: &[u8]) -> Self {
        let document: Option<Document> = strict::parse(object).ok();
        let mut keys = document.map(|document| document.keys).unwrap_or_default();
        let companion = keys.remove(companion::PLACE);
        let known = keys.into_iter().filter_map(|(name, key)| {
            Slot::all().find(|slot| slot.to_string() == name).map(|slot| (slot, key))
        });
        Self { slots: known.collect(), companion }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let slots = self.slots.iter().map(|(slot, key)| (slot.to_string(), *key));
        let keys = slots.chain(self.companion.map(|key| (companion::PLACE.to_owned(), key))).collect();
        strict::write(&Document { format: Format::V1, keys })
    }

    /// A key is about to be made in this slot.
    pub(super) fn begin(&mut self, slot: Slot) {
        self.slots.insert(slot, None);
    }

    pub(super) fn made(&mut self, key: &SlotKey) {
        self.slots.insert(key.slot, Some(Digest::of(key.spki())));
    }

    /// Whether this key was made here, wherever it is now.
    pub(super) fn has(&self, key: &SlotKey) -> bool {
        let digest = Digest::of(key.spki());
        self.slots.iter().any(|(slot, known)| match known {
            Some(known) => *known == digest,
            None => *slot == key.slot,
        })
    }

    /// A companion is about to be made.
    pub(super) fn begin_companion(&mut self) {
        self.companion = Some(None);
    }

    pub(super) fn made_companion(&mut self, recipient: &HybridRecipient) {
        self.companion = Some(Some(recipient.digest()));
    }

    /// SHA-256 of the recipient of the companion that was made here.
    pub(super) fn companion(&self) -> Option<Digest> {
        self.companion.flatten()
    }

    /// Whether this companion was made here.
    pub(super) fn has_companion(&self, recipient: &HybridRecipient) -> bool {
        self.companion.is_some_and(|known| known.is_none_or(|known| known == recipient.digest()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::hybrid::HybridIdentity;

    #[test]
    fn a_companion_that_is_being_made_is_known_whichever_it_becomes() {
        let recipient = |byte| HybridIdentity::from_seed(&[byte; 32]).unwrap().recipient();
        let mut record = KeyRecord::default();
        let read = |record: &KeyRecord| KeyRecord::read(&record.write());
        assert!(!read(&record).has_companion(&recipient(1)));
        record.begin_companion();
        assert!(read(&record).has_companion(&recipient(1)) && read(&record).companion().is_none());
        record.made_companion(&recipient(1));
        assert_eq!(read(&record).companion(), Some(recipient(1).digest()));
        assert!(read(&record).has_companion(&recipient(1)) && !read(&record).has_companion(&recipient(2)));
    }

    #[test]
    fn what_is_written_is_read_and_anything_else_names_no_key() {
        let mut record = KeyRecord::default();
        record.begin(Slot::SIGNING);
        record.begin_companion();
        let bytes = record.write();
        assert_eq!(KeyRecord::read(&bytes).write(), bytes);
        for bad in [
            &b""[..],
            b"{}",
            br#"{"format":"quorate-card-keys-v2","keys":{"9c":null}}"#,
            br#"{"format":"quorate-card-keys-v1","keys":{"9c":null},"more":1}"#,
            br#"{"format":"quorate-card-keys-v1","keys":{"9c":null,"9c":null}}"#,
            br#"{"format":"quorate-card-keys-v1","keys":{"f9":null}}"#,
        ] {
            assert!(KeyRecord::read(bad).slots.is_empty(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
