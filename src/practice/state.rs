//! The file of a practice token.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    administration::TokenInfo,
    durable,
    encoding::{
        bounds,
        strict::{self, Base64},
        text::Line,
    },
    memory::Pin,
    ports::{
        cause::Cause,
        token::{PinHolder, TokenError},
    },
    proposal::target::{ObjectClass, ObjectRecord, TokenIdentity, Tries},
    sealing::under_pin::{self, WorkFactor},
};

/// Wrong PINs until a role is locked.
pub(super) const TRIES: u8 = 10;

/// Shortest and longest PIN in bytes, as SoftHSM has them.
pub(super) const PIN_LENGTH: (usize, usize) = (4, 255);

/// Longest file.
pub(super) const MAX_FILE: usize = strict::MAX_DOCUMENT;
const FUNCTION: &str = "practice token";
const HINT: &str = "check the file of the practice token and its medium";

#[derive(Serialize, Deserialize)]
pub(super) enum Format {
    #[serde(rename = "quorate-practice-token-v1")]
    V1,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) format: Format,
    /// 16 hex digits; survives a reset.
    pub(super) serial: Line,
    pub(super) label: Line,
    /// The recipient of the master identity: another one after each reset.
    #[serde(deserialize_with = "bounds::recipient")]
    pub(super) master: Option<String>,
    pub(super) so: Option<PinSlot>,
    pub(super) user: Option<PinSlot>,
    #[serde(deserialize_with = "bounds::objects")]
    pub(super) objects: Vec<Stored>,
}

/// The master identity under one PIN, and that PIN's counter.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PinSlot {
    pub(super) tries_left: u8,
    #[serde(deserialize_with = "bounds::sealed_credential")]
    pub(super) sealed: Base64,
}

/// One token object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    pub(super) record: ObjectRecord,
    #[serde(deserialize_with = "bounds::attributes")]
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) content: Content,
}

/// What an object consists of.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Content {
    /// A public key's SPKI, a certificate, data.
    Public(#[serde(deserialize_with = "bounds::blob")] Base64),
    /// 32 secret bytes, sealed to the master identity.
    Sealed(#[serde(deserialize_with = "bounds::blob")] Base64),
}

impl State {
    pub(super) fn empty(serial: Line) -> Self {
        Self {
            format: Format::V1,
            serial,
            label: Line::lossy(""),
            master: None,
            so: None,
            user: None,
            objects: Vec::new(),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |reason: String| {
            let message = format!("{}: not a readable practice token: {reason}", path.display());
            TokenError::before(FUNCTION, Cause::TokenNotRecognized, message, HINT)
        };
        let bytes = durable::read_limited(path, MAX_FILE).map_err(|e| unreadable(e.to_string()))?;
        let state: Self = strict::parse(&bytes).map_err(|e| unreadable(e.to_string()))?;
        let slots = [&state.so, &state.user];
        if slots.iter().any(|slot| slot.as_ref().is_some_and(|slot| slot.tries_left > TRIES)) {
            return Err(unreadable("a try counter is out of range".into()));
        }
        if state.so.is_some() != state.master.is_some() || (state.so.is_none() && state.user.is_some()) {
            return Err(unreadable("it has PINs, but was not initialised".into()));
        }
        Ok(state)
    }

    /// Replaces the file. The caller has the lock.
    pub(super) fn write(&self, path: &Path) -> Result<(), TokenError> {
        let bytes = strict::write(self);
        if bytes.len() > MAX_FILE {
            return Err(full());
        }
        durable::replace(durable::Access::PRIVATE, path, &bytes).map_err(|e| {
            TokenError::unclear(FUNCTION, Cause::DeviceError, format!("{}: {e}", path.display()), HINT)
        })
    }

    /// Makes the file where nothing is yet.
    pub(super) fn create(&self, path: &Path) -> Result<(), TokenError> {
        durable::create(durable::Access::PRIVATE, path, &strict::write(self)).map_err(|e| {
            TokenError::before(FUNCTION, Cause::DeviceError, format!("{}: {e}", path.display()), HINT)
        })
    }

    pub(super) fn identity(&self) -> TokenIdentity {
        TokenIdentity {
            manufacturer: Line::lossy("quorate"),
            model: Line::lossy("practice token"),
            serial: self.serial.clone(),
            label: self.label.clone(),
            module_sha256: None,
        }
    }

    /// What C_GetTokenInfo says.
    pub(super) fn info(&self) -> TokenInfo {
        let tries = |slot: &Option<PinSlot>| match slot.as_ref().map(|slot| slot.tries_left) {
            None | Some(TRIES) => Tries::Full,
            Some(0) => Tries::Locked,
            Some(1) => Tries::Final,
            Some(_) => Tries::Low,
        };
        TokenInfo {
            identity: self.identity(),
            initialised: self.so.is_some(),
            user_pin_set: self.user.is_some(),
            user_pin_to_be_changed: false,
            pin_length: PIN_LENGTH,
            so_tries: tries(&self.so),
            user_tries: tries(&self.user),
        }
    }

    pub(super) fn public_objects(&self) -> Vec<ObjectRecord> {
        let private = [ObjectClass::PrivateKey, ObjectClass::SecretKey];
        let mut public = self.records();
        public.retain(|record| !private.contains(&record.class));
        public
    }

    pub(super) fn pin(&mut self, holder: PinHolder) -> &mut Option<PinSlot> {
        match holder {
            PinHolder::SecurityOfficer => &mut self.so,
            PinHolder::User => &mut self.user,
        }
    }

    pub(super) fn records(&self) -> Vec<ObjectRecord> {
        let mut records: Vec<_> = self.objects.iter().map(|object| object.record.clone()).collect();
        records.sort();
        records
    }
}

/// What is longer than [`MAX_FILE`] could not be read again.
pub(super) fn full() -> TokenError {
    TokenError::before(FUNCTION, Cause::DeviceMemory, "the token is full", HINT)
}

impl PinSlot {
    /// Seals the master identity under a new PIN.
    pub(super) fn new(function: &str, pin: &Pin, master: &[u8]) -> Result<Self, TokenError> {
        check_pin(function, pin)?;
        let sealed = under_pin::seal(pin, WorkFactor::PRACTICE, master)
            .map_err(|e| TokenError::before(function, Cause::DeviceError, e.to_string(), HINT))?;
        Ok(Self { tries_left: TRIES, sealed: Base64(sealed) })
    }
}

/// Refuses a PIN that no slot of this token could have.
pub(super) fn check_pin(function: &str, pin: &Pin) -> Result<(), TokenError> {
    let (shortest, longest) = PIN_LENGTH;
    let bytes = pin.expose();
    if (shortest..=longest).contains(&bytes.len()) && bytes.iter().all(|b| (b' '..=b'~').contains(b)) {
        return Ok(());
    }
    let message = format!("a PIN of this token has {shortest} to {longest} printable ASCII characters");
    Err(TokenError::before(function, Cause::PinLenRange, message, "give another PIN; no try was spent"))
}
