//! What comes next, by the rules of `execute`, as far as they can be applied without a card: shares that were released are
//! opened only there.

use std::collections::BTreeSet;

use super::{
    Error, giving_up,
    handed::SetAside,
    heard::{self, Heard},
    past_wrong_times, present,
};
use crate::{
    account::{
        advice::Advice,
        ceremony::{approvers, required},
        listed,
        open::{OpenStanding, PinToPresent},
        standing::NextStep,
    },
    approval::quorum::{Tally, Voices},
    encoding::{text::Name, time::Timestamp},
    ports::store::{Inbox, StationStore},
    roster::requirement::Shares,
    transcript::{
        finding::Finding,
        ledger::{Ceremony, LedgerState},
        outcome::Outcome,
        times::approval_ahead,
    },
};

/// The open ceremony, and what comes next, by the clock `now`.
pub fn standing(
    state: &LedgerState,
    station: &dyn StationStore,
    now: Timestamp,
) -> Result<(Option<OpenStanding>, NextStep), Error> {
    let objection = state.other_heads().next();
    let warned = |mut next: NextStep| {
        if let Some(objection) = objection {
            let told = format!("Before anything else, find out why {}. ", objection.message);
            next.reason = Advice::from(told).and(next.reason);
        }
        next
    };
    let waits = state.latest().filter(|latest| now < latest.times.1).map(|latest| waits(latest, now));
    let Some(open) = state.open() else {
        return Ok((None, warned(waits.unwrap_or_else(|| between(state)))));
    };
    let heard = heard::heard(open, state.mode, station)?;
    let here = station.is_station(state.nonce, open.number());
    let counted = Counted::of(open, &heard);
    let next = match waits {
        Some(waits) => waits,
        None => of_open(state, open, &counted, (station, now))?,
    };
    let next = warned(next);
    let pin = |(target, role, reason): (Name, _, String)| PinToPresent { target, role, reason };
    let Missing { unreleased, unheard } = Missing::of(open, &counted.voices);
    let Counted { voices, acting: released, approvals, acts } = counted;
    let approved = voices.approving();
    let standing = OpenStanding {
        directory: open.directory.clone(),
        kind: open.kind(),
        title: open.proposal.title.clone(),
        proposal: open.digest,
        proposer: open.proposal.proposer.clone(),
        created: open.proposal.created,
        expires: open.proposal.expires,
        expired: now > open.proposal.expires,
        needed: open.requirement().at_least(),
        have: approved.len(),
        reachable: approvals.reachable,
        required: required(&approvals),
        approvers: approvers(&approvals),
        shares: open.shares,
        released_for: required(&acts),
        not_released: approved
            .difference(&released)
            .filter(|who| !unreleased.contains(who))
            .cloned()
            .collect(),
        approved,
        released,
        rejected: voices.rejected,
        missing: unheard,
        unreleased,
        approvals: heard.approvals,
        releases: heard.releases,
        rejections: heard.rejections,
        set_aside: heard.set_aside.into_iter().map(SetAside::told).collect(),
        intended: open.intended.is_some(),
        concluded: open.concluded.is_some(),
        station_here: here,
        attempts: open.attempts.clone(),
        copies: open.roster.policy().copies,
        station_keepers: open.roster.policy().station_keepers,
        pins: present::needed(Some(state), &open.proposal.operation).into_iter().map(pin).collect(),
    };
    Ok((Some(standing), next))
}

