//! What a reader of a ledger found, in words and in codes that do not change.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Weakens what the ledger proves.
    Warning,
    /// The ledger cannot be believed.
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// The ceremony's directory, where it is in one.
    pub ceremony: Option<String>,
    /// The transcript's line, from 1, where it is in one.
    pub line: Option<usize>,
    /// One sentence.
    pub message: String,
}

impl Finding {
    /// A finding about the ledger as a whole.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity, ceremony: None, line: None, message: message.into() }
    }

    /// An error about the ledger as a whole.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// The same, in a ceremony.
    pub fn of(mut self, ceremony: &str) -> Self {
        self.ceremony = Some(crate::encoding::text::printable(ceremony));
        self
    }

    /// The same, at a line (from 1).
    pub fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.severity, self.code)?;
        if let Some(ceremony) = &self.ceremony {
            write!(f, " in {ceremony}")?;
        }
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}
