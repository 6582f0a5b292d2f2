//! What a card says that the `yubikey` crate does not pass on: why it was not opened, and the rules for its PINs. Read on
//! a connection of its own while the crate has none, because other applications are selected here.

use std::ffi::CString;

use pcsc::{Card, Context, Disposition, Protocols, Scope, ShareMode};

use super::tlv::read_tlv;

const SUCCESS: u16 = 0x9000;
/// SELECT of PIV and of Yubico's management application, by name.
const SELECT_PIV: &[u8] = &[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8, 0];
const SELECT_MANAGEMENT: &[u8] = &[0, 0xa4, 4, 0, 8, 0xa0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17, 0];
/// Yubico's GET VERSION and GET SERIAL.
const VERSION: &[u8] = &[0, 0xfd, 0, 0, 0];
const SERIAL: &[u8] = &[0, 0xf8, 0, 0, 0];

/// Tags of the device's information: more pages follow; applications for which the FIPS rules are in force, a bit each;
/// whether simple PINs are refused.
const MORE: u8 = 0x10;
const FIPS: u8 = 0x14;
const COMPLEXITY: u8 = 0x16;
/// PIV among those applications.
const FIPS_PIV: u8 = 0x02;
/// The information has two pages in firmware 5.7.
const MAX_PAGES: u8 = 4;

/// Why the crate does not open a card on which PIV answers, or should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Oddity {
    /// It keeps its serial for itself (a setting of its OTP slots).
    HiddenSerial,
    /// Firmware of a generation that cannot be used: the first number.
    Generation(u8),
    /// PIV is there, and refuses to be selected, with this status.
    Refuses(u16),
}

impl Oddity {
    pub(super) fn words(self) -> String {
        match self {
            Self::HiddenSerial => {
                "the YubiKey in it hides its serial number, by which cards are told apart".into()
            }
            Self::Generation(major @ 0..=4) => {
                format!("the YubiKey in it has firmware {major}; 5.3.0 is the oldest that can be used")
            }
            Self::Generation(major) => {
                format!("the YubiKey in it has firmware {major}, a generation that is not known here")
            }
            Self::Refuses(status) => {
                format!("the card in it refuses its PIV application (status {status:04X})")
            }
        }
    }

    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::HiddenSerial => {
                "make the serial visible to programs ('ykpersonalize -u -1 -o serial-api-visible', or -2 for slot 2), then run the same command again"
            }
            Self::Generation(_) => "use a YubiKey with firmware 5",
            Self::Refuses(_) => {
                "plug it into USB; over NFC, a YubiKey serves only where PIV is switched on for NFC, and a new one only after it had power from USB once"
            }
        }
    }
}

/// The rules that a card has for a new PIN or PUK, as far as it tells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinRules {
    /// The FIPS series with firmware 5.7: 8 characters.
    pub wants_eight: bool,
    /// PIN complexity is on: simple ones are refused.
    pub refuses_simple: bool,
}

/// What Yubico's PIN complexity refuses, beside one character repeated, as far as it has 6 to 8 characters.
const SIMPLE: [&[u8]; 14] = [
    b"112233",
    b"121212",
    b"123123",
    b"123321",
    b"123456",
    b"1234567",
    b"12345678",
    b"123654",
    b"159753",
    b"1q2w3e4r",
    b"520520",
    b"654321",
    b"abc123",
    b"iloveyou",
];
const SIMPLE_WORDS: [&[u8]; 2] = [b"password", b"qwerty"];

impl PinRules {
    /// Those of a card that tells none.
    pub const NONE: Self = Self { wants_eight: false, refuses_simple: false };

    /// Why the card would refuse this as a PIN or PUK.
    pub(super) fn objection(self, pin: &[u8]) -> Option<&'static str> {
        let is_repeated = pin.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        if self.wants_eight && pin.len() != 8 {
            Some("this card's PIN and PUK have exactly 8 characters (FIPS series)")
        } else if self.refuses_simple && (is_repeated || SIMPLE.contains(&pin) || SIMPLE_WORDS.contains(&pin))
        {
            Some(
                "this card refuses simple PINs and PUKs (PIN complexity is on): one character repeated, sequences, well-known words",
            )
        } else {
            None
        }
    }
}

/// Why the card in this reader was not opened, if PIV should be there.
pub(super) fn oddity(reader: &str) -> Option<Oddity> {
    let card = connect(reader)?;
    let found = odd(&card);
    drop(card.disconnect(Disposition::LeaveCard));
    found
}

fn odd(card: &Card) -> Option<Oddity> {
    match transmit(card, SELECT_PIV)? {
        (SUCCESS, _) => {}
        // No such application: another card, or PIV is switched off.
        (0x6a82 | 0x6a81 | 0x6d00 | 0x6e00, _) => return None,
        (status, _) => return Some(Oddity::Refuses(status)),
    }
    let (status, version) = transmit(card, VERSION)?;
    let [major, _, _] = version.as_slice() else { return None };
    match (status, *major) {
        (SUCCESS, 5) => match transmit(card, SERIAL)? {
            // Told, or told nonsense.
            (SUCCESS, _) => None,
            _ => Some(Oddity::HiddenSerial),
        },
        (SUCCESS, major) => Some(Oddity::Generation(major)),
        _ => None,
    }
}

/// The rules of the card in this reader. A card that tells none may have some all the same.
pub(super) fn pin_rules(reader: &str) -> PinRules {
    let Some(card) = connect(reader) else { return PinRules::NONE };
    let rules = read_rules(&card);
    drop(card.disconnect(Disposition::LeaveCard));
    rules
}

fn read_rules(card: &Card) -> PinRules {
    let mut rules = PinRules::NONE;
    if !matches!(transmit(card, SELECT_MANAGEMENT), Some((SUCCESS, _))) {
        return rules;
    }
    for page in 0..MAX_PAGES {
        let Some((SUCCESS, answer)) = transmit(card, &[0, 0x1d, page, 0, 0]) else { break };
        let mut items = answer.split_first().map(|(_, items)| items).unwrap_or_default();
        let mut more = false;
        while let Some((tag, value, rest)) = read_tlv(items) {
            let last = value.last().copied().unwrap_or(0);
            match tag {
                MORE => more = last != 0,
                FIPS => rules.wants_eight = last & FIPS_PIV != 0,
                COMPLEXITY => rules.refuses_simple = last != 0,
                _ => {}
            }
            items = rest;
        }
        if !more {
            break;
        }
    }
    rules
}

fn connect(reader: &str) -> Option<Card> {
    let context = Context::establish(Scope::User).ok()?;
    context.connect(&CString::new(reader).ok()?, ShareMode::Shared, Protocols::ANY).ok()
}

/// Status and data of one command.
fn transmit(card: &Card, command: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut buffer = [0; 264];
    let answer = card.transmit(command, &mut buffer).ok()?;
    let (data, status) = answer.split_last_chunk::<2>()?;
    Some((u16::from_be_bytes(*status), data.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_refuses_what_it_names_and_nothing_else() {
        let fips = PinRules { wants_eight: true, refuses_simple: true };
        let complex = PinRules { wants_eight: false, refuses_simple: true };
        for (rules, pin, refused) in [
            (fips, "271828", true),
            (fips, "27182818", false),
            (fips, "11111111", true),
            (complex, "271828", false),
            (complex, "777777", true),
            (complex, "abc123", true),
            (complex, "qwerty", true),
            (complex, "123457", false),
            (PinRules::NONE, "777777", false),
        ] {
            assert_eq!(rules.objection(pin.as_bytes()).is_some(), refused, "{rules:?} {pin}");
        }
    }
}
