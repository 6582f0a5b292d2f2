//! Programs that a quorum runs.
//!
//! An error with [`Effect::None`](super::token::Effect::None) says that the program was not started.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::token::TokenError;
use crate::{
    approval::authorization::Authorization,
    encoding::{absolute_path::AbsolutePath, digest::Digest, text::Name},
    memory::Pin,
    proposal::program::{ProgramCheck, ProgramRun, RunRecord},
};

/// What lies in a room after a program, once everything was removed from it in which there is a credential.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leavings {
    /// Outputs that are not taken, each with the reason.
    pub untaken: Vec<(Name, String)>,
    /// What else lies there, copies of inputs aside: path and size, printable.
    pub lying: Vec<String>,
    /// Entries that are not listed: there are too many.
    pub unlisted: u32,
    /// Entries that were removed because a credential stood in them, or in their names.
    pub removed: u32,
    /// Entries in which no credential was looked for, because they are too large, too many or cannot be read.
    pub unread: u32,
}

/// Runs programs, each in a working directory of its own on the station, which is called its room.
pub trait Programs {
    /// SHA-256 of a program's file; refused where it is none that could be run.
    fn digest(&mut self, path: &AbsolutePath) -> Result<Digest, TokenError>;

    /// Runs a program, once, with copies of its inputs in an empty room. `secrets` are those of its credentials, in their
    /// order. What it wrote stays in the room.
    fn run(
        &mut self,
        authorization: Authorization,
        room: &str,
        run: &ProgramRun,
        secrets: &[Pin],
    ) -> Result<RunRecord, TokenError>;

    /// Runs a check, which is handed nothing, in a room beside. Its exit code; none if it did not end by itself.
    fn check(&mut self, room: &str, check: &ProgramCheck) -> Result<Option<u8>, TokenError>;

    /// A file that a program wrote in its room, `stdout` and `stderr` included.
    fn written(&mut self, room: &str, name: &Name) -> Result<Box<dyn Read>, TokenError>;

    /// Looks through a room for `secrets`, removes what they stand in, and says what is there. A second look gives the first
    /// one's result: anybody who looks again may not have the secrets that the program had.
    fn leavings(&mut self, room: &str, run: &ProgramRun, secrets: &[Pin]) -> Result<Leavings, TokenError>;

    /// Puts a room where nothing empties it. Its path; none if there is no such room.
    fn keep(&mut self, room: &str) -> Result<Option<String>, TokenError>;

    fn clear(&mut self, room: &str) -> Result<(), TokenError>;
}
