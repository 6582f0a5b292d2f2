//! Drills: beside the transcript, so that they do not move the head. A bad one breaks nothing, and does not count.

use super::{
    ceremonies::{HeadStatement, OtherHead, RecordedConfirmation},
    finding::{Finding, Severity},
    ledger::{Ceremony, CeremonyFiles, Deal, LedgerState},
};
use crate::{
    approval::{
        drill::Drill,
        statement::{Claimed, Signed},
    },
    encoding::{dsse::Envelope, text, text::Name, time::Timestamp},
    roster::{Person, Roster, Standing, card::EnrolledCard, signatures::Signatures},
};

/// The longest file of a drill: an honest one has about 1,200 bytes.
pub const MAX_DRILL: usize = 16 * 1024;

/// Adds the valid ones to the ceremony that was verified last, and reports the others. `state` has that ceremony's
/// effects already: a drill is of the roster in force afterwards.
pub(super) fn read(
    files: &CeremonyFiles,
    state: &mut LedgerState,
    signatures: &Signatures<'_>,
) -> Vec<Finding> {
    let (mut good, mut bad, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let Some(ceremony) = state.ceremonies.last() else { return Vec::new() };
    for (name, bytes) in &files.drills {
        match in_walk(bytes, state, ceremony, signatures) {
            Ok(signed) => good.push(signed),
            Err(reason) => {
                others.extend(of_other_head(bytes, state, ceremony, signatures));
                bad.push(text::printable(&format!("{name}: {reason}")));
            }
        }
    }
    let found = bad
        .iter()
        .map(|message| Finding::new(Severity::Warning, "drill-bad", message.clone()).of(&ceremony.directory));
    let found = found.collect();
    let number = ceremony.number();
    state.ceremonies.change(number, |ceremony| {
        ceremony.drills = good;
        ceremony.bad_drills = bad;
        ceremony.other_heads.extend(others);
    });
    found
}

/// A drill that a member signed, of this ledger and another head.
fn of_other_head(
    bytes: &[u8],
    state: &LedgerState,
    ceremony: &Ceremony,
    signatures: &Signatures<'_>,
) -> Option<OtherHead> {
    let claimed = Claimed::<Drill>::read(parse(bytes).ok()?, state.mode).ok()?;
    let said = claimed.statement();
    // A drill of a new share names the proposal: that belongs to its confirmation.
    let is_of_this = said.head == ceremony.last_line || said.head == ceremony.digest;
    let is_of_other = said.ceremony != ceremony.number() || !is_of_this;
    if said.ledger != state.nonce || !is_of_other {
        return None;
    }
    let signed = claimed.verify(state.roster()?, signatures).ok()?;
    let said = signed.statement();
    let person = said.person.clone();
    Some(OtherHead { said_by: HeadStatement::Drill, person, ceremony: said.ceremony, head: said.head })
}

/// Checks one: made in this ledger after this ceremony, for the roster that `state` has in force, by that card.
pub fn check(bytes: &[u8], state: &LedgerState, ceremony: &Ceremony) -> Result<Signed<Drill>, String> {
    in_walk(bytes, state, ceremony, &Signatures::AT_ONCE)
}

fn in_walk(
    bytes: &[u8],
    state: &LedgerState,
    ceremony: &Ceremony,
    signatures: &Signatures<'_>,
) -> Result<Signed<Drill>, String> {
    let envelope = parse(bytes)?;
    let claimed = Claimed::<Drill>::read(envelope, state.mode).map_err(|e| e.to_string())?;
    let said = claimed.statement();
    if said.ledger != state.nonce {
        return Err("it was made in another ledger".into());
    }
    if (said.ceremony, said.head) != (ceremony.number(), ceremony.last_line) || ceremony.end.is_none() {
        return Err("it names another head".into());
    }
    let roster = state.roster().ok_or("no roster was in force")?;
    let deal = roster.deal();
    if said.epoch != deal.epoch {
        return Err(format!("it is of epoch {}, the roster is at epoch {}", said.epoch, deal.epoch));
    }
    if said.dealing != roster.dealing_id() {
        return Err("it is of another dealing".into());
    }
    let signed = claimed.verify(roster, signatures).map_err(|e| e.to_string())?;
    let said = signed.statement();
    let (person, card) = roster.holder(signed.card()).ok_or("no card of the roster signed it")?;
    if card.enrolment().serial != said.serial {
        return Err(format!("it names card {} and was signed by {card}", said.serial));
    }
    if usize::from(said.opened) != tried(roster, person).len() {
        return Err(format!("it opened {} shares, not those that {} holds", said.opened, said.person));
    }
    if state.floor_at(ceremony).is_some_and(|floor| said.time < floor.times.1) {
        return Err(format!("it is dated {}, before the head that it names", said.time));
    }
    Ok(signed)
}

/// The envelope in a file, with or without a line feed at its end.
pub fn parse(bytes: &[u8]) -> Result<Envelope, String> {
    if bytes.len() > MAX_DRILL {
        return Err(format!("{} bytes, more than the {MAX_DRILL} of the longest drill", bytes.len()));
    }
    Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(bytes)).map_err(|e| e.to_string())
}

