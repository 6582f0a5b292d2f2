//! Names in a directory, and when they are durable.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Makes the name of `path` in its directory durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    sync_open_directory(&File::open(directory_of(path))?)
}

/// Makes the names in an open directory durable.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] where the file system cannot (some network and shared folders): nothing is taken for durable
/// there.
pub fn sync_open_directory(directory: &File) -> io::Result<()> {
    directory
        .sync_all()
        .map_err(|e| lacking(e, "the file system cannot make names durable (fsync of a directory)"))
}

/// What a file system does not have, in words; any other failure as it is.
pub(super) fn lacking(error: io::Error, what: &'static str) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL | libc::ENOLCK | libc::ENOTTY) => {
            io::Error::new(io::ErrorKind::Unsupported, what)
        }
        _ => error,
    }
}

/// What the system says about a failure, without its number.
pub fn reason(error: &io::Error) -> String {
    let said = error.to_string();
    said.split_once(" (os error ").map_or(said.clone(), |(words, _)| words.to_lowercase())
}

pub(super) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

pub(super) fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file's name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".tmp");
    Ok(directory_of(path).join(hidden))
}
