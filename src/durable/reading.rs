//! Files that somebody may have put there: regular ones only, and no more of them than is wanted.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
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

/// Opens a regular file for reading. A symbolic link in the last place is not followed (ELOOP); a pipe or a
/// device is an error and does not block.
pub fn open_plain(path: &Path) -> io::Result<File> {
    open_sized(path).map(|(file, _)| file)
}

fn open_sized(path: &Path) -> io::Result<(File, u64)> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Reads a file that [`open_plain`] opens. One that is longer than `limit` is refused by its size, and not
/// read; one that grows meanwhile is refused too.
pub fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, size) = open_sized(path)?;
    let mut bytes = Vec::new();
    if size <= limit {
        // One more than it has, so that its end is seen without more memory.
        let room = usize::try_from(size.saturating_add(1)).unwrap_or(usize::MAX);
        bytes.try_reserve_exact(room).map_err(|_| io::ErrorKind::OutOfMemory)?;
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    let found = size.max(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    if found > limit {
        let message = format!("{found} bytes, more than the {limit} that are allowed");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
