//! The ledger as directories: the one that was named, and its copies on other media.
//!
//! Every write goes to the ledger first, then to each copy; both are fsynced before it returns. The ceremony
//! that is written is brought level on each copy before and after, and the one before a new one; a whole copy when the ledger was
//! verified, and before a quorum acts. A copy may be behind, and is caught up;
//! one that is ahead or different stops everything before a byte is written.
//!
//! A copy is the way back from a ledger that was damaged, so that it is given only files that were verified or that this process
//! wrote: they are known by their digests, and a ledger that changed meanwhile is refused.
//!
//! A write that fails on the ledger may still have been done, if only the last fsync failed; one that fails on a
//! copy was done on the ledger. Read again before trying again.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use super::locked::Made;
use super::{
    copies,
    fault::{failed, refused, shown},
    layout::{self, Budget, Files, MAX_LEDGER, TRANSCRIPT, beside_name},
    locked::LockedDirectory,
    obstacles,
    writing::{self, Novelty},
};
use crate::{
    approval::intent::DurableIntent,
    durable::{self, Access},
    encoding::{digest::Digest, text::Name},
    ports::store::{Beside, Copies, LedgerStore, StoreCause, StoreError, StoredFiles},
    transcript::ledger::{CeremonyFiles, LedgerFiles as _},
};

/// A ledger, to be read without locking or writing: for audits, and for media that are read-only.
pub fn files(path: &Path) -> Result<Box<StoredFiles>, StoreError> {
    Ok(Box::new(Files::of(path)?))
}

/// Copies that are yet to begin, as they can be shown: directories that do not exist, or have nothing in them.
pub fn not_begun(copies: &[PathBuf]) -> impl Iterator<Item = String> {
    let begins = |copy: &&PathBuf| match layout::is_there(copy) {
        Ok(true) => {
            layout::ceremonies(copy).is_ok_and(|found| found.is_empty())
                && layout::is_vacant(copy).unwrap_or(false)
        }
        is_there => is_there.is_ok(),
    };
    copies.iter().filter(begins).map(|copy| shown(copy))
}

/// All of a ledger in memory: for tests and benches, which change what they read.
pub fn read(path: &Path) -> Result<Vec<CeremonyFiles>, StoreError> {
    let files = Files::of(path)?;
    (0..files.directories().len()).map(|place| files.ceremony(place).map(Cow::into_owned)).collect()
}

/// A ledger and its copies, locked against other writers until dropped.
pub struct LedgerDirectory {
    ledger: LockedDirectory,
    copies: Vec<LockedDirectory>,
    /// Of each copy the ceremonies in which it was behind when the ledger was opened.
    late: Vec<Vec<String>>,
    /// The ceremonies by the digest of their files, as they were verified, or as this process wrote them since.
    known: BTreeMap<String, Digest>,
    /// The files of the last ceremony when they were known last: it does not go back.
    last: Option<CeremonyFiles>,
    /// Directories of copies that were made for it.
    _made: Vec<Made>,
}

impl LedgerDirectory {
    /// Makes the directory of a new ledger, which is then opened. What exists must be an empty directory, or contain
    /// nothing but the rest of a genesis that crashed.
    pub fn create(path: &Path) -> Result<Option<Made>, StoreError> {
        if !layout::is_there(path)? {
            let made = durable::create_directory(Access::PRIVATE, path).map(|()| Some(Made(path.to_owned())));
            return made.map_err(|e| failed("creating", path, &e));
        }
        obstacles::check_vacant(path)?;
        make_private(path);
        Ok(None)
    }

    /// Opens a ledger and its copies for writing. A copy that does not exist is made, in a directory that exists.
    pub fn open(path: impl Into<PathBuf>, copies: Vec<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let ledger = LockedDirectory::lock(&path)?;
        if layout::ceremonies(&path)?.is_empty() && !layout::is_vacant(&path)? {
            let hint = "name the directory with 0000-genesis in it";
            return Err(refused("opening", &path, "this is not a ledger", hint));
        }
        copies::distinct(&path, &copies).collect::<Result<(), _>>()?;
        let mut made = Vec::new();
        for copy in &copies {
            made.extend(prepare_copy(&path, copy)?);
        }
        let copies = copies.iter().map(|copy| LockedDirectory::lock(copy)).collect::<Result<_, _>>()?;
        let mut opened =
            Self { ledger, copies, late: Vec::new(), known: BTreeMap::new(), last: None, _made: made };
        opened.late = opened.behind()?;
        Ok(opened)
    }

    /// Of each copy the ceremonies in which it is behind. An error if one cannot be brought level.
    fn behind(&self) -> Result<Vec<Vec<String>>, StoreError> {
        self.check_places()?;
        let mut late = Vec::new();
        for copy in &self.copies {
            let directories = copies::behind(&self.ledger.path, &copy.path)?;
            if !directories.is_empty() {
                let bytes = obstacles::weight(&self.ledger.path, &directories)?;
                writing::check_free(obstacles::ROOM, &copy.path, bytes)?;
            }
            late.push(directories);
        }
        Ok(late)
    }

