//! What may be given up after it has begun.

use super::{
    Error, World,
    acting::Acted,
    pin_marks::{self, NewPin},
};
use crate::{
    encoding::{digest::Digest, text::Name},
    ports::{store::StationStore, token::Wanted},
    proposal::{
        joining::GenesisTarget,
        operations::{Operation, ResetOperation},
        place::Place,
        target::Role,
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
        && answers(world, state, ceremony, acted)?
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

/// Whether giving up is refused while the target answers, as far as the ceremony's station knows. Any other machine knows nothing.
pub(super) fn may_be_refused(
    station: &dyn StationStore,
    state: &LedgerState,
    ceremony: &Ceremony,
) -> Result<bool, Error> {
    if !may_have_changed_pins(state, ceremony) || !station.is_station(state.nonce, ceremony.number()) {
        return Ok(may_have_changed_pins(state, ceremony));
    }
    let operation = state.acted_on(&ceremony.proposal.operation);
    let installed = operation.installs().iter().map(|target| &target.name);
    let reset = match operation {
        Operation::Reset(reset) => Some(&reset.target),
        _ => None,
    };
    for target in installed.chain(reset) {
        if pin_marks::known(station, state, ceremony, target, Role::SoPin)? != NewPin::NeverSet {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether any token can be reached whose PINs this ceremony may have changed, under its old or its new label. A reset begins with
/// the new label: a token that has the old one, after a run that changed nothing, has its old PINs as well. After one
/// that was cut off in a call, the call may still be at work.
fn answers(
    world: &mut World<'_>,
    state: &LedgerState,
    ceremony: &Ceremony,
    acted: &Acted,
) -> Result<bool, Error> {
    let operation = state.acted_on(&ceremony.proposal.operation);
    let mut asked: Vec<(&Name, &Place, Option<Digest>, Vec<Wanted<'_>>)> = Vec::new();
    // Nothing is done with a program: it has no PIN that could have been changed.
    let tokens = |target: &&GenesisTarget| !matches!(target.place, Place::Command { .. });
    for target in operation.installs().iter().filter(tokens) {
        if pin_marks::known(&*world.station, state, ceremony, &target.name, Role::SoPin)? != NewPin::NeverSet
        {
            let wanted = vec![Wanted::Labelled(target.label.as_str())];
            asked.push((&target.name, &target.place, target.identity.module_sha256, wanted));
        }
    }
    if let Operation::Reset(ResetOperation { target, identity, new_label, .. }) = operation
        && let Some(known) = state.targets.get(target)
    {
        let (serial, label) = (identity.serial.as_str(), new_label.as_str());
        let wanted = match pin_marks::known(&*world.station, state, ceremony, target, Role::SoPin)? {
            // As far as is known. The very token with the new label shows that the mark was lost.
            NewPin::NeverSet => vec![Wanted::Token { serial, label }],
            _ if acted.untouched => vec![Wanted::Labelled(label)],
            _ => vec![Wanted::Labelled(label), Wanted::Labelled(identity.label.as_str())],
        };
        asked.push((target, &known.target.place, identity.module_sha256, wanted));
    }
    Ok(asked.into_iter().any(|(name, place, pinned, wanted)| {
        wanted.into_iter().any(|wanted| {
            let token = world.tokens.open(name, place, wanted, pinned);
            token.is_ok_and(|mut token| token.observe().is_ok())
        })
    }))
}
