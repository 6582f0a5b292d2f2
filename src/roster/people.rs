//! The people of a roster, with their cards checked.

use std::collections::BTreeSet;

use super::{
    card::{CardKind, EnrolledCard},
    deal::DealtCard,
    error::RosterError,
    members::{Member, RosterDocument},
    naming,
    signatures::Signatures,
};
use crate::{
    encoding::{
        bounds::CUSTODIANS,
        digest::Digest,
        dsse::Mode,
        text::{Line, Name},
    },
    sealing::recipient::ShareRecipient,
};

/// In which capacity a person belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Holds shares, approves.
    Custodian,
    /// Holds no share, approves what needs them.
    Approver,
    /// Proposes, runs the station.
    Administrator,
    /// Signs what was seen.
    Witness,
}

impl Standing {
    /// Whether something is sealed to their cards: shares, or a station's state.
    const fn needs_share_key(self) -> bool {
        matches!(self, Self::Custodian | Self::Administrator)
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Custodian => "custodian",
            Self::Approver => "approver",
            Self::Administrator => "administrator",
            Self::Witness => "witness",
        })
    }
}

/// A member whose cards were checked.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: Name,
    /// As it is read aloud.
    pub full_name: Line,
    pub standing: Standing,
    /// Of a custodian: the group whose minima they count for.
    pub group: Option<Name>,
    /// Cards, each with the signature of its enrolment checked.
    pub cards: Vec<EnrolledCard>,
}

impl Person {
    pub fn card(&self, keyid: Digest) -> Option<&EnrolledCard> {
        self.cards.iter().find(|card| card.keyid() == keyid)
    }

    /// The cards as a deal header lists them: those that have a share key.
    pub(super) fn dealt_cards(&self) -> Vec<DealtCard> {
        let dealt = |card: &EnrolledCard| {
            let share_recipient = card.share_recipient()?.clone();
            Some(DealtCard { keyid: card.keyid(), share_recipient })
        };
        self.cards.iter().filter_map(dealt).collect()
    }
}

/// Everybody, each once, with cards that they can use.
pub(super) fn check(
    document: &RosterDocument,
    signatures: &Signatures<'_>,
) -> Result<Vec<Person>, RosterError> {
    let count = document.custodians.len();
    if !(2..=CUSTODIANS).contains(&count) {
        return Err(RosterError::CustodianCount(count));
    }
    if document.administrators.is_empty() {
        return Err(RosterError::NoAdministrator);
    }
    let listed = [
        (Standing::Custodian, &document.custodians),
        (Standing::Approver, &document.approvers),
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
            people.push(check_member(member, standing, document, signatures)?);
        }
    }
    Ok(people)
}

/// Whether so many administrators can be asked for the cards of `keepers` of them.
pub fn check_keepers(keepers: u8, administrators: usize) -> Result<(), RosterError> {
    if (1..=2).contains(&keepers) && usize::from(keepers) <= administrators {
        return Ok(());
    }
    Err(RosterError::StationKeepers { keepers, administrators })
}

fn check_member(
    member: &Member,
    standing: Standing,
    document: &RosterDocument,
    signatures: &Signatures<'_>,
) -> Result<Person, RosterError> {
    let name = &member.name;
    if member.cards.is_empty() {
        return Err(RosterError::NoCard(name.clone()));
    }
    if !naming::is_trimmed(&member.full_name) {
        return Err(RosterError::NameBlanks(member.full_name.clone()));
    }
    if let Some(group) = member.group.clone().filter(|_| standing != Standing::Custodian) {
        return Err(RosterError::GroupOfOther { person: name.clone(), group });
    }
    let mut cards = Vec::new();
    for file in &member.cards {
        let card = EnrolledCard::in_walk(file.clone(), signatures)
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
        if card.share_recipient().is_some_and(|key| !is_share_key(enrolment.kind, key)) {
            return Err(RosterError::NoShareKey { person: name.clone(), serial: enrolment.serial.clone() });
        }
        if standing.needs_share_key() && enrolment.share_recipient.is_none() {
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
    let (full_name, group) = (member.full_name.clone(), member.group.clone());
    Ok(Person { name: name.clone(), full_name, standing, group, cards })
}

/// A card of each kind has share keys of one kind.
const fn is_share_key(kind: CardKind, recipient: &ShareRecipient) -> bool {
    matches!(
        (kind, recipient),
        (CardKind::Soft, ShareRecipient::Hybrid(_)) | (CardKind::Yubikey, ShareRecipient::Yubikey(_))
    )
}
