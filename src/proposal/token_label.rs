//! The label of a token.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::encoding::text::Line;

/// The bytes that CK_TOKEN_INFO and C_InitToken have for a label (PKCS#11 v2.40, sections 3.2 and 5.5).
const LONGEST: usize = 32;

/// A label that a token can keep whole: 1 to 32 bytes of UTF-8, printable. A token pads it with blanks, so that none is at either
/// end. What a token says of itself need not be one: that is a [`Line`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Line")]
pub struct TokenLabel(Line);

/// A line that is not such a label.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("label {0:?}: 1 to {LONGEST} bytes, no blank at either end")]
pub struct LabelError(String);

impl TokenLabel {
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// As a token says it.
    pub fn line(&self) -> &Line {
        &self.0
    }
}

impl TryFrom<Line> for TokenLabel {
    type Error = LabelError;

    fn try_from(line: Line) -> Result<Self, LabelError> {
        let text = line.as_str();
        if (1..=LONGEST).contains(&text.len()) && text.trim() == text {
            return Ok(Self(line));
        }
        Err(LabelError(text.to_owned()))
    }
}

impl FromStr for TokenLabel {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Line::new(text).map_err(|_| LabelError(Line::lossy(text).to_string()))?.try_into()
    }
}

impl PartialEq<TokenLabel> for Line {
    fn eq(&self, label: &TokenLabel) -> bool {
        *self == label.0
    }
}

impl fmt::Display for TokenLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::strict;

    #[test]
    fn a_label_fits_the_token_in_bytes_and_survives_its_padding() {
        let bytes = ["a".repeat(32), "é".repeat(16), "鍵".repeat(10), format!("{}ab", "鍵".repeat(10))];
        for good in bytes.iter().map(String::as_str).chain(["a", "two words", "..", "a\u{a0}b"]) {
            assert_eq!(good.parse::<TokenLabel>().unwrap().as_str(), good);
        }
        let longer = ["a".repeat(33), format!("{}a", "é".repeat(16)), "鍵".repeat(11), "a".repeat(201)];
        let padded = ["", " ", "a ", " a", "a\t", "a\u{3000}", "\u{a0}a", "ca                              "];
        for bad in longer.iter().map(String::as_str).chain(padded).chain(["a\0", "a\x1b[m", "a\u{202e}b"]) {
            let said = bad.parse::<TokenLabel>().unwrap_err().to_string();
            assert!(said.ends_with(": 1 to 32 bytes, no blank at either end"), "{said}");
            assert!(!said.contains('\0') && !said.contains('\x1b'), "{said}");
        }
    }

    #[test]
    fn in_a_document_it_is_its_text() {
        let label = strict::parse::<TokenLabel>("\"Zoë 〒\"".as_bytes()).unwrap();
        assert_eq!(strict::write(&label), "\"Zoë 〒\"".as_bytes());
        for (bad, reason) in [("\"a \"", "1 to 32 bytes"), ("\"a\u{202e}\"", "has control characters")] {
            let refused = strict::parse::<TokenLabel>(bad.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
