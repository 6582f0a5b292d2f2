//! The PINs that the quorum does not have: who is asked for them, and why.

use std::collections::BTreeMap;

use super::{Code, Error, pinning};
use crate::{
    encoding::{spelling, text::Name},
    memory::Pin,
    ports::token::{TokenSource, Wanted},
    proposal::{
        joining::{GenesisTarget, StartKind},
        operations::Operation,
        target::{Custody, Observation, Role},
    },
    transcript::ledger::{Ceremony, LedgerState},
};

/// PINs that are in force and are not the quorum's.
pub type PresentPins = BTreeMap<(Name, Role), Pin>;

/// The PINs that the quorum does not have and an execution needs, each with the reason.
pub fn needed(state: Option<&LedgerState>, operation: &Operation) -> Vec<(Name, Role, String)> {
    let operation = match state.and_then(|state| state.recovery(operation)) {
        None => operation,
        Some(recovery) => match recovery.unfinished() {
            Some(lost) => &lost.operation,
            None => return Vec::new(),
        },
    };
    let joining = operation.installs().iter().flat_map(present_when_joining);
    joining.chain(borrowed(state, operation)).collect()
}

/// Refuses a PIN for a target that is not known: a misspelled one would be missing once all have gathered. One that is not
/// asked for, of a target that is known, is left alone: scripts give the same options to every ceremony.
pub(super) fn check_given<'p>(
    state: Option<&LedgerState>,
    operation: &Operation,
    given: impl IntoIterator<Item = &'p (Name, Role)>,
) -> Result<(), Error> {
    let mut known: Vec<Name> = state.iter().flat_map(|state| state.targets.keys().cloned()).collect();
    // A recovery of the genesis: its targets are not the quorum's yet.
    let acted_on = state.map_or(operation, |state| state.acted_on(operation));
    known.extend(acted_on.installs().iter().map(|target| target.name.clone()));
    known.extend(needed(state, operation).into_iter().map(|(target, ..)| target));
    for (target, role) in given {
        if !known.contains(target) {
            let names = known.iter().map(Name::as_str);
            let all = format!("its targets are: {}", names.clone().collect::<Vec<_>>().join(", "));
            let hint = spelling::did_you_mean(target.as_str(), names, all);
            let message =
                format!("--present-pin: a {role} is given for a target that this quorum does not have");
            return Err(Error::usage(message, hint).coded(Code::PinUnasked));
        }
    }
    Ok(())
}

fn borrowed(state: Option<&LedgerState>, operation: &Operation) -> Vec<(Name, Role, String)> {
    let Some((name, _)) = operation.target() else { return Vec::new() };
    let Some(target) = state.and_then(|state| state.targets.get(name)) else { return Vec::new() };
    roles_of(operation)
        .iter()
        .filter(|role| target.target.rule(**role).is_some_and(|rule| rule.custody == Custody::Borrowed))
        .map(|role| {
            (name.clone(), *role, "borrowed: its owner hands it over; it is tried once and not stored".into())
        })
        .collect()
}

/// The credentials of its own target that an operation uses: of a program, those that it is handed.
fn roles_of(operation: &Operation) -> Vec<Role> {
    match operation.program() {
        Some(run) => run.roles().into_iter().collect(),
        None => operation.facts().roles.to_vec(),
    }
}

fn present_when_joining(target: &GenesisTarget) -> Vec<(Name, Role, String)> {
    let custody = |role| target.rule(role).map(|rule| rule.custody);
    let mut needed = Vec::new();
    let changes = custody(Role::SoPin) == Some(Custody::Held)
        || matches!(custody(Role::UserPin), Some(Custody::Held | Custody::Reissued));
    if target.start == StartKind::TakeOver && changes {
        needed.push((
            target.name.clone(),
            Role::SoPin,
            "the SO PIN in force now; it is tried once and not stored".into(),
        ));
    }
    if custody(Role::UserPin) == Some(Custody::Borrowed) {
        let why = match target.start {
            StartKind::Initialise => {
                "borrowed: its owner chooses the user PIN of the new token; it is not stored"
            }
            StartKind::TakeOver => {
                "borrowed: its owner hands over the user PIN; it is tried once and not stored"
            }
        };
        needed.push((target.name.clone(), Role::UserPin, why.into()));
    }
    needed
}

/// Refuses a PIN of a length that the token does not take, before it is presented: a module may truncate it, which costs
/// a try. A token that cannot be looked at now is looked at again by what follows, which says why.
pub(super) fn check_lengths(
    tokens: &mut dyn TokenSource,
    state: &LedgerState,
    ceremony: &Ceremony,
    present: &PresentPins,
) -> Result<(), Error> {
    for (name, role, _) in needed(Some(state), &ceremony.proposal.operation) {
        let Some(pin) = present.get(&(name.clone(), role)) else { continue };
        let Some(Observation { pin_length: (shortest, longest), .. }) = look(tokens, state, ceremony, &name)
        else {
            continue;
        };
        let length = pin.expose().len();
        if length < shortest || (longest != 0 && length > longest) {
            let most = if longest == 0 { "more".into() } else { longest.to_string() };
            return Err(Error::refused(
                format!(
                    "the {role} of {name} that was handed over has {length} bytes, and the token takes {shortest} to {most}"
                ),
                "it was not tried; hand over the right one",
            ));
        }
    }
    Ok(())
}

fn look(
    tokens: &mut dyn TokenSource,
    state: &LedgerState,
    ceremony: &Ceremony,
    name: &Name,
) -> Option<Observation> {
    let acted_on = state.acted_on(&ceremony.proposal.operation);
    let Some(target) = acted_on.installs().iter().find(|target| target.name == *name) else {
        return pinning::observe(tokens, name, &state.targets.get(name)?.as_approved(acted_on)).ok();
    };
    let label = target.label.as_str();
    let serial = target.identity.serial.as_str();
    let places = match target.start {
        StartKind::TakeOver => vec![Wanted::Token { serial, label }],
        StartKind::Initialise => vec![Wanted::Namesake(label), Wanted::Empty],
    };
    places.into_iter().find_map(|wanted| {
        let mut target = tokens.target(name, &target.place, wanted, target.identity.module_sha256).ok()?;
        target.observe().ok()
    })
}
