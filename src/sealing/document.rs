//! The text inside an age file, written to and read from locked memory.

use crate::memory::{LockedBytes, MemoryError};

/// Why an opened file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("what was sealed is not a {0}")]
    Title(&'static str),
    /// A line is missing, doubled, out of order or misspelled.
    #[error("what was sealed is damaged at its line {0}")]
    Line(&'static str),
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Writes title, fields and the secret, in hex.
pub fn write(title: &str, fields: &[(&str, String)], secret: &[u8]) -> Result<LockedBytes, MemoryError> {
    let mut head = format!("{title}\n");
    for (key, value) in fields {
        head.push_str(key);
        head.push(' ');
        head.push_str(value);
        head.push('\n');
    }
    head.push_str("secret ");
    let hex_len = secret.len().saturating_mul(2);
    let mut document = LockedBytes::zeroed(head.len().saturating_add(hex_len).saturating_add(1))?;
    let (start, rest) = document.expose_mut().split_at_mut(head.len());
    start.copy_from_slice(head.as_bytes());
    let (hex, end) = rest.split_at_mut(hex_len);
    // The destination has exactly the length that the encoding needs.
    let _ = base16ct::lower::encode(secret, hex);
    end.copy_from_slice(b"\n");
    Ok(document)
}

/// Reads a document from the front of `bytes`, line by line.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], title: &'static str) -> Result<Self, DocumentError> {
        let mut reader = Self { rest: bytes };
        if reader.line() == Some(title.as_bytes()) { Ok(reader) } else { Err(DocumentError::Title(title)) }
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|b| *b == b'\n')?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..)?;
        Some(line)
    }

    fn value(&mut self, key: &'static str) -> Result<&'a [u8], DocumentError> {
        let line = self.line().ok_or(DocumentError::Line(key))?;
        line.strip_prefix(key.as_bytes()).and_then(|l| l.strip_prefix(b" ")).ok_or(DocumentError::Line(key))
    }

    /// The next field, which must have this key.
    pub fn field(&mut self, key: &'static str) -> Result<&'a str, DocumentError> {
        std::str::from_utf8(self.value(key)?).map_err(|_| DocumentError::Line(key))
    }

    /// The next field, parsed; it must be spelled as its value is written.
    pub fn parsed<T: std::str::FromStr + ToString>(&mut self, key: &'static str) -> Result<T, DocumentError> {
        let text = self.field(key)?;
        let value: T = text.parse().map_err(|_| DocumentError::Line(key))?;
        if value.to_string() == text { Ok(value) } else { Err(DocumentError::Line(key)) }
    }

    /// The secret that ends a document.
    pub fn secret(&mut self) -> Result<LockedBytes, DocumentError> {
        let hex = self.value("secret")?;
        let mut secret = LockedBytes::zeroed(hex.len() / 2)?;
        match base16ct::lower::decode(hex, secret.expose_mut()) {
            Ok(decoded) if decoded.len() == hex.len() / 2 => Ok(secret),
            _ => Err(DocumentError::Line("secret")),
        }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may follow.
    pub fn end(self) -> Result<(), DocumentError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DocumentError::Line("after the end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_round_and_refuses_every_other_spelling() {
        let document = write("title", &[("a", "1".into()), ("b", "x".into())], &[0xab; 3]).unwrap();
        let text = document.expose().to_vec();
        assert_eq!(text, b"title\na 1\nb x\nsecret ababab\n");
        let read = |bytes: &[u8]| -> Result<Vec<u8>, DocumentError> {
            let mut reader = Reader::new(bytes, "title")?;
            let _: u8 = reader.parsed("a")?;
            reader.field("b")?;
            let secret = reader.secret()?;
            reader.end()?;
            Ok(secret.expose().to_vec())
        };
        assert_eq!(read(&text).unwrap(), [0xab; 3]);
        for bad in [
            &b"title\na 01\nb x\nsecret ababab\n"[..],
            b"title\nb x\na 1\nsecret ababab\n",
            b"title\na 1\nb x\nsecret ABabab\n",
            b"title\na 1\nb x\nsecret ababab",
            b"title\na 1\nb x\nsecret ababab\n\n",
            b"other\na 1\nb x\nsecret ababab\n",
        ] {
            assert!(read(bad).is_err());
        }
    }
}
