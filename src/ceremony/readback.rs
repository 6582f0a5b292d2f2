//! The last look before the intent: targets and files must be what the proposal pinned.

use super::{
    Error, World,
    operations::performed,
    pinning::{self, changed},
};
use crate::{
    encoding::text::{Line, Name},
    ports::token::Wanted,
    proposal::{
        joining::{GenesisTarget, StartKind},
        target::TokenIdentity,
    },
    transcript::{
        event::ObservedTarget,
        ledger::{Ceremony, LedgerState},
    },
};

/// The targets, read back before anything is touched: each must be the one that was proposed.
pub(super) fn look(
    world: &mut World<'_>,
    state: &LedgerState,
    ceremony: &Ceremony,
) -> Result<Vec<ObservedTarget>, Error> {
    let operation = &ceremony.proposal.operation;
    if let Some(recovery) = state.recovery(operation) {
        // What they are now is unknown until they are looked at: the interrupted operation may have changed them.
        let unknown = |name: &Name| ObservedTarget { name: name.clone(), identity: unknown_identity() };
        return Ok(recovery.touches().into_iter().map(unknown).collect());
    }
    let mut observed = Vec::new();
    for target in operation.installs() {
        let identity = look_at_genesis(world, target)?;
        observed.push(ObservedTarget { name: target.name.clone(), identity });
    }
    // What is not touched may be gone already.
    if let Some((name, pinned)) = operation.target().filter(|_| operation.facts().touches_target) {
        let target = pinning::target(state, name)?.as_approved(operation);
        let found = pinning::observe(world.tokens, name, &target)?;
        if found.identity != *pinned {
            return Err(changed(name));
        }
        performed(operation).check_ready(world, &target, &found)?;
        observed.push(ObservedTarget { name: name.clone(), identity: found.identity });
    }
    Ok(observed)
}

fn look_at_genesis(world: &mut World<'_>, target: &GenesisTarget) -> Result<TokenIdentity, Error> {
    let pinned = target.identity.module_sha256;
    let found =
        world.tokens.target(&target.name, &target.place, Wanted::joining(target), pinned)?.observe()?;
    if found.identity != target.identity || found.initialised != (target.start == StartKind::TakeOver) {
        return Err(changed(&target.name));
    }
    Ok(found.identity)
}

fn unknown_identity() -> TokenIdentity {
    TokenIdentity {
        manufacturer: Line::lossy(""),
        model: Line::lossy(""),
        serial: Line::lossy(""),
        label: Line::lossy(""),
        module_sha256: None,
    }
}
