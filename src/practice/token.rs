//! The port of the practice token.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    backup,
    device::{Device, Session},
    restore,
    state::State,
};
use crate::{
    administration::{self, Session as _, admit, fault::CallResult},
    approval::authorization::{Authorization, PinAuthorization},
    encoding::text::{Line, Name},
    memory::{CredentialSecret, Pin},
    ports::{
        cause::Cause,
        token::{
            Attempt, BackupSink, BackupSource, Condition, Deletion, Export, Installation, PinChange,
            PinHolder, Progress, Reset, Restoration, Target, Token, TokenError,
        },
    },
    proposal::{
        target::{Inventory, ObjectRecord, Observation},
        token_label::TokenLabel,
    },
};

/// A practice token at hand.
pub struct PracticeToken {
    name: Name,
    path: PathBuf,
}

impl PracticeToken {
    /// Makes the file of an uninitialised token where nothing is yet. The serial, 16 hex digits, is random
    /// unless given.
    pub fn create_empty(path: &Path, serial: Option<&str>) -> Result<(), TokenError> {
        let refused = |message: String| {
            TokenError::before("create", Cause::ArgumentsBad, message, "give 16 hex digits, or none")
        };
        let serial = match serial {
            Some(text) => text.to_owned(),
            None => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).map_err(|e| refused(e.to_string()))?;
                base16ct::lower::encode_string(&bytes)
            }
        };
        if serial.len() != 16 || !serial.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(refused(format!("{serial:?} is not the serial of a practice token")));
        }
        State::empty(Line::lossy(&serial)).create(path)
    }

    /// Opens the token at `path`, which the quorum calls `name`.
    pub fn open(name: Name, path: &Path) -> Result<Self, TokenError> {
        let path = fs::canonicalize(path).map_err(|e| {
            let hint = "check the file of the practice token and its medium";
            TokenError::before("open", Cause::TokenNotPresent, format!("{}: {e}", path.display()), hint)
        })?;
        State::read(&path)?;
        Ok(Self { name, path })
    }

    /// Initialises an empty token, as somebody would have before any quorum: for the rehearsal of a take-over.
    pub fn initialise(&mut self, label: &TokenLabel, so_pin: &Pin, user_pin: &Pin) -> Result<(), TokenError> {
        let installation = Installation {
            run: Attempt::First,
            condition: Condition::Empty { label },
            new_so_pin: Some(so_pin),
            new_user_pin: Some(user_pin),
        };
        self.perform(|device| administration::install(device, &installation)).map(drop)
    }

    fn perform<T>(&self, act: impl FnOnce(&Device) -> CallResult<T>) -> Result<T, TokenError> {
        let device = Device::at(&self.path);
        act(&device).map_err(|fault| fault.into_error(device.has_changed()))
    }

    /// The same with the user logged in.
    pub(super) fn as_user<T>(
        &self,
        user_pin: &Pin,
        act: impl FnOnce(&Session<'_>) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let device = Device::at(&self.path);
        let session = Session::of(&device);
        session.login(PinHolder::User, user_pin).map_err(|fault| fault.into_error(false))?;
        act(&session)
    }
}

impl Target for PracticeToken {
    fn observe(&mut self) -> Result<Observation, TokenError> {
        let state = State::read(&self.path)?;
        Ok(state.info().observation(state.public_objects()))
    }
}

impl Token for PracticeToken {
    fn inventory(&mut self, user_pin: &Pin) -> Result<Inventory, TokenError> {
        let state = self.as_user(user_pin, |session| session.read())?;
        Ok(Inventory { identity: state.identity(), objects: state.records() })
    }

    fn install(
        &mut self,
        authorization: Authorization,
        installation: &Installation<'_>,
    ) -> Result<(), TokenError> {
        admit(authorization.target(), &self.name)?;
        self.perform(|device| administration::install(device, installation)).map(drop)
    }

    fn change_pins(
        &mut self,
        authorization: &PinAuthorization,
        change: &PinChange<'_>,
    ) -> Result<(), TokenError> {
        admit(authorization.target(), &self.name)?;
        self.perform(|device| administration::change_pins(device, change))
    }

    fn prove_pin(&mut self, holder: PinHolder, pin: &Pin) -> Result<(), TokenError> {
        self.perform(|device| administration::prove_pin(device, holder, pin))
    }

    fn delete(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        run: Attempt,
        progress: &mut dyn Progress,
    ) -> Result<Deletion, TokenError> {
        admit(authorization.target(), &self.name)?;
        self.perform(|device| administration::delete(device, user_pin, objects, run, progress))
    }

    fn reset(&mut self, authorization: Authorization, reset: &Reset<'_>) -> Result<(), TokenError> {
        admit(authorization.target(), &self.name)?;
        self.perform(|device| administration::reset(device, reset)).map(drop)
    }

    fn backup(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        sink: &mut dyn BackupSink,
        progress: &mut dyn Progress,
    ) -> Result<Export, TokenError> {
        admit(authorization.target(), &self.name)?;
        self.as_user(user_pin, |session| backup::backup(session, backup_key, sink, progress))
    }

    fn restore(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        source: &mut dyn BackupSource,
        progress: &mut dyn Progress,
    ) -> Result<Restoration, TokenError> {
        admit(authorization.target(), &self.name)?;
        self.as_user(user_pin, |session| restore::restore(session, backup_key, source, progress))
    }
}
