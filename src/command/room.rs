//! A program's working directory: for this user only, empty at the start but for copies of its inputs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{
    durable,
    encoding::{digest::Hasher, text::Name},
    memory::Pin,
    ports::{cause::Cause, token::TokenError},
    proposal::program::{LONGEST_FILE, PinnedInput, ProgramRun, WrittenFile, is_stream},
};

/// Below this length a credential occurs in nearly everything by chance.
const SHORTEST_LOOKED_FOR: usize = 4;

pub(super) struct Room(pub(super) PathBuf);

/// A file as it was found, and whether a credential occurs in it.
pub(super) struct FoundFile {
    pub(super) file: WrittenFile,
    pub(super) has_credential: bool,
}

impl Room {
    pub(super) fn at(base: &Path, name: &str) -> Self {
        Self(base.join(name))
    }

    /// Makes it again, without what an earlier run left in it.
    pub(super) fn make(&self) -> Result<(), TokenError> {
        self.clear()?;
        durable::create_directory(durable::Access::PRIVATE, &self.0)
            .map_err(|e| failed("the working directory", &e))
    }

    pub(super) fn clear(&self) -> Result<(), TokenError> {
        self.forget_leavings()?;
        match fs::remove_dir_all(&self.0) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("the working directory", &e)),
            _ => Ok(()),
        }
    }

    pub(super) fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    pub(super) fn place(&self, name: &Name) -> PathBuf {
        self.0.join(name.as_str())
    }

    /// Copies an input in, if it is the pinned one.
    pub(super) fn bring(&self, input: &PinnedInput) -> Result<(), TokenError> {
        let shown = input.path.to_string();
        let reading = |e: io::Error| failed(&shown, &e);
        let mut from = durable::open_plain(input.path.as_ref()).map_err(reading)?.take(LONGEST_FILE);
        let mut to = create(&self.place(&input.name)).map_err(reading)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer).map_err(reading)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            to.write_all(bytes).map_err(reading)?;
        }
        if hasher.finish() == input.sha256 {
            return Ok(());
        }
        Err(TokenError::before(
            "program",
            Cause::Unnamed,
            format!("{shown} is not the input that was pinned (SHA-256 differs)"),
            "bring the right file; this program was not started",
        ))
    }

    /// Keeps what a program printed.
    pub(super) fn keep(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        let mut file = create(&self.place(name))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// What a program left under its outputs' names: regular files with one name, nothing else.
    pub(super) fn outputs(&self, run: &ProgramRun, secrets: &[Pin]) -> io::Result<Vec<FoundFile>> {
        let mut found = Vec::new();
        for output in run.outputs.iter().filter(|o| !is_stream(&o.name)) {
            if let Ok(file) = self.open(&output.name)? {
                found.push(measure(&output.name, file, secrets)?);
            }
        }
        Ok(found)
    }

    /// Opens what a program wrote, or says why it is not taken: only a plain file of this room alone is.
    pub(super) fn open(&self, name: &Name) -> io::Result<Result<File, Untaken>> {
        let path = self.place(name);
        let file = match durable::open_plain(&path) {
            Ok(file) => file,
            Err(e) => {
                return match (e.kind(), fs::symlink_metadata(&path)) {
                    (io::ErrorKind::NotFound, _) => Ok(Err(Untaken::NotWritten)),
                    (_, Ok(found)) if found.is_symlink() => Ok(Err(Untaken::Link)),
                    (_, Ok(found)) if found.is_dir() => Ok(Err(Untaken::Folder)),
                    (_, Ok(found)) if !found.is_file() => Ok(Err(Untaken::NotAFile)),
                    (io::ErrorKind::PermissionDenied, _) => Ok(Err(Untaken::Unreadable)),
                    _ => Err(e),
                };
            }
        };
        let metadata = file.metadata()?;
        if metadata.nlink() != 1 {
            return Ok(Err(Untaken::SecondName));
        }
        if metadata.len() > LONGEST_FILE {
            return Ok(Err(Untaken::TooLong));
        }
        file.sync_all()?;
        Ok(Ok(file))
    }
}

