//! From a roster that somebody wrote to one that can be relied on.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    attestation::AttestedCard,
    attested,
    card::{CardKind, EnrolledCard},
    deal::{DealHeader, DealtCard, DealtCustodian, SealedShare},
    error::RosterError,
    members::{Member, OperationKind, Policy, RosterDocument},
    naming,
    point::KeyPoint,
    requirement,
};
use crate::{
    encoding::{
        bounds::CUSTODIANS,
        digest::Digest,
        dsse::Mode,
        strict,
        text::{Line, Name},
    },
    sealing::{
        recipient::ShareRecipient,
        single::{self, SealError},
    },
};

/// The longest time between two drills that a policy can demand: ten years.
pub const MAX_DRILL_DAYS: u32 = 3650;

/// In which capacity a person belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Holds shares, approves.
    Custodian,
    /// Proposes, runs the station.
    Administrator,
    /// Signs what was seen.
    Witness,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Custodian => "custodian",
            Self::Administrator => "administrator",
            Self::Witness => "witness",
        })
    }
}

/// A member whose cards were checked.
#[derive(Clone, Debug)]
pub struct Person {
    /// Identifier.
    pub name: Name,
    /// As it is read aloud.
    pub full_name: Line,
    /// In which capacity.
    pub standing: Standing,
    /// Cards, each with the signature of its enrolment checked.
    pub cards: Vec<EnrolledCard>,
}

impl Person {
    /// The card with this signing key.
    pub fn card(&self, keyid: Digest) -> Option<&EnrolledCard> {
        self.cards.iter().find(|card| card.keyid() == keyid)
    }
}

/// A roster in which everything that can be checked without a secret was checked. It can have megabytes: ceremonies share
/// one, and it is never copied.
#[derive(Debug)]
pub struct Roster {
    document: RosterDocument,
    people: Vec<Person>,
    attested: Vec<(Digest, AttestedCard)>,
    digest: Digest,
    dealing_id: Digest,
}

impl Roster {
    /// Checks a roster for a quorum of this mode.
    pub fn validate(document: RosterDocument) -> Result<Self, RosterError> {
        let people = check_people(&document)?;
        let attested = attested::check(&document, &people)?;
        check_keys(&document, &people)?;
        check_authorities(&document.deal)?;
        requirement::check_operations(&document)?;
        if !(1..=9).contains(&document.policy.copies) {
            return Err(RosterError::Copies(document.policy.copies));
        }
        if let Some(days) = document.policy.drill_every_days
            && !(1..=MAX_DRILL_DAYS).contains(&days)
        {
            return Err(RosterError::DrillDays(days));
        }
        let dealing_id = document.deal.dealing_id();
        let roster =
            Self { digest: Digest::of(&strict::write(&document)), document, people, attested, dealing_id };
        roster.check_deal()?;
        Ok(roster)
    }

    /// SHA-256 of the roster's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// SHA-256 of the deal header.
    pub fn dealing_id(&self) -> Digest {
        self.dealing_id
    }

    /// The roster as it is written.
    pub fn document(&self) -> &RosterDocument {
        &self.document
    }

    /// The deal header.
    pub fn deal(&self) -> &DealHeader {
        &self.document.deal
    }

    /// Demands and deviations.
    pub fn policy(&self) -> &Policy {
        &self.document.policy
    }

