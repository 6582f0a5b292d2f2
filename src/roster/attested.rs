//! What the hardware cards of a production roster must prove, and what its policy lets pass.

use super::{
    attestation::{self, AttestationError, AttestedCard, Certificate, Trust},
    card::{CardKind, EnrolledCard},
    error::RosterError,
    members::RosterDocument,
    people::Person,
};
use crate::encoding::{digest::Digest, dsse::Mode};

/// Every YubiKey of a production roster proves where its keys are, unless the policy lets it pass. What comes with an
/// enrolment must be valid in any case.
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

pub(super) fn refused(person: &Person, card: &EnrolledCard, source: AttestationError) -> RosterError {
    RosterError::Attestation {
        person: person.name.clone(),
        serial: card.enrolment().serial.clone(),
        source: Box::new(source),
    }
}
