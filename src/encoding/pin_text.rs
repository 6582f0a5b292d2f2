//! What can be a PIN: PKCS#11 takes UTF-8 (v2.40, section 5.6, CK_UTF8CHAR), cards take ASCII.

/// Why bytes cannot be a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// U+FEFF, in UTF-8 or UTF-16, which some editors put in front of a text.
    #[error("it begins with a byte order mark")]
    ByteOrderMark,
    /// A NUL: UTF-16 text has them between ASCII characters.
    #[error("it has a NUL byte, as text in UTF-16 has")]
    Nul,
    #[error("it has a control character")]
    Control,
    /// Not UTF-8: typed or saved in another encoding.
    #[error("it is not UTF-8 text")]
    NotText,
}

impl Flaw {
    pub fn hint(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "save it as UTF-8 without a byte order mark",
            Self::NotText => "save it as UTF-8",
            Self::Nul => "save it as UTF-8: iconv -f UTF-16 -t UTF-8",
            Self::Control => {
                "write the PIN again, with the characters that are typed for it and nothing else"
            }
        }
    }
}

/// Refuses what no token and no card can have as a PIN.
pub fn check(pin: &[u8]) -> Result<(), Flaw> {
    if [b"\xef\xbb\xbf".as_slice(), b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| pin.starts_with(mark)) {
        return Err(Flaw::ByteOrderMark);
    }
    if pin.contains(&0) {
        return Err(Flaw::Nul);
    }
    let text = std::str::from_utf8(pin).map_err(|_| Flaw::NotText)?;
    if text.contains(|c: char| c.is_control() || c == '\u{feff}') { Err(Flaw::Control) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_and_copies_add_is_no_pin() {
        for (pin, flaw) in [
            (b"\xef\xbb\xbf123456".as_slice(), Flaw::ByteOrderMark),
            (b"\xff\xfe1\x002\x00", Flaw::ByteOrderMark),
            (b"\xfe\xff\x001\x002", Flaw::ByteOrderMark),
            (b"1\x002\x003\x00", Flaw::Nul),
            (b"123456\r", Flaw::Control),
            (b"\x1b[200~123456", Flaw::Control),
            (b"123\t456", Flaw::Control),
            (b"123456\x7f", Flaw::Control),
            (b"123\xc2\x85456", Flaw::Control),
            (b"123\xef\xbb\xbf456", Flaw::Control),
            (b"Schl\xfcssel-42", Flaw::NotText),
        ] {
            assert_eq!(check(pin), Err(flaw), "{pin:?}");
        }
    }

    #[test]
    fn any_character_that_can_be_typed_is_let_pass() {
        for pin in ["123456", "so-pin 1234 ", "Schlüssel-42", "пароль123", "密码123456"] {
            assert_eq!(check(pin.as_bytes()), Ok(()), "{pin}");
        }
    }
}
