//! The file of a soft card: what is public in clear, two secrets under the PIN.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    durable,
    encoding::{
        bounds,
        digest::Digest,
        strict::{self, Base64, StrictError},
        text::Line,
        time::Timestamp,
    },
    ports::card::CardError,
    roster::key::PublicKey,
    sealing::{hybrid::HybridRecipient, single},
};

/// Wrong PINs until a card blocks, as on a YubiKey set up for ceremonies.
pub(super) const TRIES: u32 = 8;

/// An honest file has about 3,000 bytes.
const MAX_FILE: usize = 64 * 1024;

/// The format and its version.
#[derive(Serialize, Deserialize)]
pub(super) enum Format {
    #[serde(rename = "quorate-soft-card-v2")]
    V2,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardFile {
    pub(super) format: Format,
    /// 32 random hex digits.
    pub(super) serial: Line,
    pub(super) created: Timestamp,
    /// Ed25519.
    pub(super) signing_key: PublicKey,
    /// `age1pq1…`
    pub(super) share_recipient: HybridRecipient,
    pub(super) tries_left: u32,
    pub(super) tries_max: u32,
    /// An age file under the PIN: seeds of the Ed25519 key and of the age identity, 32 bytes each.
    #[serde(deserialize_with = "bounds::sealed_share")]
    pub(super) sealed: Base64,
    /// Of `sealed`: a damaged medium must not cost a try.
    pub(super) sealed_sha256: Digest,
}

impl CardFile {
    /// Reads and checks all that can be checked without the PIN.
    pub(super) fn read(path: &Path) -> Result<Self, CardError> {
        let place = || path.display().to_string();
        let unreadable = |reason: String| CardError::Unreadable { place: place(), reason };
        let bytes = durable::read_limited(path, MAX_FILE).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => CardError::NoFile { place: place(), reason: durable::reason(&e) },
            _ => unreadable(durable::reason(&e)),
        })?;
        let file: Self = strict::parse(&bytes).map_err(|e| match e {
            StrictError::Version => CardError::Version { place: place() },
            _ => unreadable(e.to_string()),
        })?;
        file.check().map_err(|reason| unreadable(reason.into()))?;
        Ok(file)
    }

    fn check(&self) -> Result<(), &'static str> {
        let serial = self.serial.as_str();
        if serial.len() != 32 || !serial.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("the serial is not 32 hex digits");
        }
        if self.signing_key.algorithm() != "ed25519" {
            return Err("the signing key is not Ed25519");
        }
        if self.tries_max != TRIES || self.tries_left > TRIES {
            return Err("the try counter is out of range");
        }
        if Digest::of(&self.sealed.0) != self.sealed_sha256 {
            return Err("the sealed part is damaged; no PIN try was spent");
        }
        match single::count_stanzas(&self.sealed.0) {
            Ok(1) => Ok(()),
            _ => Err("the sealed part is not an age file with one recipient"),
        }
    }

    /// The one spelling of this file.
    pub(super) fn write(&self) -> Vec<u8> {
        strict::write(self)
    }
}
