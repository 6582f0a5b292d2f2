//! Programs that a quorum runs.
//!
//! An error with [`Effect::None`](super::token::Effect::None) says that the program was not started.

use std::io::Read;

use super::token::TokenError;
use crate::{
    approval::authorization::Authorization,
    encoding::{digest::Digest, text::Name},
    memory::Pin,
    proposal::program::{ProgramCheck, ProgramRun, RunRecord},
};

/// Runs programs, each in a working directory of its own on the station, which is called its room.
pub trait Programs {
    /// SHA-256 of a program's file; refused where it is none that could be run.
    fn digest(&mut self, path: &str) -> Result<Digest, TokenError>;

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

    /// Empties a room.
    fn clear(&mut self, room: &str) -> Result<(), TokenError>;
}
