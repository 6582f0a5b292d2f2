//! One error for the whole layer: a fact, what to do next, and the exit code that follows.

use super::{Code, ErrorKind};
use crate::{
    account::advice::Advice,
    memory::MemoryError,
    ports::{
        card::CardError,
        cause::Cause,
        store::{StoreCause, StoreError},
        token::TokenError,
    },
    sealing::single::SealError,
};

/// An error with its advice.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    /// What it is, for programs.
    pub code: Code,
    /// One sentence.
    pub message: String,
    pub hint: Advice,
    /// More facts, a line each.
    pub details: Vec<String>,
    /// The full commands that the hint names; the command line adds them, because it knows its own options.
    pub commands: Vec<String>,
}

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self {
            kind,
            code: Code::of_kind(kind),
            message: message.into(),
            hint: hint.into(),
            details: Vec::new(),
            commands: Vec::new(),
        }
    }

    /// Something did not work.
    pub fn problem(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::new(ErrorKind::Problem, message, hint)
    }

    /// A rule forbids it.
    pub fn refused(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::new(ErrorKind::Refused, message, hint)
    }

    /// Too few approvals.
    pub fn incomplete(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::new(ErrorKind::Incomplete, message, hint)
    }

    /// The command is incomplete.
    pub fn usage(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::new(ErrorKind::Usage, message, hint)
    }

    /// Somebody pressed Ctrl-C.
    pub fn interrupted(message: impl Into<String>, hint: impl Into<Advice>) -> Self {
        Self::new(ErrorKind::Interrupted, message, hint)
    }

    /// A state that a verified ledger excludes.
    pub fn defect(message: impl Into<String>) -> Self {
        Self::new(
            ErrorKind::Defect,
            message,
            "this is a defect of quorate, not of the ledger: keep the ledger and its copies as they are, and report it",
        )
    }

    /// With a closer code than that of its kind.
    #[must_use]
    pub fn coded(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Whether nobody answers any more: the input ended, or somebody pressed Ctrl-C.
    pub fn ends_questions(&self) -> bool {
        matches!(self.code, Code::NoAnswer | Code::Interrupted)
    }

    /// What was done before a write failed, so that nobody does it again. The ledger is written to first, then its copies.
    #[must_use]
    pub fn after(mut self, done: &str) -> Self {
        self.message = format!("{done}, but not written everywhere: {}", self.message);
        self.hint = "make that place usable; whichever command names it as --copy next brings it level. 'quorate status' says \
                     how it goes on"
            .into();
        self
    }

    pub fn with(mut self, details: Vec<String>) -> Self {
        self.details.extend(details);
        self
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error.cause {
            StoreCause::NotDone => Self::problem(error.to_string(), error.hint).coded(Code::Storage),
            StoreCause::Changed => Self::refused(error.to_string(), error.hint).coded(Code::LedgerInvalid),
        }
    }
}

impl From<CardError> for Error {
    fn from(error: CardError) -> Self {
        let kind = match error {
            CardError::Several { .. } => ErrorKind::Usage,
            _ => ErrorKind::Problem,
        };
        Self::new(kind, error.to_string(), error.hint()).coded(Code::from(&error))
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        let (kind, code) = match error.cause {
            Cause::ModuleChanged => (ErrorKind::Refused, Code::ModuleChanged),
            _ => (ErrorKind::Problem, Code::Token),
        };
        Self::new(kind, error.to_string(), error.hint).coded(code)
    }
}

impl From<MemoryError> for Error {
    fn from(error: MemoryError) -> Self {
        let hint = error.hint().to_owned();
        Self::problem(error.to_string(), hint).coded(Code::Memory)
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::problem(format!("sealing failed: {error}"), "check the recipients named in the roster")
            .coded(Code::Sealing)
    }
}
