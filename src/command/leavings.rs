//! What a program leaves in its room: told to the person who ran it, and kept where that is asked for, but not what has a credential in it.
//!
//! A credential is found in its plain bytes only: a program that means to hide it can.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::room::{Room, Untaken, measure, stands_in};
use crate::{
    durable,
    encoding::text::{self, Name},
    memory::Pin,
    ports::{cause::Cause, program::Leavings, token::TokenError},
    proposal::program::{LONGEST_FILE, ProgramRun, is_stream},
};

const MOST_LISTED: usize = 40;
/// The most entries that are looked through, and how deep.
const MOST_ENTRIES: usize = 10_000;
const DEEPEST: usize = 32;

/// A look through a room.
struct Look<'a> {
    room: &'a Path,
    inputs: Vec<&'a str>,
    secrets: &'a [Pin],
    seen: usize,
    left: Leavings,
}

impl Room {
    /// Looks through it, once: the result is kept beside it.
    pub(super) fn leavings(&self, run: &ProgramRun, secrets: &[Pin]) -> io::Result<Leavings> {
        let beside = self.beside();
        if let Ok(bytes) = durable::read_plain(&beside, LONGEST_LIST)
            && let Ok(known) = serde_json::from_slice(&bytes)
        {
            return Ok(known);
        }
        if !self.0.is_dir() {
            return Ok(Leavings::default());
        }
        let mut untaken = Vec::new();
        for output in run.outputs.iter().filter(|output| !is_stream(&output.name)) {
            untaken.extend(
                self.untaken(&output.name, secrets)?.map(|why| (output.name.clone(), why.to_string())),
            );
        }
        let inputs = run.inputs.iter().map(|input| input.name.as_str()).collect();
        let left = Leavings { untaken, ..Leavings::default() };
        let mut look = Look { room: &self.0, inputs, secrets, seen: 0, left };
        look.folder(&self.0, 0)?;
        durable::replace(durable::Access::PRIVATE, &beside, &serde_json::to_vec(&look.left)?)?;
        Ok(look.left)
    }

    fn untaken(&self, name: &Name, secrets: &[Pin]) -> io::Result<Option<Untaken>> {
        Ok(match self.open(name)? {
            Ok(file) => measure(name, file, secrets)?.has_credential.then_some(Untaken::Credential),
            Err(why) => Some(why),
        })
    }

    /// Moves it to where nothing empties it. None where there is no such room, and none was kept.
    pub(super) fn set_aside(&self) -> Result<Option<String>, TokenError> {
        let failed = |e: io::Error| {
            let message = format!("the working directory cannot be kept: {}", durable::reason(&e));
            TokenError::before(
                "program",
                Cause::Unnamed,
                message,
                "make room in the station's state directory",
            )
        };
        let kept = self.0.with_extension("kept");
        let there = |path: &Path| path.symlink_metadata().is_ok();
        // An earlier run may have come that far.
        if there(&self.0) && !there(&kept) {
            if !there(&self.beside()) {
                return Err(TokenError::before(
                    "program",
                    Cause::Unnamed,
                    "the working directory was not looked through for credentials, and is not kept",
                    "execute again with --give-up and without --keep-room",
                ));
            }
            fs::rename(&self.0, &kept).map_err(failed)?;
            kept.parent().map_or(Ok(()), durable::sync_directory).map_err(failed)?;
        }
        self.forget_leavings()?;
        Ok(there(&kept).then(|| text::printable(&kept.to_string_lossy())))
    }

    /// Removes what is known of its contents.
    pub(super) fn forget_leavings(&self) -> Result<(), TokenError> {
        match fs::remove_file(self.beside()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                let message = format!("what is known of the working directory: {}", durable::reason(&e));
                Err(TokenError::before(
                    "program",
                    Cause::Unnamed,
                    message,
                    "check the station's state directory",
                ))
            }
            _ => Ok(()),
        }
    }

    fn beside(&self) -> PathBuf {
        self.0.with_extension("left")
    }
}

/// The longest list of what lies in a room: 1 MiB.
const LONGEST_LIST: u64 = 1 << 20;

