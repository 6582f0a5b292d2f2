//! A program as it was pinned: read once into sealed memory, hashed there, and executed from there.
//!
//! What runs is what was hashed, whatever happens to the file meanwhile. What the program itself loads, libraries and
//! configuration, is not pinned by this.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
};

use rustix::{
    fs::{MemfdFlags, SealFlags, Timespec, Timestamps, fcntl_add_seals, fstat, futimens, memfd_create},
    io::Errno,
};

use crate::{
    durable,
    encoding::{
        absolute_path::AbsolutePath,
        digest::{Digest, Hasher},
    },
    ports::{cause::Cause, token::TokenError},
};

/// The longest program: 512 MiB.
const LONGEST: u64 = 512 << 20;

/// SHA-256 of a program's file; refused where it is none that can be run from memory.
pub fn digest(path: &AbsolutePath) -> Result<Digest, TokenError> {
    let mut hasher = Hasher::default();
    read(path, |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// The program in sealed memory, if its file is the pinned one.
pub(super) fn seal(path: &AbsolutePath, pinned: Digest) -> Result<OwnedFd, TokenError> {
    let memory = executable_memory().map_err(|e| failed(path, &e.into()))?;
    let mut file = File::from(memory);
    let mut hasher = Hasher::default();
    read(path, |bytes| {
        hasher.update(bytes);
        file.write_all(bytes)
    })?;
    if hasher.finish() != pinned {
        return Err(TokenError::before(
            "program",
            Cause::ModuleChanged,
            format!("{} is not the program that was pinned (SHA-256 differs)", path),
            "find out who changed it; this program was not started",
        ));
    }
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals).map_err(|e| failed(path, &e.into()))?;
    Ok(file.into())
}

/// A secret in sealed memory, for a descriptor: it can be opened and read again, as files can.
pub(super) fn seal_secret(secret: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory =
        memfd_create("quorate-credential", flags | MemfdFlags::NOEXEC_SEAL).or_else(|e| match e {
            Errno::INVAL => memfd_create("quorate-credential", flags),
            e => Err(e),
        })?;
    let mut file = File::from(memory);
    file.write_all(secret)?;
    io::Seek::rewind(&mut file)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    // Whoever reads it sets the time to now, and only then is it another one. The owner of a file may set it back, which
    // makes a secret that was read pass for one that was not, and nothing worse.
    futimens(&file, &UNREAD)?;
    Ok(file.into())
}

/// The time of access of a secret that nobody has read.
const UNREAD: Timestamps = {
    let epoch = Timespec { tv_sec: 0, tv_nsec: 0 };
    Timestamps { last_access: epoch, last_modification: epoch }
};

/// Whether a secret in sealed memory was read, or mapped.
pub(super) fn was_read(secret: &OwnedFd) -> io::Result<bool> {
    let seen = fstat(secret)?;
    Ok((seen.st_atime, seen.st_atime_nsec) != (0, 0))
}

/// Kernels before 6.3 do not know the flag that allows to execute it, and allow it.
fn executable_memory() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    memfd_create("quorate-program", flags | MemfdFlags::EXEC).or_else(|e| match e {
        Errno::INVAL => memfd_create("quorate-program", flags),
        e => Err(e),
    })
}

fn read(path: &AbsolutePath, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), TokenError> {
    let mut file = durable::open_plain(path.as_ref()).map_err(|e| failed(path, &e))?.take(LONGEST + 1);
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut buffer).map_err(|e| failed(path, &e))?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if length == 0 {
            check_kind(path, bytes)?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        length = length.saturating_add(bytes.len() as u64);
        if length > LONGEST {
            return Err(refused(path, "is longer than 512 MiB", "name the program itself"));
        }
        take(bytes).map_err(|e| failed(path, &e))?;
    }
}

/// A script is run by the program that its first line names, which is not pinned.
fn check_kind(path: &AbsolutePath, bytes: &[u8]) -> Result<(), TokenError> {
    if bytes.starts_with(b"\x7fELF") {
        Ok(())
    } else if bytes.starts_with(b"#!") {
        let hint = "name its interpreter as the program, and the script as an input: then both are pinned";
        Err(refused(path, "is a script", hint))
    } else {
        Err(refused(path, "is not a program (not an ELF file)", "name the program's file itself"))
    }
}

fn refused(path: &AbsolutePath, what: &str, hint: &str) -> TokenError {
    TokenError::before("program", Cause::Unnamed, format!("{} {what}", path), hint)
}

fn failed(path: &AbsolutePath, error: &io::Error) -> TokenError {
    let message = format!("{} cannot be read: {}", path, durable::reason(error));
    let hint = "name the program's file itself, not a symbolic link to it, and check that it may be read";
    TokenError::before("program", Cause::Unnamed, message, hint)
}
