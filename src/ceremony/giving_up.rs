//! What may be given up after it has begun.

use super::{Error, World, acting::Acted};
use crate::{
    encoding::{digest::Digest, text::Name},
    ports::token::Wanted,
    proposal::{
        joining::GenesisTarget,
        operations::{Operation, ResetOperation},
        place::Place,
    },
    transcript::{
        ledger::{Ceremony, LedgerState},
        outcome::Outcome,
    },
};

/// A genesis or a reset that may have changed PINs is not given up while its target answers: the ledger would have
/// PINs in force that the token does not have.
pub(super) fn check(
    world: &mut World<'_>,
    state: &LedgerState,
    ceremony: &Ceremony,
    acted: &Acted,
) -> Result<(), Error> {
    if may_have_changed_pins(state, ceremony)
        && acted.outcome != Outcome::Failed
        && answers(world, state, ceremony, acted)
    {
        return Err(Error::refused(
            "this ceremony cannot be given up: PINs may have been changed, and the target answers",
            "find out why it does not complete, then run 'quorate execute' again without --give-up",
        )
        .with(vec![acted.summary.clone()]));
    }
    Ok(())
}

/// Whether a ceremony that began to act may have changed PINs that the ledger would not know.
pub(super) fn may_have_changed_pins(state: &LedgerState, ceremony: &Ceremony) -> bool {
    match state.recovery(&ceremony.proposal.operation) {
        // What it takes up again has ended already: if this is given up, that stays as it was, and can be taken up once more.
        Some(recovery) if recovery.finishes() && recovery.lost.end.is_some() => false,
        Some(recovery) => !recovery.touches().is_empty(),
        None => ceremony.proposal.operation.facts().sets_pins,
    }
}

/// Whether any token of the operation's targets can be reached, under its old or its new label. A reset begins with
/// the new label: a token that has the old one, after a run that changed nothing, has its old PINs as well. After one
/// that was cut off in a call, the call may still be at work.
fn answers(world: &mut World<'_>, state: &LedgerState, ceremony: &Ceremony, acted: &Acted) -> bool {
    let mut asked: Vec<(Name, Place, Option<Digest>, Vec<String>)> = Vec::new();
    let operation = state.acted_on(&ceremony.proposal.operation);
    if !operation.installs().is_empty() {
        // Nothing is done with a program: it has no PIN that could have been changed.
        let tokens = |target: &&GenesisTarget| !matches!(target.place, Place::Command { .. });
        for target in operation.installs().iter().filter(tokens) {
            let labels = vec![target.label.to_string()];
            asked.push((target.name.clone(), target.place.clone(), target.identity.module_sha256, labels));
        }
    } else if let Operation::Reset(ResetOperation { target, identity, new_label, .. }) = operation
        && let Some(known) = state.targets.get(target)
    {
        let mut labels = vec![new_label.to_string()];
        if !acted.untouched {
            labels.push(identity.label.to_string());
        }
        asked.push((target.clone(), known.target.place.clone(), identity.module_sha256, labels));
    }
    asked.iter().any(|(name, place, pinned, labels)| {
        labels.iter().any(|label| {
            let token = world.tokens.open(name, place, Wanted::Labelled(label), *pinned);
            token.is_ok_and(|mut token| token.observe().is_ok())
        })
    })
}
