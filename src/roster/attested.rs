//! What the hardware cards of a production roster must prove, and what its policy lets pass.

use super::{
    attestation::{self, AttestationError, AttestedCard, Certificate, Firmware, Marking, Trust},
    card::{CardKind, EnrolledCard},
    error::RosterError,
    members::RosterDocument,
    validation::{Person, Roster},
};
use crate::encoding::{digest::Digest, dsse::Mode, time::Timestamp};

/// Every YubiKey of a production roster proves where its keys are, unless the policy lets it pass. What comes with an
/// enrolment must hold in any case.
pub(super) fn check(
    document: &RosterDocument,
    people: &[Person],
) -> Result<Vec<(Digest, AttestedCard)>, RosterError> {
    let policy = &document.policy.attestation;
    let mut attested = Vec::new();
    if document.deal.mode != Mode::Production {
        return Ok(attested);
    }
    let mut trust = Trust::new(&policy.roots);
    for der in &policy.certificates {
        trust.add(Certificate::from_der(&der.0).map_err(RosterError::AttestationCertificates)?);
    }
    for person in people {
        for card in &person.cards {
            match (card.enrolment().kind, card.attestation().next().is_some()) {
                (CardKind::Soft, false) => {}
                (CardKind::Yubikey, false) if !policy.required => {}
                (CardKind::Yubikey, false) => {
                    let (person, serial) = (person.name.clone(), card.enrolment().serial.clone());
                    return Err(RosterError::Unattested { person, serial });
                }
                (_, true) => {
                    let checked = attestation::check_enrolled(card, &trust, policy.min_firmware)
                        .map_err(|source| refused(person, card, source))?;
                    attested.push((card.keyid(), checked));
                }
            }
        }
    }
    Ok(attested)
}

fn refused(person: &Person, card: &EnrolledCard, source: AttestationError) -> RosterError {
    RosterError::Attestation {
        person: person.name.clone(),
        serial: card.enrolment().serial.clone(),
        source: Box::new(source),
    }
}

/// Deviations, for briefing and audit.
pub(super) fn warnings(roster: &Roster) -> Vec<String> {
    let policy = &roster.policy().attestation;
    let mut warnings = Vec::new();
    for person in roster.people() {
        let hardware = person.cards.iter().filter(|card| card.enrolment().kind == CardKind::Yubikey);
        warnings.extend(hardware.filter(|card| roster.attested(card.keyid()).is_none()).map(|card| {
            format!(
                "deviation: nothing attests {}'s yubikey card {}: its keys may have copies elsewhere",
                person.name,
                card.enrolment().serial
            )
        }));
    }
    for person in roster.people() {
        let unmarked = person.cards.iter().filter(|card| {
            roster.attested(card.keyid()).is_some_and(|a| a.signing().marking() == Marking::RootOnly)
        });
        warnings.extend(unmarked.map(|card| {
            format!(
                "the own certificate of {}'s yubikey card {} is not marked as an authority's, as in some of firmware 4 and \
                 5.2.4: it counts because the pinned root itself signed it",
                person.name,
                card.enrolment().serial
            )
        }));
    }
    if !policy.required {
        warnings.push("deviation: cards without attestation are allowed".into());
    }
    if policy.min_firmware < Firmware::WITHOUT_EUCLEAK {
        warnings.push(format!(
            "deviation: cards with firmware {} or later are allowed: before {}, whoever takes a card apart can read its \
             ECDSA keys (EUCLEAK)",
            policy.min_firmware,
            Firmware::WITHOUT_EUCLEAK
        ));
    }
    warnings.extend(policy.roots.iter().map(|root| {
        format!("deviation: attestations may lead to an authority that is not Yubico's: SHA-256 {root}")
    }));
    warnings
}

impl Roster {
    /// Whether the attestations held when a genesis was proposed as well: those of an enrolment are judged at its own
    /// time, which is its holder's claim.
    pub fn check_attestation_dates(&self, at: Timestamp) -> Result<(), RosterError> {
        for person in self.people() {
            for card in &person.cards {
                if let Some(attested) = self.attested(card.keyid()) {
                    attested.check_dates(at).map_err(|source| refused(person, card, source))?;
                }
            }
        }
        Ok(())
    }
}
