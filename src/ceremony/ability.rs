//! What a target cannot do is found out when the operation is proposed, not when custodians have gathered.

use super::{Error, World};
use crate::{
    encoding::text::Name,
    ports::token::{Target, Wanted},
    proposal::{
        capability::{self, Ability},
        operations::{BackupOperation, Operation},
        target::{ObjectClass, ObjectRecord},
    },
    transcript::ledger::LedgerState,
};

/// Refuses an operation that a target cannot do, as far as it tells without a login.
pub(super) fn check(
    world: &mut World<'_>,
    state: Option<&LedgerState>,
    operation: &Operation,
) -> Result<(), Error> {
    if !operation.installs().is_empty() {
        for target in operation.installs() {
            let pinned = target.identity.module_sha256;
            let mut token =
                world.tokens.target(&target.name, &target.place, Wanted::joining(target), pinned)?;
            refuse(&target.name, token.as_mut(), &capability::wanted_at_genesis(target))?;
        }
        return Ok(());
    }
    let wanted = operation.facts().abilities;
    let Some((name, identity)) = operation.target().filter(|_| !wanted.is_empty()) else { return Ok(()) };
    let Some(target) = state.and_then(|s| s.targets.get(name)) else { return Ok(()) };
    let which = Wanted::known(identity);
    let place = target.as_approved(operation).target.place;
    let mut token = world.tokens.open(name, &place, which, identity.module_sha256)?;
    refuse(name, token.as_mut(), wanted)?;
    check_record(operation)
}

/// Refuses a whole backup that cannot be whole by the record: no token ever sets CKA_EXTRACTABLE again. One that may
/// be partial depends on what is there when it is made, including keys added since.
fn check_record(operation: &Operation) -> Result<(), Error> {
    let Operation::Backup(BackupOperation { target, objects, allow_partial: false, .. }) = operation else {
        return Ok(());
    };
    let is_key = |o: &&ObjectRecord| matches!(o.class, ObjectClass::PrivateKey | ObjectClass::SecretKey);
    let (staying, leaving): (Vec<_>, Vec<_>) =
        objects.iter().filter(is_key).partition(|key| key.extractable == Some(false));
    let error = if leaving.is_empty() {
        Error::refused(
            format!("no key that may leave {target} is on record, so a backup would contain no key"),
            "if keys were added since, run an \"inventory\" first; otherwise use the vendor's own backup",
        )
    } else if !staying.is_empty() {
        Error::refused(
            format!("{} keys of {target} may not leave it, and allow_partial is false", staying.len()),
            "set allow_partial = true to back up everything else",
        )
    } else {
        return Ok(());
    };
    Err(error.with(staying.iter().map(ToString::to_string).collect()))
}

fn refuse(name: &Name, target: &mut dyn Target, wanted: &[Ability]) -> Result<(), Error> {
    let lacks = target.lacks()?;
    let mut lacking = lacks.iter().filter(|lack| wanted.contains(&lack.ability));
    let Some(first) = lacking.next() else { return Ok(()) };
    let error = Error::refused(
        format!("target {name} cannot do what is proposed ({}): {}", first.ability, first.reason),
        first.hint.to_string(),
    );
    Err(error.with(lacking.map(|lack| format!("{}: {}", lack.ability, lack.reason)).collect()))
}