    /// Brings each copy level in these ceremonies.
    fn catch_up(&self, late: &[Vec<String>]) -> Result<(), StoreError> {
        for (copy, directories) in self.copies.iter().zip(late) {
            if !directories.is_empty() {
                writing::clear_unfinished(&copy.path)?;
            }
            for directory in directories {
                copies::catch_up(&self.ledger.path, &copy.path, &self.known_files(directory)?)?;
            }
        }
        Ok(())
    }

    /// Brings one ceremony level on all copies. Its files as they are.
    fn level(&self, directory: &str) -> Result<CeremonyFiles, StoreError> {
        self.check_places()?;
        // Whoever only adds a statement verified the ledger before it was locked, and has no copy to which anything could go.
        if self.known.is_empty() && self.copies.is_empty() {
            return layout::ceremony(&self.ledger.path, directory, &mut Budget::ledger());
        }
        let files = self.known_files(directory)?;
        for copy in &self.copies {
            copies::catch_up(&self.ledger.path, &copy.path, &files)?;
        }
        Ok(files)
    }

    /// The files of a ceremony, which are those that were verified or written here.
    fn known_files(&self, directory: &str) -> Result<CeremonyFiles, StoreError> {
        let files = layout::ceremony(&self.ledger.path, directory, &mut Budget::ledger())?;
        self.check_known(&files)?;
        Ok(files)
    }

    fn check_known(&self, files: &CeremonyFiles) -> Result<(), StoreError> {
        match self.known.get(&files.directory) {
            Some(digest) if *digest == files.digest() => Ok(()),
            _ => Err(self.changed(&files.directory)),
        }
    }

    fn changed(&self, directory: &str) -> StoreError {
        let reason = "it was changed by somebody else after this command verified it";
        let hint = "nothing of the change was written to a copy; run 'quorate audit' on the ledger and on its copies, and go on only \
                    with one that verifies";
        let error = refused("reading", &self.ledger.path.join(directory), reason, hint);
        StoreError { cause: StoreCause::Changed, ..error }
    }

    /// Takes what was written to a ceremony as known, and brings it level on all copies.
    fn written(&mut self, files: &CeremonyFiles) -> Result<(), StoreError> {
        self.known.insert(files.directory.clone(), files.digest());
        let number = |files: &CeremonyFiles| layout::ceremony_number(&files.directory);
        if self.last.as_ref().is_none_or(|last| number(last) <= number(files)) {
            self.last = Some(files.clone());
        }
        self.level(&files.directory).map(drop)
    }

    fn check_places(&self) -> Result<(), StoreError> {
        self.places().try_for_each(LockedDirectory::check)
    }

    fn places(&self) -> impl Iterator<Item = &LockedDirectory> {
        std::iter::once(&self.ledger).chain(&self.copies)
    }
}

impl LedgerStore for LedgerDirectory {
    fn read(&mut self) -> Result<Box<StoredFiles>, StoreError> {
        self.ledger.check()?;
        files(&self.ledger.path)
    }

    fn is_empty(&mut self) -> Result<bool, StoreError> {
        Ok(layout::ceremonies(&self.ledger.path)?.is_empty())
    }

    fn ceremony(&mut self, directory: &str) -> Result<CeremonyFiles, StoreError> {
        self.ledger.check()?;
        layout::ceremony(&self.ledger.path, directory, &mut Budget::ledger())
    }

    fn verified(&mut self, ceremonies: Vec<(String, Digest)>) -> Result<(), StoreError> {
        let last = ceremonies.last().map(|(directory, _)| directory.clone());
        self.known.extend(ceremonies);
        if let Some(last) = &self.last {
            let now = self.known_files(&last.directory)?;
            copies::lacks(&now, last)
                .map_err(|(file, _)| went_back(&self.ledger.path.join(&last.directory).join(file)))?;
        }
        self.last = last.map(|last| self.known_files(&last)).transpose()?;
        self.catch_up(&self.late)?;
        self.late.clear();
        Ok(())
    }

    fn check_unchanged(&mut self) -> Result<(), StoreError> {
        self.ledger.check()?;
        let names = layout::ceremonies(&self.ledger.path)?;
        let missing = self.known.keys().find(|known| !names.contains(known));
        if let Some(missing) = missing {
            return Err(self.changed(missing));
        }
        let mut budget = Budget::ledger();
        for name in &names {
            self.check_known(&layout::ceremony(&self.ledger.path, name, &mut budget)?)?;
        }
        Ok(())
    }

    fn create(&mut self, directory: &str, plan: &[u8], first_line: &[u8]) -> Result<(), StoreError> {
        let path = self.ledger.path.join(directory);
        let transcript = extended(&path, Vec::new(), &[first_line.to_vec()])?;
        let before = layout::ceremonies(&self.ledger.path)?;
        match before.last() {
            Some(last) => drop(self.level(last)?),
            // A copy in which another ledger began meanwhile is refused.
            None => drop(self.behind()?),
        }
        let bytes = layout::length(&self.ledger.path, &before)?;
        if bytes > MAX_LEDGER / 2 {
            let reason = format!("the ledger has {bytes} bytes, too many for one more ceremony");
            return Err(refused("creating", &path, reason, "begin a new ledger with a genesis"));
        }
        for place in self.places() {
            writing::clear_unfinished(&place.path)?;
        }
        let files = CeremonyFiles {
            directory: directory.to_owned(),
            transcript,
            plan: plan.to_vec(),
            ..CeremonyFiles::default()
        };
        writing::ceremony(&self.ledger.path, &files)?;
        self.written(&files)
    }

