//! Files that a person named for what a verb writes: nothing is overwritten.

use std::path::Path;

use crate::{ceremony::Error, durable, encoding::text};

/// Refuses a file that is there already, or could not be written, before anything is done to a card.
pub fn check_free(path: &Path) -> Result<(), Error> {
    durable::check_new(path).map_err(|e| cannot_write(path, &e))
}

/// Writes a file that must not exist, whole or not at all.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_for(durable::Access::PRIVATE, path, bytes)
}

/// The same for those who share the ledger, which it is brought to.
pub fn write_new_for(ledger: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_for(durable::Access::like(ledger).unwrap_or(durable::Access::PRIVATE), path, bytes)
}

fn write_for(access: durable::Access, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable::create_whole(access, path, bytes).map_err(|e| cannot_write(path, &e))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    let shown = text::printable(&path.to_string_lossy());
    let hint = match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            return Error::problem(
                format!("{shown} exists"),
                "nothing is overwritten: name a file that does not exist",
            );
        }
        std::io::ErrorKind::Unsupported => "write it to a local file system, and copy it from there",
        _ => "check the directory and its free space",
    };
    Error::problem(format!("{shown} cannot be written: {}", durable::reason(error)), hint)
}
