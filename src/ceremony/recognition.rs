//! Whose card this is: serial and both keys must be as they were enrolled, before any PIN is asked for.

use super::{Code, Error};
use crate::{
    ports::card::{CardDescription, EnrolledKeys},
    roster::{Person, Roster, Standing},
    transcript::ledger::LedgerState,
};

/// The keys of every card that may be shown: of the roster in force, and of the ceremonies that are open or ended last,
/// whose rosters may be others.
pub fn enrolled(state: &LedgerState) -> Vec<EnrolledKeys> {
    let last = state.ceremonies.iter().rev().find(|ceremony| ceremony.end.is_some());
    let acting = state.open().into_iter().chain(last).map(|ceremony| &*ceremony.roster);
    acting.chain(state.roster().map(|roster| &**roster)).flat_map(enrolled_in).collect()
}

/// The keys of a roster's cards.
pub fn enrolled_in(roster: &Roster) -> Vec<EnrolledKeys> {
    let cards = roster.people().iter().flat_map(|person| &person.cards);
    cards.map(|card| EnrolledKeys::from(card.enrolment())).collect()
}

/// The person of the roster who holds this card.
pub fn holder<'r>(roster: &'r Roster, card: &CardDescription) -> Result<&'r Person, Error> {
    let Some((person, enrolled)) = roster.holder(card.signing_key.keyid()) else {
        let same_serial = roster.people().iter().find(|person| {
            person
                .cards
                .iter()
                .map(crate::roster::card::EnrolledCard::enrolment)
                .any(|enrolment| enrolment.kind == card.kind && enrolment.serial == card.serial)
        });
        if let Some(person) = same_serial {
            return Err(Error::refused(
                format!(
                    "{}'s card {} has another signing key than when it was enrolled",
                    person.name, card.serial
                ),
                "somebody made new keys on it; use a spare card, or have the member replaced",
            )
            .coded(Code::ForeignCard));
        }
        return Err(Error::refused(
            format!("card {} is on nobody's list in this quorum", card.serial),
            "insert the card that was enrolled for it",
        )
        .coded(Code::ForeignCard));
    };
    let enrolment = enrolled.enrolment();
    // A witness is enrolled without the share key that the card has all the same.
    let same_share_key =
        enrolment.share_recipient.is_none() || enrolment.share_recipient == card.share_recipient;
    if enrolment.kind != card.kind || enrolment.serial != card.serial || !same_share_key {
        return Err(Error::refused(
            format!(
                "{}'s card {} is not as it was enrolled: serial or share key differ",
                person.name, card.serial
            ),
            "use a spare card, or have the member replaced",
        )
        .coded(Code::ForeignCard));
    }
    Ok(person)
}

/// The administrator who holds this card; `what` is what only administrators do.
pub fn administrator<'r>(
    roster: &'r Roster,
    card: &CardDescription,
    what: &str,
) -> Result<&'r Person, Error> {
    let person = holder(roster, card)?;
    if person.standing == Standing::Administrator {
        return Ok(person);
    }
    Err(Error::refused(
        format!("this is the card of {}, a {}: only administrators {what}", person.name, person.standing),
        "insert an administrator's card",
    )
    .coded(Code::ForeignCard))
}
