//! SHA-256 digests (FIPS 180-4) and their spellings: lower-case hex, and PGP words.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{strict::spelled, words};

/// A SHA-256 digest: 32 bytes, spelled as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A digest was misspelled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DigestError {
    /// Neither 64 hex digits nor 32 PGP words.
    #[error("not a SHA-256 digest, which has 64 hex digits or 32 PGP words")]
    Spelling,
    /// Not the one spelling in documents.
    #[error("not a SHA-256 digest: 64 lower-case hex digits are expected")]
    Hex,
    /// Words, but not 32 right ones.
    #[error("not a SHA-256 digest in PGP words: {0}")]
    Words(String),
}

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of the concatenation of `parts`. The caller sees to it that the parts have fixed
    /// lengths, so that no two lists of parts give the same bytes.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// 32 bytes that are a digest, or a nonce of the same length, already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hex digits, and nothing else.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        match base16ct::lower::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => Err(DigestError::Hex),
        }
    }

    /// What a person types from paper: hex in any case, with or without blanks, or the 32 PGP words.
    pub fn from_paper(text: &str) -> Result<Self, DigestError> {
        let squeezed: String =
            text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect::<String>().to_ascii_lowercase();
        if let Ok(digest) = Self::from_hex(&squeezed) {
            return Ok(digest);
        }
        if squeezed.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(DigestError::Spelling);
        }
        let bytes = words::from_words(text).map_err(|e| DigestError::Words(e.to_string()))?;
        let count = if bytes.len() == 1 { "1 word".into() } else { format!("{} words", bytes.len()) };
        bytes.try_into().map(Self).map_err(|_| DigestError::Words(format!("{count} instead of 32")))
    }

    /// The 32 PGP words, even positions from the two-syllable list.
    pub fn words(&self) -> Vec<&'static str> {
        words::to_words(&self.0)
    }

    /// The words in rows of at most 74 characters: the same rows wherever this digest is shown.
    pub fn word_rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for word in self.words() {
            match rows.last_mut() {
                Some(row) if row.len().saturating_add(word.len()) < 74 => {
                    row.push(' ');
                    row.push_str(word);
                }
                _ => rows.push(word.to_owned()),
            }
        }
        rows
    }

    /// The first eight hex digits: for a person's eye, never for a comparison.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

spelled! { Digest, Digest::from_hex; }

/// A digest under construction, for input that comes in pieces.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_string_has_the_digest_of_fips_180_4() {
        assert_eq!(
            Digest::of(b"").to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn only_one_spelling_is_parsed_from_files() {
        let hex = Digest::of(b"x").to_string();
        assert!(Digest::from_hex(&hex).is_ok());
        assert!(Digest::from_hex(&hex.to_uppercase()).is_err());
        assert!(Digest::from_hex(&hex[2..]).is_err());
        assert!(Digest::from_hex(&format!("{hex}00")).is_err());
    }

    #[test]
    fn rows_of_words_fit_a_screen_and_lose_none() {
        for byte in 0..=255 {
            let digest = Digest::from_bytes([byte; 32]);
            let rows = digest.word_rows();
            assert!(rows.iter().all(|r| r.len() <= 74), "{rows:?}");
            assert_eq!(Digest::from_paper(&rows.join("\n")), Ok(digest));
        }
    }

    #[test]
    fn paper_takes_hex_in_groups_and_words() {
        let digest = Digest::of(b"paper");
        let upper = digest.to_string().to_uppercase();
        let (left, right) = upper.split_at(10);
        assert_eq!(Digest::from_paper(&format!("{left} {right}")), Ok(digest));
        assert_eq!(Digest::from_paper(&digest.words().join(" ")), Ok(digest));
        assert!(Digest::from_paper("topmost Istanbul").is_err());
    }
}
