//! Text from files and tokens, on its way to a terminal or into a name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest run of combining marks that is shown as it is. No script that is in use needs more on one letter.
const MARKS: usize = 4;

/// `text` with its number in place of each character that moves the cursor, colours the screen, reorders a line, or shows
/// nothing where something is (`\u{a0}`): no file and no token can do any of that, and no two texts look alike by it.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut marks = 0_usize;
    for c in text.chars() {
        let takes_no_column = textwrap::core::display_width(c.encode_utf8(&mut [0; 4])) == 0;
        marks = if takes_no_column { marks.saturating_add(1) } else { 0 };
        if is_unprintable(c) || shows_nothing(c) || marks > MARKS {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON text of the same value in which nothing moves a cursor. serde_json escapes what is below a blank, and this the rest,
/// which can only be in strings.
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unprintable(c) || shows_nothing(c) {
            let units =
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            escaped.push_str(&units);
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Whether the formats take `text` as a line, see quorate-transcript(5). Not all of it need be seen: [`printable`] shows more
/// characters by their number.
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

/// Every blank but U+0020, and what is Default_Ignorable in Unicode or is drawn as nothing, beyond what the formats refuse.
fn shows_nothing(c: char) -> bool {
    (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{2065}' | '\u{2800}' | '\u{fff0}'..='\u{fff8}' | '\u{13430}'..='\u{1345f}'
            | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The identifier of a person, an authority or a target: 1 to 40 characters of `a-z`, `0-9` and `-`, the
/// first a letter, the last no `-`. It can be used in a path, a shell line and a commitment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// A text that is not a [`Name`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a name: 1 to 40 of a-z, 0-9 and '-', starting with a letter and not ending with '-'")]
pub struct NameError(String);

impl Name {
    pub fn new(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }

    fn check(text: &str) -> Result<(), NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (1..=40).contains(&text.len())
            && text.bytes().all(allowed)
            && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && !text.ends_with('-');
        if good { Ok(()) } else { Err(NameError(printable(&text.chars().take(60).collect::<String>()))) }
    }

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

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::check(&text).map(|()| Self(text))
    }
}

/// A line of prose in a signed document: at most `MAX` characters, all printable, that take at most `BYTES` bytes in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Prose<const MAX: usize, const BYTES: usize = { usize::MAX }>(String);

/// What a person writes or a token reports about itself.
pub type Line = Prose<200>;

/// What a person says in a statement that their card signs, which is short.
pub type Remark = Prose<200, 400>;

/// What was seen: paths, names and a module's own words may come together in it.
pub type Summary = Prose<4000>;

/// A text that is not a [`Line`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    #[error("{0} characters, more than the {1} that are allowed")]
    TooLong(usize, usize),
    /// Control, format or bidirectional characters.
    #[error("{0:?} has control characters")]
    Unprintable(String),
    #[error(
        "{0} bytes, more than the {1} that are allowed: letters with accents and of other scripts take 2 to 4 each"
    )]
    TooManyBytes(usize, usize),
}

impl<const MAX: usize, const BYTES: usize> Prose<MAX, BYTES> {
    pub fn new(text: &str) -> Result<Self, LineError> {
        text.to_owned().try_into()
    }

    fn check(text: &str) -> Result<(), LineError> {
        let length = text.chars().count();
        if length > MAX {
            return Err(LineError::TooLong(length, MAX));
        }
        if !is_printable(text) {
            return Err(LineError::Unprintable(printable(text)));
        }
        // Of what is printable, JSON escapes these two.
        let escapes = text.bytes().filter(|b| matches!(b, b'"' | b'\\')).count();
        match text.len().saturating_add(escapes) {
            bytes if bytes > BYTES => Err(LineError::TooManyBytes(bytes, BYTES)),
            _ => Ok(()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Remark {
    /// Nothing to say.
    pub const fn none() -> Self {
        Self(String::new())
    }
}

impl<const MAX: usize> Prose<MAX> {
    /// A line made of `text`: what cannot be shown replaced, what is too long cut, and an ellipsis where it was.
    pub fn lossy(text: &str) -> Self {
        let mut shown: String =
            text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect();
        if let Some((cut, _)) = shown.char_indices().nth(MAX) {
            shown.truncate(cut);
            shown.pop();
            shown.push('…');
        }
        Self(shown)
    }
}

impl<const MAX: usize, const BYTES: usize> fmt::Display for Prose<MAX, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize, const BYTES: usize> TryFrom<String> for Prose<MAX, BYTES> {
    type Error = LineError;

    fn try_from(text: String) -> Result<Self, LineError> {
        Self::check(&text).map(|()| Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\u{202e}c\r\n"), r"a\u{1b}[31mb\u{202e}c\u{d}\u{a}");
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

    /// What older ledgers may have in a line is read, and seen.
    #[test]
    fn what_shows_nothing_is_shown_by_its_number() {
        for hidden in [
            '\u{a0}',
            '\u{2003}',
            '\u{202f}',
            '\u{2800}',
            '\u{3000}',
            '\u{fff0}',
            '\u{13430}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{e0fff}',
            '\u{200b}',
        ] {
            let shown = format!("root-2026{}", hidden.escape_unicode());
            assert_eq!(printable(&format!("root-2026{hidden}")), shown, "{hidden:?}");
        }
        let piled = printable(&format!("e{}", "\u{301}".repeat(199)));
        assert_eq!(piled, format!("e{}{}", "\u{301}".repeat(4), r"\u{301}".repeat(195)));
        for plain in ["Zoë 〒 山田太郎", "e\u{301}\u{302} a\u{308}", "\u{e19}\u{e49}\u{e33}", "한국어"]
        {
            assert_eq!(printable(plain), plain);
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(Line::lossy(&"a".repeat(200)).as_str(), "a".repeat(200));
        assert_eq!(Line::lossy(&"ä".repeat(201)).as_str(), format!("{}…", "ä".repeat(199)));
        let long = format!("{} in the end it was restored", "path/".repeat(100));
        assert_eq!(Summary::lossy(&long).as_str(), long);
    }

    #[test]
    fn a_remark_is_short_in_json_too() {
        for (letter, most) in
            [("a", 200), ("\u{e9}", 200), ("\"", 200), ("\u{6c34}", 133), ("\u{1f511}", 100)]
        {
            assert!(Remark::new(&letter.repeat(most)).is_ok(), "{letter}");
            assert!(Remark::new(&letter.repeat(most + 1)).is_err(), "{letter}");
        }
    }

    #[test]
    fn a_name_is_no_path() {
        for bad in ["", "../../etc/passwd", "a/b", "A", "-a", "a-", "a\0", "1a", &"a".repeat(41)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        assert!(Name::new("crypto-officer").is_ok());
    }
}
