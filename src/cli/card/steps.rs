//! What is done to the slots of a card that is made ready.

use crate::{
    piv::{CardInventory, SigningAlgorithm, Slot, SlotKey},
    roster::attestation::TouchPolicy,
};

/// What is to be done to a slot.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Step {
    Keep(SlotKey),
    /// A key is made in an empty slot.
    Make(Slot),
    /// A key is made, and another one is lost.
    Replace(Slot),
}

impl Step {
    pub(super) fn of(slot: Slot, card: &CardInventory) -> Self {
        if card.is_occupied(slot) || card.holds_certificate(slot) {
            Self::Replace(slot)
        } else {
            Self::Make(slot)
        }
    }
}

/// Everything that will be done.
pub(super) struct Steps {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) touch: TouchPolicy,
    pub(super) signing: Step,
    /// None for a witness.
    pub(super) share: Option<Step>,
    /// None for a witness.
    pub(super) companion: Option<CompanionStep>,
}

/// What is to be done about the share key's companion, as far as the card tells before its PIN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CompanionStep {
    Keep,
    /// One is made where nothing is.
    Make,
    /// One is made, and what was there is lost.
    Replace,
}

impl Steps {
    pub(super) fn all(&self) -> impl Iterator<Item = &Step> {
        [Some(&self.signing), self.share.as_ref()].into_iter().flatten()
    }

    pub(super) fn replaced(&self) -> impl Iterator<Item = Slot> {
        self.all().filter_map(|step| match step {
            Step::Replace(slot) => Some(*slot),
            _ => None,
        })
    }
}

pub(super) fn is_certified(key: &SlotKey, card: &CardInventory) -> bool {
    !key.wants_certificate() || card.has_certificate(key.slot)
}
