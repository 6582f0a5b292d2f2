//! Text from files and tokens, on its way to a terminal or into a name.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `text` with every control, format and bidirectional character replaced by `U+FFFD`, so that no file
/// and no token can move the cursor, colour the screen or reorder a line.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()
}

/// JSON text of the same value in which nothing moves a cursor. serde_json escapes what is below a blank, and this the rest,
/// which can only be in strings.
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unprintable(c) {
            let units =
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            escaped.push_str(&units);
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Whether `text` could be shown as it is.
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(is_unprintable)
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

/// The identifier of a person, an authority or a target: 1 to 40 characters of `a-z`, `0-9` and `-`, the
/// first a letter, the last no `-`. It can be used in a path, a shell line and a commitment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A text that is not a [`Name`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a name: 1 to 40 of a-z, 0-9 and '-', starting with a letter and not ending with '-'")]
pub struct NameError(String);

impl Name {
    /// Checks the spelling.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (1..=40).contains(&text.len())
            && text.bytes().all(allowed)
            && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && !text.ends_with('-');
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(printable(&text.chars().take(60).collect::<String>())))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A line of prose in a signed document: at most `MAX` characters, all printable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Prose<const MAX: usize>(String);

/// What a person writes or a token reports about itself.
pub type Line = Prose<200>;

/// What was seen: paths, names and a module's own words may come together in it.
pub type Summary = Prose<4000>;

/// A text that is not a [`Line`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    /// More characters than are allowed.
    #[error("{0} characters, more than the {1} that are allowed")]
    TooLong(usize, usize),
    /// Control, format or bidirectional characters.
    #[error("{0:?} has control characters")]
    Unprintable(String),
}

impl<const MAX: usize> Prose<MAX> {
    /// Checks length and characters.
    pub fn new(text: &str) -> Result<Self, LineError> {
        let length = text.chars().count();
        if length > MAX {
            return Err(LineError::TooLong(length, MAX));
        }
        if !is_printable(text) {
            return Err(LineError::Unprintable(printable(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// A line made of `text`: what cannot be shown replaced, what is too long cut, and an ellipsis where it was.
    pub fn lossy(text: &str) -> Self {
        let mut shown = printable(text);
        if let Some((cut, _)) = shown.char_indices().nth(MAX) {
            shown.truncate(cut);
            shown.pop();
            shown.push('…');
        }
        Self(shown)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Prose<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize> Serialize for Prose<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Prose<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\u{202e}c\r\n"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}\u{fffd}");
        assert!(Line::new("ok\x07").is_err());
    }

    /// Two labels that look alike are not two labels: what shows nothing is in none.
    #[test]
    fn nothing_hides_in_a_line() {
        for hidden in ["\u{200d}", "\u{3164}", "\u{fe0f}", "\u{115f}", "\u{034f}", "\u{180c}", "\u{e0101}"] {
            assert!(Line::new(&format!("root-2026{hidden}")).is_err(), "{hidden:?}");
        }
        assert!(Line::new("Zoë 〒 root-2026").is_ok());
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(Line::lossy(&"a".repeat(200)).as_str(), "a".repeat(200));
        assert_eq!(Line::lossy(&"ä".repeat(201)).as_str(), format!("{}…", "ä".repeat(199)));
        let long = format!("{} in the end it was restored", "path/".repeat(100));
        assert_eq!(Summary::lossy(&long).as_str(), long);
    }

    #[test]
    fn a_name_is_no_path() {
        for bad in ["", "../../etc/passwd", "a/b", "A", "-a", "a-", "a\0", "1a", &"a".repeat(41)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        assert!(Name::new("crypto-officer").is_ok());
    }
}
