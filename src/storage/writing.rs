//! How one directory of a ledger is written: all of a thing or nothing of it, and durable on return.
//!
//! The caller has the lock on the directory.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::{
    fault::{failed, refused},
    layout::{self, ATTRIBUTES, MAX_BESIDE, MAX_PLAN, MAX_TRANSCRIPT, PLAN, TRANSCRIPT, beside_name},
};
use crate::{
    durable::{self, Access},
    ports::store::{Beside, StoreError},
    transcript::ledger::CeremonyFiles,
};

/// Makes a ceremony appear under its name: built in a hidden directory, fsynced, renamed. The name must be free.
pub(super) fn ceremony(ledger: &Path, files: &CeremonyFiles) -> Result<(), StoreError> {
    let path = ledger.join(&files.directory);
    if layout::ceremony_number(&files.directory).is_none() {
        let hint = "ceremonies are called 0000-genesis, 0001-delete and so on";
        return Err(refused("creating", &path, "this is not the name of a ceremony", hint));
    }
    within("writing", &path.join(TRANSCRIPT), files.transcript.len(), MAX_TRANSCRIPT)?;
    within("writing", &path.join(PLAN), files.plan.len(), MAX_PLAN)?;
    if layout::is_there(&path)? {
        let hint = "nothing is overwritten: read the ledger again and propose under the next number";
        return Err(refused("creating", &path, "it exists already", hint));
    }
    let hidden = ledger.join(format!(".{}.tmp", files.directory));
    if layout::is_there(&hidden)? {
        clear(&hidden)?;
    }
    let access = accessible(ledger)?;
    attributes(ledger, access)?;
    let built = build(&hidden, files, access).and_then(|()| {
        fs::rename(&hidden, &path).map_err(|e| failed("creating", &path, &e))?;
        durable::sync_directory(&path).map_err(|e| failed("creating", &path, &e))
    });
    if built.is_err() {
        // Not there any more if only the last fsync failed.
        let _ = fs::remove_dir_all(&hidden);
    }
    built
}

/// The accounts that share a ledger share its files.
fn accessible(ledger: &Path) -> Result<Access, StoreError> {
    Access::like(ledger).map_err(|e| failed("looking at", ledger, &e))
}

/// A ledger that is kept in git stays as it is: converted line ends would break every digest.
fn attributes(ledger: &Path, access: Access) -> Result<(), StoreError> {
    let path = ledger.join(ATTRIBUTES);
    if layout::is_there(&path)? {
        return Ok(());
    }
    // The caller has the lock on the directory: replaced, not linked.
    durable::replace(access, &path, b"* -text\n").map_err(|e| failed("writing", &path, &e))
}

fn build(hidden: &Path, files: &CeremonyFiles, access: Access) -> Result<(), StoreError> {
    let directory =
        |path: &Path| durable::make_directory(access, path).map_err(|e| failed("creating", path, &e));
    let file = |path: &Path, bytes: &[u8]| {
        durable::write_new(access, path, bytes).map_err(|e| failed("writing", path, &e))
    };
    let names = |path: &Path| {
        let synced = File::open(path).and_then(|directory| durable::sync_open_directory(&directory));
        synced.map_err(|e| failed("writing", path, &e))
    };
    directory(hidden)?;
    file(&hidden.join(PLAN), &files.plan)?;
    file(&hidden.join(TRANSCRIPT), &files.transcript)?;
    for (beside, statements) in besides(files) {
        let inner = hidden.join(beside_name(beside));
        directory(&inner)?;
        for (name, bytes) in statements {
            file(&inner.join(name), bytes)?;
        }
        names(&inner)?;
    }
    names(hidden)
}

/// Statements by their files' names.
pub(super) type Statements = [(String, Vec<u8>)];

pub(super) fn besides(files: &CeremonyFiles) -> [(Beside, &Statements); 3] {
    [
        (Beside::Approvals, &files.approvals),
        (Beside::Attestations, &files.attestations),
        (Beside::Drills, &files.drills),
    ]
}

