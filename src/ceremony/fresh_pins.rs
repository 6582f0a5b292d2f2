//! The PINs that a proposal carries: those that a reset sets, and those that replace what a target will have seen.

use super::Error;
use crate::{
    encoding::{strict::Base64, text::Name},
    memory::CredentialSecret,
    proposal::{
        credential::{CredentialName, fresh_pin},
        joining::CredentialRule,
        sealed::{SealedCredential, SealedHandover},
        target::{Custody, Observation},
    },
    roster::{Policy, Roster},
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
            format!("keep_pins: the quorum has no PIN of {name} that could be changed"),
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
    let file = Base64(recipient.seal(secret.expose())?);
    Ok(Some(SealedHandover { target: target.clone(), recipient: recipient.clone(), version, file }))
}

/// A random PIN of the length that the token takes and the rule allows; refused where that is too short for the policy.
pub fn held_pin(
    target: &Name,
    rule: &CredentialRule,
    (shortest, longest): (usize, usize),
    policy: &Policy,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<(CredentialSecret, u32), Error> {
    let longest = pin_length(target, rule, (shortest, longest))?;
    if longest != 0 && longest < 8 && !policy.allow_short_pins {
        return Err(Error::refused(
            match rule.pin_length {
                Some(length) => format!("target {target}: {}.pin_length is {length}", rule.role),
                None => format!("target {target}: the token takes PINs of {longest} characters at most"),
            },
            "such a short PIN can be guessed; the plan of the genesis can allow it with policy.allow_short_pins = true",
        ));
    }
    let pin = fresh_pin(shortest, longest, rng)?;
    Ok((pin.secret, pin.bits))
}

/// The most characters of a PIN that the token takes and its rule allows; 0 means no limit.
fn pin_length(
    target: &Name,
    rule: &CredentialRule,
    (shortest, longest): (usize, usize),
) -> Result<usize, Error> {
    let refused = |takes: String, hint: String| {
        Err(Error::refused(
            format!("target {target}: {}.pin_length: the token takes PINs of {takes}", rule.role),
            hint,
        ))
    };
    let Some(allowed) = rule.longest_pin() else { return Ok(longest) };
    match rule.pin_length {
        Some(_) if allowed < shortest => refused(
            format!("{shortest} characters at least"),
            format!("write pin_length = {shortest} or more"),
        ),
        Some(_) if longest != 0 && allowed > longest => {
            refused(format!("{longest} characters at most"), format!("write pin_length = {longest} or less"))
        }
        _ if longest == 0 => Ok(allowed.max(shortest)),
        _ => Ok(allowed.max(shortest).min(longest)),
    }
}

pub fn seal_credential(
    roster: &Roster,
    target: &Name,
    rule: &CredentialRule,
    version: u32,
    bits: u32,
    secret: &CredentialSecret,
) -> Result<SealedCredential, Error> {
    let authority = roster.deal().authority(&rule.authority).ok_or_else(|| {
        Error::refused(
            format!("there is no authority {}", rule.authority),
            "fix the plan, then propose again",
        )
    })?;
    let name = CredentialName {
        ledger: roster.deal().ledger,
        authority: rule.authority.clone(),
        target: target.clone(),
        role: rule.role,
        version,
    };
    let file = Base64(name.seal(&authority.recipient, secret)?);
    Ok(SealedCredential {
        authority: rule.authority.clone(),
        target: target.clone(),
        role: rule.role,
        version,
        bits,
        bytes: u32::try_from(secret.expose().len()).unwrap_or(u32::MAX),
        file,
    })
}
