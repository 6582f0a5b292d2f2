//! Names and serial numbers, so that two spellings of one are one.

use unicode_normalization::UnicodeNormalization as _;

use super::card::CardKind;
use crate::encoding::text::Line;

/// A full name as two of them are compared: NFKC (UAX #15) and case folding, a single blank for each run of white space. What
/// looks like one name to a person who reads it aloud is one name, as far as that goes: letters of two scripts that look
/// alike stay two.
pub fn folded(name: &Line) -> String {
    // Upper case before lower case joins what lower case alone does not: `ß` and `SS`, the two small sigmas.
    let fold = |text: &str| text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    let once: String = fold(name.as_str());
    let twice: String = fold(&once);
    twice.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether nothing but the name is in it: no blank at either end.
pub fn is_trimmed(name: &Line) -> bool {
    name.as_str().trim() == name.as_str() && !name.as_str().is_empty()
}

/// Whether a serial number is in its only spelling: a YubiKey's in decimal without leading zeros, as it is engraved; a soft
/// card's in small letters, digits and hyphens.
pub fn is_serial(kind: CardKind, serial: &Line) -> bool {
    let text = serial.as_str();
    match kind {
        CardKind::Yubikey => text.parse::<u32>().is_ok_and(|number| number.to_string() == text),
        CardKind::Soft => {
            (1..=40).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::new(text).unwrap()
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for (one, other) in [
            ("Zo\u{eb} Young", "Zoe\u{308} Young"),
            ("Alice Adams", "alice  ADAMS"),
            ("Alice Adams", "Alice\u{a0}Adams"),
            ("\u{ff21}lice", "Alice"),
            ("Gro\u{df}", "GROSS"),
            (
                "\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}",
                "\u{3a3}\u{38a}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}",
            ),
            ("\u{fb01}ona", "Fiona"),
        ] {
            assert_eq!(folded(&line(one)), folded(&line(other)), "{one} {other}");
        }
        assert_ne!(folded(&line("Alice Adams")), folded(&line("Alice Adam")));
    }

    #[test]
    fn a_serial_has_one_spelling() {
        for good in ["1", "15743677", "4294967295"] {
            assert!(is_serial(CardKind::Yubikey, &line(good)));
        }
        for bad in ["", "01", "+1", " 1", "1 ", "4294967296", "0x1", "\u{661}"] {
            assert!(!is_serial(CardKind::Yubikey, &line(bad)), "{bad:?}");
        }
        assert!(is_serial(CardKind::Soft, &line("00ff")));
        assert!(!is_serial(CardKind::Soft, &line("00FF")) && !is_serial(CardKind::Soft, &line("")));
    }
}
