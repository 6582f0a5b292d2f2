//! A target of which nothing can be seen but the program that works on it.

use super::image;
use crate::{
    encoding::{
        absolute_path::AbsolutePath,
        digest::Digest,
        text::{Line, Name},
    },
    ports::{
        cause::Cause,
        token::{Target, TokenError},
    },
    proposal::target::{Observation, TokenIdentity, Tries},
};

/// The program of a target of kind `command`, which has no PINs and no objects.
pub struct ProgramTarget {
    identity: TokenIdentity,
}

impl ProgramTarget {
    /// Reads the program's digest; refused where another one is pinned.
    pub fn open(name: &Name, program: &AbsolutePath, pinned: Option<Digest>) -> Result<Self, TokenError> {
        let found = image::digest(program)?;
        if pinned.is_some_and(|pinned| pinned != found) {
            return Err(TokenError::before(
                "program",
                Cause::ModuleChanged,
                format!("{} is not the program that is pinned; its SHA-256 is {found}", program),
                "find out who changed it; if it was updated, a command with its sha256 lets the quorum approve it",
            ));
        }
        Ok(Self { identity: identity(name, found) })
    }
}

/// What identifies a target of kind `command`: its name, and its program's digest.
fn identity(name: &Name, sha256: Digest) -> TokenIdentity {
    TokenIdentity {
        manufacturer: Line::lossy(""),
        model: Line::lossy("command"),
        serial: Line::lossy(""),
        label: Line::lossy(name.as_str()),
        module_sha256: Some(sha256),
    }
}

impl Target for ProgramTarget {
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
}
