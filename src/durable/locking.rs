//! Keeping other processes out of a directory.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::names::{directory_of, lacking};

pub(super) const NO_LOCKS: &str = "the file system has no locks (flock)";

/// A lock that was given up lasts a moment longer where its process has just started another: that one has the lock too until its
/// program is loaded.
const MOMENT: Duration = Duration::from_secs(1);

/// An exclusive flock(2) on the directory that holds a file, until dropped.
///
/// The directory and not the file: [`super::replace`] gives the name to another inode, and a lock on the old one
/// would keep nobody out.
pub struct DirectoryLock {
    _directory: File,
}

impl DirectoryLock {
    /// Locks the directory of `path`; gives up after `patience`.
    pub fn acquire(path: &Path, patience: Duration) -> io::Result<Self> {
        Self::lock(File::open(directory_of(path))?, patience)
    }

    /// Locks `directory` itself, or fails after a [`MOMENT`] with [`io::ErrorKind::WouldBlock`].
    pub fn of_directory(directory: &Path) -> io::Result<Self> {
        let flags = libc::O_DIRECTORY | libc::O_CLOEXEC;
        Self::lock(OpenOptions::new().read(true).custom_flags(flags).open(directory)?, MOMENT)
    }

    fn lock(directory: File, patience: Duration) -> io::Result<Self> {
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
                Err(TryLockError::Error(e)) => return Err(lacking(e, NO_LOCKS)),
            }
        }
    }

    /// The directory that is locked, wherever it was moved to.
    pub fn identity(&self) -> io::Result<DirectoryId> {
        self._directory.metadata().map(|metadata| DirectoryId::from(&metadata))
    }
}

/// Which directory it is, whatever its path: device and inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectoryId {
    pub device: u64,
    pub inode: u64,
}

impl DirectoryId {
    /// Of what `path` leads to, through symbolic links.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&fs::Metadata> for DirectoryId {
    fn from(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}
