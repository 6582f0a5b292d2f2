//! Instants in UTC to the second, spelled as RFC 3339 with `Z`.
//!
//! All times in a ledger are the hosts' own claim; nothing here makes them true.

use std::{fmt, time::Duration};

use super::strict::spelled;

/// Seconds since 1970-01-01T00:00:00Z, within the years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timestamp(u64);

/// A text or a number that is not a [`Timestamp`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a time: write it as 2026-01-31T09:30:00Z")]
pub struct TimestampError;

const END_OF_9999: u64 = 253_402_300_799;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    pub fn from_unix(seconds: u64) -> Result<Self, TimestampError> {
        if seconds > END_OF_9999 { Err(TimestampError) } else { Ok(Self(seconds)) }
    }

    pub const fn unix(self) -> u64 {
        self.0
    }

    /// `seconds` later, at most the end of the year 9999.
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds).min(END_OF_9999))
    }

    /// `seconds` earlier, at least the beginning of 1970.
    pub fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Parses `YYYY-MM-DDTHH:MM:SSZ`, nothing else.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let time: der::DateTime = text.parse().map_err(|_| TimestampError)?;
        Ok(Self(time.unix_duration().as_secs()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match der::DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(time) => f.pad(&time.to_string()),
            Err(_) => Err(fmt::Error),
        }
    }
}

spelled! { Timestamp, Timestamp::parse; }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled_as_rfc_3339() {
        let time = Timestamp::from_unix(1_790_000_000).unwrap();
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        assert_eq!(time.to_string(), "2026-09-21T14:13:20Z");
        for bad in
            ["2026-09-21", "2026-09-21T14:13:20+00:00", "2026-09-21 14:13:20Z", "2026-13-01T00:00:00Z", ""]
        {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }
}
