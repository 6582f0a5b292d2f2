//! Hostile bytes become values here, and only in one spelling.
//!
//! A JSON document of this crate is the compact form that serde_json writes for its type. What is
//! parsed is written again and compared: another order, a blank, a duplicate or an unknown field, an
//! escape where none is needed are all refused. Digests of documents are therefore well defined
//! without any canonical form.

use std::{fmt, io};

use base64::{Engine as _, display::Base64Display, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeOwned},
};

use super::version;

/// Longest line of a transcript, and longest document of any kind: 16 MiB.
pub const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// Why bytes were not taken for a document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StrictError {
    /// More bytes than any honest document has.
    #[error("{bytes} bytes, more than the {MAX_DOCUMENT} that are allowed")]
    TooLong {
        /// Bytes found, or the limit plus one where reading stopped.
        bytes: usize,
    },
    /// Not JSON, or not of this shape.
    #[error("{0}")]
    Syntax(String),
    /// Right in meaning, but spelled otherwise than this crate spells it.
    #[error("spelled in another way than the format allows (blanks, order, escapes or encoding)")]
    Spelling,
    /// The same, because something changed the ends of its lines.
    #[error(
        "its lines end with CR LF: git (core.autocrlf) or a transfer as text changed them; fetch it again as it is, in git \
         with '* -text' in .gitattributes"
    )]
    LineEnds,
    /// Of the version before this one, whose formats are others.
    #[error("{MADE_BY_0_1}")]
    Version,
}

/// What is said of a document of the version before this one.
pub const MADE_BY_0_1: &str = "made by version 0.1; this program does not read it";

impl StrictError {
    /// Why bytes were not taken for `what`, for example `an enrolment`.
    pub fn of(&self, what: &str) -> String {
        match self {
            Self::Version => format!("{what} {self}"),
            _ => format!("not {what}: {self}"),
        }
    }
}

/// Parses a document in its only spelling. serde_json bounds the depth at 128.
pub fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, StrictError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(StrictError::TooLong { bytes: bytes.len() });
    }
    if version::is_0_1(bytes) {
        return Err(StrictError::Version);
    }
    let value: T = serde_json::from_slice(bytes).map_err(|error| StrictError::Syntax(reason(&error)))?;
    let mut rest = Expected(bytes);
    match serde_json::to_writer(&mut rest, &value) {
        Ok(()) if rest.0.is_empty() => Ok(value),
        // Within a string it would be escaped.
        _ if bytes.contains(&b'\r') => Err(StrictError::LineEnds),
        _ => Err(StrictError::Spelling),
    }
}

/// What is yet to be written: a document is compared as it is written, and never stands in memory twice.
struct Expected<'b>(&'b [u8]);

impl io::Write for Expected<'_> {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(written).ok_or(io::ErrorKind::InvalidData)?;
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A document is one line, so that its place in there is told, and no line.
fn reason(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let reason = match whole.strip_suffix(&format!(" at line 1 column {}", error.column())) {
        Some(reason) => format!("{reason}, at byte {}", error.column()),
        None => whole,
    };
    super::text::printable(&without_value(&reason))
}

/// The reason without the value that did not fit: a file that is not a document may be somebody's PIN.
fn without_value(reason: &str) -> String {
    let is_valued = reason.starts_with("invalid type: ") || reason.starts_with("invalid value: ");
    match (reason.find(['`', '"']), reason.rfind(", expected ")) {
        (Some(value), Some(expected)) if is_valued && value < expected => {
            let (before, after) = (reason.get(..value), reason.get(expected..));
            format!("{}{}", before.unwrap_or_default().trim_end(), after.unwrap_or_default())
        }
        _ => reason.to_owned(),
    }
}

/// Writes a document in its only spelling.
///
/// The types of this crate have string keys and no map that fails to serialise, so that this does
/// not fail; if it did, the empty bytes would match no document.
pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Has a type written as `Display` spells it, and read by a function that takes that spelling.
macro_rules! spelled {
    ($($of:ty, $read:expr;)*) => {$(
        impl serde::Serialize for $of {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $of {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str($crate::encoding::strict::Spelled($read))
            }
        }
    )*};
}
pub(crate) use spelled;

/// Shows enums of plain variants by the words with which they are serialised, so that there is one list of words.
macro_rules! worded {
    ($($of:ty),+) => {$(
        impl std::fmt::Display for $of {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        }
    )+};
}
pub(crate) use worded;

/// Reads a text where it stands.
pub struct Spelled<F>(pub F);

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> de::Visitor<'_> for Spelled<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<X: de::Error>(self, text: &str) -> Result<T, X> {
        (self.0)(text).map_err(X::custom)
    }
}

/// Bytes spelled in JSON as standard base64 with padding (RFC 4648, section 4).
#[derive(Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} bytes)", self.0.len())
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = |text: &str| STANDARD.decode(text).map(Self).map_err(|_| "not base64");
        deserializer.deserialize_str(Spelled(decode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        a: u8,
        b: String,
    }

    #[test]
    fn one_spelling_only() {
        assert!(parse::<Sample>(br#"{"a":1,"b":"x"}"#).is_ok());
        for other in [
            &br#"{"b":"x","a":1}"#[..],
            br#"{"a":1, "b":"x"}"#,
            br#"{"a":1,"b":"\u0078"}"#,
            br#"{"a":1,"b":"x"}
"#,
        ] {
            assert_eq!(parse::<Sample>(other), Err(StrictError::Spelling));
        }
    }

    #[test]
    fn line_ends_that_git_changed_are_named() {
        assert_eq!(parse::<Sample>(b"{\"a\":1,\"b\":\"x\"}\r"), Err(StrictError::LineEnds));
    }

    #[test]
    fn duplicate_and_unknown_fields_are_errors() {
        assert!(matches!(parse::<Sample>(br#"{"a":1,"a":1,"b":"x"}"#), Err(StrictError::Syntax(_))));
        assert!(matches!(parse::<Sample>(br#"{"a":1,"b":"x","c":0}"#), Err(StrictError::Syntax(_))));
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_repeated() {
        for pin in ["314159", "\"314159, expected x\"", "3.14159", "-314159", r#"{"a":"314159","b":"x"}"#] {
            let Err(StrictError::Syntax(reason)) = parse::<Sample>(pin.as_bytes()) else { panic!("{pin}") };
            assert!(!reason.contains("14159"), "{reason}");
            assert!(reason.starts_with("invalid type: ") && reason.contains(", expected "), "{reason}");
        }
        let Err(StrictError::Syntax(reason)) = parse::<Sample>(br#"{"a":314159,"b":"x"}"#) else { panic!() };
        assert_eq!(reason, "invalid value: integer, expected u8, at byte 11");
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let deep = "[".repeat(1_000_000);
        assert!(matches!(parse::<Sample>(deep.as_bytes()), Err(StrictError::Syntax(_))));
    }
}
