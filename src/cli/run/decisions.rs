//! The decisions of a ceremony that is led through at one station: who approves and who releases, one card after the other.

use super::{
    attestation::Present,
    table::{GIVE, TRY, Table},
};
use crate::{
    ceremony::{Code, Error, ErrorKind},
    cli::{
        deciding::Ask,
        stage::{Needed, Stage},
    },
    encoding::text::Name,
    roster::requirement::Shares,
    storage::FileInbox,
    transcript::verification::Pins,
};

/// Custodians approve and release, one card after the other, until a quorum may act. The one whose approval is the last that is
/// needed releases at once, the card still in; those before them afterwards. If no card is left before, the ceremony stays
/// open: the administrator's card is not asked for what cannot be done yet. Gives all who approved, with the cards that were given.
pub(super) fn decisions(
    stage: &mut Stage,
    table: &mut Table<'_>,
    paper: Pins,
) -> Result<Vec<Present>, Error> {
    let state = stage.state_of_last()?;
    stage.tell_ahead(&state, &mut FileInbox::default())?;
    let mut needed = stage.needed()?;
    let approved = needed.counted.voices.approving().into_iter();
    let mut people: Vec<Present> = approved.map(|who| Present { who, card: None }).collect();
    while !needed.has_begun && !needed.counted.may_act() {
        let standing = needed.standing();
        stage.terminal.tell(&standing);
        match next_decision(stage, table, &needed, &mut people, paper) {
            Ok(More::Come) => {}
            Ok(More::DoNotCome) => return Err(left_open(None, &needed)),
            Err(error) if error.ends_questions() => return Err(left_open(Some(error), &needed)),
            Err(error) => return Err(error),
        }
        needed = stage.needed()?;
    }
    if !needed.has_begun {
        let there = match needed.shares {
            Shares::Released => "All approvals and releases are there.",
            Shares::Confirmed | Shares::None => "All approvals are there.",
        };
        stage.terminal.confirm(&format!("{there} Execute now?")).map_err(not_executed)?;
    }
    Ok(people)
}

/// Whether more cards come.
enum More {
    Come,
    DoNotCome,
}

/// The next card decides: that of somebody who approved and is still here, once shares may be released; else the next that comes.
fn next_decision(
    stage: &mut Stage,
    table: &mut Table<'_>,
    needed: &Needed,
    people: &mut Vec<Present>,
    paper: Pins,
) -> Result<More, Error> {
    if needed.may_release() {
        let waits =
            |person: &&mut Present| person.card.is_some() && !needed.counted.acting.contains(&person.who);
        if let Some(person) = people.iter_mut().find(waits) {
            return release(stage, table, person, paper);
        }
    }
    let next = table.next("Next card (yubikey:SERIAL, soft:FILE, done)");
    let Some(next) = table.forgives(next, GIVE)? else { return Ok(More::Come) };
    let Some(mut card) = next else {
        return Ok(if table.stops()? { More::DoNotCome } else { More::Come });
    };
    let holder = stage.holder(&mut card);
    let Some(who) = table.forgives(holder, GIVE)? else { return Ok(More::Come) };
    let known = people.iter_mut().find(|known| known.who == who);
    if let Some(before) = known
        && !(needed.may_release() && needed.waits_for(&who))
    {
        stage.terminal.tell(&format!("{who} has approved before."));
        before.card = Some(card);
        return Ok(More::Come);
    }
    let ask = if needed.releases_now(&who) { Ask::Release(Vec::new()) } else { Ask::Approve };
    let did = match ask {
        Ask::Release(_) if needed.counted.voices.approved.contains(&who) => "released their shares",
        Ask::Release(_) => "approved, and released their shares",
        _ => "approved",
    };
    let tried = stage.decide(&mut card, ask, paper);
    // It counts once the station keeps it, although a copy of the ledger could not be written to after that.
    if table.forgives(tried, GIVE)?.is_some() || !stage.needed()?.still_asks(needed, &who) {
        stage.terminal.tell(&format!("{who} {did}."));
        match people.iter_mut().find(|known| known.who == who) {
            Some(known) => known.card = Some(card),
            None => people.push(Present { who, card: Some(card) }),
        }
    }
    Ok(More::Come)
}

