//! The directory of a ledger or of a copy: made, locked, and still the one that was locked.

use std::path::{Path, PathBuf};

use super::{
    fault::{failed, refused},
    layout::{self, Budget, TRANSCRIPT},
    writing,
};
use crate::{
    durable::{self, DirectoryId, DirectoryLock, LockHolder},
    encoding::digest::Digest,
    ports::store::StoreError,
    transcript::ledger::CeremonyFiles,
};

/// A directory that was made for a ledger. If nothing was written to it by the time this is dropped, it goes away again: a
/// proposal that is refused leaves no empty folder, into which the next would not be written.
#[must_use = "dropped at once, it removes the directory again"]
pub struct Made(pub(super) PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        // rmdir(2) removes nothing but an empty directory.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A directory that is locked.
pub(super) struct LockedDirectory {
    pub(super) path: PathBuf,
    lock: DirectoryLock,
}

impl LockedDirectory {
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        let lock = DirectoryLock::of_directory(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock => in_use(path),
            _ => failed("opening", path, &e),
        })?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Whether the path still leads to the directory that is locked: a medium can be pulled and another mounted.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.identity()? == DirectoryId::of(&self.path).map_err(|e| failed("opening", &self.path, &e))? {
            return Ok(());
        }
        let reason =
            "this is not the directory any more that was opened: moved, or another medium was mounted";
        Err(refused("opening", &self.path, reason, "put the medium back, then run the same command again"))
    }

    /// The files of a ceremony, durable by now, of which this line is one.
    pub(super) fn intended(&self, directory: &str, line: Digest) -> Result<CeremonyFiles, StoreError> {
        writing::settle(&self.path, directory)?;
        let files = layout::ceremony(&self.path, directory, &mut Budget::ledger())?;
        let whole = files.transcript.strip_suffix(b"\n").unwrap_or_default();
        if whole.split(|b| *b == b'\n').any(|bytes| Digest::of(bytes) == line) {
            return Ok(files);
        }
        let reason = format!("the intent {} is not in it", line.short());
        let hint = "audit this directory, then execute again; this run has not touched the target";
        let path = self.path.join(directory).join(TRANSCRIPT);
        Err(refused("reading back", &path, reason, hint))
    }

    pub(super) fn identity(&self) -> Result<DirectoryId, StoreError> {
        self.lock.identity().map_err(|e| failed("looking at", &self.path, &e))
    }
}

fn in_use(path: &Path) -> StoreError {
    let working = "another quorate is working on this ledger";
    let (reason, hint) = match durable::holder(path) {
        Some(LockHolder { process, is_stopped: true }) => (
            format!("{working}: process {process}, which is stopped"),
            "go on with it (fg in its shell) or end it, then run the same command again",
        ),
        Some(LockHolder { process, .. }) => (
            format!("{working}: process {process}"),
            "wait until it has ended, then run the same command again",
        ),
        None => (working.to_owned(), "wait until it has ended, then run the same command again"),
    };
    refused("opening", path, reason, hint)
}