    /// Everybody.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Those who hold shares, in the order of their indexes.
    pub fn custodians(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|p| p.standing == Standing::Custodian)
    }

    /// The person of this name.
    pub fn person(&self, name: &Name) -> Option<&Person> {
        self.people.iter().find(|p| p.name == *name)
    }

    /// The custodian of this name.
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
        key_points(&self.document.deal, &self.people).iter().any(|(known, _)| *known == point)
    }

    /// What an auditor should know although it is allowed.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let n = self.document.deal.custodians.len();
        for authority in &self.document.deal.authorities {
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
                "backup needs {export} custodians and reset {reset}: whoever may export the keys needs no reset to take them"
            ));
        }
        if self.document.deal.mode == Mode::Production && self.document.policy.allow_soft_cards {
            warnings.push("deviation: soft cards are allowed: a share is worth the PIN of a file".into());
        }
        if self.document.deal.mode == Mode::Production && !self.document.policy.require_locked_memory {
            warnings.push("deviation: what libraries copy of secrets may reach swap".into());
        }
        if self.document.deal.mode == Mode::Production {
            warnings.extend(attested::warnings(self));
        }
        if self.document.policy.copies == 1 {
            warnings.push(
                "the ledger is kept in one place only: one broken disk, and the credentials are lost".into(),
            );
        }
        if self.document.policy.allow_short_pins {
            warnings.push("deviation: PINs under 8 characters are allowed: they can be guessed".into());
        }
        if self.document.policy.allow_same_medium && self.document.policy.copies > 1 {
            warnings.push("deviation: copies of the ledger may lie on one medium".into());
        }
        warnings
    }

    fn check_deal(&self) -> Result<(), RosterError> {
        let deal = &self.document.deal;
        let wanted: Vec<DealtCustodian> = self
            .custodians()
            .map(|person| DealtCustodian { name: person.name.clone(), cards: dealt_cards(person) })
            .collect();
        if deal.custodians != wanted {
            return Err(RosterError::Deal("its custodians or their keys are others".into()));
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

/// A custodian's cards as the deal header lists them.
pub(super) fn dealt_cards(person: &Person) -> Vec<DealtCard> {
    person
        .cards
        .iter()
        .filter_map(|card| {
            let share_recipient = card.enrolment().share_recipient.clone()?;
            Some(DealtCard { keyid: card.keyid(), share_recipient })
        })
        .collect()
}

/// Whoever it is sealed to can be seen, as far as its kind tells: a share for another card is one that its custodian does not
/// have, and somebody else has.
fn check_sealed_share(share: &SealedShare, recipient: &str) -> Result<(), RosterError> {
    let problem = match ShareRecipient::parse(recipient).and_then(|card| card.check_sealed(&share.file.0)) {
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

fn check_people(document: &RosterDocument) -> Result<Vec<Person>, RosterError> {
    let count = document.custodians.len();
    if !(2..=CUSTODIANS).contains(&count) {
        return Err(RosterError::CustodianCount(count));
    }
    if document.administrators.is_empty() {
        return Err(RosterError::NoAdministrator);
    }
    let listed = [
        (Standing::Custodian, &document.custodians),
        (Standing::Administrator, &document.administrators),
        (Standing::Witness, &document.witnesses),
    ];
    let mut seen = BTreeSet::new();
    let mut people = Vec::new();
    for (standing, members) in listed {
        for member in members {
            let spoken = naming::folded(&member.full_name);
            if !seen.insert(member.name.to_string()) || !seen.insert(format!("full name {spoken}")) {
                return Err(RosterError::PersonTwice(format!("{} ({})", member.name, member.full_name)));
            }
            people.push(check_member(member, standing, document)?);
        }
    }
    Ok(people)
}

fn check_member(
    member: &Member,
    standing: Standing,
    document: &RosterDocument,
) -> Result<Person, RosterError> {
    let name = &member.name;
    if member.cards.is_empty() {
        return Err(RosterError::NoCard(name.clone()));
    }
    if !naming::is_trimmed(&member.full_name) {
        return Err(RosterError::NameBlanks(member.full_name.clone()));
    }
    let mut cards = Vec::new();
    for file in &member.cards {
        let card = EnrolledCard::from_file(file.clone())
            .map_err(|source| RosterError::Enrolment { person: name.clone(), source })?;
        let enrolment = card.enrolment();
        if enrolment.holder != *name {
            return Err(RosterError::OtherHolder { person: name.clone(), holder: enrolment.holder.clone() });
        }
        if enrolment.full_name != member.full_name {
            let (listed, enrolled) = (member.full_name.clone(), enrolment.full_name.clone());
            return Err(RosterError::OtherName { listed, enrolled });
        }
        if !naming::is_serial(enrolment.kind, &enrolment.serial) {
            let (person, kind, serial) = (name.clone(), enrolment.kind, enrolment.serial.clone());
            return Err(RosterError::SerialSpelling { person, kind, serial });
        }
        let bad_recipient = |r: &String| !is_share_key(enrolment.kind, r);
        if enrolment.share_recipient.as_ref().is_some_and(bad_recipient) {
            return Err(RosterError::NoShareKey { person: name.clone(), serial: enrolment.serial.clone() });
        }
        if standing == Standing::Administrator
            && enrolment.kind == CardKind::Yubikey
            && enrolment.signing_key.algorithm() == "ed25519"
        {
            let serial = enrolment.serial.clone();
            return Err(RosterError::ShortSignatures { person: name.clone(), serial });
        }
        if standing != Standing::Witness && enrolment.share_recipient.is_none() {
            return Err(RosterError::NoShareKey { person: name.clone(), serial: enrolment.serial.clone() });
        }
        match (document.deal.mode, enrolment.kind) {
            (Mode::Production, CardKind::Soft) if !document.policy.allow_soft_cards => {
                return Err(RosterError::SoftCard { person: name.clone() });
            }
            (Mode::Rehearsal, kind) if kind != CardKind::Soft => {
                return Err(RosterError::HardCard { person: name.clone(), kind });
            }
            _ => cards.push(card),
        }
    }
    Ok(Person { name: name.clone(), full_name: member.full_name.clone(), standing, cards })
}

/// A card of each kind has share keys of one kind.
fn is_share_key(kind: CardKind, recipient: &str) -> bool {
    matches!(
        (kind, ShareRecipient::parse(recipient)),
        (CardKind::Soft, Ok(ShareRecipient::X25519(_))) | (CardKind::Yubikey, Ok(ShareRecipient::Piv(_)))
    )
}

/// No serial and no key occurs twice, whoever has it, whatever it is for and however it is spelled.
fn check_keys(document: &RosterDocument, people: &[Person]) -> Result<(), RosterError> {
    let mut serials: BTreeMap<String, &Name> = BTreeMap::new();
    for person in people {
        for card in &person.cards {
            let serial = format!("{} {}", card.enrolment().kind, card.enrolment().serial);
            if let Some(first) = serials.insert(serial.clone(), &person.name) {
                let (first, second) = (first.clone(), person.name.clone());
                return Err(RosterError::SerialTwice { serial, first, second });
            }
        }
    }
    let mut owners: BTreeMap<KeyPoint, String> = BTreeMap::new();
    let dealt_by = document.deal.station.points().into_iter().map(|point| (point, "the station".to_owned()));
    for (point, of) in dealt_by.chain(key_points(&document.deal, people)) {
        if let Some(first) = owners.insert(point, of.clone()) {
            return Err(RosterError::KeyTwice { first, second: of });
        }
    }
    Ok(())
}

/// Every key of people and authorities as a point, with whose it is. A recipient that cannot be read is refused elsewhere.
fn key_points(deal: &DealHeader, people: &[Person]) -> Vec<(KeyPoint, String)> {
    let mut points = Vec::new();
    for person in people {
        for enrolment in person.cards.iter().map(EnrolledCard::enrolment) {
            points.push((KeyPoint::of_key(&enrolment.signing_key), person.name.to_string()));
            let share = enrolment.share_recipient.as_deref().and_then(KeyPoint::of_recipient);
            points.extend(share.map(|point| (point, person.name.to_string())));
        }
    }
    points.extend(deal.authorities.iter().filter_map(|authority| {
        Some((KeyPoint::of_recipient(&authority.recipient)?, authority.name.to_string()))
    }));
    points
}

fn check_authorities(deal: &DealHeader) -> Result<(), RosterError> {
    if deal.authorities.is_empty() {
        return Err(RosterError::Authorities("there is none".into()));
    }
    let mut names = BTreeSet::new();
    for authority in &deal.authorities {
        if !names.insert(&authority.name) {
            return Err(RosterError::Authorities(format!("{} is listed twice", authority.name)));
        }
        let n = deal.custodians.len();
        if authority.threshold < 2 || usize::from(authority.threshold) > n {
            return Err(RosterError::Threshold {
                authority: authority.name.clone(),
                threshold: authority.threshold,
                custodians: n,
            });
        }
        if single::parse_x25519_recipient(&authority.recipient).is_err() {
            return Err(RosterError::Authorities(format!("{} has no X25519 recipient", authority.name)));
        }
    }
    Ok(())
}
