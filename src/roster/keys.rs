//! The keys of people and authorities: each has one use.

use std::collections::{BTreeMap, BTreeSet};

use super::{deal::DealHeader, error::RosterError, people::Person, point::KeyPoint};
use crate::encoding::text::Name;

/// No serial and no key occurs twice, whoever has it, whatever it is for and however it is spelled. Gives the keys of people
/// and authorities.
pub(super) fn check(deal: &DealHeader, people: &[Person]) -> Result<BTreeSet<KeyPoint>, RosterError> {
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
    let dealt_by = deal.station.points();
    let of_station = dealt_by.iter().map(|point| (*point, "the station".to_owned()));
    for (point, of) in of_station.chain(points(deal, people)) {
        if let Some(first) = owners.insert(point, of.clone()) {
            return Err(RosterError::KeyTwice { first, second: of });
        }
    }
    Ok(owners.into_keys().filter(|point| !dealt_by.contains(point)).collect())
}

/// Every key of people and authorities as a point, with whose it is.
fn points(deal: &DealHeader, people: &[Person]) -> Vec<(KeyPoint, String)> {
    let mut points = Vec::new();
    for person in people {
        for card in &person.cards {
            points.push((KeyPoint::of_key(&card.enrolment().signing_key), person.name.to_string()));
            let share = card.share_recipient().into_iter().flat_map(KeyPoint::of_share_key);
            points.extend(share.map(|point| (point, person.name.to_string())));
        }
    }
    for authority in &deal.authorities {
        let halves = KeyPoint::of_recipient(&authority.recipient);
        points.extend(halves.map(|point| (point, authority.name.to_string())));
    }
    points
}

/// Authorities have names and thresholds that make sense.
pub(super) fn check_authorities(deal: &DealHeader) -> Result<(), RosterError> {
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
    }
    Ok(())
}
