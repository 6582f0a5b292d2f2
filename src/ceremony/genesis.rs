//! A genesis as it is proposed: the roster, the deal, and the credentials that will be installed.

use super::{
    Error,
    dealing::{self, Members, Terms},
    fresh_pins::FreshPins,
    joining::{check_reach, make_credentials, observe_target},
    program_proposal::{HandedCredentials, program_credentials},
    station::StationSecrets,
};
use crate::{
    encoding::{digest::Digest, dsse::Mode},
    ports::token::TokenSource,
    proposal::{joining::GenesisTarget, operations::GenesisPlan, place::Place, target::Observation},
    roster::Roster,
};

/// What a genesis deals.
pub struct Dealt {
    /// The roster with commitments and sealed shares.
    pub roster: Roster,
    /// The targets as they are now.
    pub targets: Vec<GenesisTarget>,
    /// The credentials that the quorum will hold, and what goes to applications.
    pub(super) pins: FreshPins,
}

/// Deals, and makes the credentials, all sealed.
pub fn deal(
    plan: &GenesisPlan,
    (members, handed_over): (Members, &HandedCredentials),
    mode: Mode,
    ledger: Digest,
    station: &StationSecrets,
    tokens: &mut dyn TokenSource,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Dealt, Error> {
    let policy = plan.policy.policy();
    let mut targets = Vec::new();
    for table in &plan.targets {
        let joining = observe_target(table, &policy, mode, tokens)?;
        check_distinct(&targets, &joining.0)?;
        targets.push(joining);
    }
    let terms = Terms {
        mode,
        ledger,
        epoch: 1,
        station: station.keys()?,
        members,
        authorities: plan.authorities.iter().map(|table| (table.name.clone(), table.threshold)).collect(),
        operations: plan.operations.clone(),
        policy,
    };
    let roster = dealing::deal(terms, rng)?;
    check_reach(&roster, &targets)?;
    let mut pins = FreshPins::default();
    for target in &targets {
        if matches!(target.0.place, Place::Command { .. }) {
            pins.credentials.extend(program_credentials(plan, &target.0, &roster, handed_over, rng)?);
            continue;
        }
        make_credentials(target, &|_| 1, &roster, rng, &mut pins)?;
    }
    Ok(Dealt { roster, targets: targets.into_iter().map(|(target, _)| target).collect(), pins })
}

/// A token joins once: under two names its PINs would be set twice.
fn check_distinct(targets: &[(GenesisTarget, Observation)], joining: &GenesisTarget) -> Result<(), Error> {
    match targets.iter().find(|(target, _)| target.is_same_token(joining)) {
        None => Ok(()),
        Some((twin, _)) => Err(Error::refused(
            format!("targets {} and {} are one token", twin.name, joining.name),
            "name it once; two empty slots need two labels",
        )),
    }
}
