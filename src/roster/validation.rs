//! From a roster that somebody wrote to one that can be relied on.

use std::collections::BTreeSet;

use super::{
    attestation::AttestedCard,
    attested,
    card::EnrolledCard,
    deal::{DealHeader, DealtCustodian, SealedShare},
    error::RosterError,
    governing, keys,
    members::{MAX_DRILL_DAYS, Policy, RosterDocument},
    people::{self, Person, Standing},
    point::KeyPoint,
    signatures::Signatures,
};
use crate::{
    encoding::{digest::Digest, strict, text::Name, time::Timestamp},
    sealing::{recipient::ShareRecipient, single::SealError},
};

/// A roster in which everything that can be checked without a secret was checked. It can have megabytes: ceremonies share
/// one, and it is never copied.
#[derive(Debug)]
pub struct Roster {
    document: RosterDocument,
    people: Vec<Person>,
    attested: Vec<(Digest, AttestedCard)>,
    points: BTreeSet<KeyPoint>,
    digest: Digest,
    dealing_id: Digest,
}

impl Roster {
    /// Checks a roster for a quorum of this mode.
    pub fn validate(document: RosterDocument) -> Result<Self, RosterError> {
        Self::in_walk(document, &Signatures::AT_ONCE)
    }

    /// The same within a walk over a ledger.
    pub fn in_walk(document: RosterDocument, signatures: &Signatures<'_>) -> Result<Self, RosterError> {
        let people = people::check(&document, signatures)?;
        let attested = attested::check(&document, &people)?;
        let points = keys::check(&document.deal, &people)?;
        keys::check_authorities(&document.deal)?;
        governing::check_groups(&document)?;
        governing::check_operations(&document)?;
        if !(1..=9).contains(&document.policy.copies) {
            return Err(RosterError::Copies(document.policy.copies));
        }
        if let Some(days) = document.policy.drill_every_days
            && !(1..=MAX_DRILL_DAYS).contains(&days)
        {
            return Err(RosterError::DrillDays(days));
        }
        people::check_keepers(document.policy.station_keepers, document.administrators.len())?;
        let dealing_id = document.deal.dealing_id();
        let roster = Self {
            digest: Digest::of(&strict::write(&document)),
            document,
            people,
            attested,
            points,
            dealing_id,
        };
        roster.check_deal()?;
        Ok(roster)
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn dealing_id(&self) -> Digest {
        self.dealing_id
    }

    pub fn document(&self) -> &RosterDocument {
        &self.document
    }

    pub fn deal(&self) -> &DealHeader {
        &self.document.deal
    }

    pub fn policy(&self) -> &Policy {
        &self.document.policy
    }

    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Those who hold shares, in the order of their indexes.
    pub fn custodians(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|p| p.standing == Standing::Custodian)
    }

    /// Those who propose and run stations, in the order of the roster.
    pub fn administrators(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|p| p.standing == Standing::Administrator)
    }

    pub fn person(&self, name: &Name) -> Option<&Person> {
        self.people.iter().find(|p| p.name == *name)
    }

    pub fn custodian(&self, name: &Name) -> Option<&Person> {
        self.person(name).filter(|p| p.standing == Standing::Custodian)
    }

    /// Whose card has this signing key.
    pub fn holder(&self, keyid: Digest) -> Option<(&Person, &EnrolledCard)> {
        self.people.iter().find_map(|person| person.card(keyid).map(|card| (person, card)))
    }

    /// The commitment to a custodian's share of an authority.
    pub fn commitment(&self, authority: &Name, custodian: &Name) -> Option<Digest> {
        let found = self
            .document
            .commitments
            .iter()
            .find(|c| c.authority == *authority && c.custodian == *custodian)?;
        Some(found.commitment)
    }

    /// The share of an authority that is sealed to this card.
    pub fn sealed_share(&self, authority: &Name, card: Digest) -> Option<&[u8]> {
        let found =
            self.document.sealed_shares.iter().find(|s| s.authority == *authority && s.card == card)?;
        Some(&found.file.0)
    }

    /// What a card proved of itself; none if nothing attests it.
    pub fn attested(&self, card: Digest) -> Option<&AttestedCard> {
        self.attested.iter().find(|(keyid, _)| *keyid == card).map(|(_, attested)| attested)
    }

    /// Whether a key of a person or an authority is this point.
    pub fn has_key(&self, point: KeyPoint) -> bool {
        self.points.contains(&point)
    }

    /// Whether the attestations were valid when a genesis was proposed as well: those of an enrolment are judged at its own
    /// time, which is its holder's claim.
    pub fn check_attestation_dates(&self, at: Timestamp) -> Result<(), RosterError> {
        for person in self.people() {
            for card in &person.cards {
                if let Some(attested) = self.attested(card.keyid()) {
                    attested.check_dates(at).map_err(|source| attested::refused(person, card, source))?;
                }
            }
        }
        Ok(())
    }

    fn check_deal(&self) -> Result<(), RosterError> {
        let deal = &self.document.deal;
        let wanted: Vec<DealtCustodian> = self
            .custodians()
            .map(|person| DealtCustodian { name: person.name.clone(), cards: person.dealt_cards() })
            .collect();
        if deal.custodians != wanted {
            return Err(RosterError::Deal("its custodians or their keys are others".into()));
        }
        if deal.rest != self.document.rest().digest() {
            return Err(RosterError::Deal(
                "it was made for other people, operations or another policy".into(),
            ));
        }
        if deal.epoch == 0 {
            return Err(RosterError::Deal("epochs count from 1".into()));
        }
        let mut commitments = self.document.commitments.iter();
        let mut shares = self.document.sealed_shares.iter();
        for authority in &deal.authorities {
            for custodian in &deal.custodians {
                match commitments.next() {
                    Some(c) if c.authority == authority.name && c.custodian == custodian.name => {}
                    _ => return Err(RosterError::Deal("commitments are missing or out of order".into())),
                }
                for card in &custodian.cards {
                    match shares.next() {
                        Some(share)
                            if share.authority == authority.name
                                && share.custodian == custodian.name
                                && share.card == card.keyid =>
                        {
                            check_sealed_share(share, &card.share_recipient)?;
                        }
                        _ => {
                            return Err(RosterError::Deal(
                                "sealed shares are missing or out of order".into(),
                            ));
                        }
                    }
                }
            }
        }
        if commitments.next().is_some() || shares.next().is_some() {
            return Err(RosterError::Deal("more commitments or sealed shares than members".into()));
        }
        Ok(())
    }
}

/// Whoever it is sealed to can be seen, as far as its kind tells: a share for another card is one that its custodian does not
/// have, and somebody else has.
fn check_sealed_share(share: &SealedShare, recipient: &ShareRecipient) -> Result<(), RosterError> {
    let problem = match recipient.check_sealed(&share.file.0) {
        Ok(()) => return Ok(()),
        Err(SealError::ManyRecipients { found }) => {
            format!("has {found} recipients: somebody else could open it too")
        }
        Err(SealError::NotOurs) => "is not sealed to the card that it is listed for".into(),
        Err(error) => format!("cannot be read: {error}"),
    };
    let (custodian, authority) = (share.custodian.clone(), share.authority.clone());
    Err(RosterError::SealedShare { custodian, authority, problem })
}