/// Somebody who approved at this table releases their shares; anyone who does not wish to is not asked again.
fn release(stage: &mut Stage, table: &Table<'_>, person: &mut Present, paper: Pins) -> Result<More, Error> {
    let Present { who, card } = person;
    let Some(present) = card else { return Ok(More::Come) };
    if table.asks && !table.wait_for(present, who.as_str())? {
        *card = None;
        return Ok(More::Come);
    }
    let tried = stage.decide(present, Ask::Release(Vec::new()), paper);
    match table.forgives(tried, TRY)? {
        Some(who) => stage.terminal.tell(&format!("{who} released their shares.")),
        None if !stage.needed()?.waits_for(who) => {
            stage.terminal.tell(&format!("{who} released their shares."))
        }
        None if !table.terminal.person_says_yes(&format!("{who} has not released. Try again?"))? => {
            *card = None
        }
        None => {}
    }
    Ok(More::Come)
}

impl Needed {
    /// Whether somebody has done nothing since.
    fn still_asks(&self, before: &Self, who: &Name) -> bool {
        let did = |needed: &Self| {
            let voices = &needed.counted.voices;
            (voices.approved.contains(who), voices.released.contains(who))
        };
        did(self) == did(before)
    }

    /// Whether shares may be released, and are.
    fn may_release(&self) -> bool {
        self.shares == Shares::Released && self.counted.has_approvals()
    }

    /// Whether somebody has not done all that is asked of them.
    fn waits_for(&self, who: &Name) -> bool {
        !self.counted.acting.contains(who)
    }

    /// Whether the next step of somebody is to release, with their approval where that is yet to come.
    fn releases_now(&self, who: &Name) -> bool {
        self.shares == Shares::Released && self.completed_by.contains(who)
    }

    /// Those who have not decided, or not released.
    fn missing(&self) -> Vec<&str> {
        let waits = |who: &&Name| match self.may_release() {
            true => self.counted.voices.approved.contains(*who) && self.waits_for(who),
            false => self.nearer_by.contains(*who),
        };
        let rejected = &self.counted.voices.rejected;
        self.people.iter().filter(|who| !rejected.contains(*who)).filter(waits).map(Name::as_str).collect()
    }

    fn standing(&self) -> String {
        let missing = self.missing().join(", ");
        match self.may_release() {
            true => format!(
                "A quorum has approved; released: {}. Not released yet: {missing}.",
                self.counted.acts.describe()
            ),
            false => format!("Approved: {}. Not yet: {missing}.", self.counted.approvals.describe()),
        }
    }
}

/// Too few decided, because nobody came any more, or for this reason.
fn left_open(why: Option<Error>, needed: &Needed) -> Error {
    let (counted, hint) = match needed.may_release() {
        true => (
            format!("too few have released their shares: {}", needed.counted.acts.describe()),
            "those who are missing run 'quorate release', then you run 'quorate execute' or the same command again; \
             'quorate abort' gives it up",
        ),
        false => (
            format!("too few have approved: {}", needed.counted.approvals.describe()),
            "those who are missing run 'quorate approve', then you run 'quorate execute' or the same command again; \
             'quorate abort' gives it up",
        ),
    };
    let left = Error::incomplete(format!("{counted}; the ceremony stays open, and nothing was tried"), hint)
        .with(vec![format!("not yet: {}", needed.missing().join(", "))]);
    match why {
        Some(Error { kind: ErrorKind::Interrupted, code, .. }) => Error {
            kind: ErrorKind::Interrupted,
            code,
            message: format!("interrupted: {}", left.message),
            ..left
        },
        _ => left,
    }
}

/// All approved, and then somebody did not go on.
fn not_executed(error: Error) -> Error {
    let how = match error.code {
        Code::NotConfirmed => "not confirmed",
        Code::Interrupted => "interrupted",
        Code::NoAnswer => "no answer was given",
        _ => return error,
    };
    Error {
        message: format!("{how}: the ceremony stays open, and nothing was tried"),
        hint: "'quorate execute' or the same command again goes on; 'quorate abort' gives it up".into(),
        ..error
    }
}
