//! Which keys of a card `quorate card enroll` made: a data object on the card itself.
//!
//! People have keys of their own on their cards. One that could serve is not adopted in silence; one that an earlier
//! attempt made is, and an Ed25519 key has no certificate by which it could be told. The object proves nothing: whoever
//! has the management key can write it, and where a key was made its attestation says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::slots::{Slot, SlotKey};
use crate::encoding::{bounds, digest::Digest, strict};

/// Free for vendors' use (0x5f0000 to 0x5fffff, but for those that PIV and Yubico name).
pub(super) const RECORD: u32 = 0x005f_5154;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: Format,
    /// By the slot's two hex digits: SHA-256 of the key's SubjectPublicKeyInfo; null while the key is being made, so that a
    /// crash in between leaves a key that is known.
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
pub(super) struct KeyRecord(BTreeMap<Slot, Option<Digest>>);

impl KeyRecord {
    /// From the object; what cannot be read names no key.
    pub(super) fn read(object: &[u8]) -> Self {
        let document: Option<Document> = strict::parse(object).ok();
        let keys = document.into_iter().flat_map(|document| document.keys);
        let known = keys.filter_map(|(name, key)| {
            Slot::all().find(|slot| slot.to_string() == name).map(|slot| (slot, key))
        });
        Self(known.collect())
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let keys = self.0.iter().map(|(slot, key)| (slot.to_string(), *key)).collect();
        strict::write(&Document { format: Format::V1, keys })
    }

    /// A key is about to be made in this slot.
    pub(super) fn begin(&mut self, slot: Slot) {
        self.0.insert(slot, None);
    }

    pub(super) fn made(&mut self, key: &SlotKey) {
        self.0.insert(key.slot, Some(Digest::of(key.spki())));
    }

    /// Whether this key was made here, wherever it is now.
    pub(super) fn has(&self, key: &SlotKey) -> bool {
        let digest = Digest::of(key.spki());
        self.0.iter().any(|(slot, known)| match known {
            Some(known) => *known == digest,
            None => *slot == key.slot,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_names_no_key() {
        let mut record = KeyRecord::default();
        record.begin(Slot::SIGNING);
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
            assert!(KeyRecord::read(bad).0.is_empty(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
