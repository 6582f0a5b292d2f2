//! A target of which nothing can be seen but the program that works on it.

use super::image;
use crate::{
    approval::authorization::{Authorization, PinAuthorization},
    encoding::{
        digest::Digest,
        text::{self, Line, Name},
    },
    memory::{CredentialSecret, Pin},
    ports::{
        cause::Cause,
        token::{
            BackupSink, BackupSource, Deletion, Export, Installation, PinChange, PinHolder, Progress, Reset,
            Restoration, Run, Token, TokenError,
        },
    },
    proposal::target::{Inventory, ObjectRecord, Observation, TokenIdentity, Tries},
};

/// The program of a target of kind `command`, as a token that has nothing in it.
pub struct ProgramTarget {
    identity: TokenIdentity,
}

impl ProgramTarget {
    /// Reads the program's digest; refused where another one is pinned.
    pub fn open(name: &Name, program: &str, pinned: Option<Digest>) -> Result<Self, TokenError> {
        let found = image::digest(program)?;
        if pinned.is_some_and(|pinned| pinned != found) {
            return Err(TokenError::before(
                "program",
                Cause::ModuleChanged,
                format!(
                    "{} is not the program that is pinned; its SHA-256 is {found}",
                    text::printable(program)
                ),
                "find out who changed it; if it was updated, a command with its sha256 lets the quorum approve it",
            ));
        }
        Ok(Self { identity: identity(name, found) })
    }
}

/// Who a target of kind `command` is: its name, and its program's digest.
fn identity(name: &Name, sha256: Digest) -> TokenIdentity {
    TokenIdentity {
        manufacturer: Line::lossy(""),
        model: Line::lossy("command"),
        serial: Line::lossy(""),
        label: Line::lossy(name.as_str()),
        module_sha256: Some(sha256),
    }
}

fn not_a_token<T>() -> Result<T, TokenError> {
    let hint = "it takes plans of kind \"command\"";
    Err(TokenError::before("program", Cause::Unnamed, "a target of kind \"command\" is no token", hint))
}

impl Token for ProgramTarget {
    fn observe(&mut self) -> Result<Observation, TokenError> {
        Ok(Observation {
            identity: self.identity.clone(),
            initialised: true,
            user_pin_set: true,
            pin_length: (1, 0),
            so_tries: Tries::Full,
            user_tries: Tries::Full,
            public_objects: Vec::new(),
        })
    }

    fn inventory(&mut self, _user_pin: &Pin) -> Result<Inventory, TokenError> {
        not_a_token()
    }

    fn install(
        &mut self,
        _authorization: Authorization,
        _installation: &Installation<'_>,
        _progress: &mut dyn Progress,
    ) -> Result<(), TokenError> {
        not_a_token()
    }

    fn change_pins(
        &mut self,
        _authorization: &PinAuthorization,
        _change: &PinChange<'_>,
    ) -> Result<(), TokenError> {
        not_a_token()
    }

    fn prove_pin(&mut self, _holder: PinHolder, _pin: &Pin) -> Result<(), TokenError> {
        not_a_token()
    }

    fn delete(
        &mut self,
        _authorization: Authorization,
        _user_pin: &Pin,
        _objects: &[ObjectRecord],
        _run: Run,
        _progress: &mut dyn Progress,
    ) -> Result<Deletion, TokenError> {
        not_a_token()
    }

    fn reset(
        &mut self,
        _authorization: Authorization,
        _reset: &Reset<'_>,
        _progress: &mut dyn Progress,
    ) -> Result<(), TokenError> {
        not_a_token()
    }

    fn backup(
        &mut self,
        _authorization: Authorization,
        _user_pin: &Pin,
        _backup_key: &CredentialSecret,
        _sink: &mut dyn BackupSink,
        _progress: &mut dyn Progress,
    ) -> Result<Export, TokenError> {
        not_a_token()
    }

    fn restore(
        &mut self,
        _authorization: Authorization,
        _user_pin: &Pin,
        _backup_key: &CredentialSecret,
        _source: &mut dyn BackupSource,
        _progress: &mut dyn Progress,
    ) -> Result<Restoration, TokenError> {
        not_a_token()
    }
}