/// The authorities whose shares a person's card opens in a drill.
pub fn tried(roster: &Roster, person: &Person) -> Vec<Name> {
    match person.standing {
        Standing::Custodian => roster.deal().authorities.iter().map(|a| a.name.clone()).collect(),
        Standing::Approver | Standing::Administrator | Standing::Witness => Vec::new(),
    }
}

/// The evidence that a card works.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// A confirmation at the genesis: it opened every share.
    Confirmation,
    /// An approval by an approver, who holds no share.
    Approval,
    /// A proposal of an administrator, who holds no share.
    Proposal,
    /// An attestation by somebody who holds no share.
    Attestation,
    Drill,
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Confirmation => "confirmation at the genesis",
            Self::Approval => "approval",
            Self::Proposal => "proposal",
            Self::Attestation => "attestation",
            Self::Drill => "drill",
        })
    }
}

/// What is known of one card.
#[derive(Clone, Debug)]
pub struct CardStanding<'s> {
    pub person: &'s Person,
    pub card: &'s EnrolledCard,
    /// When it was last seen to work, and the evidence; none if never.
    pub last: Option<(Timestamp, Proof)>,
    /// The date by which the policy requires the next drill; none without such a policy.
    pub due: Option<Timestamp>,
    /// Whether that has passed.
    pub is_overdue: bool,
}

/// What is known of the drills of the roster in force.
#[derive(Clone, Debug, Default)]
pub struct Drills<'s> {
    /// Every card, in the order of the roster.
    pub cards: Vec<CardStanding<'s>>,
    /// Statements that do not count, each with its file and the reason.
    pub set_aside: Vec<String>,
}

/// The drills of each card, as of `now`.
pub fn standing(state: &LedgerState, now: Timestamp) -> Drills<'_> {
    let mut drills = Drills::default();
    for ceremony in &state.ceremonies {
        let at = &ceremony.directory;
        drills.set_aside.extend(ceremony.bad_drills.iter().map(|bad| format!("{at}: {bad}")));
        for said in ceremony.drills.iter().map(Signed::statement).filter(|said| said.time > now) {
            let reason = format!("the drill of {} is dated {}, in the future", said.person, said.time);
            drills.set_aside.push(format!("{at}: {reason}"));
        }
    }
    let Some(Deal { roster, by }) = state.deal() else { return drills };
    let since = state.ceremonies.number(*by).map_or(Timestamp::EPOCH, |ceremony| ceremony.times.1);
    let period = roster.policy().drill_every_days.map(|days| u64::from(days).saturating_mul(86_400));
    for person in roster.people() {
        for card in &person.cards {
            let last = proofs(state, roster, person, card).filter(|(time, _)| *time <= now).max();
            let counted_from = last.map_or(since, |(time, _)| time);
            let due = period.map(|period| counted_from.plus(period));
            let is_overdue = due.is_some_and(|due| now > due);
            drills.cards.push(CardStanding { person, card, last, due, is_overdue });
        }
    }
    drills
}

/// All evidence that a card worked, since the roster came into force.
fn proofs<'s>(
    state: &'s LedgerState,
    roster: &'s Roster,
    person: &'s Person,
    card: &'s EnrolledCard,
) -> impl Iterator<Item = (Timestamp, Proof)> + 's {
    let keyid = card.keyid();
    let holds_shares = person.standing == Standing::Custodian;
    state.ceremonies.iter().flat_map(move |ceremony| {
        let drills = ceremony.drills.iter().filter(move |d| d.card() == keyid);
        let drills = drills.filter(|d| d.statement().dealing == roster.dealing_id());
        let mut found: Vec<(Timestamp, Proof)> = drills.map(|d| (d.statement().time, Proof::Drill)).collect();
        if ceremony.roster.digest() != roster.digest() {
            return found;
        }
        // Its roster is in force, so its intent was written, and before that the shares were verified at the station.
        for confirmation in &ceremony.confirmations {
            let RecordedConfirmation { signed, drills } = confirmation;
            let own = (signed.card() == keyid).then(|| signed.statement().time);
            let others =
                drills.iter().filter(|drill| drill.card() == keyid).map(|drill| drill.statement().time);
            found.extend(own.into_iter().chain(others).map(|time| (time, Proof::Confirmation)));
        }
        if !holds_shares {
            let proposed = (ceremony.proposer_card == keyid).then_some(ceremony.proposal.created);
            found.extend(proposed.map(|time| (time, Proof::Proposal)));
            let approved = ceremony.approvals.iter().filter(|a| a.card() == keyid);
            found.extend(approved.map(|a| (a.statement().time, Proof::Approval)));
            let attested = ceremony.attestations.iter().filter(|a| a.card() == keyid);
            found.extend(attested.map(|a| (a.statement().time, Proof::Attestation)));
        }
        found
    })
}
