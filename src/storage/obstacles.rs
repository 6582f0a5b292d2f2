//! What is in the way of one more ceremony in a ledger and its copies: found before anybody signs, without writing.
//!
//! Asked of the system are rights (access(2), which tells of a read-only file system to root too) and free space: a file that
//! was made for a trial would stay where the power fails. Not guaranteed: that it is still so when it is written.

use std::path::{Path, PathBuf};

use super::{
    copies,
    fault::{failed, refused, shown},
    layout, writing,
};
use crate::{durable, ports::store::StoreError};

/// What a file system takes for a file or a directory, at least.
const BLOCK: u64 = 4096;
/// A ceremony's directory, those beside its transcript, and the file for git.
const ENTRIES: u64 = 5;

/// What is done where it fails.
pub(super) const ROOM: &str = "making sure of room in";

/// All that is in the way of a ceremony of about so many bytes. The ledger and its copies may be yet to be made.
pub(super) fn obstacles(ledger: &Path, copies: &[PathBuf], bytes: u64) -> Vec<StoreError> {
    let bytes = bytes.saturating_add(ENTRIES * BLOCK);
    let distinct = copies::distinct(ledger, copies).zip(copies);
    let copies = distinct.map(|(distinct, copy)| {
        distinct?;
        let missing = missing(ledger, copy)?;
        ready(copy, missing.saturating_add(bytes))
    });
    let ledger = match layout::is_there(ledger) {
        Ok(true) => check_begun(ledger),
        is_there => is_there.map(drop),
    }
    .and_then(|()| ready(ledger, bytes));
    std::iter::once(ledger).chain(copies).filter_map(Result::err).collect()
}

/// Whether a ceremony of so many bytes can be made in a directory, or in the one above if it is yet to be made itself.
pub(super) fn ready(directory: &Path, bytes: u64) -> Result<(), StoreError> {
    let above = match directory.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    let place = if layout::is_there(directory)? { directory } else { above };
    durable::check_writable(place).map_err(|e| failed("writing to", place, &e))?;
    writing::check_free(ROOM, place, bytes)
}

/// Refuses a directory in which neither a ledger is nor one can begin.
pub(super) fn check_begun(ledger: &Path) -> Result<(), StoreError> {
    if layout::ceremonies(ledger)?.is_empty() { check_vacant(ledger) } else { Ok(()) }
}

/// Refuses a directory in which a ledger cannot begin.
pub(super) fn check_vacant(ledger: &Path) -> Result<(), StoreError> {
    if layout::is_vacant(ledger)? {
        return Ok(());
    }
    let hint = "name a directory that does not exist yet; to go on with a ledger, do not make one";
    Err(refused("creating the ledger", ledger, "the directory is not empty", hint))
}

/// Refuses a directory that is not empty and is not a ledger's copy.
pub(super) fn check_is_copy(copy: &Path) -> Result<(), StoreError> {
    if !layout::ceremonies(copy)?.is_empty() || layout::is_vacant(copy)? {
        return Ok(());
    }
    let hint = match layout::near(copy) {
        Some(near) => format!("there is one in {}: name that, if it is this ledger's copy", shown(&near)),
        None => "name a directory that does not exist yet, on that medium".into(),
    };
    Err(refused("opening the copy", copy, "it is not empty, and there is no ledger in it", hint))
}

/// About how many bytes a copy is behind, with what it takes to replace a transcript that has a part.
fn missing(ledger: &Path, copy: &Path) -> Result<u64, StoreError> {
    let is_copy = layout::is_there(copy)?;
    if is_copy {
        check_is_copy(copy)?;
    }
    let names = match (layout::is_there(ledger)?, is_copy) {
        (true, true) => copies::behind(ledger, copy)?,
        (true, false) => layout::ceremonies(ledger)?,
        (false, true) if !layout::ceremonies(copy)?.is_empty() => {
            return Err(copies::begun_before(ledger, copy));
        }
        (false, _) => Vec::new(),
    };
    weight(ledger, &names)
}

/// About how many bytes these ceremonies take on another disk.
pub(super) fn weight(ledger: &Path, ceremonies: &[String]) -> Result<u64, StoreError> {
    let entries = u64::try_from(ceremonies.len()).unwrap_or(u64::MAX).saturating_mul(ENTRIES * BLOCK);
    let sizes = layout::lengths(ledger, ceremonies)?;
    Ok(sizes.into_iter().fold(entries, |sum, size| sum.saturating_add(size.next_multiple_of(BLOCK))))
}
