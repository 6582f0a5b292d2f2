//! Files that survive a power cut: one way to create, one way to replace, one way to keep others out.
//!
//! It stands at the bottom, beside `memory` and `encoding`, because the adapters that keep files need it and
//! do not import each other.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Reads a regular file of at most `limit` bytes. A pipe, a device or a longer file is an error, so that no
/// path given by mistake blocks or fills the memory.
pub fn read_limited(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Creates a file that was not there (O_EXCL, mode 0600) and makes file and name durable. On an error the
/// file is removed again.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_directory(path));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Replaces a file by another of the same name: temporary file, fsync, rename, fsync of the directory. A
/// reader sees the old bytes or the new ones.
///
/// The caller holds the [`DirectoryLock`]: the temporary file has one name for each `path`, so that what an
/// interrupted run left is overwritten by the next and does not pile up.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path)?;
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let renamed =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
        return renamed;
    }
    sync_directory(path)
}

/// Creates a directory that was not there, mode 0700, and makes its name durable.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    sync_directory(path)
}

/// Makes the name of `path` in its directory durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file's name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".tmp");
    Ok(directory_of(path).join(hidden))
}

/// An exclusive flock(2) on the directory that holds a file, until dropped.
///
/// The directory and not the file: [`replace`] gives the name to another inode, and a lock on the old one
/// would keep nobody out.
pub struct DirectoryLock {
    _directory: File,
}

impl DirectoryLock {
    /// Locks the directory of `path`; gives up after `patience`.
    pub fn acquire(path: &Path, patience: Duration) -> io::Result<Self> {
        let directory = File::open(directory_of(path))?;
        let start = Instant::now();
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(Self { _directory: directory }),
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::WouldBlock,
                        "another process holds the lock on its directory",
                    ));
                }
                Err(TryLockError::Error(e)) => return Err(e),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nothing_is_overwritten_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read_limited(&path, 3).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read_limited(&path, 2).is_err());
    }

    #[test]
    fn replace_leaves_no_temporary_file_and_clears_an_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        create(&path, b"one").unwrap();
        fs::write(dir.path().join(".x.tmp"), b"left by a crash").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read_limited(&path, 10).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_lock_outlives_a_replaced_file_and_runs_out_of_patience() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        create(&path, b"one").unwrap();
        let held = DirectoryLock::acquire(&path, Duration::ZERO).unwrap();
        replace(&path, b"two").unwrap();
        assert!(DirectoryLock::acquire(&path, Duration::from_millis(20)).is_err());
        drop(held);
        assert!(DirectoryLock::acquire(&path, Duration::ZERO).is_ok());
    }

    #[test]
    fn a_pipe_or_a_directory_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_limited(dir.path(), 10).is_err());
        assert!(read_limited(Path::new("/dev/zero"), 10).is_err());
    }
}
