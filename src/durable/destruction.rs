//! Files that are to be gone, with what was in them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::{
    names::{directory_of, sync_directory, temporary_name},
    writing::check_writable,
};

/// Overwrites a file with zeros, fsyncs and unlinks it, and fsyncs its directory; the same with what an
/// interrupted [`super::replace`] left of it. One that is gone is no error; a symbolic link is one.
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
    // Zeros on disk before the name goes: the system need not write what belongs to no file any more.
    file.sync_all()?;
    fs::remove_file(path)
}
