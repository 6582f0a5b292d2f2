//! The port of the practice token. A PIN is presented once for each call, and never for the last try.

use std::path::Path;

use super::{
    backup, deletion,
    device::{Device, Session, User},
    installation, restore,
    state::State,
};
use crate::{
    approval::authorization::{Authorization, PinAuthorization},
    encoding::text::{Line, Name},
    memory::{CredentialSecret, Pin},
    ports::{
        card::FinalTry,
        cause::Cause,
        token::{
            BackupSink, BackupSource, Deletion, Export, Installation, PinChange, PinHolder, Progress, Reset,
            Restoration, Run, Silent, Start, Target, Token, TokenError,
        },
    },
    proposal::target::{Inventory, ObjectRecord, Observation},
};

/// A practice token at hand.
pub struct PracticeToken {
    name: Name,
    device: Device,
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
            return Err(refused(format!("{serial:?} is no serial of a practice token")));
        }
        State::empty(Line::lossy(&serial)).create(path)
    }

    /// Opens the token at `path`, which the quorum calls `name`.
    pub fn open(name: Name, path: &Path) -> Result<Self, TokenError> {
        Ok(Self { name, device: Device::open(path)? })
    }

    /// Initialises an empty token, as somebody would have before any quorum: for the rehearsal of a take-over.
    pub fn initialise(&mut self, label: &str, so_pin: &Pin, user_pin: &Pin) -> Result<(), TokenError> {
        installation::initialise_empty(&self.device, label, so_pin, user_pin)
    }

    pub(super) fn session(&self, user_pin: &Pin) -> Result<Session<'_>, TokenError> {
        self.device.login(User::Normal, user_pin, FinalTry::Keep)
    }

    /// An authorization is good on one target only.
    fn admit(&self, function: &str, authorization: &Authorization) -> Result<(), TokenError> {
        self.admit_on(function, authorization.target())
    }

    fn admit_on(&self, function: &str, target: &Name) -> Result<(), TokenError> {
        if *target == self.name {
            return Ok(());
        }
        Err(TokenError::before(
            function,
            Cause::Unnamed,
            format!("the authorization is for target {target}, this is {}", self.name),
            "open the target that the proposal names",
        ))
    }
}

impl Target for PracticeToken {
    fn observe(&mut self) -> Result<Observation, TokenError> {
        Ok(self.device.read()?.observation())
    }
}

impl Token for PracticeToken {
    fn inventory(&mut self, user_pin: &Pin) -> Result<Inventory, TokenError> {
        let state = self.session(user_pin)?.read()?;
        Ok(Inventory { identity: state.identity(), objects: state.records() })
    }

    fn install(
        &mut self,
        authorization: Authorization,
        installation: &Installation<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), TokenError> {
        self.admit("install", &authorization)?;
        in_run(installation.run, installation::install(&self.device, installation, progress))
    }

    fn change_pins(
        &mut self,
        authorization: &PinAuthorization,
        change: &PinChange<'_>,
    ) -> Result<(), TokenError> {
        self.admit_on("change_pins", authorization.target())?;
        match *change {
            PinChange::ByUser { present, new } => self.session(present)?.set_own_pin(new),
            PinChange::ByOfficer { present, new, user_pin } => {
                let installation = Installation {
                    run: Run::First,
                    start: Start::InUse { present_so_pin: Some(present) },
                    new_so_pin: new,
                    new_user_pin: Some(user_pin),
                };
                installation::install(&self.device, &installation, &mut Silent)
            }
        }
    }

    fn prove_pin(&mut self, holder: PinHolder, pin: &Pin) -> Result<(), TokenError> {
        let user = match holder {
            PinHolder::SecurityOfficer => User::Officer,
            PinHolder::User => User::Normal,
        };
        self.device.login(user, pin, FinalTry::Keep).map(drop)
    }

    fn delete(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        run: Run,
        progress: &mut dyn Progress,
    ) -> Result<Deletion, TokenError> {
        self.admit("delete", &authorization)?;
        in_run(
            run,
            self.session(user_pin).and_then(|session| deletion::delete(&session, objects, run, progress)),
        )
    }

    fn reset(
        &mut self,
        authorization: Authorization,
        reset: &Reset<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), TokenError> {
        self.admit("reset", &authorization)?;
        in_run(reset.run, installation::reset(&self.device, reset, progress))
    }

    fn backup(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        sink: &mut dyn BackupSink,
        progress: &mut dyn Progress,
    ) -> Result<Export, TokenError> {
        self.admit("backup", &authorization)?;
        backup::backup(&self.session(user_pin)?, backup_key, sink, progress)
    }

    fn restore(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        source: &mut dyn BackupSource,
        progress: &mut dyn Progress,
    ) -> Result<Restoration, TokenError> {
        self.admit("restore", &authorization)?;
        restore::restore(&self.session(user_pin)?, backup_key, source, progress)
    }
}

/// In a resumed run the process before this one may have had an effect, whatever stops this one.
fn in_run<T>(run: Run, result: Result<T, TokenError>) -> Result<T, TokenError> {
    match run {
        Run::First => result,
        Run::Resumed => result.map_err(TokenError::with_unknown_effect),
    }
}
