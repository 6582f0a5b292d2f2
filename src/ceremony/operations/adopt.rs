//! An adoption: another target joins the quorum after its genesis.

use crate::{
    ceremony::{
        Error,
        acting::{Acted, Acting, Granted},
        fresh_pins::FreshPins,
        joining::{check_reach, make_credentials, observe_target},
        operations::performed::{Performed, Pinned, Proposing},
    },
    proposal::{
        joining::CredentialRule,
        operations::{AdoptOperation, AdoptPlan, rules::Payload as _},
        target::Custody,
    },
    roster::{OperationKind, Roster},
};

/// Another target, with its new credentials: as a genesis does it, sealed to the authorities in force.
pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &AdoptPlan) -> Pinned<AdoptOperation> {
    let (state, roster) = (proposing.state, &*proposing.roster);
    let name = &plan.target.name;
    if let Some(rule) =
        plan.target.credentials.iter().find(|rule| roster.deal().authority(&rule.authority).is_none())
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
    let joining =
        observe_target(&plan.target, roster.policy(), proposing.world.mode, proposing.world.tokens)?;
    if let Some((known, _)) = state.targets.iter().find(|(_, known)| known.is_token_of(&joining.0)) {
        return Err(Error::refused(
            format!("this token is already a target of the quorum: {known}"),
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
    Ok((AdoptOperation { target: Box::new(joining.0.clone()) }, pins))
}

impl Performed for AdoptOperation {
    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        acting.let_join(self.installs(), granted)
    }
}

/// An adoption installs the new credentials, so its authorities must be able to open them.
fn check_adopters<'a>(roster: &Roster, rules: impl Iterator<Item = &'a CredentialRule>) -> Result<(), Error> {
    let adopters = roster.requirement(OperationKind::Adopt);
    for rule in rules.filter(|rule| rule.custody != Custody::Borrowed) {
        if !adopters.has(&rule.authority) {
            return Err(Error::refused(
                format!(
                    "the new {} is sealed to {}, which the roster does not require for adopt: nobody could install it",
                    rule.role, rule.authority
                ),
                "give it to an authority that the roster requires for adopt",
            ));
        }
    }
    Ok(())
}
