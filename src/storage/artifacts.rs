//! Backups: large files at places that a plan names, visible under their name when they are whole.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    copies,
    fault::{failed, refused, shown},
};
use crate::{
    durable,
    encoding::{absolute_path::AbsolutePath, output_path::OutputPath},
    ports::store::{Artifacts, Medium, StoreError},
};

/// Files at their paths; relative ones from the working directory.
#[derive(Default)]
pub struct FileArtifacts {
    begun: BTreeMap<OutputPath, Begun>,
    ledgers: Vec<PathBuf>,
}

/// A file whose writer was handed out. The handle is the writer's own, so that fsync on it reports every error of
/// writing back that the writer did not see.
struct Begun {
    file: File,
    broken: Arc<AtomicBool>,
}

/// Writes without a buffer, and remembers a failure that its user may ignore.
struct PartialWriter {
    file: File,
    broken: Arc<AtomicBool>,
}

impl Write for PartialWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        if written.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted) {
            self.broken.store(true, Ordering::Relaxed);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileArtifacts {
    /// Kept out of a ledger and its copies.
    pub fn outside(ledgers: Vec<PathBuf>) -> Self {
        Self { ledgers, ..Self::default() }
    }
}

impl Artifacts for FileArtifacts {
    fn open(&mut self, path: &AbsolutePath) -> Result<Box<dyn Read>, StoreError> {
        match durable::open_plain(path.as_ref()) {
            Ok(file) => Ok(Box::new(file)),
            Err(e) => Err(failed("reading", path.as_ref(), &e)),
        }
    }

    fn exists(&mut self, path: &OutputPath) -> bool {
        // What cannot be looked at is not free either.
        !fs::symlink_metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
    }

    fn is_in_ledger(&mut self, path: &OutputPath) -> bool {
        let directory = path.as_ref().parent().unwrap_or(Path::new("/"));
        // A directory that is not there is in no ledger; nothing can be begun in it either.
        self.ledgers.iter().any(|ledger| copies::lies_in(directory, ledger).unwrap_or(false))
    }

    fn medium(&mut self, path: &OutputPath) -> Result<Medium, StoreError> {
        let directory = path.as_ref().parent().unwrap_or(Path::new("/"));
        let device = |place: &Path| Ok(fs::metadata(place)?.dev());
        let looking = |e: io::Error| failed("looking at", directory, &e);
        let own = device(directory).map_err(looking)?;
        let is_own = |place: &Path| device(place).is_ok_and(|device: u64| device == own);
        let canonical = directory.canonicalize().map_err(looking)?;
        let mounted_at = canonical.ancestors().take_while(|above| is_own(above)).last().unwrap_or(&canonical);
        let shared_with = match self.ledgers.first() {
            Some(ledger) if is_own(ledger) => Some("the ledger"),
            _ if is_own(Path::new("/")) => Some("the system"),
            _ => None,
        };
        Ok(Medium { mounted_at: shown(mounted_at), shared_with })
    }

    fn begin(&mut self, path: &OutputPath) -> Result<Box<dyn Write>, StoreError> {
        if self.is_in_ledger(path) {
            let hint = "name a file outside the ledger and its copies: what is in them is read by everybody";
            return Err(refused("writing", path.as_ref(), "it lies in the ledger", hint));
        }
        if self.exists(path) {
            let e = io::ErrorKind::AlreadyExists.into();
            return Err(failed("writing", path.as_ref(), &e));
        }
        let partial = path.unfinished();
        let writing = |e: io::Error| failed("writing", &partial, &e);
        unlink(&partial).map_err(writing)?;
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(writing)?;
        let broken = Arc::new(AtomicBool::new(false));
        let writer = PartialWriter { file: file.try_clone().map_err(writing)?, broken: Arc::clone(&broken) };
        self.begun.insert(path.to_owned(), Begun { file, broken });
        Ok(Box::new(writer))
    }

    fn publish(&mut self, path: &OutputPath) -> Result<(), StoreError> {
        let (partial, target) = (path.unfinished(), path.as_ref());
        let publishing = |e: io::Error| failed("publishing", target, &e);
        let opened = durable::open_plain(&partial).map_err(|e| failed("publishing", &partial, &e))?;
        if let Some(begun) = self.begun.remove(path) {
            if begun.broken.load(Ordering::Relaxed) {
                let hint = "make room or fix the medium, then run the same command again";
                return Err(refused("publishing", target, "not all of it could be written", hint));
            }
            if !same_file(&begun.file, &opened).map_err(publishing)? {
                let hint = "find out who writes there, then run the same command again";
                return Err(refused("publishing", &partial, "somebody put another file in its place", hint));
            }
            begun.file.sync_all().map_err(publishing)?;
        }
        opened.sync_all().map_err(publishing)?;
        give_name(&partial, &opened, target).map_err(publishing)?;
        durable::sync_directory(target).map_err(publishing)
    }

