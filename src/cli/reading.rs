//! Ledgers for the verbs that look: read and verified, or what the person probably meant.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{args::Global, invocation::shell, wiring};
use crate::{
    ceremony::{self, Code, Error},
    encoding::{dsse::Mode, strict::MADE_BY_0_1, text},
    ports::store::{StoreError, StoredFiles},
    storage,
    transcript::{
        foreign::Foreign,
        ledger::{self, LedgerState},
    },
};

pub fn ledger(path: &Path, global: &Global) -> Result<LedgerState, Error> {
    ceremony::check(&*files(path, global)?, wiring::mode(global))
}

/// The files of a ledger of this mode, sound or broken. Whatever else the folder is, each verb that is not a genesis answers alike.
pub fn files(path: &Path, global: &Global) -> Result<Box<StoredFiles>, Error> {
    let files = storage::ledger::files(path)?;
    match Mistake::of(path, &*files, wiring::mode(global))? {
        Some(mistake) => Err(mistake.error(path)),
        None => Ok(files),
    }
}

/// A folder that is not a ledger of this mode, and what was probably meant.
pub struct Mistake {
    what: String,
    /// The ledger that was meant, if another one was.
    near: Option<PathBuf>,
    /// What the folder is, or the ledger that was meant.
    foreign: Foreign,
}

impl Mistake {
    /// None where it is a ledger of this mode, sound or broken.
    pub fn of(path: &Path, files: &StoredFiles, mode: Mode) -> Result<Option<Self>, StoreError> {
        let shown = text::printable(&path.to_string_lossy());
        let first = ledger::first(files)?;
        let Some(foreign) = Foreign::of(first.as_deref(), mode) else { return Ok(None) };
        let what = match foreign {
            Foreign::Mode(Mode::Rehearsal) => format!("{shown} is the ledger of a rehearsal"),
            Foreign::Mode(Mode::Production) => format!("{shown} is a production ledger, not a rehearsal's"),
            Foreign::Version => format!("{shown} is a ledger {MADE_BY_0_1}"),
            Foreign::Empty => format!("{shown} is not a ledger: no ceremony is in it"),
        };
        if foreign != Foreign::Empty {
            return Ok(Some(Self { what, near: None, foreign }));
        }
        let near = storage::near(path);
        let files = near.as_ref().and_then(|near| storage::ledger::files(near).ok());
        let first = files.as_ref().and_then(|files| ledger::first(&**files).ok().flatten());
        let meant = first.as_deref().and_then(|first| Foreign::of(Some(first), mode));
        Ok(Some(Self { what, foreign: meant.unwrap_or(foreign), near }))
    }

    /// What is the matter, and what was probably meant.
    pub fn reason(&self) -> String {
        match &self.near {
            Some(near) => {
                let near = text::printable(&near.to_string_lossy());
                let also = if self.mode().is_some() { format!(", {}", self.option()) } else { String::new() };
                format!("{}; there is one in {near}{also}", self.what)
            }
            None if self.mode().is_some() => format!("{}: {}", self.what, self.option()),
            None => self.what.clone(),
        }
    }

    /// The mode that the ledger has, if it is another one than that of the command.
    fn mode(&self) -> Option<Mode> {
        match self.foreign {
            Foreign::Mode(mode) => Some(mode),
            Foreign::Empty | Foreign::Version => None,
        }
    }

    fn option(&self) -> &'static str {
        match self.mode() {
            Some(Mode::Rehearsal) => "add --rehearsal",
            _ => "leave --rehearsal out",
        }
    }

    /// This very command as it was probably meant; none where nothing is known of that.
    pub fn command(&self, path: &Path) -> Option<String> {
        if self.near.is_none() && self.mode().is_none() {
            return None;
        }
        let words = std::env::args_os().skip(1);
        Some(meant(words, path, self.near.as_deref(), self.mode()))
    }

    fn error(&self, path: &Path) -> Error {
        if self.near.is_none() && self.foreign == Foreign::Version {
            return Error::problem(self.what.clone(), ceremony::HINT_0_1).coded(Code::Version);
        }
        let hint = match (&self.near, self.mode()) {
            (Some(near), _) => {
                format!("the ledger is in {}", text::printable(&near.to_string_lossy()))
            }
            (None, Some(_)) => format!("{} and run the same command again", self.option()),
            (None, None) => "name the directory that has 0000-genesis in it".into(),
        };
        let mut error = Error::refused(self.what.clone(), hint);
        if self.near.is_none() && self.mode().is_some() {
            error = error.coded(Code::Mode);
        }
        error.commands.extend(self.command(path));
        error
    }
}

/// The words of a command with another ledger, in another mode.
fn meant(
    words: impl Iterator<Item = OsString>,
    ledger: &Path,
    near: Option<&Path>,
    mode: Option<Mode>,
) -> String {
    let rehearsal = OsStr::new("--rehearsal");
    let mut out = vec!["quorate".to_owned()];
    for word in words.filter(|word| mode.is_none() || word != rehearsal) {
        let (option, value) = match word.as_bytes().strip_prefix(b"--ledger=") {
            Some(value) => ("--ledger ", OsStr::from_bytes(value)),
            None => ("", word.as_os_str()),
        };
        let is_ledger = Path::new(value) == ledger;
        let quoted = format!("{option}{}", shell(near.filter(|_| is_ledger).map_or(value, Path::as_os_str)));
        // An option is one: its hyphen is not hidden as that of a file's name is.
        let is_option = word.as_encoded_bytes().first() == Some(&b'-');
        out.push(if is_option { quoted.replacen("./", "", 1) } else { quoted });
    }
    if mode == Some(Mode::Rehearsal) {
        out.push("--rehearsal".into());
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_was_meant_names_the_other_ledger_in_its_mode() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter();
        let (parent, near) = (Path::new("parent"), Path::new("parent/the ledger"));
        assert_eq!(
            meant(words("audit parent --head x"), parent, Some(near), Some(Mode::Rehearsal)),
            "quorate audit 'parent/the ledger' --head x --rehearsal"
        );
        assert_eq!(
            meant(words("show --rehearsal l 3"), Path::new("l"), None, Some(Mode::Production)),
            "quorate show l 3"
        );
        assert_eq!(
            meant(words("card drill --ledger=parent"), parent, Some(near), None),
            "quorate card drill --ledger 'parent/the ledger'"
        );
    }
}
