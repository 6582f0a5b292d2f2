//! Where a file appears once it is whole.

use std::{
    fmt,
    ops::Deref,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::absolute_path::{AbsolutePath, PathError};

/// The path of a file that is written, or read by a later ceremony, as a whole. While it is written it is called `NAME.partial`,
/// and what has that name is replaced without a question: no path ends so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct OutputPath(AbsolutePath);

impl OutputPath {
    /// Where it is until it is whole.
    pub fn unfinished(&self) -> PathBuf {
        PathBuf::from(format!("{self}{UNFINISHED}"))
    }
}

const UNFINISHED: &str = ".partial";

impl TryFrom<String> for OutputPath {
    type Error = PathError;

    fn try_from(path: String) -> Result<Self, PathError> {
        let path = AbsolutePath::try_from(path)?;
        match path.as_str().ends_with(UNFINISHED) {
            true => Err(PathError::Unfinished(path.to_string())),
            false => Ok(Self(path)),
        }
    }
}

impl FromStr for OutputPath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        path.to_owned().try_into()
    }
}

impl Deref for OutputPath {
    type Target = AbsolutePath;

    fn deref(&self) -> &AbsolutePath {
        &self.0
    }
}

impl AsRef<Path> for OutputPath {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

impl fmt::Display for OutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::strict;

    #[test]
    fn no_output_has_the_name_of_an_unfinished_one() {
        let path: OutputPath = "/media/b.age".parse().unwrap();
        let unfinished = path.unfinished();
        assert_eq!(unfinished, Path::new("/media/b.age.partial"));
        for bad in [unfinished.to_str().unwrap(), "/.partial", "/a.partial.partial"] {
            assert_eq!(bad.parse::<OutputPath>(), Err(PathError::Unfinished(bad.to_owned())));
        }
        for good in ["/partial", "/a.partial/b", "/a.partial.age", "/a.PARTIAL", "/a.partial "] {
            assert_eq!(good.parse::<OutputPath>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn it_is_an_absolute_path_and_its_text_in_a_document() {
        for bad in ["", "b.age", "/a/../b.age", "/b.age\0"] {
            assert!(matches!(bad.parse::<OutputPath>(), Err(PathError::NotAbsolute(_))), "{bad:?}");
        }
        let path = strict::parse::<OutputPath>(br#""/b.age""#).unwrap();
        assert_eq!(strict::write(&path), br#""/b.age""#);
        let refused = strict::parse::<OutputPath>(br#""/b.partial""#).unwrap_err().to_string();
        assert!(refused.contains("the end of unfinished files"), "{refused}");
    }
}
