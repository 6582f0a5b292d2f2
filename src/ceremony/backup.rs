//! The file of a backup: one age file sealed to the authority of the backup key, entry by entry.
//!
//! The file is JSON lines: a header that names ledger, ceremony, proposal and target, then one line for each object. Keys
//! in it are wrapped under the backup key as well, so that opening the age file alone gives no key.

use std::io::{BufRead as _, BufReader, Read, Write};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    acting::{Acting, Credentials},
};
use crate::{
    encoding::{
        bounds,
        digest::{Digest, Hasher},
        strict,
        text::Name,
    },
    memory::{CredentialSecret, Pin},
    ports::token::BackupSource,
    proposal::target::{BackupEntry, LeftOut, Role},
    sealing::hybrid::HybridIdentity,
    transcript::{
        event::BackedUp,
        ledger::{Ceremony, LedgerState},
    },
};

/// First line of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[serde(deserialize_with = "bounds::algorithm")]
    format: String,
    ledger: Digest,
    ceremony: u32,
    proposal: Digest,
    target: Name,
}

const FORMAT: &str = "quorate-backup-v2";

impl Header {
    /// That of a backup that a ceremony makes.
    pub(super) fn of(state: &LedgerState, ceremony: &Ceremony, target: &Name) -> Self {
        Self {
            format: FORMAT.into(),
            ledger: state.nonce,
            ceremony: ceremony.number(),
            proposal: ceremony.digest,
            target: target.clone(),
        }
    }
}

/// What opens the token and the backup.
#[derive(Clone, Copy)]
pub(super) struct BackupKeys<'a> {
    pub user_pin: &'a Pin,
    pub backup_key: &'a CredentialSecret,
    /// Opens the file: that of the backup key's authority.
    pub identity: &'a HybridIdentity,
}

impl Acting<'_, '_> {
    /// What opens the token and the backup, while the user is logged in.
    pub(super) fn backup_keys<'k>(
        &self,
        user_pin: &'k Pin,
        credentials: &'k Credentials,
        identity: &'k HybridIdentity,
    ) -> Result<BackupKeys<'k>, Error> {
        let source = self.backup_key(self.ceremony)?.sealed.target.clone();
        let key = credentials.get(&(source, Role::BackupKey));
        let backup_key = key.ok_or_else(|| Error::defect("there is no backup key"))?;
        Ok(BackupKeys { user_pin, backup_key, identity })
    }
}

/// Counts and hashes what goes to the file.
pub(super) struct Counted<W> {
    pub(super) inner: W,
    pub(super) hasher: Hasher,
    pub(super) length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.length = self.length.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// The part of a summary about objects that are there, but not with all that restricts them.
pub(super) fn without_all(unkept: &[LeftOut]) -> String {
    match unkept.len() {
        0 => String::new(),
        1 => "; 1 of them does not keep all its attributes".to_owned(),
        many => format!("; {many} of them do not keep all their attributes"),
    }
}

/// The entries of a backup, each compared with the manifest that its ceremony recorded.
pub struct Entries {
    lines: BufReader<Box<dyn Read>>,
    manifest: Vec<BackedUp>,
    next: usize,
}

impl Entries {
    /// Opens the backup that a ceremony of this ledger recorded. That the whole file has the recorded digest is for the caller to see:
    /// here it is only what it says of itself, and each entry what was recorded of it.
    ///
    /// # Errors
    /// If `identity`, that of the backup key's authority, does not open it, or it is of another ledger, ceremony, proposal or target.
    pub fn recorded(
        file: Box<dyn Read>,
        identity: &HybridIdentity,
        (state, ceremony): (&LedgerState, u32),
    ) -> std::io::Result<Self> {
        let recorded = state.backups.get(&ceremony).zip(state.ceremonies.number(ceremony));
        let (record, ceremony) =
            recorded.ok_or_else(|| std::io::Error::other("that ceremony recorded no backup"))?;
        let (header, mut entries) = Self::open(file, identity)?;
        if header != Header::of(state, ceremony, &record.target) {
            return Err(std::io::Error::other(
                "the backup is of another ledger, ceremony, proposal or target",
            ));
        }
        entries.manifest.clone_from(&record.entries);
        Ok(entries)
    }

    pub(super) fn open(file: Box<dyn Read>, identity: &HybridIdentity) -> std::io::Result<(Header, Self)> {
        let other = |e: &dyn std::fmt::Display| std::io::Error::other(e.to_string());
        let decryptor = age::Decryptor::new(file).map_err(|e| other(&e))?;
        let single = crate::sealing::single::SingleRecipient(identity);
        let stream =
            decryptor.decrypt(std::iter::once(&single as &dyn age::Identity)).map_err(|e| other(&e))?;
        let mut entries = Self { lines: BufReader::new(Box::new(stream)), manifest: Vec::new(), next: 0 };
        let line = entries.line()?.ok_or_else(|| other(&"the backup is empty"))?;
        let header: Header = strict::parse(&line).map_err(|e| other(&e))?;
        Ok((header, entries))
    }

    /// One line of at most the length of a document.
    fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = u64::try_from(strict::MAX_DOCUMENT).unwrap_or(u64::MAX);
        let read = (&mut self.lines).take(limit).read_until(b'\n', &mut line)?;
        match (read, line.pop()) {
            (0, _) => Ok(None),
            (_, Some(b'\n')) => Ok(Some(line)),
            _ => Err(std::io::Error::other("a line of the backup is cut off, or too long")),
        }
    }
}

impl BackupSource for Entries {
    fn count(&self) -> usize {
        self.manifest.len()
    }

    fn entry(&mut self) -> Result<Option<BackupEntry>, std::io::Error> {
        let recorded = self.manifest.get(self.next);
        let Some(recorded) = recorded.cloned() else {
            return match self.line()? {
                None => Ok(None),
                Some(_) => {
                    Err(std::io::Error::other("the backup has more entries than its ceremony recorded"))
                }
            };
        };
        let line = self.line()?.ok_or_else(|| std::io::Error::other("the backup is cut off"))?;
        if Digest::of(&line) != recorded.sha256 {
            return Err(std::io::Error::other(format!(
                "the entry of {} is not the one that was recorded",
                recorded.object
            )));
        }
        let entry: BackupEntry = strict::parse(&line).map_err(|e| std::io::Error::other(e.to_string()))?;
        if entry.object != recorded.object {
            return Err(std::io::Error::other(format!(
                "the entry of {} is for another object",
                recorded.object
            )));
        }
        self.next = self.next.saturating_add(1);
        Ok(Some(entry))
    }
}

pub(super) fn hash(mut file: Box<dyn Read>) -> Result<Digest, Error> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(|e| Error::problem(format!("the backup cannot be read: {e}"), "check the medium"))?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
