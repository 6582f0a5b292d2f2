//! The proof without which nothing is destroyed.

use crate::encoding::{digest::Digest, text::Name};

/// The right to act once on one target, as one proposal says.
///
/// It is made in one place, `Quorum::authorize`, out of an established quorum and an intent that
/// is durable on every copy of the ledger. It cannot be cloned, and the function that acts consumes it.
#[derive(Debug)]
pub struct Authorization {
    target: Name,
    intent: Digest,
}

impl Authorization {
    /// Only the quorum calls this.
    pub(super) fn grant(target: Name, intent: Digest) -> Self {
        Self { target, intent }
    }

    /// For the unit tests of adapters, which have no quorum.
    #[cfg(test)]
    pub(crate) fn for_test(target: Name) -> Self {
        Self::grant(target, Digest::of(b"test"))
    }

    /// The target on which it is good.
    pub fn target(&self) -> &Name {
        &self.target
    }

    /// SHA-256 of the `intended` line that it rests on.
    pub fn intent(&self) -> Digest {
        self.intent
    }
}
