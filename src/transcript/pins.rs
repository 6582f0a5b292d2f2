//! The PINs that ceremonies change because their target has seen them: what a record may say about them, and which are in force
//! afterwards.
//!
//! A record that says nothing about a PIN that was to be changed leaves two that may be in force. Both are kept: the next ceremony
//! tries each once.

use super::{
    event::{Concluded, HandedOver, PinInForce},
    finding::Finding,
    ledger::{Ceremony, KeptCredential, LedgerState, TargetInForce},
    outcome::Outcome,
    recovery::Recovery,
};
use crate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        joining::{CredentialRule, GenesisTarget, StartKind},
        place::Place,
        sealed::{SealedCredential, SealedHandover},
        target::{Custody, Role},
    },
};

impl Ceremony {
    /// A credential that it made, as the ledger keeps it.
    pub(super) fn kept(&self, credential: &SealedCredential) -> KeptCredential {
        KeptCredential { dealing: self.dealing(), sealed: credential.clone() }
    }
}

impl TargetInForce {
    /// Whether a target that is to join is this very token.
    pub fn is_token_of(&self, joining: &GenesisTarget) -> bool {
        match (&self.target.place, &joining.place) {
            (Place::Practice { path }, Place::Practice { path: other }) => path == other,
            _ => joining.start == StartKind::TakeOver && self.identity.is_same_token(&joining.identity),
        }
    }

    /// The held PIN that an operation hands to the target, so that it is changed at its end: the user's, or the SO's where
    /// that sets a reissued one.
    pub fn exposed(&self) -> Option<&CredentialRule> {
        let role = if self.target.reissued().is_some() { Role::SoPin } else { Role::UserPin };
        self.target.rule(role).filter(|rule| rule.custody == Custody::Held)
    }

    /// Whether the ledger keeps this credential for later ceremonies: its custody is `held`, and it is sealed to its own
    /// authority, not to another one that must only install it.
    pub fn keeps(&self, credential: &SealedCredential) -> bool {
        self.target
            .rule(credential.role)
            .is_some_and(|rule| rule.custody == Custody::Held && rule.authority == credential.authority)
    }
}

impl LedgerState {
    /// Applies what is known about the PINs that a ceremony was to change.
    pub(super) fn take_pins(&mut self, ceremony: &Ceremony, concluded: &Concluded) {
        if ceremony.intended.is_none() || ceremony.proposal.operation.facts().sets_pins {
            return;
        }
        for credential in &ceremony.proposal.credentials {
            let Some(target) = self.targets.get_mut(&credential.target).filter(|t| t.keeps(credential))
            else {
                continue;
            };
            let candidates = target.credentials.entry(credential.role).or_default();
            candidates.insert(0, ceremony.kept(credential));
            let known = concluded.pins.iter().find(|pin| pin.is(credential));
            if let Some(known) = known {
                candidates.retain(|candidate| candidate.sealed.version == known.version);
            }
        }
    }
}

impl PinInForce {
    fn is(&self, credential: &SealedCredential) -> bool {
        self.target == credential.target && self.role == credential.role
    }
}

/// A PIN that is recorded as in force was proposed or in force before, is recorded once, and a completion has all that were proposed.
pub(super) fn check(
    proposal: &Proposal,
    concluded: &Concluded,
    state: Option<&LedgerState>,
) -> Result<(), Finding> {
    let fail = |message: &str| Err(Finding::error("pins", message));
    let recovery = state.and_then(|state| state.recovery(&proposal.operation));
    let setting = recovery.map_or(Some(proposal), |recovery| recovery.unfinished());
    check_handovers(setting, recovery, concluded)?;
    let changing = setting.filter(|setting| !setting.operation.facts().sets_pins);
    let Some((state, changing)) = state.zip(changing) else {
        return match concluded.pins.is_empty() {
            true => Ok(()),
            false => fail("it reports changed PINs, and was not to change any"),
        };
    };
    for (place, pin) in concluded.pins.iter().enumerate() {
        let said = |other: &PinInForce| other.target == pin.target && other.role == pin.role;
        if concluded.pins.iter().take(place).any(said) {
            return fail("it reports one PIN twice");
        }
        let Some(target) = state.targets.get(&pin.target) else {
            return fail("it reports a PIN of a target that the quorum does not have");
        };
        let proposed = changing.credentials.iter().filter(|c| pin.is(c) && target.keeps(c));
        if proposed.clone().next().is_none() {
            return fail("it reports a PIN that was not to be changed");
        }
        let before = target.credentials.get(&pin.role).into_iter().flatten().map(|kept| &kept.sealed);
        if !proposed.chain(before).any(|candidate| candidate.version == pin.version) {
            return fail("the PIN that it reports as in force was neither proposed nor in force before");
        }
    }
    // A recovery completes when the lost ceremony is closed; its PINs may stay unknown.
    if concluded.outcome == Outcome::Completed && recovery.is_none() {
        let changed = |c: &&SealedCredential| {
            concluded.pins.iter().any(|pin| pin.is(c) && pin.version == c.version)
                || !state.targets.get(&c.target).is_some_and(|target| target.keeps(c))
        };
        if !changing.credentials.iter().all(|c| changed(&c)) {
            return fail("completed, but a PIN that was to be changed is not reported as changed");
        }
    }
    Ok(())
}

/// What was handed over is what was proposed, to whom it was proposed; a completion has handed over all of it.
fn check_handovers(
    setting: Option<&Proposal>,
    recovery: Option<Recovery<'_>>,
    concluded: &Concluded,
) -> Result<(), Finding> {
    let fail = |message: &str| Err(Finding::error("handover", message));
    let proposed = setting.map(|p| p.handovers.as_slice()).unwrap_or_default();
    for (place, told) in concluded.handovers.iter().enumerate() {
        if concluded.handovers.iter().take(place).any(|other| other.target == told.target) {
            return fail("it reports one PIN twice");
        }
        if !proposed.iter().any(|handover| *told == HandedOver::of(handover)) {
            return fail("it reports a PIN that was not to be handed over, or not to this recipient");
        }
    }
    let must = concluded.outcome == Outcome::Completed && recovery.is_none_or(|recovery| recovery.finishes());
    if must && concluded.handovers.len() != proposed.len() {
        return fail("completed, but a PIN that was to be handed over is not reported as in force");
    }
    Ok(())
}

impl HandedOver {
    /// What is recorded of a handover.
    pub fn of(handover: &SealedHandover) -> Self {
        Self {
            target: handover.target.clone(),
            recipient: handover.recipient.clone(),
            version: handover.version,
            sha256: Digest::of(&handover.file.0),
        }
    }
}
