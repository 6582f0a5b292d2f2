//! What a proposal pins: the token as it is now, the objects as the ledger recorded them.

use super::{Error, World};
use crate::{
    encoding::{digest::Digest, output_path::OutputPath, spelling, text::Name},
    ports::token::{TokenSource, Wanted},
    proposal::{
        operations::InventoryPlan,
        place::{ModuleChange, Place},
        selection::{self, Misfit, ObjectSelector},
        target::{ObjectRecord, Observation, TokenIdentity},
    },
    transcript::ledger::{LedgerState, TargetInForce},
};

pub fn target<'s>(state: &'s LedgerState, name: &Name) -> Result<&'s TargetInForce, Error> {
    state.targets.get(name).ok_or_else(|| {
        if let Some(retired) = state.retired.get(name) {
            return Error::refused(
                format!("{name} was retired by ceremony {}", retired.by),
                "to bring the token back, adopt it under another name",
            );
        }
        let known: Vec<&str> = state.targets.keys().map(Name::as_str).collect();
        let all = format!("its targets are: {}", known.join(", "));
        let hint = spelling::did_you_mean(name.as_str(), known, all);
        Error::refused(format!("{name} is not a target of this quorum"), hint)
    })
}

/// Reads a target without login and refuses one that is not the one on record.
pub fn observe(
    tokens: &mut dyn TokenSource,
    name: &Name,
    target: &TargetInForce,
) -> Result<Observation, Error> {
    let observation = look(tokens, name, target, target.identity.module_sha256)?;
    refuse_another(name, &target.identity, &observation.identity)?;
    Ok(observation)
}

/// The same behind a module whose digest is taken as it is found, to be approved by the quorum.
fn observe_unpinned(
    tokens: &mut dyn TokenSource,
    name: &Name,
    target: &TargetInForce,
) -> Result<Observation, Error> {
    let observation = look(tokens, name, target, None)?;
    let module_sha256 = observation.identity.module_sha256;
    let known = TokenIdentity { module_sha256, ..target.identity.clone() };
    refuse_another(name, &known, &observation.identity)?;
    Ok(observation)
}

fn look(
    tokens: &mut dyn TokenSource,
    name: &Name,
    target: &TargetInForce,
    pinned: Option<Digest>,
) -> Result<Observation, Error> {
    Ok(tokens.target(name, &target.target.place, Wanted::known(&target.identity), pinned)?.observe()?)
}

fn refuse_another(name: &Name, known: &TokenIdentity, found: &TokenIdentity) -> Result<(), Error> {
    if found == known {
        return Ok(());
    }
    let mut details = Vec::new();
    for (what, a, b) in [
        ("manufacturer", known.manufacturer.as_str(), found.manufacturer.as_str()),
        ("model", known.model.as_str(), found.model.as_str()),
        ("serial", known.serial.as_str(), found.serial.as_str()),
        ("label", known.label.as_str(), found.label.as_str()),
    ] {
        if a != b {
            details.push(format!("{what}: the ledger has \"{a}\", the token says \"{b}\""));
        }
    }
    if found.module_sha256 != known.module_sha256 {
        details.push("the module's file is not the one on record (SHA-256 differs)".into());
    }
    let error = Error::refused(
        format!("target {name} is not the token that the ledger knows"),
        "find the right token and module; this run touched nothing",
    );
    Err(error.with(details))
}

/// Reads the target of an inventory, behind the module that its plan names, if it names one.
pub(super) fn observe_for_inventory(
    tokens: &mut dyn TokenSource,
    known: &TargetInForce,
    plan: &InventoryPlan,
) -> Result<(Observation, Option<ModuleChange>), Error> {
    let name = &plan.target;
    if plan.module.is_none() && plan.module_sha256.is_none() {
        return Ok((observe(tokens, name, known)?, None));
    }
    let leave_out = "leave 'module' and 'module_sha256' out of the plan";
    let Place::Pkcs11 { module: old_path, .. } = &known.target.place else {
        return Err(Error::refused(format!("{name} is not behind a PKCS#11 module"), leave_out));
    };
    let new_path = plan.module.as_ref().unwrap_or(old_path);
    let mut target = known.clone();
    target.move_module(new_path);
    target.identity.module_sha256 = plan.module_sha256;
    let seen = match plan.module_sha256 {
        Some(_) => observe(tokens, name, &target)?,
        None => observe_unpinned(tokens, name, &target)?,
    };
    let old_sha256 = known.identity.module_sha256;
    if new_path == old_path && seen.identity.module_sha256 == old_sha256 {
        return Err(Error::refused(
            format!("the module that the plan names for {name} is the one on record, path and SHA-256"),
            leave_out,
        ));
    }
    let change = ModuleChange { old_path: old_path.clone(), old_sha256, new_path: new_path.clone() };
    Ok((seen, Some(change)))
}

