//! How a ledger lies in its directory, and how it is read from there.
//!
//! ```text
//! .gitattributes            for those who keep it in git
//! 0000-genesis/plan.toml
//!              transcript.jsonl
//!              approvals/*.json
//!              attestations/*.json
//!              drills/*.json
//! 0001-delete/…
//! .0002-backup.tmp/         a proposal that crashed: ignored, cleared by the next one
//! ```
//!
//! What is named otherwise is ignored. A transcript, a plan or a directory that is a link, a pipe or too long is an error. What lies
//! beside a transcript and is not a file of a statement's name and size is not opened, but named. A missing file reads as an empty
//! one: whether that can be is for the verification to say.

use std::{
    borrow::Cow,
    cell::RefCell,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::fault::{failed, refused};
use crate::{
    durable,
    encoding::text::printable,
    ports::store::{Beside, StoreError},
    transcript::ledger::{CeremonyFiles, LedgerFiles},
};

const FIRST: &str = "0000-genesis";
/// Entries of a folder among which a ledger is looked for.
const MAX_NEAR: usize = 1000;
pub(super) const TRANSCRIPT: &str = "transcript.jsonl";
/// Tells git to leave the files as they are.
pub(super) const ATTRIBUTES: &str = ".gitattributes";
pub(super) const PLAN: &str = "plan.toml";
pub(super) const MAX_TRANSCRIPT: u64 = 256 << 20;
pub(super) const MAX_PLAN: u64 = 1 << 20;
/// All statements of one kind beside one transcript.
pub(super) const MAX_BESIDE: u64 = 32 << 20;
/// All files of a ledger. A new ceremony is refused at half of it, so that an open one can be finished.
pub(super) const MAX_LEDGER: u64 = 4 << 30;
/// Files of one kind that are named because they cannot be statements.
const MAX_UNREAD: usize = 20;
/// Entries of one directory.
const MAX_ENTRIES: usize = 1_000_000;

const TOO_LARGE: &str = "this is not an honest ledger; compare it with another copy";

/// Bytes that may still be read.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn ledger() -> Self {
        Self(MAX_LEDGER)
    }

    fn spend(&mut self, bytes: &[u8], path: &Path) -> Result<(), StoreError> {
        let left = self.0.checked_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0 = left.ok_or_else(|| {
            let reason = format!("with it, more than {} bytes are to be read in all", MAX_LEDGER);
            refused("reading", path, reason, TOO_LARGE)
        })?;
        Ok(())
    }
}

/// The number in the name of a ceremony's directory, none if it is not such a name.
pub(super) fn ceremony_number(name: &str) -> Option<u32> {
    let (number, kind) = name.split_once('-')?;
    let good = (4..=10).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && (1..=40).contains(&kind.len())
        && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if good { number.parse().ok() } else { None }
}

/// Whether a proposal that crashed left this.
pub(super) fn is_unfinished(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
    inner.is_some_and(|name| name == ATTRIBUTES || ceremony_number(name).is_some())
}

/// Whether this can be the name of a statement beside a transcript: `alice.json`.
pub(super) fn is_statement_name(name: &str) -> bool {
    name.len() <= 200
        && name.strip_suffix(".json").is_some_and(|stem| !stem.is_empty())
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// `approvals`, `attestations` or `drills`.
pub(super) fn beside_name(beside: Beside) -> &'static str {
    match beside {
        Beside::Approvals => "approvals",
        Beside::Attestations => "attestations",
        Beside::Drills => "drills",
    }
}

/// A ledger in or just above a directory that is not one itself: what a person meant who named the folder of a rehearsal, or a
/// ceremony in a ledger.
pub fn near(path: &Path) -> Option<PathBuf> {
    let is_ledger = |path: &Path| path.join(FIRST).is_dir();
    let absolute = std::path::absolute(path).ok()?;
    if let Some(above) = absolute.parent().filter(|above| is_ledger(above)) {
        return Some(above.to_owned());
    }
    let mut below: Vec<PathBuf> =
        std::fs::read_dir(path).ok()?.take(MAX_NEAR).flatten().map(|entry| entry.path()).collect();
    // Beside a ledger that is called so its copies may lie.
    below.sort_by_key(|path| (!path.ends_with("ledger"), path.clone()));
    below.into_iter().find(|path| is_ledger(path))
}

