//! What a proposal pins: the token as it is now, the objects as the ledger recorded them.

use super::Error;
use crate::{
    encoding::text::Name,
    ports::token::{TokenSource, Wanted},
    proposal::{
        plan::ObjectSelector,
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

/// The one object of the last inventory that each selector means.
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
    let mut selected: Vec<ObjectRecord> = Vec::new();
    for (place, selector) in (1_usize..).zip(selectors) {
        let matches: Vec<&ObjectRecord> = inventory.objects.iter().filter(|o| selector.means(o)).collect();
        match matches.as_slice() {
            [one] if selected.contains(one) => {
                return Err(Error::refused(
                    format!("objects, entry {place}: {one} is named twice"),
                    "name it once",
                ));
            }
            [one] => selected.push((*one).clone()),
            [] => {
                let error = Error::refused(
                    format!(
                        "objects, entry {place}: no object of the last inventory of {name} is meant by it"
                    ),
                    "compare it with 'quorate show LEDGER'; if the token has changed, run an \"inventory\" first",
                );
                return Err(error.with(inventory.objects.iter().map(ToString::to_string).collect()));
            }
            several => {
                let error = Error::refused(
                    format!("objects, entry {place}: it means {} objects, not one", several.len()),
                    "add id, label or public_key_sha256 until one is meant",
                );
                return Err(error.with(several.iter().map(ToString::to_string).collect()));
            }
        }
    }
    Ok(selected)
}