/// The objects of the last inventory that the selectors mean.
pub fn select(
    name: &Name,
    target: &TargetInForce,
    selectors: &[ObjectSelector],
) -> Result<Vec<ObjectRecord>, Error> {
    let inventory = target.inventory.as_ref().ok_or_else(|| {
        Error::refused(
            format!("the ledger has no inventory of {name}"),
            "run a ceremony of kind \"inventory\" first: what is deleted must be on record",
        )
    })?;
    let particulars = |objects: &[ObjectRecord]| {
        objects.iter().map(|object| format!("{object}: {}", object.particulars())).collect()
    };
    selection::select(selectors, &inventory.objects).map_err(|misfit| match misfit {
        Misfit::Nothing { entry } => Error::refused(
            format!("objects, entry {entry}: it matches no object of the last inventory of {name}"),
            "compare it with 'quorate show LEDGER'; if the token has changed, run an \"inventory\" first",
        )
        .with(particulars(&inventory.objects)),
        Misfit::Several { entry, objects } => Error::refused(
            format!("objects, entry {entry}: it matches {} objects, not one", objects.len()),
            "add a field that tells them apart, from those listed here: label, public_key_sha256, value_sha256 …",
        )
        .with(particulars(&objects)),
        Misfit::Twins { entry, object, there } => Error::refused(
            format!(
                "objects, entry {entry}: {there} objects are {object}, and nothing on record tells them apart"
            ),
            match there {
                1 => "leave count out: there is one".to_owned(),
                _ => format!("write count = {there} to delete all of them; one alone can be removed only by a reset"),
            },
        ),
        Misfit::Twice { entry, object } => {
            Error::refused(format!("objects, entry {entry}: {object} is named twice"), "name it once")
        }
    })
}

/// The target of this name, which is a token.
pub(super) fn token<'s>(state: &'s LedgerState, name: &Name) -> Result<&'s TargetInForce, Error> {
    let target = target(state, name)?;
    match target.target.place.is_program() {
        false => Ok(target),
        true => {
            Err(Error::refused(format!("{name} is a program, not a token"), "use a plan of kind \"command\""))
        }
    }
}

pub(super) fn recorded(target: &TargetInForce) -> Vec<ObjectRecord> {
    target.inventory.as_ref().map(|i| i.objects.clone()).unwrap_or_default()
}

/// A target that is not the one that was approved.
pub(super) fn changed(name: &Name) -> Error {
    Error::refused(
        format!("target {name} is not as it was when it was proposed"),
        "find out who changed it; this run touched nothing, and the approvals stay valid for the token as it was",
    )
}

/// Whether another token behind the same module has this label.
pub(super) fn label_is_taken(
    world: &mut World<'_>,
    name: &Name,
    target: &TargetInForce,
    label: &str,
) -> bool {
    let pinned = target.identity.module_sha256;
    let found = world.tokens.open(name, &target.target.place, Wanted::Namesake(label), pinned);
    found.is_ok_and(|mut token| token.observe().is_ok_and(|seen| seen.initialised))
}

/// Nothing is there, and a file can be begun.
pub(super) fn check_output(world: &mut World<'_>, path: &OutputPath) -> Result<(), Error> {
    check_vacant(world, path)?;
    drop(world.artifacts.begin(path)?);
    Ok(world.artifacts.remove(path)?)
}

/// Nothing is where a file is to be written, and that is not in the ledger: a file there could pass for a part of it, or
/// make it unreadable.
pub(super) fn check_vacant(world: &mut World<'_>, path: &OutputPath) -> Result<(), Error> {
    if world.artifacts.is_in_ledger(path) {
        return Err(Error::refused(
            format!("{} lies in the ledger, or in a copy of it", path),
            "name a file outside of both",
        ));
    }
    if world.artifacts.exists(path) {
        return Err(Error::refused(
            format!("{} exists already", path),
            "nothing is overwritten: move it away, or name another file",
        ));
    }
    Ok(())
}
