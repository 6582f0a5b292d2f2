//! What a YubiKey says of itself and of a key, in the extensions under 1.3.6.1.4.1.41482.3.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::encoding::strict::{spelled, worded};

/// A firmware's version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Firmware(u8, u8, u8);

/// A text that is no [`Firmware`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a firmware version: it has three numbers up to 255, as in 5.7.0")]
pub struct FirmwareError;

impl Firmware {
    /// The first firmware whose ECDSA does not leak its keys to who takes the card apart (EUCLEAK, 2024).
    pub const WITHOUT_EUCLEAK: Self = Self(5, 7, 0);

    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self(major, minor, patch)
    }

    /// From the three bytes of the extension.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [major, minor, patch] => Some(Self(major, minor, patch)),
            _ => None,
        }
    }

    pub const fn major(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}.{}", self.0, self.1, self.2))
    }
}

impl FromStr for Firmware {
    type Err = FirmwareError;

    fn from_str(text: &str) -> Result<Self, FirmwareError> {
        let numbers: Vec<u8> =
            text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| FirmwareError)?;
        let firmware = Self::from_bytes(&numbers).ok_or(FirmwareError)?;
        // One spelling only: no sign, no leading zero.
        if firmware.to_string() == text { Ok(firmware) } else { Err(FirmwareError) }
    }
}

spelled! { Firmware, str::parse; }

/// When a card requires its PIN for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinPolicy {
    Never,
    Once,
    Always,
    /// A fingerprint, once.
    MatchOnce,
    /// A fingerprint, before each use.
    MatchAlways,
}

impl PinPolicy {
    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Never),
            2 => Some(Self::Once),
            3 => Some(Self::Always),
            4 => Some(Self::MatchOnce),
            5 => Some(Self::MatchAlways),
            _ => None,
        }
    }
}

/// When a card requires a touch for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TouchPolicy {
    Never,
    Always,
    /// At a use, which then counts for 15 seconds.
    Cached,
}

worded!(PinPolicy, TouchPolicy);

impl TouchPolicy {
    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Never),
            2 => Some(Self::Always),
            3 => Some(Self::Cached),
            _ => None,
        }
    }
}

/// A slot of the PIV application (SP 800-73), spelled as two hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slot(u8);

impl Slot {
    /// Digital signature: where a card of a quorum has its signing key.
    pub const SIGNING: Self = Self(0x9c);
    /// The key that attests the others, made by Yubico.
    pub const ATTESTING: Self = Self(0xf9);

    /// 82 to 95, for retired decryption keys: where a card of a quorum has its share key.
    pub fn retired() -> impl Iterator<Item = Self> {
        (0x82..=0x95).map(Self)
    }

    /// The slots in which people have keys.
    pub fn all() -> impl Iterator<Item = Self> {
        [0x9a, 0x9c, 0x9d, 0x9e].map(Self).into_iter().chain(Self::retired())
    }

    /// From its two hex digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let slot = Self(u8::from_str_radix(text, 16).ok()?);
        (slot.to_string() == text).then_some(slot)
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    pub const fn is_retired(self) -> bool {
        matches!(self.0, 0x82..=0x95)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:02x}", self.0))
    }
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The card's shape, and whether it is of the FIPS or the Security Key series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormFactor(u8);

impl FormFactor {
    pub(super) const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    pub const fn is_fips(self) -> bool {
        self.0 & 0x80 != 0
    }
}

impl fmt::Display for FormFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 & 0x3f {
            1 => "USB-A keychain",
            2 => "USB-A nano",
            3 => "USB-C keychain",
            4 => "USB-C nano",
            5 => "USB-C and Lightning",
            6 => "USB-A with fingerprint",
            7 => "USB-C with fingerprint",
            _ => "unknown",
        })
    }
}