    fn remove(&mut self, path: &OutputPath) -> Result<(), StoreError> {
        self.begun.remove(path);
        for path in [path.unfinished(), path.as_ref().to_path_buf()] {
            unlink(&path)
                .and_then(|()| match durable::sync_directory(&path) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                    synced => synced,
                })
                .map_err(|e| failed("removing", &path, &e))?;
        }
        Ok(())
    }
}

/// Removes a file or a link, not what the link leads to; one that is gone is not an error.
fn unlink(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn same_file(a: &File, b: &File) -> io::Result<bool> {
    let (a, b) = (a.metadata()?, b.metadata()?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// link(2) and unlink(2): the name is given only if it is free. A file system without hard links (FAT, exFAT) gets
/// a look and rename(2), which overwrites what somebody else puts there between the two: it is assumed that nobody else
/// to write to the place of a backup.
fn give_name(partial: &Path, opened: &File, target: &Path) -> io::Result<()> {
    match fs::hard_link(partial, target) {
        Ok(()) => fs::remove_file(partial),
        // A crash came between link and unlink.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            if same_file(opened, &durable::open_plain(target)?)? { fs::remove_file(partial) } else { Err(e) }
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            match fs::symlink_metadata(target) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => fs::rename(partial, target),
                Err(e) => Err(e),
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            }
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(name: &str) -> (tempfile::TempDir, OutputPath) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name).to_str().unwrap().parse().unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_appears_when_it_is_published() {
        let (dir, path) = place("backup.age");
        let mut artifacts = FileArtifacts::default();
        let mut writer = artifacts.begin(&path).unwrap();
        writer.write_all(b"backup").unwrap();
        assert!(!artifacts.exists(&path) && artifacts.open(&path).is_err());
        drop(writer);
        artifacts.publish(&path).unwrap();
        let mut bytes = Vec::new();
        artifacts.open(&path).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"backup");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(artifacts.begin(&path).is_err() && artifacts.publish(&path).is_err());
        artifacts.remove(&path).unwrap();
        artifacts.remove(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_an_earlier_run_left_is_replaced_and_links_are_not_followed() {
        let (dir, path) = place("backup.age");
        let outside = dir.path().join("outside");
        fs::write(&outside, b"outside").unwrap();
        symlink(&outside, format!("{path}.partial")).unwrap();
        let mut artifacts = FileArtifacts::default();
        artifacts.begin(&path).unwrap().write_all(b"new").unwrap();
        artifacts.publish(&path).unwrap();
        assert_eq!(
            (fs::read(&outside).unwrap(), fs::read(&path).unwrap()),
            (b"outside".to_vec(), b"new".to_vec())
        );
        let link: OutputPath = format!("{path}.link").parse().unwrap();
        symlink("nowhere", &link).unwrap();
        assert!(artifacts.exists(&link) && artifacts.begin(&link).is_err() && artifacts.open(&link).is_err());
    }

    #[test]
    fn nothing_is_overwritten_by_publishing() {
        let (_dir, path) = place("backup.age");
        let mut artifacts = FileArtifacts::default();
        artifacts.begin(&path).unwrap().write_all(b"mine").unwrap();
        fs::write(&path, b"theirs").unwrap();
        let error = artifacts.publish(&path).unwrap_err();
        assert!(error.reason.contains("exists already"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read(format!("{path}.partial")).unwrap(), b"mine");
    }

    #[test]
    fn a_crash_between_link_and_unlink_is_gone_over() {
        let (dir, path) = place("backup.age");
        fs::write(format!("{path}.partial"), b"whole").unwrap();
        fs::hard_link(format!("{path}.partial"), &path).unwrap();
        FileArtifacts::default().publish(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_failed_is_not_published() {
        let (_dir, path) = place("backup.age");
        let mut artifacts = FileArtifacts::default();
        artifacts.begin(&path).unwrap().write_all(b"part").unwrap();
        artifacts.begun.get(&path).unwrap().broken.store(true, Ordering::Relaxed);
        assert!(artifacts.publish(&path).unwrap_err().reason.contains("not all of it"));
        let mut full = PartialWriter {
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            broken: Arc::default(),
        };
        assert_eq!(full.write(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(full.broken.load(Ordering::Relaxed));
        assert!(!artifacts.exists(&path));
    }

    #[test]
    fn another_file_in_its_place_is_not_published() {
        let (_dir, path) = place("backup.age");
        let mut artifacts = FileArtifacts::default();
        artifacts.begin(&path).unwrap().write_all(b"mine").unwrap();
        fs::remove_file(format!("{path}.partial")).unwrap();
        fs::write(format!("{path}.partial"), b"theirs").unwrap();
        assert!(artifacts.publish(&path).unwrap_err().reason.contains("another file"));
    }
}