/// Removes what crashed proposals left, and files that were to replace others in a ceremony that nobody went on with.
pub(super) fn clear_unfinished(ledger: &Path) -> Result<(), StoreError> {
    for name in layout::entries(ledger)?.iter().filter(|name| layout::is_unfinished(name)) {
        clear(&ledger.join(name))?;
    }
    for name in layout::ceremonies(ledger)? {
        let ceremony = ledger.join(name);
        clear_temporary(&ceremony)?;
        for beside in [Beside::Approvals, Beside::Attestations, Beside::Drills] {
            let inner = ceremony.join(beside_name(beside));
            if layout::is_there(&inner)? {
                layout::real_directory(&inner)?;
                clear_temporary(&inner)?;
            }
        }
    }
    Ok(())
}

fn clear(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(|e| failed("clearing", path, &e))?;
    // A link is removed, not followed; so does remove_dir_all with links inside.
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| failed("clearing", path, &e))
}

/// Replaces the transcript.
pub(super) fn transcript(ledger: &Path, directory: &str, bytes: &[u8]) -> Result<(), StoreError> {
    replace(ledger, &layout::ceremony_path(ledger, directory)?.join(TRANSCRIPT), bytes, MAX_TRANSCRIPT)
}

/// Whether this process can write to a ceremony and to what lies beside its transcript.
pub(super) fn check_writable(ledger: &Path, directory: &str) -> Result<(), StoreError> {
    let path = layout::ceremony_path(ledger, directory)?;
    let beside = [Beside::Approvals, Beside::Attestations, Beside::Drills].map(|b| path.join(beside_name(b)));
    for place in std::iter::once(&path).chain(&beside) {
        if layout::is_there(place)? {
            durable::check_writable(place).map_err(|e| failed("writing to", place, &e))?;
        }
    }
    Ok(())
}

/// Whether a transcript could become twice as long and `more` bytes longer: on the disk, where the old one stays until the new one is whole, and
/// under the limit that this process has on the size of files.
pub(super) fn check_room(ledger: &Path, directory: &str, more: u64) -> Result<(), StoreError> {
    let path = layout::ceremony_path(ledger, directory)?.join(TRANSCRIPT);
    let length = fs::metadata(&path).map_err(|e| failed("looking at", &path, &e))?.len();
    let size = length.saturating_mul(2).saturating_add(more);
    let doing = "making sure of room for the outcome in";
    check_free(doing, ledger, size)?;
    match rustix::process::getrlimit(rustix::process::Resource::Fsize).current {
        Some(limit) if limit < size => Err(failed(doing, ledger, &io::ErrorKind::FileTooLarge.into())),
        _ => Ok(()),
    }
}