/// Why a program's output is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Untaken {
    #[error("it was not written")]
    NotWritten,
    #[error("it is a symbolic link")]
    Link,
    #[error("it is a folder")]
    Folder,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it has a second name (hard link)")]
    SecondName,
    #[error("it is longer than {LONGEST_FILE} bytes")]
    TooLong,
    #[error("its permissions do not let it be read")]
    Unreadable,
    #[error("a credential was in it, and it was removed")]
    Credential,
}

/// Length, digest, and whether a credential occurs in it, however the reads fall.
pub(super) fn measure(name: &Name, mut from: impl Read, secrets: &[Pin]) -> io::Result<FoundFile> {
    let longest = secrets.iter().map(|secret| secret.expose().len()).max().unwrap_or(0);
    let (mut hasher, mut length, mut has_credential) = (Hasher::default(), 0_u64, false);
    let mut buffer = zeroize::Zeroizing::new(vec![0; 64 * 1024]);
    let mut window = zeroize::Zeroizing::new(Vec::with_capacity(buffer.len().saturating_add(longest)));
    loop {
        let read = from.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            let file = WrittenFile { name: name.clone(), length, sha256: hasher.finish() };
            return Ok(FoundFile { file, has_credential });
        }
        hasher.update(bytes);
        length = length.saturating_add(bytes.len() as u64);
        window.extend_from_slice(bytes);
        has_credential |= secrets.iter().any(|secret| stands_in(secret.expose(), &window));
        let kept = window.len().saturating_sub(longest);
        window.drain(..kept);
    }
}

pub(super) fn stands_in(secret: &[u8], bytes: &[u8]) -> bool {
    secret.len() >= SHORTEST_LOOKED_FOR && bytes.windows(secret.len()).any(|window| window == secret)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn failed(what: &str, error: &io::Error) -> TokenError {
    let message = format!("{what}: {}", durable::reason(error));
    TokenError::before(
        "program",
        Cause::Unnamed,
        message,
        "check its name, its rights and the disk; this program was not started",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte at a time, or all.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    #[test]
    fn a_credential_is_found_wherever_it_stands_and_however_it_comes() {
        let name = Name::new("out").unwrap();
        let secret = [Pin::copy_of(b"first").unwrap(), Pin::copy_of(b"s3cr3t").unwrap()];
        for (text, there) in
            [("a s3cr3t b", true), ("s3cr3t", true), ("xfirst", true), ("s3cr3", false), ("", false)]
        {
            for piece in [1, 2, 5, 1000] {
                let found = measure(&name, Pieces(text.as_bytes(), piece), &secret).unwrap();
                assert_eq!(found.has_credential, there, "{text} by {piece}");
                assert_eq!(found.file.sha256, crate::encoding::digest::Digest::of(text.as_bytes()));
            }
        }
    }

    #[test]
    fn what_is_no_plain_file_is_no_output() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::at(dir.path(), "room");
        room.make().unwrap();
        let name = |text| Name::new(text).unwrap();
        fs::write(dir.path().join("outside"), b"x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("outside"), room.place(&name("link"))).unwrap();
        fs::hard_link(dir.path().join("outside"), room.place(&name("twin"))).unwrap();
        fs::create_dir(room.place(&name("directory"))).unwrap();
        fs::write(room.place(&name("plain")), b"x").unwrap();
        fs::write(room.place(&name("empty")), b"").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, room.place(&name("pipe")), rustix::fs::Mode::RUSR).unwrap();
        let long = File::create(room.place(&name("long"))).unwrap();
        long.set_len(LONGEST_FILE + 1).unwrap();
        for (what, untaken) in [
            ("link", Some(Untaken::Link)),
            ("twin", Some(Untaken::SecondName)),
            ("directory", Some(Untaken::Folder)),
            ("pipe", Some(Untaken::NotAFile)),
            ("none", Some(Untaken::NotWritten)),
            ("long", Some(Untaken::TooLong)),
            ("empty", None),
            ("plain", None),
        ] {
            assert_eq!(room.open(&name(what)).unwrap().err(), untaken, "{what}");
        }
    }
}
