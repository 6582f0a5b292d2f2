//! What goes over the socket between the station and the supervisor of one program.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use crate::encoding::bounds;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const LONGEST_MESSAGE: u64 = 4 << 20;

/// What to run. The descriptors come before it: program, standard input, output and error, and those that are handed on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    /// As what the program finds itself called.
    pub name: String,
    /// What follows; `\u{0}N\u{0}` means the number of the descriptor that is handed on as number N, from 0.
    #[serde(deserialize_with = "bounds::arguments")]
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Where it works.
    pub directory: String,
    /// Whether standard input is a terminal, which it shall have as its controlling one.
    pub terminal: bool,
    /// How many descriptors are handed on.
    pub handed: usize,
}

/// What the supervisor says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Message {
    Started,
    /// It was not started, for this reason.
    NotStarted(String),
    /// It ended, and nothing of it is left.
    Ended {
        exit_code: Option<u8>,
        signal: Option<u8>,
        /// Processes that it had left behind, killed.
        left_behind: u32,
    },
}

pub(super) fn write<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// The next message; none when the other end is closed.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let read = io::Read::take(&mut *from, LONGEST_MESSAGE).read_until(b'\n', &mut line)?;
    match (read, line.pop()) {
        (0, _) => Ok(None),
        (_, Some(b'\n')) => serde_json::from_slice(&line).map(Some).map_err(io::Error::from),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
