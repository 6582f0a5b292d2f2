//! The PINs that a proposal carries: those that a reset sets, and those that replace what a target will have seen.

use super::{
    Error, World,
    genesis::{held_pin, seal_credential},
    pinning,
    propose::recorded,
};
use crate::{
    encoding::text::Name,
    memory::CredentialSecret,
    ports::token::Wanted,
    proposal::{
        operation::{CredentialRule, Operation, SealedCredential},
        plan::ResetPlan,
        target::{Custody, Observation, Role},
    },
    roster::Roster,
    transcript::ledger::{LedgerState, TargetInForce},
};

/// A new PIN in the place of each held one that the operation hands to the target, sealed to the same authority.
pub(super) fn renewal(
    state: &LedgerState,
    roster: &Roster,
    target: &TargetInForce,
    seen: &Observation,
    keep_pins: bool,
) -> Result<Vec<SealedCredential>, Error> {
    if keep_pins && target.exposed().is_empty() {
        return Err(Error::refused(
            format!(
                "keep_pins: the quorum holds no user-pin of {} that could be changed",
                target.target.name
            ),
            "leave it out of the plan",
        ));
    }
    if keep_pins {
        return Ok(Vec::new());
    }
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let name = &target.target.name;
    let mut credentials = Vec::new();
    for rule in target.exposed() {
        let (secret, bits) = held_pin(name, seen.pin_length, roster.policy(), &mut rng)?;
        let version = state.next_version(name, rule.role);
        credentials.push(seal_credential(roster, name, rule, version, bits, &secret)?);
    }
    Ok(credentials)
}

/// A reset with its two new PINs.
pub(super) fn reset(
    world: &mut World<'_>,
    state: &LedgerState,
    roster: &Roster,
    plan: &ResetPlan,
) -> Result<(Operation, Vec<SealedCredential>), Error> {
    let target = pinning::target(state, &plan.target)?;
    let observation = pinning::observe(world.tokens, &plan.target, target)?;
    let identity = observation.identity;
    if label_is_taken(world, &plan.target, target, plan.new_label.as_str()) {
        return Err(Error::refused(
            format!("a token with the label \"{}\" exists there already", plan.new_label),
            "choose another new_label: it must tell the reset token from every other",
        ));
    }
    if identity.serial != plan.serial || identity.label != plan.label {
        return Err(Error::refused(
            format!(
                "the plan names serial {} and label \"{}\", the token has {} and \"{}\"",
                plan.serial, plan.label, identity.serial, identity.label
            ),
            "a reset destroys everything: name the token exactly",
        ));
    }
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let mut credentials = Vec::new();
    for role in [Role::SoPin, Role::UserPin] {
        let rule =
            target.target.rule(role).filter(|rule| rule.custody == Custody::Held).ok_or_else(|| {
                Error::refused(
                    format!(
                        "a reset sets a new {role}, and the quorum does not hold the one of {}",
                        plan.target
                    ),
                    "only a target whose so-pin and user-pin are 'held' can be reset",
                )
            })?;
        let (secret, bits) = held_pin(&plan.target, observation.pin_length, roster.policy(), &mut rng)?;
        let version = state.next_version(&plan.target, role);
        credentials.push(seal_credential(roster, &plan.target, rule, version, bits, &secret)?);
        if role == Role::UserPin {
            credentials.extend(twin_for_reset(roster, target, rule, version, bits, &secret)?);
        }
    }
    let operation = Operation::Reset {
        target: plan.target.clone(),
        identity,
        objects: recorded(target),
        new_label: plan.new_label.clone(),
    };
    Ok((operation, credentials))
}

/// Whether another token behind the same module has this label.
pub(super) fn label_is_taken(
    world: &mut World<'_>,
    name: &Name,
    target: &TargetInForce,
    label: &str,
) -> bool {
    let pinned = target.identity.module_sha256;
    let found = world.tokens.open(name, &target.target.place, Wanted::Labelled(label), pinned);
    found.is_ok_and(|mut token| token.observe().is_ok_and(|seen| seen.initialised))
}

/// The authority of the SO PIN sets the user PIN at a reset, and must open the new one. That gives it nothing that the
/// SO PIN does not: an SO can set a user PIN at any time.
fn twin_for_reset(
    roster: &Roster,
    target: &TargetInForce,
    rule: &CredentialRule,
    version: u32,
    bits: u32,
    secret: &CredentialSecret,
) -> Result<Option<SealedCredential>, Error> {
    match target.target.rule(Role::SoPin) {
        Some(so) if so.authority != rule.authority => {
            let twin = CredentialRule { authority: so.authority.clone(), ..rule.clone() };
            seal_credential(roster, &target.target.name, &twin, version, bits, secret).map(Some)
        }
        _ => Ok(None),
    }
}
