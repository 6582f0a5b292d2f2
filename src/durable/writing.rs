//! New files and directories, and files in the place of others.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::Path,
    time::Duration,
};

use super::{
    locking::DirectoryLock,
    names::{directory_of, sync_directory, temporary_name},
};

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

/// Creates a file that was not there (O_EXCL) and makes file and name durable. On an error the
/// file is removed again.
pub fn create(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(access, path, bytes)?;
    let synced = sync_directory(path);
    if synced.is_err() {
        let _ = fs::remove_file(path);
    }
    synced
}

/// Creates a file as [`create`] does, but for its name: that is durable once its directory is.
pub fn write_new(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
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
pub fn create_whole(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let _lock = DirectoryLock::acquire(path, Duration::from_secs(5))?;
    let temporary = temporary_name(path)?;
    remove(&temporary)?;
    create(access, &temporary, bytes)?;
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
    let removed = remove(&temporary);
    named.and(removed)?;
    sync_directory(path)
}

/// Removes what an interrupted run left, if it did.
fn remove(temporary: &Path) -> io::Result<()> {
    fs::remove_file(temporary).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// Replaces a file by another of the same name: temporary file, fsync, rename, fsync of the directory. A
/// reader sees the old bytes or the new ones.
///
/// The caller holds the [`DirectoryLock`]: the temporary file has one name for each `path`, so that what an
/// interrupted run left is overwritten by the next and does not pile up.
pub fn replace(access: Access, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path)?;
    remove(&temporary)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    // Synced before it is renamed: else a power cut can leave the name with an empty file behind it.
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

/// Creates a directory that was not there, and makes its name durable.
pub fn create_directory(access: Access, path: &Path) -> io::Result<()> {
    make_directory(access, path)?;
    sync_directory(path)
}

/// Creates a directory as [`create_directory`] does, but for its name: that is durable once the directory above it is.
pub fn make_directory(access: Access, path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    if access != Access::PRIVATE {
        access.give(&File::open(path)?)?;
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
