//! Where a file lies, as a plan or a statement names it.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    bounds,
    text::{is_printable, printable},
};

/// A path from the root on, printable and without `..`, of at most [`bounds::PATH`] bytes. It says nothing of what is there: any
/// part of it may be a link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AbsolutePath(String);

/// A text that is not such a path.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    #[error("{0} bytes, more than the {max} of a path", max = bounds::PATH)]
    TooLong(usize),
    /// It is relative, leads upwards or cannot be shown.
    #[error("{0:?} is not an absolute path without '..'")]
    NotAbsolute(String),
    /// It has the ending of [`unfinished`](super::output_path::OutputPath::unfinished) files.
    #[error("{0:?}: '.partial' is the end of unfinished files")]
    Unfinished(String),
}

impl AbsolutePath {
    /// The root directory, which is not a file: a placeholder where a path is not known yet.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AbsolutePath {
    type Error = PathError;

    fn try_from(path: String) -> Result<Self, PathError> {
        if path.len() > bounds::PATH {
            return Err(PathError::TooLong(path.len()));
        }
        if path.starts_with('/') && is_printable(&path) && !path.split('/').any(|part| part == "..") {
            return Ok(Self(path));
        }
        Err(PathError::NotAbsolute(printable(&path)))
    }
}

impl FromStr for AbsolutePath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        path.to_owned().try_into()
    }
}

impl AsRef<Path> for AbsolutePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::strict;

    #[test]
    fn a_path_begins_at_the_root_and_never_leads_upwards() {
        for good in ["/", "/a", "/a/", "/a//b", "/a/./b", "/a/...", "/a/..b", "/ a ", "/ключ/鍵.so"] {
            assert_eq!(good.parse::<AbsolutePath>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a", "./a", "~/a", " /a", "..", "/..", "/a/../b", "/a/..", "/../", "file:///a"] {
            assert_eq!(bad.parse::<AbsolutePath>(), Err(PathError::NotAbsolute(bad.to_owned())));
        }
    }

    #[test]
    fn what_no_screen_shows_is_in_no_path() {
        for hidden in ["\0", "\n", "\x1b[2J", "\u{7f}", "\u{202e}", "\u{200b}", "\u{3164}"] {
            let said = format!("/a{hidden}b").parse::<AbsolutePath>().unwrap_err().to_string();
            assert!(said.contains("is not an absolute path") && said.contains(r"\u{"), "{said}");
        }
    }

    #[test]
    fn it_has_as_many_bytes_as_the_system_takes() {
        let longest = format!("/{}", "é".repeat(2047));
        assert_eq!(longest.len(), bounds::PATH);
        assert!(longest.parse::<AbsolutePath>().is_ok());
        let longer = format!("{longest}a").parse::<AbsolutePath>().unwrap_err();
        assert_eq!(longer.to_string(), "4096 bytes, more than the 4095 of a path");
    }

    #[test]
    fn in_a_document_it_is_its_text() {
        let path = strict::parse::<AbsolutePath>(br#""/a b""#).unwrap();
        assert_eq!(strict::write(&path), br#""/a b""#);
        let refused = strict::parse::<AbsolutePath>(br#""a""#).unwrap_err().to_string();
        assert!(refused.contains("\"a\" is not an absolute path without '..'"), "{refused}");
    }
}