/// All ceremonies, by number, each read when it is asked for.
pub(super) struct Files {
    ledger: PathBuf,
    directories: Vec<String>,
    budget: RefCell<Budget>,
}

impl Files {
    pub(super) fn of(ledger: &Path) -> Result<Self, StoreError> {
        let (directories, budget) = (ceremonies(ledger)?, RefCell::new(Budget::ledger()));
        Ok(Self { ledger: ledger.to_owned(), directories, budget })
    }

    /// Of a ledger that is yet to be made.
    pub(super) fn none(ledger: &Path) -> Self {
        Self { ledger: ledger.to_owned(), directories: Vec::new(), budget: RefCell::new(Budget::ledger()) }
    }
}

impl LedgerFiles for Files {
    type Error = StoreError;

    fn directories(&self) -> Vec<&str> {
        self.directories.iter().map(String::as_str).collect()
    }

    fn ceremony(&self, place: usize) -> Result<Cow<'_, CeremonyFiles>, StoreError> {
        let Some(directory) = self.directories.get(place) else { return Ok(Cow::default()) };
        let mut budget = self.budget.borrow_mut();
        // Whoever reads all of it again begins here.
        if place == 0 {
            *budget = Budget::ledger();
        }
        ceremony(&self.ledger, directory, &mut budget).map(Cow::Owned)
    }
}

/// The names of the ceremonies' directories, by number.
pub(super) fn ceremonies(ledger: &Path) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for entry in read_entries(ledger)? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if let Some(number) = ceremony_number(&name) {
            // The listing says what it is, mostly without another call for each.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                real_directory(&ledger.join(&name))?;
            }
            found.push((number, name));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

pub(super) fn ceremony(
    ledger: &Path,
    directory: &str,
    budget: &mut Budget,
) -> Result<CeremonyFiles, StoreError> {
    let path = ceremony_path(ledger, directory)?;
    let transcript = file(&path.join(TRANSCRIPT), MAX_TRANSCRIPT)?;
    budget.spend(&transcript, &path)?;
    let plan = file(&path.join(PLAN), MAX_PLAN)?;
    budget.spend(&plan, &path)?;
    let mut unread = Vec::new();
    Ok(CeremonyFiles {
        directory: directory.to_owned(),
        transcript,
        plan,
        attestations: statements(&path, Beside::Attestations, budget, &mut unread)?,
        approvals: statements(&path, Beside::Approvals, budget, &mut unread)?,
        drills: statements(&path, Beside::Drills, budget, &mut unread)?,
        unread,
    })
}

/// Bytes of all that would be read of these ceremonies.
pub(super) fn length(ledger: &Path, ceremonies: &[String]) -> Result<u64, StoreError> {
    Ok(lengths(ledger, ceremonies)?.into_iter().fold(0, u64::saturating_add))
}

/// The same of each file.
pub(super) fn lengths(ledger: &Path, ceremonies: &[String]) -> Result<Vec<u64>, StoreError> {
    let mut lengths = Vec::new();
    for name in ceremonies {
        let ceremony = ledger.join(name);
        let mut files = vec![ceremony.join(TRANSCRIPT), ceremony.join(PLAN)];
        for beside in [Beside::Approvals, Beside::Attestations, Beside::Drills] {
            let directory = ceremony.join(beside_name(beside));
            if is_there(&directory)? {
                let statements = entries(&directory)?.into_iter().filter(|name| is_statement_name(name));
                files.extend(statements.map(|name| directory.join(name)));
            }
        }
        for file in files {
            match fs::symlink_metadata(&file) {
                // What is longer is not read.
                Ok(metadata) if metadata.len() > MAX_TRANSCRIPT => {}
                Ok(metadata) => lengths.push(metadata.len()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(failed("looking at", &file, &e)),
            }
        }
    }
    Ok(lengths)
}

/// The directory of a ceremony, which must be there.
pub(super) fn ceremony_path(ledger: &Path, directory: &str) -> Result<PathBuf, StoreError> {
    let path = ledger.join(directory);
    if ceremony_number(directory).is_none() {
        let hint = "ceremonies are called 0000-genesis, 0001-delete and so on";
        return Err(refused("opening", &path, "this is not the name of a ceremony", hint));
    }
    real_directory(&path)?;
    Ok(path)
}

/// Whether nothing is in it but what crashed proposals left.
pub(super) fn is_vacant(directory: &Path) -> Result<bool, StoreError> {
    Ok(all_entries(directory)?
        .iter()
        .all(|name| name.to_str().is_some_and(|name| is_unfinished(name) || name == ATTRIBUTES)))
}

/// Refuses what is not a directory, or only by way of a link.
pub(super) fn real_directory(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(|e| failed("opening", path, &e))?;
    if metadata.is_symlink() {
        return Err(failed("opening", path, &io::Error::from_raw_os_error(libc::ELOOP)));
    }
    if !metadata.is_dir() {
        return Err(failed("opening", path, &io::ErrorKind::NotADirectory.into()));
    }
    Ok(())
}

/// Whether something of this name is there, a link that leads nowhere included.
pub(super) fn is_there(path: &Path) -> Result<bool, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(failed("looking at", path, &e)),
    }
}

