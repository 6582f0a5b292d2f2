//! What the kernel's errors mean to the person at the station.

use std::{io, path::Path};

use crate::{
    encoding::text,
    ports::store::{StoreCause, StoreError},
};

pub(super) fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

/// `doing` ("reading", "writing") failed at `path`.
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    let (reason, hint) = explain(error);
    refused(doing, path, reason, hint)
}

/// `doing` is not done at `path`.
pub(super) fn refused(
    doing: &str,
    path: &Path,
    reason: impl Into<String>,
    hint: impl Into<String>,
) -> StoreError {
    let what = format!("{doing} {}", shown(path));
    StoreError { what, reason: reason.into(), hint: hint.into(), cause: StoreCause::NotDone }
}

fn explain(error: &io::Error) -> (String, &'static str) {
    if error.raw_os_error() == Some(libc::ELOOP) {
        return (
            "it is a symbolic link, which is not followed here".to_owned(),
            "find out who put the link there; only real files and directories are taken",
        );
    }
    let (reason, hint) = match error.kind() {
        io::ErrorKind::StorageFull => {
            ("no space left on the disk", "make room, then run the same command again")
        }
        io::ErrorKind::QuotaExceeded => {
            ("the disk quota is used up", "make room, then run the same command again")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ("read-only file system", "mount it for writing, or name another directory")
        }
        io::ErrorKind::PermissionDenied => {
            ("permission denied", "check owner and mode of the file and of the directories above it")
        }
        io::ErrorKind::NotFound => {
            ("no such file or directory", "check the path, and that its medium is mounted")
        }
        io::ErrorKind::AlreadyExists => {
            ("it exists already", "nothing is overwritten: name another, or move it away")
        }
        io::ErrorKind::NotADirectory => {
            ("not a directory", "check the path; a symbolic link is not taken either")
        }
        io::ErrorKind::IsADirectory => ("it is a directory", "name a file"),
        io::ErrorKind::FileTooLarge if error.get_ref().is_none() => (
            "larger than the file system or a limit of this process allows",
            "raise the limit, or use another disk",
        ),
        io::ErrorKind::Unsupported if error.get_ref().is_some() => {
            return (
                error.to_string(),
                "keep it on a local file system (ext4, XFS, btrfs), which has locks and fsync",
            );
        }
        io::ErrorKind::WouldBlock => {
            ("another quorate is working on it", "wait until it has ended, then run the same command again")
        }
        _ if error.raw_os_error() == Some(libc::EIO) => {
            ("input/output error: the medium fails", "stop using this medium; go on with a copy on another")
        }
        _ => {
            let reason = text::printable(&error.to_string());
            return (reason, "nothing was half-written; fix the cause, then run the same command again");
        }
    };
    (reason.to_owned(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_plain_words() {
        for (code, words) in [
            (libc::ENOSPC, "no space left on the disk"),
            (libc::EROFS, "read-only file system"),
            (libc::EACCES, "permission denied"),
            (libc::EPERM, "permission denied"),
            (libc::ELOOP, "it is a symbolic link, which is not followed here"),
            (libc::EDQUOT, "the disk quota is used up"),
            (libc::EIO, "input/output error: the medium fails"),
        ] {
            let error = failed("writing", Path::new("/l/x"), &io::Error::from_raw_os_error(code));
            assert_eq!(error.to_string(), format!("writing /l/x: {words}"));
            assert!(!error.hint.is_empty());
        }
    }

    #[test]
    fn a_path_cannot_colour_the_screen() {
        let error = failed("reading", Path::new("/l/\x1b[31m"), &io::ErrorKind::NotFound.into());
        assert!(!error.to_string().contains('\x1b'));
    }
}
