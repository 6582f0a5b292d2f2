//! What a proposal pins: the token as it is now, the objects as the ledger recorded them.

use super::Error;
use crate::{
    encoding::text::Name,
    ports::token::{TokenSource, Wanted},
    proposal::{
        plan::ObjectSelector,
        selection::{self, Misfit},
        target::{ObjectRecord, Observation},
    },
    transcript::ledger::{LedgerState, TargetInForce},
};

/// The target of this name.
pub fn target<'s>(state: &'s LedgerState, name: &Name) -> Result<&'s TargetInForce, Error> {
    state.targets.get(name).ok_or_else(|| {
        if let Some(retired) = state.retired.get(name) {
            return Error::refused(
                format!("{name} was let go by ceremony {}", retired.by),
                "a token that is to come back is adopted under another name",
            );
        }
        let known = state.targets.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
        Error::refused(format!("{name} is no target of this quorum"), format!("its targets are: {known}"))
    })
}

/// Reads a target without login and refuses one that is not who the ledger says.
pub fn observe(
    tokens: &mut dyn TokenSource,
    name: &Name,
    target: &TargetInForce,
) -> Result<Observation, Error> {
    let wanted =
        Wanted::Token { serial: target.identity.serial.as_str(), label: target.identity.label.as_str() };
    let observation =
        tokens.open(name, &target.target.place, wanted, target.identity.module_sha256)?.observe()?;
    let (found, known) = (&observation.identity, &target.identity);
    if found != known {
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
            details.push(
                "the module's file is another one than the ledger has on record (SHA-256 differs)".into(),
            );
        }
        let error = Error::refused(
            format!("target {name} is not the token that the ledger knows"),
            "find the right token and module; this run touched nothing",
        );
        return Err(error.with(details));
    }
    Ok(observation)
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
            format!("objects, entry {entry}: no object of the last inventory of {name} is meant by it"),
            "compare it with 'quorate show LEDGER'; if the token has changed, run an \"inventory\" first",
        )
        .with(particulars(&inventory.objects)),
        Misfit::Several { entry, objects } => Error::refused(
            format!("objects, entry {entry}: it means {} objects, not one", objects.len()),
            "add what tells them apart, as it is listed here: label, public_key_sha256, value_sha256 …",
        )
        .with(particulars(&objects)),
        Misfit::Twins { entry, object, there } => Error::refused(
            format!(
                "objects, entry {entry}: {there} objects are {object}, and nothing on record tells them apart"
            ),
            match there {
                1 => "leave count out: there is one".to_owned(),
                _ => format!("write count = {there} to delete all of them; one alone goes with a reset only"),
            },
        ),
        Misfit::Twice { entry, object } => {
            Error::refused(format!("objects, entry {entry}: {object} is named twice"), "name it once")
        }
    })
}
