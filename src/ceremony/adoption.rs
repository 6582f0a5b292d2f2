//! Targets that join a quorum after its genesis, and targets that leave it.

use super::{
    Error, World,
    fresh_pins::FreshPins,
    genesis::{check_reach, make_credentials, observe_target},
    pinning,
};
use crate::{
    proposal::{
        operations::{AdoptOperation, AdoptPlan, Operation, RetireOperation, RetirePlan},
        target::Custody,
    },
    roster::{OperationKind, Roster},
    transcript::ledger::LedgerState,
};

/// Another target, with its new credentials: as a genesis does it, sealed to the authorities in force.
pub(super) fn adopt(
    world: &mut World<'_>,
    state: &LedgerState,
    roster: &Roster,
    plan: &AdoptPlan,
) -> Result<(Operation, FreshPins), Error> {
    let name = &plan.target.name;
    if let Some(rule) =
        plan.target.credentials.values().find(|rule| roster.deal().authority(&rule.authority).is_none())
    {
        let known: Vec<&str> = roster.deal().authorities.iter().map(|a| a.name.as_str()).collect();
        return Err(Error::refused(
            format!("target {name}: there is no authority {}", rule.authority),
            format!("the authorities in force are: {}", known.join(", ")),
        ));
    }
    if state.any_target(name).is_some() {
        return Err(Error::refused(
            format!("{name} is the name of a target that this quorum has or had"),
            "give the new target a name of its own",
        ));
    }
    let joining = observe_target(&plan.target, roster.policy(), world.mode, world.tokens)?;
    if let Some((known, _)) = state.targets.iter().find(|(_, known)| known.is_token_of(&joining.0)) {
        return Err(Error::refused(
            format!("this token is a target of the quorum already: {known}"),
            "name another token, or run an \"inventory\" of that one",
        ));
    }
    let targets = [joining];
    check_reach(roster, &targets)?;
    let [joining] = &targets;
    check_adopters(roster, joining.0.credentials.iter())?;
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let mut pins = FreshPins::default();
    make_credentials(joining, &|role| state.next_version(name, role), roster, &mut rng, &mut pins)?;
    Ok((Operation::Adopt(AdoptOperation { target: Box::new(joining.0.clone()) }), pins))
}

/// An adoption installs the new credentials, so that its authorities must open them.
fn check_adopters<'a>(
    roster: &Roster,
    rules: impl Iterator<Item = &'a crate::proposal::joining::CredentialRule>,
) -> Result<(), Error> {
    let adopters = roster.requirement(OperationKind::Adopt);
    for rule in rules.filter(|rule| rule.custody != Custody::Borrowed) {
        if !adopters.has(&rule.authority) {
            return Err(Error::refused(
                format!(
                    "the new {} is sealed to {}, which the roster does not name for adopt: nobody could install it",
                    rule.role, rule.authority
                ),
                "give it to an authority that the roster names for adopt",
            ));
        }
    }
    Ok(())
}

/// Lets a target go. It need not be there any more.
pub(super) fn retire(state: &LedgerState, plan: &RetirePlan) -> Result<(Operation, FreshPins), Error> {
    let identity = &pinning::target(state, &plan.target)?.identity;
    if identity.serial != plan.serial || identity.label != plan.label {
        return Err(Error::refused(
            format!(
                "the plan names serial {} and label \"{}\", the ledger has {} and \"{}\"",
                plan.serial, plan.label, identity.serial, identity.label
            ),
            "a target that was let go is not taken back: name it exactly, as 'quorate status' does",
        ));
    }
    let operation =
        Operation::Retire(RetireOperation { target: plan.target.clone(), identity: identity.clone() });
    Ok((operation, FreshPins::default()))
}
