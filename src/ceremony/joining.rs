//! Targets as they join: what they are now, and the credentials that the quorum will have for them.

use super::{
    Error,
    fresh_pins::{self, FreshPins, held_pin, seal_credential},
};
use crate::{
    encoding::dsse::Mode,
    memory::{CredentialSecret, LockedBytes},
    ports::token::{TokenSource, Wanted},
    proposal::{
        joining::{GenesisTarget, StartKind},
        operations::facts,
        target::{Custody, Observation, Role},
        target_table::{JoiningAs, TargetTable},
    },
    roster::{OperationKind, Policy, Roster},
};

/// A target that is to join, as it is now.
pub(super) fn observe_target(
    table: &TargetTable,
    policy: &Policy,
    mode: Mode,
    tokens: &mut dyn TokenSource,
) -> Result<(GenesisTarget, Observation), Error> {
    let place = table.place.clone();
    if mode == Mode::Production && place.is_practice() && !policy.allow_soft_cards {
        return Err(Error::refused(
            format!("target {}: the practice token protects nothing", table.name),
            "rehearse with --rehearsal, or allow it in the plan: policy.allow_soft_cards = true",
        ));
    }
    let label = table.label();
    let observation = {
        let (wanted, sha256) = match &table.start {
            JoiningAs::Empty { .. } => (Wanted::Empty, None),
            JoiningAs::InUse { label, serial } => {
                (Wanted::Token { serial: serial.as_str(), label: label.as_str() }, None)
            }
            JoiningAs::Program { sha256 } => {
                (Wanted::Token { serial: "", label: label.as_str() }, Some(*sha256))
            }
        };
        tokens.target(&table.name, &place, wanted, sha256)?.observe()?
    };
    check_start(table, &observation)?;
    if table.start() == StartKind::Initialise
        && tokens
            .target(&table.name, &place, Wanted::Namesake(label.as_str()), None)
            .is_ok_and(|mut t| t.observe().is_ok_and(|o| o.initialised))
    {
        return Err(Error::refused(
            format!("target {}: a token with the label \"{}\" already exists there", table.name, label),
            "choose another label, one that tells the new token from the old one",
        ));
    }
    let target = GenesisTarget {
        name: table.name.clone(),
        place,
        start: table.start(),
        identity: observation.identity.clone(),
        label,
        credentials: table.credentials.clone(),
    };
    Ok((target, observation))
}

fn check_start(table: &TargetTable, observation: &Observation) -> Result<(), Error> {
    let (name, identity) = (&table.name, &observation.identity);
    match &table.start {
        JoiningAs::Empty { .. } if observation.initialised => Err(Error::refused(
            format!("target {name}: the token \"{}\" is already initialised", identity.label),
            "use start = \"take-over\" with its serial number, or name an empty slot",
        )),
        JoiningAs::InUse { .. } if !observation.initialised => {
            Err(Error::refused(format!("target {name}: the token is empty"), "use start = \"initialise\""))
        }
        JoiningAs::InUse { label, serial } if identity.serial != *serial || identity.label != *label => {
            Err(Error::refused(
                format!("target {name}: found serial {} with label \"{}\"", identity.serial, identity.label),
                "write serial and label in the plan as the token reports them",
            ))
        }
        _ => Ok(()),
    }
}

/// Every operation must be able to open the held credentials that it needs.
pub(super) fn check_reach(roster: &Roster, targets: &[(GenesisTarget, Observation)]) -> Result<(), Error> {
    for &operation in OperationKind::ALL {
        let requirement = roster.requirement(operation);
        for (target, _) in targets {
            let backs_up = matches!(operation, OperationKind::Backup | OperationKind::Restore);
            let backup_key = backs_up.then_some(Role::BackupKey);
            for role in facts(operation).roles.iter().chain(&backup_key) {
                let Some(rule) = target.rule(*role) else { continue };
                if rule.custody != Custody::Borrowed && !requirement.has(&rule.authority) {
                    return Err(Error::refused(
                        format!(
                            "operation {operation} needs the {role} of {}, which only {} opens, and that authority is not required for it",
                            target.name, rule.authority
                        ),
                        format!(
                            "in a genesis, add \"{}\" to operations.{operation}; later, choose an authority that the roster requires for it",
                            rule.authority
                        ),
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Every credential of a new target that the quorum keeps or hands over; `version` is that of the next one.
pub(super) fn make_credentials(
    (target, observed): &(GenesisTarget, Observation),
    version: &dyn Fn(Role) -> u32,
    roster: &Roster,
    rng: &mut impl rand_core::CryptoRng,
    into: &mut FreshPins,
) -> Result<(), Error> {
    for rule in target.credentials.iter().filter(|rule| rule.custody != Custody::Borrowed) {
        let (secret, bits) = match rule.role {
            Role::BackupKey => {
                let mut key = LockedBytes::zeroed(32)?;
                rng.fill_bytes(key.expose_mut());
                (CredentialSecret::new(key), 256)
            }
            _ => held_pin(&target.name, rule, observed.pin_length, roster.policy(), rng)?,
        };
        let version = version(rule.role);
        into.credentials.push(seal_credential(roster, &target.name, rule, version, bits, &secret)?);
        into.handovers.extend(fresh_pins::handover(&target.name, rule, version, &secret)?);
    }
    Ok(())
}
