//! The user's state directory: what a machine keeps of ceremonies outside their ledger, for its user only.

use std::{
    env,
    ffi::OsString,
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::{
    copies,
    fault::{failed, refused, shown},
    layout,
};
use crate::{
    durable,
    memory::hardening,
    ports::store::{StoreCause, StoreError},
};

const DOING: &str = "opening the state directory";

/// `$XDG_STATE_HOME/quorate`, else `~/.local/state/quorate` (XDG Base Directory Specification 0.8, which tells to
/// ignore a relative path).
pub fn default_state_root() -> Result<PathBuf, StoreError> {
    state_root(env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))
}

fn state_root(state_home: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, StoreError> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(state_home).or_else(|| absolute(home).map(|home| home.join(".local/state")));
    base.map(|base| base.join("quorate")).ok_or_else(|| StoreError {
        what: "finding the state directory".to_owned(),
        reason: "neither XDG_STATE_HOME nor HOME is an absolute path".to_owned(),
        hint: "set one of them, or name the directory with --state-dir".to_owned(),
        cause: StoreCause::NotDone,
    })
}

/// A state directory that nobody else can look into.
#[derive(Clone, Debug)]
pub struct StateRoot(PathBuf);

impl StateRoot {
    /// Opens it, or makes it with mode 0700. Refused if it gives access to group or others, belongs to another
    /// user, or lies in one of `ledgers`, which are carried about and copied.
    pub fn open(path: &Path, ledgers: &[&Path]) -> Result<Self, StoreError> {
        let absolute = std::path::absolute(path).map_err(|e| failed(DOING, path, &e))?;
        if let Some(above) = absolute.ancestors().find(|above| above.exists()) {
            outside(above, ledgers)?;
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.and_then(|()| durable::sync_directory(path)).map_err(|e| failed(DOING, path, &e))?;
        let path = path.canonicalize().map_err(|e| failed(DOING, path, &e))?;
        // Again: what was made can lie elsewhere than it seemed, by way of `..`.
        outside(&path, ledgers)?;
        check_private(&path)?;
        Ok(Self(path))
    }

    /// Of whom it is, for messages: the account and the directory.
    pub fn whose(&self) -> String {
        format!("account {} of this machine, with the state directory {},", account(), shown(&self.0))
    }

    pub fn programs(&self) -> Result<PathBuf, StoreError> {
        self.directory("programs")
    }

    /// A directory in it: made if it is not there, and as private.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf, StoreError> {
        private_directory(self.0.join(name))
    }
}

/// The name of the account, as /etc/passwd has it, else its number: names that come by network are not asked for.
fn account() -> String {
    let user = hardening::effective_user().to_string();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(user.as_str())).then(|| crate::encoding::text::printable(name))
    });
    named.unwrap_or(user)
}

/// Makes a directory with mode 0700, or sees that it is real and private.
pub(super) fn private_directory(path: PathBuf) -> Result<PathBuf, StoreError> {
    if layout::is_there(&path)? {
        check_private(&path)?;
    } else {
        durable::create_directory(durable::Access::PRIVATE, &path)
            .map_err(|e| failed("creating", &path, &e))?;
    }
    Ok(path)
}

fn outside(path: &Path, ledgers: &[&Path]) -> Result<(), StoreError> {
    for ledger in ledgers.iter().filter(|ledger| ledger.exists()) {
        if copies::lies_in(path, ledger).map_err(|e| failed(DOING, path, &e))? {
            let reason = format!("it lies in the ledger {}", shown(ledger));
            let hint = "name a directory outside the ledger: what is in it must not be copied with it";
            return Err(refused(DOING, path, reason, hint));
        }
    }
    Ok(())
}

fn check_private(path: &Path) -> Result<(), StoreError> {
    layout::real_directory(path)?;
    let metadata = fs::symlink_metadata(path).map_err(|e| failed(DOING, path, &e))?;
    if metadata.uid() != hardening::effective_user() {
        let reason = format!("it belongs to user {}, not to you", metadata.uid());
        return Err(refused(DOING, path, reason, "name a directory of your own"));
    }
    if metadata.mode() & 0o077 != 0 {
        let reason = format!("its mode {:04o} lets others in", metadata.mode() & 0o7777);
        return Err(refused(DOING, path, reason, "look who was there, then set its mode to 0700"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    #[test]
    fn xdg_comes_first_and_relative_paths_are_ignored() {
        let root = |state: Option<&str>, home: Option<&str>| {
            state_root(state.map(OsString::from), home.map(OsString::from)).ok()
        };
        assert_eq!(root(Some("/s"), Some("/h")), Some("/s/quorate".into()));
        for state in [None, Some(""), Some("relative")] {
            assert_eq!(root(state, Some("/h")), Some("/h/.local/state/quorate".into()));
        }
        assert_eq!(root(None, Some("")), None);
        assert_eq!(root(None, None), None);
    }

    #[test]
    fn it_is_made_for_its_user_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("local/state/quorate");
        let root = StateRoot::open(&path, &[]).unwrap();
        for made in [path.clone(), dir.path().join("local"), root.directory("stations").unwrap()] {
            assert_eq!(fs::metadata(made).unwrap().mode() & 0o777, 0o700);
        }
        StateRoot::open(&path, &[]).unwrap();
    }

    #[test]
    fn one_that_others_can_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        fs::create_dir(&path).unwrap();
        for mode in [0o750, 0o705, 0o720, 0o701] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = StateRoot::open(&path, &[]).unwrap_err();
            assert!(error.reason.contains(&format!("{mode:04o}")), "{error}");
            assert!(error.hint.contains("0700"));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let root = StateRoot::open(&path, &[]).unwrap();
        fs::create_dir(path.join("stations")).unwrap();
        fs::set_permissions(path.join("stations"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(root.directory("stations").is_err());
        symlink(dir.path(), path.join("custodians")).unwrap();
        assert!(root.directory("custodians").unwrap_err().reason.contains("symbolic link"));
    }

    #[test]
    fn one_of_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        StateRoot::open(&path, &[]).unwrap();
        // Only root can give a directory away; for others the check is the same.
        let other = hardening::effective_user() + 1;
        if chown(&path, Some(other), None).is_ok() {
            let error = StateRoot::open(&path, &[]).unwrap_err();
            assert!(error.reason.contains(&format!("belongs to user {other}")), "{error}");
        }
    }

    #[test]
    fn one_inside_a_ledger_is_refused_and_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger");
        fs::create_dir(&ledger).unwrap();
        symlink(&ledger, dir.path().join("link")).unwrap();
        for path in [ledger.join("state"), ledger.clone(), ledger.join("a/b"), dir.path().join("link/state")]
        {
            let error = StateRoot::open(&path, &[&ledger]).unwrap_err();
            assert!(error.reason.contains("lies in the ledger"), "{error}");
        }
        assert_eq!(fs::read_dir(&ledger).unwrap().count(), 0);
        StateRoot::open(&dir.path().join("state"), &[&ledger, &dir.path().join("no-copy-yet")]).unwrap();
    }
}
