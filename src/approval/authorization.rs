//! The proof without which nothing is destroyed.

use crate::encoding::{digest::Digest, text::Name};

/// The right to act once on one target, as one proposal says.
///
/// It is made in one place, `Quorum::authorize`, out of an established quorum and an intent that
/// is durable on every copy of the ledger. It cannot be cloned, and the function that acts consumes it.
#[must_use = "it is the right to act, and is good once"]
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

    pub fn target(&self) -> &Name {
        &self.target
    }

    /// SHA-256 of the `intended` line that it rests on.
    pub fn intent(&self) -> Digest {
        self.intent
    }

    /// The same proof for the PINs that are set around the act.
    pub fn for_pins(&self) -> PinAuthorization {
        PinAuthorization { target: self.target.clone() }
    }
}

/// The right to change the PINs of one target in the ceremony that may act on it. Changing a PIN destroys nothing, and
/// some ceremonies do it before and after the act: it is lent, not consumed.
#[must_use = "it is the right to change the PINs of one target"]
#[derive(Debug)]
pub struct PinAuthorization {
    target: Name,
}

impl PinAuthorization {
    pub fn target(&self) -> &Name {
        &self.target
    }
}
