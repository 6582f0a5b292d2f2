//! Proposing plans that run programs: everything is pinned, and seen to be possible.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use super::{Error, World, backup, fresh_pins::seal_credential, pinning};
use crate::{
    encoding::{
        digest::{Digest, Hasher},
        text::Name,
    },
    memory::CredentialSecret,
    proposal::{
        credential::fresh_pin,
        joining::{CredentialRule, GenesisTarget},
        operations::{GenesisPlan, Plan},
        program::{LONGEST_FILE, ProgramCheck, ProgramRun},
        program_plan::InputTable,
        sealed::SealedCredential,
        target::{Custody, Role},
    },
    roster::Roster,
};

/// Credentials that their owners hand over when a genesis is proposed.
pub type HandedCredentials = BTreeMap<(Name, Role), CredentialSecret>;

/// The longest credential that can be handed over.
const LONGEST: usize = 4000;

/// The credentials that are to be handed over when a plan is proposed.
pub fn handed_over_needed(plan: &Plan) -> Vec<(Name, Role)> {
    let Plan::Genesis(plan) = plan else { return Vec::new() };
    let roles = plan.targets.iter().flat_map(|table| table.handed_over.iter().map(move |role| (table, role)));
    roles.map(|(table, role)| (table.name.clone(), *role)).collect()
}

/// The held credentials of the programs of a genesis, sealed.
pub(super) fn program_credentials(
    plan: &GenesisPlan,
    target: &GenesisTarget,
    roster: &Roster,
    handed_over: &HandedCredentials,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<SealedCredential>, Error> {
    let held = target.credentials.iter().filter(|rule| rule.custody == Custody::Held);
    held.map(|rule| {
        let table = plan.targets.iter().find(|table| table.name == target.name);
        let seal =
            |bits, secret: &CredentialSecret| seal_credential(roster, &target.name, rule, 1, bits, secret);
        if table.is_some_and(|table| table.handed_over.contains(&rule.role)) {
            return seal(0, handed(&target.name, rule, handed_over)?);
        }
        let fresh = fresh_pin(0, 0, rng)?;
        seal(fresh.bits, &fresh.secret)
    })
    .collect()
}

fn handed<'h>(
    target: &Name,
    rule: &CredentialRule,
    handed_over: &'h HandedCredentials,
) -> Result<&'h CredentialSecret, Error> {
    let role = rule.role;
    let found = handed_over.get(&(target.clone(), role)).ok_or_else(|| {
        Error::usage(
            format!("the {role} of {target} must be handed over, and was not"),
            format!("give it with --hand-over {target}:{role}=FILE, or run it in a terminal"),
        )
    })?;
    if (1..=LONGEST).contains(&found.expose().len()) {
        return Ok(found);
    }
    Err(Error::refused(
        format!("the {role} of {target} has {} bytes", found.expose().len()),
        format!("1 to {LONGEST} bytes can be handed over"),
    ))
}

/// SHA-256 of each input as it is now.
pub(super) fn digests(world: &mut World<'_>, tables: &[InputTable]) -> Result<Vec<(Name, Digest)>, Error> {
    let mut found = Vec::new();
    for table in tables {
        let file = world.artifacts.open(&table.path)?;
        let path = &table.path;
        let digest = digest_within(file, LONGEST_FILE)
            .map_err(|e| Error::problem(format!("{path} cannot be read: {e}"), "check the medium"))?
            .ok_or_else(|| {
                Error::refused(
                    format!(
                        "{path} is longer than {LONGEST_FILE} bytes, the most that an input of a program can have"
                    ),
                    "give the program a smaller input",
                )
            })?;
        found.push((table.name.clone(), digest));
    }
    Ok(found)
}

/// SHA-256 of a file; none of one that is longer. A file over the limit would be cut off when it is copied for the program, and
/// look like a file that somebody changed.
fn digest_within(file: impl Read, longest: u64) -> io::Result<Option<Digest>> {
    let mut bounded = file.take(longest.saturating_add(1));
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 64 * 1024]);
    loop {
        let read = match bounded.read(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            return Ok((bounded.limit() > 0).then(|| hasher.finish()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// The digest of an input: that of its plan, or else as it was found.
pub(super) fn digest_of(found: &[(Name, Digest)], table: &InputTable) -> Digest {
    let known = found.iter().find(|(name, _)| *name == table.name).map(|(_, digest)| *digest);
    table.sha256.or(known).unwrap_or(Digest::from_bytes([0; 32]))
}

/// Programs and inputs are the pinned ones, and nothing is where outputs go. Looked at when proposing, and again before the
/// intent.
pub(super) fn check_run(
    world: &mut World<'_>,
    run: &ProgramRun,
    check: Option<&ProgramCheck>,
) -> Result<(), Error> {
    let programs = [(&run.program, run.sha256)].into_iter().chain(check.map(|c| (&c.program, c.sha256)));
    for (program, pinned) in programs {
        let found = world.programs.digest(program)?;
        if found != pinned {
            return Err(Error::refused(
                format!("{} is not the program that is pinned (SHA-256 differs)", program),
                "find out who changed it; if it was updated, propose a plan that names the new SHA-256",
            )
            .with(vec![format!("the file has the SHA-256 {found}")]));
        }
    }
    for input in &run.inputs {
        if backup::hash(world.artifacts.open(&input.path)?)? != input.sha256 {
            return Err(Error::refused(
                format!("{} is not the input that is pinned (SHA-256 differs)", input.path),
                "bring the right file; this run touched nothing",
            ));
        }
    }
    for output in &run.outputs {
        pinning::check_vacant(world, &output.path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_has_no_digest() {
        assert_eq!(digest_within(b"four".as_slice(), 4).unwrap(), Some(Digest::of(b"four")));
        assert_eq!(digest_within(b"".as_slice(), 4).unwrap(), Some(Digest::of(b"")));
        assert_eq!(digest_within(b"five5".as_slice(), 4).unwrap(), None);
    }
}
