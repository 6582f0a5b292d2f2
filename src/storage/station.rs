//! A station's secrets of open ceremonies: `stations/<ledger>-<ceremony>/<name>.age` in the state directory.
//!
//! All of them are sealed before they come here. Destroying overwrites, fsyncs and unlinks; flash and journaling
//! file systems may keep old blocks, in which the sealed bytes are all there is to find.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    fault::{failed, refused},
    layout,
    state::{StateRoot, private_directory},
};
use crate::{
    durable::{self, DirectoryLock},
    encoding::digest::Digest,
    ports::store::{StationStore, StoreError},
};

const MAX_SEALED: usize = 32 << 20;
/// How long a concurrent write is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The stations' part of a state directory.
pub struct StationDirectory {
    stations: PathBuf,
    whose: String,
}

impl StationDirectory {
    pub fn new(root: &StateRoot) -> Result<Self, StoreError> {
        Ok(Self { stations: root.directory("stations")?, whose: root.whose() })
    }

    fn ceremony(&self, ledger: Digest, ceremony: u32) -> PathBuf {
        self.stations.join(format!("{ledger}-{ceremony:04}"))
    }

    fn file(&self, ledger: Digest, ceremony: u32, name: &str) -> Result<PathBuf, StoreError> {
        let directory = self.ceremony(ledger, ceremony);
        if is_secret_name(name) {
            Ok(directory.join(format!("{name}.age")))
        } else {
            let hint = "this is a fault of the program: a to z, 0 to 9 and '-', at most 100";
            Err(refused("naming a secret in", &directory, "no secret can have the name that was given", hint))
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl StationStore for StationDirectory {
    fn whose(&self) -> &str {
        &self.whose
    }

    fn is_station(&self, ledger: Digest, ceremony: u32) -> bool {
        self.names(ledger, ceremony).is_ok_and(|names| !names.is_empty())
    }

    fn put(&mut self, ledger: Digest, ceremony: u32, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        let path = self.file(ledger, ceremony, name)?;
        if sealed.len() > MAX_SEALED {
            let reason = format!("{} bytes, more than the {MAX_SEALED} that are allowed", sealed.len());
            return Err(refused("writing", &path, reason, "nothing was written"));
        }
        private_directory(self.ceremony(ledger, ceremony))?;
        let lock = DirectoryLock::acquire(&path, PATIENCE);
        lock.and_then(|_lock| durable::replace(durable::Access::PRIVATE, &path, sealed))
            .map_err(|e| failed("writing", &path, &e))
    }

    fn names(&self, ledger: Digest, ceremony: u32) -> Result<Vec<String>, StoreError> {
        let directory = self.ceremony(ledger, ceremony);
        if !layout::is_there(&directory)? {
            return Ok(Vec::new());
        }
        layout::real_directory(&directory)?;
        let mut names: Vec<String> = layout::entries(&directory)?
            .iter()
            .filter_map(|name| name.strip_suffix(".age"))
            .filter(|name| is_secret_name(name))
            .map(str::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }

    fn take(&self, ledger: Digest, ceremony: u32, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.file(ledger, ceremony, name)?;
        let directory = self.ceremony(ledger, ceremony);
        if layout::is_there(&directory)? {
            layout::real_directory(&directory)?;
        }
        match durable::read_plain(&path, MAX_SEALED as u64) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("reading", &path, &e)),
        }
    }

    fn destroy(&mut self, ledger: Digest, ceremony: u32, name: &str) -> Result<(), StoreError> {
        destroy(&self.file(ledger, ceremony, name)?)
    }

    fn destroy_all(&mut self, ledger: Digest, ceremony: u32) -> Result<(), StoreError> {
        let directory = self.ceremony(ledger, ceremony);
        if !layout::is_there(&directory)? {
            return Ok(());
        }
        layout::real_directory(&directory)?;
        for name in layout::entries(&directory)? {
            destroy(&directory.join(name))?;
        }
        fs::remove_dir(&directory)
            .and_then(|()| durable::sync_directory(&directory))
            .map_err(|e| failed("removing", &directory, &e))
    }
}

fn destroy(path: &Path) -> Result<(), StoreError> {
    durable::destroy(path).map_err(|e| failed("destroying", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    fn station() -> (tempfile::TempDir, StationDirectory, Digest) {
        let dir = tempfile::tempdir().unwrap();
        let root = StateRoot::open(&dir.path().join("state"), &[]).unwrap();
        (dir, StationDirectory::new(&root).unwrap(), Digest::of(b"ledger"))
    }

    #[test]
    fn secrets_are_kept_replaced_listed_and_destroyed() {
        let (_dir, mut station, ledger) = station();
        assert!(!station.is_station(ledger, 1));
        assert_eq!(station.names(ledger, 1).unwrap(), [""; 0]);
        assert_eq!(station.take(ledger, 1, "identity-1f2e").unwrap(), None);
        station.put(ledger, 1, "signing-1f2e", b"one").unwrap();
        station.put(ledger, 1, "signing-1f2e", b"two").unwrap();
        station.put(ledger, 1, "identity-1f2e", b"three").unwrap();
        assert_eq!(station.names(ledger, 1).unwrap(), ["identity-1f2e", "signing-1f2e"]);
        assert_eq!(station.take(ledger, 1, "signing-1f2e").unwrap().unwrap(), b"two");
        assert!(station.is_station(ledger, 1) && !station.is_station(ledger, 2));
        assert!(!station.is_station(Digest::of(b"other"), 1));
        let path = station.file(ledger, 1, "signing-1f2e").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        station.destroy(ledger, 1, "signing-1f2e").unwrap();
        station.destroy(ledger, 1, "signing-1f2e").unwrap();
        assert_eq!(station.names(ledger, 1).unwrap(), ["identity-1f2e"]);
    }

    #[test]
    fn nothing_is_left_of_a_ceremony() {
        let (_dir, mut station, ledger) = station();
        station.put(ledger, 1, "signing", b"secret").unwrap();
        station.put(ledger, 2, "signing", b"other").unwrap();
        let directory = station.ceremony(ledger, 1);
        fs::write(directory.join(".identity.age.tmp"), b"left by a crash").unwrap();
        let kept = directory.with_file_name("kept");
        fs::hard_link(directory.join("signing.age"), &kept).unwrap();
        station.destroy_all(ledger, 1).unwrap();
        station.destroy_all(ledger, 1).unwrap();
        assert!(!directory.exists() && !station.is_station(ledger, 1) && station.is_station(ledger, 2));
        assert_eq!(fs::read(kept).unwrap(), [0; 6]);
    }

    #[test]
    fn names_are_no_paths_and_links_are_not_followed() {
        let (dir, mut station, ledger) = station();
        for name in ["", "../x", "a/b", "A", ".x", &"a".repeat(101)] {
            assert!(station.put(ledger, 1, name, b"x").is_err(), "{name:?}");
            assert!(station.destroy(ledger, 1, name).is_err(), "{name:?}");
        }
        station.put(ledger, 1, "signing", b"x").unwrap();
        let outside = dir.path().join("outside");
        fs::write(&outside, b"outside").unwrap();
        symlink(&outside, station.ceremony(ledger, 1).join("link.age")).unwrap();
        assert!(station.take(ledger, 1, "link").is_err());
        assert!(station.destroy(ledger, 1, "link").is_err());
        assert_eq!(fs::read(&outside).unwrap(), b"outside");
        station.put(ledger, 1, "link", b"real").unwrap();
        assert_eq!(fs::read(&outside).unwrap(), b"outside");
        symlink(dir.path(), station.ceremony(ledger, 2)).unwrap();
        assert!(station.put(ledger, 2, "signing", b"x").is_err() && !station.is_station(ledger, 2));
    }
}
