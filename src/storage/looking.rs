//! A ledger that is only looked at: no lock, and nothing is written, neither to it nor to its copies.

use std::path::{Path, PathBuf};

use super::{
    fault::{failed, refused},
    layout::{self, Budget, Files},
    obstacles,
};
use crate::{
    approval::intent::DurableIntent,
    durable::DirectoryId,
    encoding::{digest::Digest, text::Name},
    ports::store::{Beside, Copies, LedgerStore, StoreError, StoredFiles},
    transcript::ledger::CeremonyFiles,
};

/// A ledger and the places of its copies. Either may be yet to be made.
pub struct LedgerView {
    ledger: PathBuf,
    copies: Vec<PathBuf>,
}

impl LedgerView {
    /// Nothing is opened.
    pub fn new(ledger: &Path, copies: Vec<PathBuf>) -> Self {
        Self { ledger: ledger.to_owned(), copies }
    }

    fn only_looks<T>(&self) -> Result<T, StoreError> {
        Err(refused("writing", &self.ledger, "it is only looked at", "this is a defect: report it"))
    }
}

impl LedgerStore for LedgerView {
    fn read(&mut self) -> Result<Box<StoredFiles>, StoreError> {
        let is_there = layout::is_there(&self.ledger)?;
        Ok(Box::new(if is_there { Files::of(&self.ledger)? } else { Files::none(&self.ledger) }))
    }

    fn is_empty(&mut self) -> Result<bool, StoreError> {
        Ok(!layout::is_there(&self.ledger)? || layout::ceremonies(&self.ledger)?.is_empty())
    }

    fn ceremony(&mut self, directory: &str) -> Result<CeremonyFiles, StoreError> {
        layout::ceremony(&self.ledger, directory, &mut Budget::ledger())
    }

    /// As they will be: a copy that is yet to be made will be on the medium of the directory above it.
    fn copies(&mut self) -> Result<Copies, StoreError> {
        let mut devices = vec![device(&self.ledger)?];
        for copy in &self.copies {
            devices.push(device(copy)?);
        }
        let count = u8::try_from(devices.len()).unwrap_or(u8::MAX);
        devices.sort_unstable();
        let same_medium = devices.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        Ok(Copies { count, same_medium })
    }

    /// Nothing is written, so that it does not matter.
    fn verified(&mut self, _: Vec<(String, Digest)>) -> Result<(), StoreError> {
        Ok(())
    }

    fn check_unchanged(&mut self) -> Result<(), StoreError> {
        self.only_looks()
    }

    fn create(&mut self, _: &str, _: &[u8], _: &[u8]) -> Result<(), StoreError> {
        self.only_looks()
    }

    fn append(&mut self, _: &str, _: &[Vec<u8>]) -> Result<(), StoreError> {
        self.only_looks()
    }

    fn put_beside(&mut self, _: &str, _: Beside, _: &str, _: &[u8]) -> Result<(), StoreError> {
        self.only_looks()
    }

    fn check_writable(&mut self, _: &str) -> Result<(), StoreError> {
        self.only_looks()
    }

    fn check_room(&mut self, _: &str, _: u64) -> Result<(), StoreError> {
        self.only_looks()
    }

    fn obstacles(&mut self, bytes: u64) -> Vec<StoreError> {
        obstacles::obstacles(&self.ledger, &self.copies, bytes)
    }

    fn prove_intent(&mut self, _: &str, _: Digest, _: Vec<Name>) -> Result<DurableIntent, StoreError> {
        self.only_looks()
    }
}

fn device(path: &Path) -> Result<u64, StoreError> {
    let absolute = std::path::absolute(path).map_err(|e| failed("looking at", path, &e))?;
    let place = if layout::is_there(&absolute)? { Some(absolute.as_path()) } else { absolute.parent() };
    let place = place.unwrap_or(Path::new("/"));
    Ok(DirectoryId::of(place).map_err(|e| failed("looking at", place, &e))?.device)
}
