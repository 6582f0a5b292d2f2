//! Files that survive a power cut: one way to create, one way to replace, one way to keep others out.
//!
//! It stands at the bottom, beside `memory` and `encoding`, because the adapters that keep files need it and
//! do not import each other.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
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

/// For whom a file or directory is: its creator alone, or those whom a directory lets in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Mode bits of a directory; a file has those of reading and writing.
    mode: u32,
    group: Option<u32>,
}

impl Access {
    /// For its creator alone.
    pub const PRIVATE: Self = Self { mode: 0o700, group: None };

    /// As a directory has it, so that the accounts that share the directory share what is put into it. Nobody else is ever let
    /// write.
    pub fn like(directory: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(directory)?;
        let mode = metadata.mode() & (libc::S_ISGID | 0o775) | 0o700;
        Ok(Self { mode, group: (mode & 0o070 != 0).then(|| metadata.gid()) })
    }

    /// Gives what was just made, for its creator alone, to those whom it is for. A file system without modes, and a group that
    /// this account is not in, leave it as it was made.
    fn give(self, file: &File) -> io::Result<()> {
        let made = file.metadata()?;
        let mode = if made.is_dir() { self.mode } else { self.mode & 0o666 };
        if mode & 0o077 == 0
            || made.mode() & 0o7777 == mode && self.group.is_none_or(|group| group == made.gid())
        {
            return Ok(());
        }
        let given = match self.group.filter(|group| *group != made.gid()) {
            Some(group) => fchown(file, None, Some(group)),
            None => Ok(()),
        };
        match given.and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode))) {
            Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
                Ok(())
            }
            given => given,
        }
    }
}

/// Creates a file that was not there (O_EXCL, mode 0600) and makes file and name durable. On an error the
/// file is removed again.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_for(Access::PRIVATE, path, bytes)
}

/// Creates a file as [`create`] does, for others too.
pub fn create_for(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new_for(access, path, bytes)?;
    let synced = sync_directory(path);
    if synced.is_err() {
        let _ = fs::remove_file(path);
    }
    synced
}

/// Creates a file as [`create_for`] does, but for its name: that is durable once its directory is.
pub fn write_new_for(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes).and_then(|()| access.give(&file)).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Creates a file that was not there, as [`create`] does, under a hidden name first: the name appears with the whole
/// file behind it, or not at all.
///
/// It is given by link(2). A file system without hard links (FAT, exFAT) gets rename(2) after a look: other programs
/// are not kept out between the two.
pub fn create_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_whole_for(Access::PRIVATE, path, bytes)
}

/// Creates a file as [`create_whole`] does, for others too.
pub fn create_whole_for(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let _lock = DirectoryLock::acquire(path, Duration::from_secs(5))?;
    let temporary = temporary_name(path)?;
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    create_for(access, &temporary, bytes)?;
    let named = match fs::hard_link(&temporary, path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            match fs::symlink_metadata(path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => fs::rename(&temporary, path),
                Err(e) => Err(e),
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            }
        }
        linked => linked,
    };
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => named.and(Err(e)),
        _ => named,
    }?;
    sync_directory(path)
}

/// Replaces a file by another of the same name: temporary file, fsync, rename, fsync of the directory. A
/// reader sees the old bytes or the new ones.
///
/// The caller holds the [`DirectoryLock`]: the temporary file has one name for each `path`, so that what an
/// interrupted run left is overwritten by the next and does not pile up.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_for(Access::PRIVATE, path, bytes)
}

/// Replaces a file as [`replace`] does, for others too.
pub fn replace_for(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path)?;
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let renamed = file
        .write_all(bytes)
        .and_then(|()| access.give(&file))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
        return renamed;
    }
    sync_directory(path)
}

/// Creates a directory that was not there, mode 0700, and makes its name durable.
pub fn create_directory(path: &Path) -> io::Result<()> {
    create_directory_for(Access::PRIVATE, path)
}

/// Creates a directory as [`create_directory`] does, for others too.
pub fn create_directory_for(access: Access, path: &Path) -> io::Result<()> {
    make_directory_for(access, path)?;
    sync_directory(path)
}

