//! The last look before the intent: targets and files must be what the proposal pinned.

use super::{Error, World, backup, fresh_pins::label_is_taken, pinning, program_proposal::check_run};
use crate::{
    encoding::text::{Line, Name, printable},
    ports::token::Wanted,
    proposal::{
        choice,
        joining::{GenesisTarget, Start},
        operations::{
            BackupOperation, CommandOperation, DeleteOperation, Operation, ResetOperation, RestoreOperation,
            UseOperation,
        },
        target::{ObjectClass, ObjectRecord, TokenIdentity},
    },
    transcript::{
        event::ObservedTarget,
        ledger::{Ceremony, LedgerState},
    },
};

/// The targets, read back before anything is touched: each must be who it was when it was proposed.
pub(super) fn look(
    world: &mut World<'_>,
    state: &LedgerState,
    ceremony: &Ceremony,
) -> Result<Vec<ObservedTarget>, Error> {
    let mut observed = Vec::new();
    match &ceremony.proposal.operation {
        operation @ (Operation::Genesis(_) | Operation::Adopt(_)) => {
            for target in operation.installs() {
                let identity = look_at_genesis(world, target)?;
                observed.push(ObservedTarget { name: target.name.clone(), identity });
            }
        }
        // It may be gone already.
        Operation::Retire(_) => {}
        Operation::Recover(_) => {
            for name in LedgerState::touched(Some(state), &ceremony.proposal.operation) {
                // Who it is now is unknown until it is looked at: the interrupted operation may have changed it.
                observed.push(ObservedTarget { name, identity: unknown_identity() });
            }
        }
        operation => {
            if let Some((name, pinned)) = operation.target() {
                let target = pinning::target(state, name)?.as_approved(operation);
                let found = pinning::observe(world.tokens, name, &target)?;
                if found.identity != *pinned {
                    return Err(changed(name));
                }
                check_public_objects(name, operation, &found.public_objects)?;
                check_files(world, operation)?;
                if let Operation::Reset(ResetOperation { new_label, .. }) = operation
                    && label_is_taken(world, name, &target, new_label.as_str())
                {
                    return Err(changed(name));
                }
                observed.push(ObservedTarget { name: name.clone(), identity: found.identity });
            }
        }
    }
    Ok(observed)
}

/// The file that a backup writes can be written, the one that a restore reads is there and is the right one: both are
/// found out while a refusal is still free.
fn check_files(world: &mut World<'_>, operation: &Operation) -> Result<(), Error> {
    match operation {
        Operation::Backup(BackupOperation { output, .. }) => {
            check_vacant(world, output)?;
            drop(world.artifacts.begin(output)?);
            Ok(world.artifacts.remove(output)?)
        }
        Operation::Restore(RestoreOperation { input, sha256, .. }) => {
            if backup::hash(world.artifacts.open(input)?)? == *sha256 {
                return Ok(());
            }
            Err(Error::refused(
                format!("{} is not the backup that this ledger recorded (SHA-256 differs)", printable(input)),
                "bring the right file, then execute again; this run touched nothing",
            ))
        }
        Operation::Command(CommandOperation { run, check, .. }) => check_run(world, run, check.as_ref()),
        Operation::Use(UseOperation { run, .. }) => check_run(world, run, None),
        _ => Ok(()),
    }
}

/// Nothing is where a file is to be written, and that is not in the ledger: a file there could pass for a part of it, or
/// make it unreadable.
pub(super) fn check_vacant(world: &mut World<'_>, path: &str) -> Result<(), Error> {
    if world.artifacts.is_in_ledger(path) {
        return Err(Error::refused(
            format!("{} lies in the ledger, or in a copy of it", printable(path)),
            "name a file outside of both",
        ));
    }
    if world.artifacts.exists(path) {
        return Err(Error::refused(
            format!("{} exists already", printable(path)),
            "nothing is overwritten: move it away, or name another file",
        ));
    }
    Ok(())
}

fn look_at_genesis(world: &mut World<'_>, target: &GenesisTarget) -> Result<TokenIdentity, Error> {
    let wanted = match target.start {
        Start::Initialise => Wanted::Empty,
        Start::TakeOver => {
            Wanted::Token { serial: target.identity.serial.as_str(), label: target.identity.label.as_str() }
        }
    };
    let pinned = target.identity.module_sha256;
    let found = world.tokens.target(&target.name, &target.place, wanted, pinned)?.observe()?;
    if found.identity != target.identity || found.initialised != (target.start == Start::TakeOver) {
        return Err(changed(&target.name));
    }
    Ok(found.identity)
}

fn changed(name: &Name) -> Error {
    Error::refused(
        format!("target {name} is not as it was when it was proposed"),
        "find out who changed it; this run touched nothing, and the approvals stay good for the token as it was",
    )
}

/// What is visible without login is compared before the intent; the rest after login, by the deletion itself. Other objects
/// than the approved ones may have come or gone.
fn check_public_objects(name: &Name, operation: &Operation, public: &[ObjectRecord]) -> Result<(), Error> {
    let Operation::Delete(DeleteOperation { objects, .. }) = operation else { return Ok(()) };
    let visible = |o: &&ObjectRecord| matches!(o.class, ObjectClass::PublicKey | ObjectClass::Certificate);
    let pinned: Vec<ObjectRecord> = objects.iter().filter(visible).cloned().collect();
    let refuse = |message: String| {
        Error::refused(
            format!("target {name}: {message}"),
            "the objects changed since the proposal: record them with an \"inventory\", then propose again",
        )
    };
    let choice = choice::choose(public, &pinned).map_err(|doubt| refuse(doubt.to_string()))?;
    let Some(missing) = choice.missing.first() else { return Ok(()) };
    let alike = public.iter().filter(|o| o.resembles(missing)).map(ToString::to_string);
    Err(refuse(format!("the token no longer shows {missing}")).with(alike.collect()))
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
