//! What a target cannot do is found out when it is proposed, not when custodians have gathered.

use super::{Error, World};
use crate::{
    encoding::text::Name,
    ports::token::{Token, Wanted},
    proposal::{
        capability::{self, Ability},
        operation::{Operation, Start},
    },
    transcript::ledger::LedgerState,
};

/// Refuses an operation of which a target says, without any login, that it cannot be done.
pub(super) fn check(
    world: &mut World<'_>,
    state: Option<&LedgerState>,
    operation: &Operation,
) -> Result<(), Error> {
    if !operation.installs().is_empty() {
        for target in operation.installs() {
            let wanted = match target.start {
                Start::Initialise => Wanted::Empty,
                Start::TakeOver => Wanted::Token {
                    serial: target.identity.serial.as_str(),
                    label: target.identity.label.as_str(),
                },
            };
            let pinned = target.identity.module_sha256;
            let mut token = world.tokens.open(&target.name, &target.place, wanted, pinned)?;
            refuse(&target.name, token.as_mut(), &capability::wanted_at_genesis(target))?;
        }
        return Ok(());
    }
    let wanted = capability::wanted(operation);
    let Some((name, identity)) = operation.target().filter(|_| !wanted.is_empty()) else { return Ok(()) };
    let Some(target) = state.and_then(|s| s.targets.get(name)) else { return Ok(()) };
    let which = Wanted::Token { serial: identity.serial.as_str(), label: identity.label.as_str() };
    let place = target.as_approved(operation).target.place;
    let mut token = world.tokens.open(name, &place, which, identity.module_sha256)?;
    refuse(name, token.as_mut(), wanted)
}

fn refuse(name: &Name, token: &mut dyn Token, wanted: &[Ability]) -> Result<(), Error> {
    let lacks = token.lacks()?;
    let mut lacking = lacks.iter().filter(|lack| wanted.contains(&lack.ability));
    let Some(first) = lacking.next() else { return Ok(()) };
    let error = Error::refused(
        format!("target {name} cannot do what is proposed ({}): {}", first.ability, first.reason),
        first.hint.as_str(),
    );
    Err(error.with(lacking.map(|lack| format!("{}: {}", lack.ability, lack.reason)).collect()))
}
