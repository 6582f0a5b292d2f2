//! Recognising the person by their card: serial and both keys must be as they were enrolled, before any PIN is asked for.

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

pub fn enrolled_in(roster: &Roster) -> Vec<EnrolledKeys> {
    let cards = roster.people().iter().flat_map(|person| &person.cards);
    cards.map(EnrolledKeys::from).collect()
}

/// The person of the roster who has this card.
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
            format!("card {} belongs to nobody in this quorum", card.serial),
            "insert a card that was enrolled for this quorum",
        )
        .coded(Code::ForeignCard));
    };
    let enrolment = enrolled.enrolment();
    // A witness is enrolled without a share key, although the card has one.
    let same_share_key =
        enrolled.share_recipient().is_none() || enrolled.share_recipient() == card.share_recipient.as_ref();
    if enrolment.kind != card.kind || enrolment.serial != card.serial || !same_share_key {
        return Err(Error::refused(
            format!(
                "{}'s card {} is not as it was enrolled: its serial number or share key differs",
                person.name, card.serial
            ),
            "use a spare card, or have the member replaced",
        )
        .coded(Code::ForeignCard));
    }
    Ok(person)
}

/// The administrator who has this card; `what` is what only administrators do.
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
