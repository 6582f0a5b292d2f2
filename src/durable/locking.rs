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

/// A process that keeps others out of a directory.
pub struct LockHolder {
    pub process: u32,
    /// By Ctrl-Z, for example: it does not end by itself.
    pub is_stopped: bool,
}

/// The process that has the lock on a directory, where the kernel tells it (proc_locks(5)): it does not on every file system,
/// nor of a process in another container.
pub fn holder(directory: &Path) -> Option<LockHolder> {
    let DirectoryId { device, inode } = DirectoryId::of(directory).ok()?;
    let place = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let process =
        locks.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [_, "FLOCK", _, "WRITE", process, locked, ..] if *locked == place => process.parse().ok(),
            _ => None,
        })?;
    // One that has ended may have left the lock to a child.
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let state = status.rsplit_once(") ").map(|(_, state)| state.starts_with('T'));
    Some(LockHolder { process, is_stopped: state? })
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
