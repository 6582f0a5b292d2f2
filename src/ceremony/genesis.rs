//! A genesis as it is proposed: the roster, the deal, and the credentials that will be installed.

use super::{
    Error,
    dealing::{self, Members, Terms},
    fresh_pins::FreshPins,
    joining::{check_reach, make_credentials, observe_target},
    mistakes::Mistakes,
    program_proposal::{HandedCredentials, program_credentials},
    station::StationSecrets,
};
use crate::{
    encoding::{digest::Digest, dsse::Mode},
    ports::token::TokenSource,
    proposal::{joining::GenesisTarget, operations::GenesisPlan, place::Place, target::Observation},
    roster::Roster,
};

/// A target that is to join, as it is now.
type Joining = (GenesisTarget, Observation);

/// The targets as they are now; none where something is in the way of one.
pub(super) fn targets(
    plan: &GenesisPlan,
    mode: Mode,
    tokens: &mut dyn TokenSource,
    mistakes: &mut Mistakes,
) -> Option<Vec<Joining>> {
    let policy = plan.policy();
    let mut targets = Vec::new();
    for table in &plan.targets {
        let joining = observe_target(table, &policy, mode, tokens).and_then(|joining| {
            check_distinct(&targets, &joining.0)?;
            Ok(joining)
        });
        targets.extend(mistakes.note(joining));
    }
    (targets.len() == plan.targets.len()).then_some(targets)
}

/// Deals: the roster with commitments and sealed shares.
pub(super) fn deal(
    plan: &GenesisPlan,
    members: Members,
    mode: Mode,
    ledger: Digest,
    station: &StationSecrets,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Roster, Error> {
    let terms = Terms {
        mode,
        ledger,
        epoch: 1,
        station: station.keys().clone(),
        members,
        authorities: plan.authorities.clone(),
        operations: plan.operations.iter().map(|(operation, table)| (*operation, table.rule())).collect(),
        policy: plan.policy(),
    };
    dealing::deal(terms, rng)
}

/// The credentials that the quorum will hold, and what goes to applications, all sealed.
pub(super) fn credentials(
    plan: &GenesisPlan,
    targets: &[Joining],
    handed_over: &HandedCredentials,
    roster: &Roster,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<FreshPins, Error> {
    check_reach(roster, targets)?;
    let mut pins = FreshPins::default();
    for target in targets {
        if matches!(target.0.place, Place::Command { .. }) {
            pins.credentials.extend(program_credentials(plan, &target.0, roster, handed_over, rng)?);
            continue;
        }
        make_credentials(target, &|_| 1, roster, rng, &mut pins)?;
    }
    Ok(pins)
}

/// A token joins once: under two names its PINs would be set twice.
fn check_distinct(targets: &[Joining], joining: &GenesisTarget) -> Result<(), Error> {
    match targets.iter().find(|(target, _)| target.is_same_token(joining)) {
        None => Ok(()),
        Some((twin, _)) => Err(Error::refused(
            format!("targets {} and {} are one token", twin.name, joining.name),
            "name it once; two empty slots need two labels",
        )),
    }
}