impl Look<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        let mut paths = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        for path in paths {
            self.seen = self.seen.saturating_add(1);
            if self.seen > MOST_ENTRIES || depth > DEEPEST {
                self.left.unread = self.left.unread.saturating_add(1);
                self.left.unlisted = self.left.unlisted.saturating_add(1);
            } else {
                self.entry(&path, depth)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, depth: usize) -> io::Result<()> {
        let found = path.symlink_metadata()?;
        if path.file_name().is_some_and(|name| self.has_secret(name)) {
            return self.remove(path, found.is_dir());
        }
        if found.is_dir() {
            self.list(path, "a folder");
            return match self.folder(path, depth.saturating_add(1)) {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                    self.left.unread = self.left.unread.saturating_add(1);
                    Ok(())
                }
                looked => looked,
            };
        }
        if found.is_symlink() {
            let to = fs::read_link(path)?;
            if self.has_secret(to.as_os_str()) {
                return self.remove(path, false);
            }
            // Those that lead to a descriptor were made for the program.
            if !to.starts_with("/dev/fd") {
                self.list(path, "a symbolic link");
            }
            return Ok(());
        }
        if !found.is_file() {
            self.list(path, "not a regular file");
            return Ok(());
        }
        if self.inputs.iter().any(|input| path == self.room.join(input)) {
            return Ok(());
        }
        match self.has_credential(path, found.len())? {
            Some(true) => return self.remove(path, false),
            Some(false) => {}
            None => self.left.unread = self.left.unread.saturating_add(1),
        }
        self.list(path, &format!("{} bytes", found.len()));
        Ok(())
    }

    /// None where it cannot be said.
    fn has_credential(&self, path: &Path, length: u64) -> io::Result<Option<bool>> {
        if length > LONGEST_FILE {
            return Ok(None);
        }
        let file = match durable::open_plain(path) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            file => file?,
        };
        let name = Name::new("file").map_err(|e| io::Error::other(e.to_string()))?;
        Ok(Some(measure(&name, file, self.secrets)?.has_credential))
    }

    fn has_secret(&self, name: &OsStr) -> bool {
        self.secrets.iter().any(|secret| stands_in(secret.expose(), name.as_bytes()))
    }

    fn remove(&mut self, path: &Path, is_folder: bool) -> io::Result<()> {
        let again = || if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        if let (Err(_), Some(folder)) = (again(), path.parent()) {
            // The program may have made it read-only.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
            again()?;
        }
        self.left.removed = self.left.removed.saturating_add(1);
        Ok(())
    }

    fn list(&mut self, path: &Path, what: &str) {
        if self.left.lying.len() >= MOST_LISTED {
            self.left.unlisted = self.left.unlisted.saturating_add(1);
            return;
        }
        let name = path.strip_prefix(self.room).unwrap_or(path).to_string_lossy();
        let shown: String = text::printable(&name).chars().take(200).collect();
        self.left.lying.push(format!("{shown}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{encoding::digest::Digest, proposal::program::OutputFile};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn run() -> ProgramRun {
        ProgramRun {
            program: "/p".parse().unwrap(),
            sha256: Digest::of(b"p"),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            credentials: Vec::new(),
            inputs: Vec::new(),
            outputs: vec![
                OutputFile { name: name("out"), path: "/out".parse().unwrap() },
                OutputFile { name: name("more"), path: "/more".parse().unwrap() },
            ],
            time_limit_seconds: 1,
        }
    }

    #[test]
    fn what_a_credential_stands_in_is_removed_wherever_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::at(dir.path(), "room");
        room.make().unwrap();
        let secret = "s3cr3t-phrase";
        let path = |name: &str| room.0.join(name);
        fs::create_dir_all(path("deep/er")).unwrap();
        fs::create_dir(path(&format!("folder-{secret}"))).unwrap();
        fs::write(path(&format!("folder-{secret}/x")), "x").unwrap();
        fs::write(path("deep/er/log"), format!("PIN={secret}\n")).unwrap();
        fs::write(path("deep/clean"), "nothing").unwrap();
        fs::write(path("out"), secret).unwrap();
        fs::write(path("more"), "fine").unwrap();
        fs::write(path("odd\u{1b}[2J"), "").unwrap();
        std::os::unix::fs::symlink(format!("/{secret}"), path("link")).unwrap();
        fs::set_permissions(path("deep/er"), fs::Permissions::from_mode(0o500)).unwrap();
        let secrets = [Pin::copy_of(secret.as_bytes()).unwrap()];
        let left = room.leavings(&run(), &secrets).unwrap();
        assert_eq!((left.removed, left.unread, left.unlisted), (4, 0, 0), "{left:?}");
        assert_eq!(left.untaken, [(name("out"), Untaken::Credential.to_string())]);
        assert_eq!(
            left.lying[..4],
            ["deep: a folder", "deep/clean: 7 bytes", "deep/er: a folder", "more: 4 bytes"]
        );
        assert!(left.lying.iter().all(|line| text::is_printable(line)), "{left:?}");
        assert!(!path("deep/er/log").exists() && !path("link").is_symlink());
        // Somebody who looks later may not have the credential, and is told the same.
        assert_eq!(room.leavings(&run(), &[]).unwrap(), left);
        let kept = room.set_aside().unwrap().unwrap();
        assert_eq!(fs::read_to_string(Path::new(&kept).join("more")).unwrap(), "fine");
        assert_eq!(room.set_aside().unwrap(), Some(kept));
        room.make().unwrap();
        assert!(room.leavings(&run(), &[]).unwrap().lying.is_empty(), "an earlier run's list was told");
    }

    #[test]
    fn what_was_not_looked_through_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::at(dir.path(), "room");
        assert_eq!(room.leavings(&run(), &[]).unwrap(), Leavings::default());
        assert_eq!(room.set_aside().unwrap(), None);
        room.make().unwrap();
        fs::write(room.0.join("log"), "perhaps").unwrap();
        assert!(room.set_aside().unwrap_err().to_string().contains("not looked through"));
        assert!(room.0.join("log").exists());
        room.leavings(&run(), &[]).unwrap();
        assert!(room.set_aside().unwrap().is_some());
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::at(dir.path(), "room");
        room.make().unwrap();
        for n in 0..MOST_LISTED + 3 {
            fs::write(room.0.join(format!("file-{n}")), "x").unwrap();
        }
        let left = room.leavings(&run(), &[]).unwrap();
        assert_eq!((left.lying.len(), left.unlisted), (MOST_LISTED, 3));
    }
}
