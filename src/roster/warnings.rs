//! What a roster allows, and an auditor should know.

use super::{
    attestation::{Firmware, Marking},
    card::CardKind,
    operation::OperationKind,
    validation::Roster,
};
use crate::encoding::dsse::Mode;

impl Roster {
    /// What an auditor should know although it is allowed.
    pub fn warnings(&self) -> Vec<String> {
        let (deal, policy) = (self.deal(), self.policy());
        let is_production = deal.mode == Mode::Production;
        let mut warnings = Vec::new();
        let n = deal.custodians.len();
        for authority in &deal.authorities {
            if usize::from(authority.threshold) == n {
                warnings.push(format!(
                    "authority {}: M = N = {n}: one lost or blocked card, and it is lost for ever",
                    authority.name
                ));
            }
        }
        let takes = |operation| self.requirement(operation).at_least();
        if let (Some(export), Some(reset)) = (takes(OperationKind::Backup), takes(OperationKind::Reset))
            && export < reset
        {
            warnings.push(format!(
                "backup needs {export} custodians and reset {reset}: anyone who may export the keys does not need a reset to take them"
            ));
        }
        if is_production && policy.allow_soft_cards {
            warnings.push("deviation: soft cards are allowed: a share is worth the PIN of a file".into());
        }
        if is_production && !policy.require_locked_memory {
            warnings.push("deviation: what libraries copy of secrets may reach swap".into());
        }
        if is_production {
            warnings.extend(attestation(self));
        }
        if policy.copies == 1 {
            warnings.push(
                "the ledger is kept in one place only: one broken disk, and the credentials are lost".into(),
            );
        }
        if policy.allow_short_pins {
            warnings.push("deviation: PINs under 8 characters are allowed: they can be guessed".into());
        }
        if policy.allow_same_medium && policy.copies > 1 {
            warnings.push("deviation: copies of the ledger may lie on one medium".into());
        }
        warnings
    }
}

/// What is not attested, and what else attestations may lead to.
fn attestation(roster: &Roster) -> Vec<String> {
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
            "deviation: cards with firmware {} or later are allowed: before {}, anyone who takes a card apart can read its \
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
