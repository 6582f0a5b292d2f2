//! What is not a ledger of this mode at all, rather than a broken one.

use super::{finding::Finding, ledger::CeremonyFiles, line};
use crate::encoding::{
    dsse::Mode,
    strict::{MADE_BY_0_1, StrictError},
};

/// Why there is nothing to verify.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// No ceremony is in it.
    Empty,
    /// It is a ledger of the other mode: this one.
    Mode(Mode),
    /// A ledger of the version before this one.
    Version,
}

impl Foreign {
    /// What a ledger that begins with `first` is, where it is none of this mode.
    pub fn of(first: Option<&CeremonyFiles>, mode: Mode) -> Option<Self> {
        let Some(first) = first else { return Some(Self::Empty) };
        match line::claimed_mode(&first.transcript) {
            Ok(claimed) => claimed.filter(|claimed| *claimed != mode).map(Self::Mode),
            Err(StrictError::Version) => Some(Self::Version),
            Err(_) => None,
        }
    }

    /// The same as a finding, for a ledger that was to be read as `mode`.
    pub fn finding(self, mode: Mode) -> Finding {
        match self {
            Self::Empty => Finding::error("ledger-empty", "no ceremony is in this ledger"),
            Self::Mode(claimed) => {
                let message = format!("this is the ledger of a {claimed}, and it was to be read as {mode}");
                Finding::error("mode-mismatch", message)
            }
            Self::Version => Finding::error("ledger-version", format!("this ledger was {MADE_BY_0_1}")),
        }
    }
}