/// The names in a directory that are UTF-8, sorted.
pub(super) fn entries(directory: &Path) -> Result<Vec<String>, StoreError> {
    Ok(all_entries(directory)?.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// All names in a directory, sorted.
fn all_entries(directory: &Path) -> Result<Vec<OsString>, StoreError> {
    let mut names: Vec<_> = read_entries(directory)?.iter().map(fs::DirEntry::file_name).collect();
    names.sort();
    Ok(names)
}

fn read_entries(directory: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    let unreadable = |e: io::Error| failed("reading the directory", directory, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        if found.len() >= MAX_ENTRIES {
            let reason = format!("more than {MAX_ENTRIES} entries");
            return Err(refused("reading the directory", directory, reason, TOO_LARGE));
        }
        found.push(entry.map_err(unreadable)?);
    }
    Ok(found)
}

fn file(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    match durable::read_plain(path, limit) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|e| failed("reading", path, &e)),
    }
}

/// The statements of one kind. What lies there and cannot be one goes to `unread`, with the reason.
fn statements(
    ceremony: &Path,
    beside: Beside,
    budget: &mut Budget,
    unread: &mut Vec<String>,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let directory = ceremony.join(beside_name(beside));
    if !is_there(&directory)? {
        return Ok(Vec::new());
    }
    real_directory(&directory)?;
    let mut found = Vec::new();
    let mut left = MAX_BESIDE;
    let mut others = 0_usize;
    for name in all_entries(&directory)? {
        let shown = name.to_string_lossy();
        let path = directory.join(&name);
        let reason = match name.to_str().filter(|name| is_statement_name(name)) {
            // Temporary files, and what other programs hide.
            None if shown.starts_with('.') && !shown.ends_with(".json") => continue,
            None => Some(
                "the name of a statement has letters, digits, '-', '_' and '.', and ends with .json".into(),
            ),
            Some(_) => unreadable(&path, left)?,
        };
        if let Some(reason) = reason {
            others = others.saturating_add(1);
            if others <= MAX_UNREAD {
                unread.push(printable(&format!("{}/{shown}: {reason}", beside_name(beside))));
            }
            continue;
        }
        let bytes = durable::read_plain(&path, left).map_err(|e| failed("reading", &path, &e))?;
        left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        budget.spend(&bytes, &path)?;
        found.push((shown.into_owned(), bytes));
    }
    if let Some(more) = others.checked_sub(MAX_UNREAD).filter(|more| *more > 0) {
        unread.push(format!("{}/: {more} more that are not statements", beside_name(beside)));
    }
    Ok(found)
}

/// Why something is not opened as a statement, of which `left` bytes may be read.
fn unreadable(path: &Path, left: u64) -> Result<Option<String>, StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(|e| failed("looking at", path, &e))?;
    Ok(match (metadata.is_file(), metadata.len()) {
        (false, _) => Some("it is not a regular file".into()),
        (true, bytes) if bytes > left => {
            Some(format!("{bytes} bytes, more than the {left} that are allowed"))
        }
        (true, _) => None,
    })
}