    fn append(&mut self, directory: &str, lines: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut files = self.level(directory)?;
        if lines.is_empty() {
            return Ok(());
        }
        let path = layout::ceremony_path(&self.ledger.path, directory)?;
        files.transcript = extended(&path, files.transcript, lines)?;
        writing::transcript(&self.ledger.path, directory, &files.transcript)?;
        self.written(&files)
    }

    fn put_beside(
        &mut self,
        directory: &str,
        beside: Beside,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let mut files = self.level(directory)?;
        let path = self.ledger.path.join(directory).join(beside_name(beside)).join(name);
        let statements = writing::statements(&mut files, beside);
        if writing::novelty(statements, (name, bytes), &path)? == Novelty::Held {
            return Ok(());
        }
        writing::statement(&self.ledger.path, directory, beside, (name, bytes))?;
        statements.push((name.to_owned(), bytes.to_vec()));
        statements.sort();
        self.written(&files)
    }

    fn copies(&mut self) -> Result<Copies, StoreError> {
        self.check_places()?;
        let mut devices = Vec::new();
        for place in self.places() {
            devices.push(place.identity()?.device);
        }
        let count = u8::try_from(devices.len()).unwrap_or(u8::MAX);
        devices.sort_unstable();
        let same_medium = devices.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        Ok(Copies { count, same_medium })
    }

    fn check_writable(&mut self, directory: &str) -> Result<(), StoreError> {
        self.places().try_for_each(|place| writing::check_writable(&place.path, directory))
    }

    fn check_room(&mut self, directory: &str, bytes: u64) -> Result<(), StoreError> {
        self.check_unchanged()?;
        // Before it is asked whether a copy can be written to: of a copy that lost the ceremony there is nothing to ask.
        self.catch_up(&self.behind()?)?;
        self.check_writable(directory)?;
        self.places().try_for_each(|place| writing::check_room(&place.path, directory, bytes))
    }

    /// Copies are level since the ledger was verified.
    fn obstacles(&mut self, bytes: u64) -> Vec<StoreError> {
        self.places().filter_map(|place| obstacles::ready(&place.path, bytes).err()).collect()
    }

    fn prove_intent(
        &mut self,
        directory: &str,
        line: Digest,
        targets: Vec<Name>,
    ) -> Result<DurableIntent, StoreError> {
        self.check_places()?;
        let intended = self.ledger.intended(directory, line)?;
        self.check_known(&intended)?;
        for copy in &self.copies {
            let files = copy.intended(directory, line)?;
            if copies::is_behind((&self.ledger.path, &intended), (&copy.path, &files))? {
                let hint = "execute again, which catches the copy up; this run has not touched the target";
                let path = copy.path.join(directory);
                return Err(refused("reading back", &path, "the copy is behind", hint));
            }
        }
        Ok(DurableIntent::written(line, targets))
    }
}

fn went_back(file: &Path) -> StoreError {
    let reason = "it lacks what this command read or wrote before: somebody put an older one in its place";
    let hint = "run 'quorate audit' on the ledger and its copies, with the last head on paper, and keep all of them as evidence";
    StoreError { cause: StoreCause::Changed, ..refused("reading", file, reason, hint) }
}

/// The transcript with these lines at its end.
fn extended(ceremony: &Path, mut transcript: Vec<u8>, lines: &[Vec<u8>]) -> Result<Vec<u8>, StoreError> {
    let path = ceremony.join(TRANSCRIPT);
    if transcript.last().is_some_and(|last| *last != b'\n') {
        let hint = "nothing was written; take this ceremony from a copy that is whole";
        return Err(refused("appending to", &path, "the last line does not end", hint));
    }
    for line in lines {
        if line.is_empty() || line.contains(&b'\n') {
            let hint = "nothing was written; this is a fault of the program";
            return Err(refused("appending to", &path, "a line is empty or has a line feed in it", hint));
        }
        transcript.extend_from_slice(line);
        transcript.push(b'\n');
    }
    Ok(transcript)
}

/// Makes the directory of a copy, or sees that it is a copy's.
fn prepare_copy(ledger: &Path, copy: &Path) -> Result<Option<Made>, StoreError> {
    if !layout::is_there(copy)? {
        // Those who share the ledger share its copy.
        let made = Access::like(ledger).and_then(|access| durable::create_directory(access, copy));
        return made.map(|()| Some(Made(copy.to_owned()))).map_err(|e| failed("creating the copy", copy, &e));
    }
    obstacles::check_is_copy(copy)?;
    Ok(None)
}

/// Mode 0700, where the file system has modes and the directory is ours; a medium without them is taken as it is.
fn make_private(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700));
}

#[cfg(test)]
mod tests;
