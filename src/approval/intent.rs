//! The proof that an intent is on disk.

use crate::encoding::{digest::Digest, text::Name};

/// An `intended` line that was written, fsynced and read back on every copy of the ledger.
///
/// Made by the ledger's storage after it did that, and by nothing else; a test holds the callers to it.
#[must_use = "an act rests on it"]
#[derive(Debug)]
pub struct DurableIntent {
    line: Digest,
    targets: Vec<Name>,
}

impl DurableIntent {
    /// States that the line with this digest is durable, and which targets it names.
    pub fn written(line: Digest, targets: Vec<Name>) -> Self {
        Self { line, targets }
    }

    pub fn line(&self) -> Digest {
        self.line
    }

    pub fn targets(&self) -> &[Name] {
        &self.targets
    }
}
