//! What a roster allows, and an auditor should know.

use super::{
    attestation::{Firmware, Marking},
    card::CardKind,
    operation::OperationKind,
    people::Standing,
    validation::Roster,
};
use crate::encoding::{dsse::Mode, text::Name};

impl Roster {
    /// Why one administrator alone has what is released to a station; none where it takes two.
    pub fn one_keeper(&self) -> Option<String> {
        (self.policy().station_keepers == 1).then(|| {
            "any one administrator's card opens what is released to a station: a copy of its files and of the releases is \
             all that they need, whatever becomes of the ceremony"
                .into()
        })
    }

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
        warnings.extend(self.groups_without_spare());
        warnings.extend(self.approvers_without_spare());
        warnings.extend(self.ways_around_approvers());
        warnings.extend(administrators(self));
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

impl Roster {
    /// Groups that are exactly as large as a minimum: each of their members can prevent what the authority is for.
    fn groups_without_spare(&self) -> impl Iterator<Item = String> {
        let size = |group: &Name| self.custodians().filter(|c| c.group.as_ref() == Some(group)).count();
        self.deal().authorities.iter().flat_map(move |authority| {
            let whole = authority.groups.iter().filter(move |(group, m)| size(group) == usize::from(**m));
            whole.map(|(group, minimum)| {
                format!(
                    "authority {} needs {minimum} of the group {group}, which is all of it: without one of them nobody can \
                     meet that",
                    authority.name
                )
            })
        })
    }

    /// Approvers with one card: nobody can stand in for them.
    fn approvers_without_spare(&self) -> impl Iterator<Item = String> {
        let approvers = self.people().iter().filter(|person| person.standing == Standing::Approver);
        approvers.filter(|person| person.cards.len() == 1).map(|person| {
            let needed = self.document().operations.iter();
            let needed = needed.filter(|(_, rule)| rule.approvers.contains(&person.name));
            let needed: Vec<&str> = needed.map(|(operation, _)| operation.as_str()).collect();
            format!(
                "approver {} has one card: once it is lost, nobody can do what needs their approval ({})",
                person.name,
                needed.join(", ")
            )
        })
    }

    /// Operations that destroy what a deletion destroys, and need fewer approvers than it does.
    fn ways_around_approvers(&self) -> impl Iterator<Item = String> {
        let needed = self.requirement(OperationKind::Delete);
        let others = [OperationKind::Reset, OperationKind::Use].into_iter();
        others.flat_map(move |operation| {
            let less = self.requirement(operation);
            let around = needed.approvers().iter().filter(|name| !less.approvers().contains(name));
            let around: Vec<String> = around
                .map(|name| {
                    format!(
                        "delete needs the approval of {name} and {operation} does not, which can destroy the same objects"
                    )
                })
                .collect();
            around
        })
    }
}

/// Whether the loss of one administrator is the end.
fn administrators(roster: &Roster) -> Option<String> {
    let mut administrators = roster.administrators();
    match (administrators.next(), administrators.next(), administrators.next()) {
        (Some(only), None, _) => {
            let cards = if only.cards.len() == 1 { "their one card" } else { "the last of their cards" };
            Some(format!(
                "deviation: {} is the only administrator: the loss of {cards} is the end of the ledger",
                only.name
            ))
        }
        (_, Some(_), None) if roster.policy().station_keepers == 2 => Some(
            "both administrators are needed to open what is released: if one of them loses their last card, nothing is \
             executed any more"
                .into(),
        ),
        _ => None,
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