/// Whether the disk has so many bytes free. A file system that does not know its size (0 blocks) is taken at its word when it is
/// written to.
pub(super) fn check_free(doing: &str, directory: &Path, bytes: u64) -> Result<(), StoreError> {
    let disk = rustix::fs::statvfs(directory).map_err(|e| failed(doing, directory, &e.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if disk.f_blocks == 0 || free >= bytes {
        return Ok(());
    }
    let StoreError { what, reason, hint, cause } =
        failed(doing, directory, &io::ErrorKind::StorageFull.into());
    let reason = format!("{reason}: it takes {} KiB, and {} are free", bytes.div_ceil(1024), free / 1024);
    Err(StoreError { what, reason, hint, cause })
}

/// Writes the plan, which a copy did not have.
pub(super) fn plan(ledger: &Path, directory: &str, bytes: &[u8]) -> Result<(), StoreError> {
    replace(ledger, &layout::ceremony_path(ledger, directory)?.join(PLAN), bytes, MAX_PLAN)
}

pub(super) fn statement(
    ledger: &Path,
    directory: &str,
    beside: Beside,
    (name, bytes): (&str, &[u8]),
) -> Result<(), StoreError> {
    let inner = layout::ceremony_path(ledger, directory)?.join(beside_name(beside));
    let path = inner.join(name);
    if !layout::is_statement_name(name) {
        let hint = "letters, digits, '-', '_' and '.', ending with .json";
        return Err(refused("writing", &inner, "no statement can have the name that was given", hint));
    }
    if layout::is_there(&inner)? {
        layout::real_directory(&inner)?;
    } else {
        durable::create_directory(accessible(ledger)?, &inner).map_err(|e| failed("creating", &inner, &e))?;
    }
    clear_temporary(&inner)?;
    replace(ledger, &path, bytes, MAX_BESIDE)
}

/// Removes what a crash left of the files in one directory. Statements have names of their own, so that the next does
/// not replace it.
fn clear_temporary(directory: &Path) -> Result<(), StoreError> {
    for name in layout::entries(directory)? {
        let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
        if inner.is_some_and(|name| name == TRANSCRIPT || name == PLAN || layout::is_statement_name(name)) {
            let path = directory.join(&name);
            fs::remove_file(&path).map_err(|e| failed("clearing", &path, &e))?;
        }
    }
    Ok(())
}

/// Those of one kind.
pub(super) fn statements(files: &mut CeremonyFiles, beside: Beside) -> &mut Vec<(String, Vec<u8>)> {
    match beside {
        Beside::Approvals => &mut files.approvals,
        Beside::Attestations => &mut files.attestations,
        Beside::Drills => &mut files.drills,
    }
}

/// What a new statement is to those that lie there.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Novelty {
    New,
    Held,
}

/// Whether a statement is to be written. One of this name with other bytes is refused, and one with which those
/// of its kind would be too many bytes to be read again.
pub(super) fn novelty(
    statements: &Statements,
    (name, bytes): (&str, &[u8]),
    path: &Path,
) -> Result<Novelty, StoreError> {
    match statements.iter().find(|(held, _)| held == name) {
        Some((_, held)) if held == bytes => return Ok(Novelty::Held),
        Some(_) => {
            let hint = "nothing is overwritten: a statement that was handed over stays";
            return Err(refused("writing", path, "another statement of this name is there already", hint));
        }
        // What is not read as a statement is not overwritten either.
        None if layout::is_there(path)? => {
            let hint = "find out who put it there, and take it away";
            return Err(refused("writing", path, "something of this name is there already", hint));
        }
        None => {}
    }
    let held: usize = statements.iter().map(|(_, held)| held.len()).sum();
    within("writing", path, held.saturating_add(bytes.len()), MAX_BESIDE)?;
    Ok(Novelty::New)
}

/// Fsyncs a transcript and the names that lead to it: an earlier process may have been stopped before it did.
pub(super) fn settle(ledger: &Path, directory: &str) -> Result<(), StoreError> {
    let path = layout::ceremony_path(ledger, directory)?.join(TRANSCRIPT);
    let synced = durable::open_plain(&path)
        .and_then(|file| file.sync_all())
        .and_then(|()| durable::sync_directory(&path))
        .and_then(|()| durable::sync_open_directory(&File::open(ledger)?));
    synced.map_err(|e| failed("making durable", &path, &e))
}

/// Refuses to write what would not be read again.
fn within(doing: &str, path: &Path, bytes: usize, limit: u64) -> Result<(), StoreError> {
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= limit) {
        return Ok(());
    }
    let reason = format!("{bytes} bytes, more than the {limit} that are allowed");
    Err(refused(doing, path, reason, "nothing was written"))
}

fn replace(ledger: &Path, path: &Path, bytes: &[u8], limit: u64) -> Result<(), StoreError> {
    within("writing", path, bytes.len(), limit)?;
    durable::replace(accessible(ledger)?, path, bytes).map_err(|e| failed("writing", path, &e))
}
