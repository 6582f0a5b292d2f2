//! What the two processes say to each other.
//!
//! A frame is its length (four bytes, big-endian) and its bytes. All frames are JSON but for secrets,
//! which follow the job in raw frames of their own, so that no JSON parser ever has one.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    reported::{Depth, ListedSlot, ModuleReport, Which},
    settings::Select,
};
use crate::{
    encoding::{absolute_path::AbsolutePath, bounds, digest::Digest},
    memory::LockedBytes,
    ports::token::{Attempt, Deletion, Export, PinHolder, Restoration, TokenError},
    proposal::{
        capability::Lack,
        target::{BackupEntry, Inventory, ObjectRecord, Observation, TokenIdentity},
        token_label::TokenLabel,
    },
};

/// Longest JSON frame. A backup entry of the largest data object stays well below.
const MAX_FRAME: usize = 64 * 1024 * 1024;

const MAX_SECRET: usize = 4096;

/// The first frame: everything that the worker needs to know but the secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) module: AbsolutePath,
    pub(super) module_sha256: Option<Digest>,
    pub(super) select: Select,
    pub(super) request: Request,
    /// Which secrets follow, in this order.
    #[serde(deserialize_with = "bounds::roles")]
    pub(super) secrets: Vec<SecretRole>,
}

/// What is to be done.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    List,
    Report {
        which: Which,
        depth: Depth,
    },
    Lacks,
    Observe,
    Inventory,
    /// `label` is given for an empty token.
    Install {
        run: Attempt,
        label: Option<TokenLabel>,
    },
    Delete {
        run: Attempt,
        #[serde(deserialize_with = "bounds::objects")]
        objects: Vec<ObjectRecord>,
    },
    Reset {
        run: Attempt,
        new_label: TokenLabel,
    },
    ChangePins {
        by: PinHolder,
    },
    ProvePin {
        holder: PinHolder,
    },
    Backup,
    /// Of so many entries.
    Restore {
        total: usize,
    },
}

/// What a secret is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum SecretRole {
    PresentSoPin,
    NewSoPin,
    UserPin,
    NewUserPin,
    BackupKey,
}

/// What the worker says.
#[derive(Serialize, Deserialize)]
pub(super) enum Message {
    Calling(String),
    /// From the next call on, the token may be changed.
    Changing,
    Progress {
        what: String,
        done: usize,
        total: usize,
    },
    /// Before the end: how much time went to calls of the module, and how many there were.
    Spent {
        micros: u64,
        calls: u64,
    },
    /// The next entry of a backup; the worker waits for [`Answer::Taken`].
    Entry(BackupEntry),
    /// The worker waits for [`Answer::Entry`].
    WantEntry,
    /// The end.
    Done(Reply),
    /// The end, too.
    Failed(TokenError),
}

/// What the worker is told while it works.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Taken,
    Entry(Option<Box<BackupEntry>>),
}

#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    #[serde(deserialize_with = "bounds::slots")]
    Slots(Vec<ListedSlot>),
    Report(ModuleReport),
    #[serde(deserialize_with = "bounds::slots")]
    Lacks(Vec<Lack>),
    Observation(Observation),
    Inventory(Inventory),
    /// The token as it is known from now on.
    Token(TokenIdentity),
    /// The PINs were changed, or the one that was given is in force.
    Pin,
    Deletion(Deletion),
    Exported(Export),
    Restored(Restoration),
}

impl Reply {
    /// Whether it is a list in which no token is in use, or one could not be read.
    pub(super) fn shows_no_token(&self) -> bool {
        let is_there = |token: &Result<Observation, TokenError>| token.as_ref().is_ok_and(|o| o.initialised);
        match self {
            Self::Slots(slots) => {
                !slots.iter().any(|slot| is_there(&slot.token))
                    || slots.iter().any(|slot| slot.token.is_err())
            }
            Self::Report(report) => {
                report.slots.is_empty() || report.slots.iter().any(|slot| slot.token.is_err())
            }
            _ => false,
        }
    }
}

pub(super) fn write_json<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
    write_frame(to, &bytes)
}

/// Writes one raw frame, in two calls: the bytes are not copied.
pub(super) fn write_frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)
}

/// Reads one JSON frame; none at the end of the stream.
pub(super) fn read_json<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let Some(length) = read_length(from, MAX_FRAME)? else { return Ok(None) };
    let mut bytes = Vec::new();
    from.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() != length {
        return Ok(None);
    }
    serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other)
}

/// Reads one secret straight into locked memory.
pub(super) fn read_secret(from: &mut impl Read) -> io::Result<LockedBytes> {
    let length = read_length(from, MAX_SECRET)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut secret = LockedBytes::zeroed(length).map_err(io::Error::other)?;
    from.read_exact(secret.expose_mut())?;
    Ok(secret)
}

fn read_length(from: &mut impl Read, limit: usize) -> io::Result<Option<usize>> {
    let mut bytes = [0; 4];
    match from.read_exact(&mut bytes) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = usize::try_from(u32::from_be_bytes(bytes)).map_err(io::Error::other)?;
    if length > limit {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_go_round_and_a_cut_one_is_the_end() {
        let mut wire = Vec::new();
        write_json(&mut wire, &Message::Changing).unwrap();
        write_frame(&mut wire, b"1234").unwrap();
        let mut from = &wire[..];
        assert!(matches!(read_json(&mut from), Ok(Some(Message::Changing))));
        assert_eq!(read_secret(&mut from).unwrap().expose(), b"1234");
        assert!(matches!(read_json::<Message>(&mut from), Ok(None)));
        assert!(matches!(read_json::<Message>(&mut &wire[..6]), Ok(None)));
    }

    #[test]
    fn a_length_beyond_the_limit_is_not_allocated() {
        assert!(read_json::<Message>(&mut &[0xff; 8][..]).is_err());
        assert!(read_secret(&mut &[0, 0, 0x20, 0, 1][..]).is_err());
    }
}