/// What is ahead of this machine's clock, with the approvals that are not on record yet: those that the station keeps, and
/// those that were brought.
pub fn ahead(
    state: &LedgerState,
    station: &dyn StationStore,
    brought: &mut dyn Inbox,
    now: Timestamp,
) -> Result<Vec<Finding>, Error> {
    let mut found = state.ahead(now);
    if let Some(open) = state.open() {
        let mut heard = heard::heard(open, state.mode, station)?;
        heard.hear(open, state.mode, brought);
        let recorded = open.voices().approved;
        let new = heard.approvals.iter().filter(|said| said.time > now && !recorded.contains(&said.person));
        for finding in new.map(|said| approval_ahead(open, &said.person, said.time, now)) {
            // It may lie beside the transcript, too.
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
    }
    Ok(found)
}

/// What is known here without a card, counted by the rules of `execute`.
pub struct Counted {
    pub voices: Voices,
    /// Those who approved and released what is to be released.
    pub acting: BTreeSet<Name>,
    /// Whether shares may be released.
    pub approvals: Tally,
    /// Whether a quorum may act.
    pub acts: Tally,
}

impl Counted {
    fn of(open: &Ceremony, heard: &Heard) -> Self {
        let (voices, requirement) = (heard.voices(), open.requirement());
        let (approvals, acts) = (voices.approvals(&requirement), voices.acts(&requirement));
        Self { acting: voices.acting(&requirement), voices, approvals, acts }
    }

    /// Whether enough approve, so that shares may be released.
    pub fn has_approvals(&self) -> bool {
        self.approvals.is_quorum()
    }

    /// Whether enough approved and released, so that a quorum may act.
    pub fn may_act(&self) -> bool {
        self.acts.is_quorum()
    }

    /// Whether the requirement would be met by approvals if this person approved, too.
    pub fn is_completed_by(&self, open: &Ceremony, who: &Name) -> bool {
        self.with(open, who).is_quorum()
    }

    /// Whether fewer people would be missing for that.
    pub fn is_nearer_by(&self, open: &Ceremony, who: &Name) -> bool {
        self.with(open, who).lacking() < self.approvals.lacking()
    }

    fn with(&self, open: &Ceremony, who: &Name) -> Tally {
        let mut voices = self.voices.clone();
        voices.approved.insert(who.clone());
        voices.approvals(&open.requirement())
    }
}

/// Those who approve and release, as far as is known here without a card.
pub fn counted_here(
    state: &LedgerState,
    open: &Ceremony,
    station: &dyn StationStore,
) -> Result<Counted, Error> {
    Ok(Counted::of(open, &heard::heard(open, state.mode, station)?))
}

/// Those whose decisions are not known here, each in the order of the roster.
pub(super) struct Missing {
    /// Their signed confirmations or releases lie beside the ledger without the shares, so that they do not count: a station's files
    /// were lost, or they are at the station, and this is another machine.
    pub unreleased: Vec<Name>,
    pub unheard: Vec<Name>,
}

impl Missing {
    pub fn of(open: &Ceremony, voices: &Voices) -> Self {
        let released = open.unrecorded_releases.iter().map(|signed| &signed.statement().custodian);
        let confirmed = open.unrecorded_confirmations.iter().map(|signed| &signed.statement().person);
        let signed: BTreeSet<&Name> =
            released.chain(confirmed).filter(|who| !voices.released.contains(*who)).collect();
        let (approving, requirement) = (voices.approving(), open.requirement());
        let waits = requirement.people().filter(|name| !voices.rejected.contains(*name));
        let (unreleased, rest): (Vec<&Name>, Vec<&Name>) = waits.partition(|name| signed.contains(*name));
        let unheard = rest.into_iter().filter(|name| !approving.contains(*name)).cloned().collect();
        Self { unreleased: unreleased.into_iter().cloned().collect(), unheard }
    }
}

fn step(verb: &'static str, reason: impl Into<Advice>) -> NextStep {
    NextStep { verb, command: None, reason: reason.into(), people: Vec::new() }
}

/// The clock is behind the line that the next one would follow: every verb refuses.
fn waits(latest: &Ceremony, now: Timestamp) -> NextStep {
    let reason = Advice::from(format!(
        "This machine's clock says {now}, and the last line of {} is of {}: nothing goes on before that time. ",
        latest.directory, latest.times.1
    ));
    let next = reason.and("Next: set the clock if it is wrong; if the ledger is wrong, ");
    step("propose", next.and(past_wrong_times(latest)).and("."))
}

/// In the order in which `execute` looks.
fn of_open(
    state: &LedgerState,
    open: &Ceremony,
    counted: &Counted,
    (station, now): (&dyn StationStore, Timestamp),
) -> Result<NextStep, Error> {
    let mut next = match (&open.concluded, &open.intended, open.attempts.last()) {
        (Some(_), _, _) => step("execute", "Its outcome is recorded. Next: 'quorate execute' closes it."),
        (None, Some(_), attempt) => {
            let has_failed = attempt.is_some_and(|attempt| attempt.outcome == Outcome::Failed);
            let way_out = match !has_failed && giving_up::may_be_refused(station, state, open)? {
                true => {
                    "PINs may have been changed, so that 'quorate execute --give-up' is refused while the target answers; \
                     once the target is lost, it records what is known and closes it"
                }
                false => "'quorate execute --give-up' records what is known and closes it",
            };
            let reason = match attempt {
                Some(_) => {
                    "It began to act and did not complete, as above. Next: 'quorate execute' tries again; "
                }
                None => "It was cut off while it acted. Next: 'quorate execute' goes on; ",
            };
            step("execute", Advice::from(reason).and(way_out).and("."))
        }
        (None, None, _) => undecided(open, counted, now),
    };
    if !station.is_station(state.nonce, open.number()) && !["approve", "release"].contains(&next.verb) {
        next.reason = Advice::from(
            "This machine is not its station. Go on at the station, or, if that is lost, with a plan of kind \
             \"recover\". ",
        )
        .and(next.reason);
    }
    Ok(next)
}

/// Nothing was tried yet.
fn undecided(open: &Ceremony, counted: &Counted, now: Timestamp) -> NextStep {
    let Counted { voices, acting, approvals, acts } = counted;
    if !approvals.reachable {
        let rejected =
            format!("{} rejected: a quorum cannot be reached any more. ", listed(&voices.rejected));
        let next = "Next: 'quorate execute' records that it is refused, and closes it.";
        return step("execute", Advice::from(rejected).and(next));
    }
    let expires = open.proposal.expires;
    if now > expires {
        let next = "Next: 'quorate abort' gives it up, then it can be proposed again.";
        return step("abort", Advice::from(format!("It expired at {expires}. ")).and(next));
    }
    if acts.is_quorum() {
        let did = if open.shares == Shares::Released { "approved and released" } else { "approved" };
        let did = format!("A quorum has {did} ({}), as far as can be told without a card. ", acts.describe());
        let reason = Advice::from(did).and("Next: 'quorate execute'").and(format!(", before {expires}."));
        return step("execute", reason);
    }
    if approvals.is_quorum() && open.shares == Shares::Released {
        let people: Vec<Name> = voices.approving().difference(acting).cloned().collect();
        let reason = Advice::from(format!(
            "A quorum has approved ({}), and too few have released their shares yet ({}). Next: {} of {}",
            approvals.describe(),
            acts.describe(),
            crate::account::counted(acts.lacking(), "release", "releases"),
            listed(&people)
        ))
        .and(" with 'quorate release'")
        .and(format!(", before {expires}"))
        .and("; then 'quorate execute', with the files of releases.");
        return NextStep { people, ..step("release", reason) };
    }
    let Missing { unreleased, unheard } = Missing::of(open, voices);
    // Where a group is missing, or an approver, nobody else would help.
    let helpful = |who: &Name| counted.is_nearer_by(open, who);
    let people: Vec<Name> = unheard.into_iter().filter(helpful).chain(unreleased).collect();
    let then = match open.shares {
        Shares::Released => "; then those who approved release their shares with 'quorate release'.",
        Shares::Confirmed | Shares::None => "; then 'quorate execute', with the approval files.",
    };
    let reason = Advice::from(format!(
        "Too few approvals yet ({}). Next: {} of {}",
        approvals.describe(),
        crate::account::counted(approvals.lacking(), "approval", "approvals"),
        listed(&people)
    ))
    .and(" with 'quorate approve'")
    .and(format!(", before {expires}"))
    .and(then);
    NextStep { people, ..step("approve", reason) }
}

fn between(state: &LedgerState) -> NextStep {
    let recover = |lost: &Ceremony, why: &str| {
        let reason = Advice::from(format!("{} {why}. ", lost.directory))
            .and("Next: 'quorate propose PLAN', with a plan of kind \"recover\" that names ceremony ")
            .and(format!("{}.", lost.number()));
        step("propose", reason)
    };
    if let Some(lost) = state.pending() {
        return recover(lost, "has not ended, and its station was lost");
    }
    if state.deals.is_empty() {
        return step(
            "propose",
            "No genesis of this ledger has completed, and none will: keep it as a record, and begin another ledger with a \
             plan of kind \"genesis\".",
        );
    }
    if let Some(next) = state.ceremonies.iter().rev().find(|c| c.end.is_some()).and_then(unattested) {
        return next;
    }
    step("propose", "No ceremony is open. Next: 'quorate propose PLAN' for what is to be done.")
}

/// The people whose attestations are missing before the outcome of the last ceremony is more than its station's word.
fn unattested(last: &Ceremony) -> Option<NextStep> {
    let attesting = last.attesting()?;
    if attesting.have >= attesting.needed || attesting.missing.is_empty() {
        return None;
    }
    let reason = Advice::from(format!(
        "No ceremony is open. The outcome of {} is its station's word only: {} of {} custodians attested its head. ",
        last.directory, attesting.have, attesting.needed
    ))
    .and("Next: 'quorate attest'")
    .and(format!(" by {}", listed(&attesting.missing)))
    .and("; then 'quorate propose PLAN' for whatever is to be done.");
    Some(NextStep { people: attesting.missing, ..step("attest", reason) })
}