/// Creates a directory as [`create_directory_for`] does, but for its name: that is durable once the directory above it is.
pub fn make_directory_for(access: Access, path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    if access != Access::PRIVATE {
        access.give(&File::open(path)?)?;
    }
    Ok(())
}

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
fn lacking(error: io::Error, what: &'static str) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL | libc::ENOLCK | libc::ENOTTY) => {
            io::Error::new(io::ErrorKind::Unsupported, what)
        }
        _ => error,
    }
}

const NO_LOCKS: &str = "the file system has no locks (flock)";

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
                Err(TryLockError::Error(e)) => return Err(lacking(e, NO_LOCKS)),
            }
        }
    }
}

/// Opens a regular file for reading. A symbolic link in the last place is not followed (ELOOP); a pipe or a
/// device is an error and does not block.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Reads a file that [`open_plain`] opens. One that is longer than `limit` is refused by its size, and not
/// read; one that grows meanwhile is refused too.
pub fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_plain(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    if size <= limit {
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    let found = size.max(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    if found > limit {
        let message = format!("{found} bytes, more than the {limit} that are allowed");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Overwrites a file with zeros, fsyncs and unlinks it, and fsyncs its directory; the same with what an
/// interrupted [`replace`] left of it. One that is gone is no error; a symbolic link is one.
///
/// Not guaranteed: flash, and file systems that journal data or copy on write, keep old blocks. What must not
/// be read by who finds them is to be encrypted in the first place.
pub fn destroy(path: &Path) -> io::Result<()> {
    overwrite_and_unlink(path)?;
    overwrite_and_unlink(&temporary_name(path)?)?;
    match sync_directory(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

/// Whether [`destroy`] could do its work now, without doing it: the file can be written to, and its directory lets this user
/// remove it. One that is gone is no error.
///
/// Not guaranteed: that it still can later, or that no other rule (an append-only directory, say) forbids it.
pub fn check_destroyable(path: &Path) -> io::Result<()> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = match OpenOptions::new().write(true).custom_flags(flags).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?.metadata()?,
    };
    if !file.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let directory = directory_of(path);
    check_writable(&directory)?;
    // In a sticky directory (/tmp) only the owner of the file or of the directory removes it (inode(7)).
    let (above, user) = (fs::metadata(&directory)?, rustix::process::geteuid().as_raw());
    let sticky = above.mode() & libc::S_ISVTX != 0;
    if sticky && user != 0 && user != file.uid() && user != above.uid() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

/// Whether a new file could be made there: nothing has its name, and its directory lets this process write. A disk that is
/// full shows only in the act.
///
/// # Errors
/// The system's error, `AlreadyExists` where something has the name.
pub fn check_new(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => check_writable(&directory_of(path)),
        Err(e) => Err(e),
    }
}

/// Whether this process can make and remove files in a directory.
///
/// # Errors
/// The system's error.
pub fn check_writable(directory: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?)
}

fn overwrite_and_unlink(path: &Path) -> io::Result<()> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let mut file = match OpenOptions::new().write(true).custom_flags(flags).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    io::copy(&mut io::repeat(0).take(metadata.len()), &mut file)?;
    file.sync_all()?;
    fs::remove_file(path)
}

/// Which directory it is, whatever its path: device and inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The file system (st_dev).
    pub device: u64,
    /// The inode in it.
    pub inode: u64,
}

impl Identity {
    /// Of what `path` leads to, through symbolic links.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&fs::Metadata> for Identity {
    fn from(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl DirectoryLock {
    /// Locks `directory` itself, or fails at once with [`io::ErrorKind::WouldBlock`].
    pub fn of_directory(directory: &Path) -> io::Result<Self> {
        let flags = libc::O_DIRECTORY | libc::O_CLOEXEC;
        let directory = OpenOptions::new().read(true).custom_flags(flags).open(directory)?;
        match directory.try_lock() {
            Ok(()) => Ok(Self { _directory: directory }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(lacking(e, NO_LOCKS)),
        }
    }

    /// The directory that is locked, wherever it was moved to.
    pub fn identity(&self) -> io::Result<Identity> {
        self._directory.metadata().map(|metadata| Identity::from(&metadata))
    }
}

/// What the system says of a failure, without its number.
pub fn reason(error: &io::Error) -> String {
    let said = error.to_string();
    said.split_once(" (os error ").map_or(said.clone(), |(words, _)| words.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(dir.path().join(".x.tmp"), b"left by a crash").unwrap();
        create_whole(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(create_whole(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
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
    fn what_is_for_others_has_the_mode_of_their_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for (shared, directory, file) in
            [(0o700, 0o700, 0o600), (0o2770, 0o2770, 0o660), (0o750, 0o750, 0o640), (0o777, 0o775, 0o664)]
        {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(shared)).unwrap();
            let access = Access::like(dir.path()).unwrap();
            let at = |name: &str| dir.path().join(format!("{shared:o}-{name}"));
            create_for(access, &at("created"), b"1").unwrap();
            create_whole_for(access, &at("whole"), b"1").unwrap();
            create(&at("replaced"), b"1").unwrap();
            replace_for(access, &at("replaced"), b"2").unwrap();
            create_directory_for(access, &at("directory")).unwrap();
            for name in ["created", "whole", "replaced"] {
                assert_eq!(mode(&at(name)), file, "{shared:o} {name}");
            }
            assert_eq!(mode(&at("directory")), directory);
        }
        // Root can give to any group; others only to theirs, and then nobody of another group is let in.
        let group = rustix::process::getegid().as_raw() + 1;
        if std::os::unix::fs::chown(dir.path(), None, Some(group)).is_ok() {
            create_for(Access::like(dir.path()).unwrap(), &dir.path().join("given"), b"1").unwrap();
            assert_eq!(fs::metadata(dir.path().join("given")).unwrap().gid(), group);
        }
    }

    #[test]
    fn what_a_file_system_lacks_is_said_in_words() {
        for code in [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP, libc::EINVAL] {
            let error = lacking(io::Error::from_raw_os_error(code), NO_LOCKS);
            assert_eq!((error.kind(), reason(&error).as_str()), (io::ErrorKind::Unsupported, NO_LOCKS));
        }
        assert_eq!(
            lacking(io::Error::from_raw_os_error(libc::EIO), NO_LOCKS).raw_os_error(),
            Some(libc::EIO)
        );
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

    #[test]
    fn plain_files_only_and_long_ones_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("x"), dir.path().join("link"));
        create(&path, b"one").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read_plain(&path, 3).unwrap(), b"one");
        assert_eq!(read_plain(&link, 3).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert!(read_plain(dir.path(), 3).is_err() && read_plain(Path::new("/dev/zero"), 3).is_err());
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let refused = read_plain(&path, 1 << 20).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert!(refused.to_string().contains("1099511627776 bytes"), "{refused}");
    }

    #[test]
    fn what_is_destroyed_is_zeros_under_every_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("x"), dir.path().join("other"));
        create(&path, b"secret").unwrap();
        fs::write(dir.path().join(".x.tmp"), b"left by a crash").unwrap();
        fs::hard_link(&path, &other).unwrap();
        destroy(&path).unwrap();
        assert_eq!(fs::read(&other).unwrap(), [0; 6]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        destroy(&path).unwrap();
        destroy(&dir.path().join("no-directory/x")).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(destroy(&path).is_err() && path.exists());
    }

    #[test]
    fn a_locked_directory_is_locked_at_once_and_known_when_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        create_directory(&old).unwrap();
        let held = DirectoryLock::of_directory(&old).unwrap();
        let refused = DirectoryLock::of_directory(&old).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        fs::rename(&old, &new).unwrap();
        create_directory(&old).unwrap();
        assert_eq!(held.identity().unwrap(), Identity::of(&new).unwrap());
        assert_ne!(held.identity().unwrap(), Identity::of(&old).unwrap());
    }
}
