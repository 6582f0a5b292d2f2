//! The PINs that a proposal carries: those that a reset sets, and those that replace what a target will have seen.

use super::{
    Error, World,
    genesis::{held_pin, seal_credential},
    pinning,
    propose::recorded,
};
use crate::{
    encoding::{strict::Base64, text::Name},
    memory::CredentialSecret,
    ports::token::Wanted,
    proposal::{
        joining::CredentialRule,
        operations::{Operation, ResetOperation, ResetPlan},
        sealed::{SealedCredential, SealedHandover},
        target::{Custody, Observation, Role},
    },
    roster::Roster,
    sealing::single,
    transcript::ledger::{LedgerState, TargetInForce},
};

/// What a proposal carries besides its operation.
#[derive(Default)]
pub(super) struct FreshPins {
    /// Sealed to authorities.
    pub(super) credentials: Vec<SealedCredential>,
    /// Sealed to applications.
    pub(super) handovers: Vec<SealedHandover>,
}

/// A new PIN in the place of the held one that the operation hands to the target, sealed to the same authority, and a
/// reissued one for its application.
pub(super) fn renewal(
    state: &LedgerState,
    roster: &Roster,
    target: &TargetInForce,
    seen: &Observation,
    keep_pins: bool,
) -> Result<FreshPins, Error> {
    let name = &target.target.name;
    if keep_pins && target.exposed().is_none() {
        return Err(Error::refused(
            format!("keep_pins: the quorum holds no PIN of {name} that could be changed"),
            "leave it out of the plan",
        ));
    }
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let mut fresh = FreshPins::default();
    let renewed = target.exposed().filter(|_| !keep_pins);
    for rule in renewed.into_iter().chain(target.target.reissued()) {
        let (secret, bits) = held_pin(name, rule, seen.pin_length, roster.policy(), &mut rng)?;
        let version = state.next_version(name, rule.role);
        fresh.credentials.push(seal_credential(roster, name, rule, version, bits, &secret)?);
        fresh.handovers.extend(handover(name, rule, version, &secret)?);
    }
    Ok(fresh)
}

/// A reissued PIN for its application; none where the rule's custody is another one.
pub(super) fn handover(
    target: &Name,
    rule: &CredentialRule,
    version: u32,
    secret: &CredentialSecret,
) -> Result<Option<SealedHandover>, Error> {
    let (Custody::Reissued, Some(recipient)) = (rule.custody, &rule.recipient) else { return Ok(None) };
    let file = Base64(single::seal_to(&single::parse_x25519_recipient(recipient)?, secret.expose())?);
    Ok(Some(SealedHandover { target: target.clone(), recipient: recipient.clone(), version, file }))
}

/// A reset with its two new PINs.
pub(super) fn reset(
    world: &mut World<'_>,
    state: &LedgerState,
    roster: &Roster,
    plan: &ResetPlan,
) -> Result<(Operation, FreshPins), Error> {
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
    let mut fresh = FreshPins::default();
    for role in [Role::SoPin, Role::UserPin] {
        let rule =
            target.target.rule(role).filter(|rule| rule.custody != Custody::Borrowed).ok_or_else(|| {
                Error::refused(
                    format!(
                        "a reset sets a new {role}, and the quorum does not hold the one of {}",
                        plan.target
                    ),
                    "only a target whose so-pin is 'held', and whose user-pin is 'held' or 'reissued', can be reset",
                )
            })?;
        let (secret, bits) = held_pin(&plan.target, rule, observation.pin_length, roster.policy(), &mut rng)?;
        let version = state.next_version(&plan.target, role);
        fresh.credentials.push(seal_credential(roster, &plan.target, rule, version, bits, &secret)?);
        fresh.handovers.extend(handover(&plan.target, rule, version, &secret)?);
        if role == Role::UserPin {
            fresh.credentials.extend(twin_for_reset(roster, target, rule, version, bits, &secret)?);
        }
    }
    let operation = Operation::Reset(ResetOperation {
        target: plan.target.clone(),
        identity,
        objects: recorded(target),
        new_label: plan.new_label.clone(),
    });
    Ok((operation, fresh))
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
