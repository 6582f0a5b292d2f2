//! Approval files that were handed over, as paths on the command line.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::fault::{failed, refused, shown};
use crate::{
    durable,
    ports::store::{Inbox, StoreError},
};

const MAX_FILE: u64 = 32 << 20;

/// The files that were named. A file is called as its path was given.
#[derive(Default)]
pub struct FileInbox {
    paths: Vec<(String, PathBuf)>,
}

impl FileInbox {
    /// These files; one that is named twice is read once.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut inbox = Self { paths: Vec::new() };
        for path in paths {
            if inbox.paths.iter().any(|(_, known)| *known == path) {
                continue;
            }
            // Two paths may look alike once what cannot be shown is replaced: each is named, and destroyed, alone.
            let alike = |name: &str| inbox.paths.iter().any(|(known, _)| known == name);
            let mut name = shown(&path);
            while alike(&name) {
                name.push('\'');
            }
            inbox.paths.push((name, path));
        }
        inbox
    }
}

impl FileInbox {
    /// What concerns the destruction of one, for each path of this name.
    fn each(&self, name: &str, act: fn(&Path) -> io::Result<()>) -> Result<(), StoreError> {
        let mut named = self.paths.iter().filter(|(known, _)| known == name).peekable();
        if named.peek().is_none() {
            let hint = "only files that were handed over are destroyed";
            return Err(refused("destroying", name.as_ref(), "it was not handed over", hint));
        }
        named.try_for_each(|(_, path)| act(path).map_err(|e| failed("destroying", path, &e)))
    }
}

impl Inbox for FileInbox {
    fn files(&mut self) -> Vec<(String, Result<Vec<u8>, StoreError>)> {
        let read = |(name, path): &(String, PathBuf)| {
            let bytes = durable::read_plain(path, MAX_FILE).map_err(|e| failed("reading", path, &e));
            (name.clone(), bytes)
        };
        self.paths.iter().map(read).collect()
    }

    fn check_destroyable(&mut self, name: &str) -> Result<(), StoreError> {
        self.each(name, durable::check_destroyable)
    }

    fn destroy(&mut self, name: &str) -> Result<(), StoreError> {
        self.each(name, durable::destroy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn each_file_is_read_or_has_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("good"), b"approval").unwrap();
        fs::File::create(path("huge")).unwrap().set_len(2 << 30).unwrap();
        symlink(path("good"), path("link")).unwrap();
        let names = ["good", "good", "missing", "huge", "link", "."];
        let mut inbox = FileInbox::new(names.map(path).into_iter().chain(["/dev/zero".into()]));
        let files = inbox.files();
        assert_eq!(files.len(), 6);
        assert_eq!(files[0].0, path("good").to_str().unwrap());
        assert_eq!(files[0].1.as_deref().unwrap(), b"approval");
        for ((_, read), reason) in files[1..].iter().zip([
            "no such file",
            "2147483648 bytes, more than",
            "symbolic link",
            "not a regular file",
            "not a regular file",
        ]) {
            let error = read.as_ref().unwrap_err();
            assert!(error.reason.contains(reason), "{error}");
        }
    }

    #[test]
    fn paths_that_look_alike_are_destroyed_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a\x01", "a\x02"].map(|name| dir.path().join(name));
        paths.iter().for_each(|path| fs::write(path, b"release").unwrap());
        let mut inbox = FileInbox::new(paths.clone());
        let names: Vec<String> = inbox.files().into_iter().map(|(name, _)| name).collect();
        inbox.destroy(&names[1]).unwrap();
        assert!(paths[0].exists() && !paths[1].exists());
    }

    #[test]
    fn only_what_was_handed_over_is_destroyed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, kept) = (dir.path().join("a"), dir.path().join("kept"));
        fs::write(&path, b"release").unwrap();
        fs::hard_link(&path, &kept).unwrap();
        let mut inbox = FileInbox::new([path.clone()]);
        assert!(inbox.destroy(kept.to_str().unwrap()).is_err());
        inbox.destroy(path.to_str().unwrap()).unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read(kept).unwrap(), [0; 7]);
    }
}
