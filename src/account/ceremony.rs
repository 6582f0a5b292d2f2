//! A ceremony: its people and dates, and what is on record of it.

use std::collections::BTreeMap;

use super::{Passage, Row, counted, keys::account, listed};
use crate::{
    approval::{
        quorum::{ApproverCount, Count, GroupCount, Tally},
        release::{Confirmation, Release},
        statement::{Approval, Attestation, Rejection, Signed},
    },
    encoding::{
        digest::Digest,
        text::{Line, Name},
        time::Timestamp,
    },
    proposal::document::Proposal,
    roster::OperationKind,
    transcript::{
        ceremonies::RecordedRelease,
        event::{Attempted, Concluded, Intended},
        ledger::Ceremony,
        outcome::Outcome,
    },
};

account! {
    /// A ceremony with its people and dates.
    pub struct CeremonyBrief {
        /// in the ledger
        pub directory: String,
        /// of operation
        pub kind: OperationKind,
        /// from its plan
        pub title: Line,
        /// what state it is in, as text
        pub standing: Line,
        /// what came of it, or null
        pub outcome: Option<Outcome>,
        /// SHA-256 of its last line
        pub last_line: Digest,
        /// the administrator who proposed it
        pub proposer: Name,
        /// when it was proposed, by its station's clock
        pub proposed: Timestamp,
        /// when it ended, or null
        pub ended: Option<Timestamp>,
        /// those on record who approved and released what is to be released, for each authority that it needs
        pub required: Vec<Required>,
        /// the approvers whose approval it needs besides
        pub approvers: Vec<RequiredApprover>,
        /// the approvals on record
        pub approved: Vec<SaidBy>,
        /// the releases on record
        pub released: Vec<SaidBy>,
        /// the rejections
        pub rejected: Vec<SaidBy>,
        /// the attestations of its head
        pub attested: Vec<AttestedBy>,
        /// how many custodians must attest before the outcome is more than the station's word; null where nothing was done
        pub attestations_needed: Option<usize>,
        /// those who acted in it and have not attested its head
        pub not_attested: Vec<Name>,
    }

    /// How many custodians of one authority support it.
    pub struct Required {
        /// the authority
        pub authority: Name,
        /// how many it takes
        pub needed: usize,
        /// how many there are
        pub have: usize,
        /// how many of them are of each group that the authority demands
        pub groups: Vec<RequiredGroup>,
    }

    /// How many custodians of one group approve.
    pub struct RequiredGroup {
        /// the group
        pub group: Name,
        /// how many it takes
        pub needed: usize,
        /// how many there are
        pub have: usize,
    }

    /// An approver whose approval is needed.
    pub struct RequiredApprover {
        /// the person
        pub approver: Name,
        /// whether they approve
        pub approves: bool,
    }

    /// A person who signed, and when.
    pub struct SaidBy {
        /// the person
        pub person: Name,
        /// by the clock of the machine where it was signed
        pub time: Timestamp,
        /// keyid of the card that signed
        pub card: Digest,
    }

    /// A person who signed what they saw.
    pub struct AttestedBy {
        /// the person
        pub person: Name,
        /// by the clock of the machine where it was signed
        pub time: Timestamp,
        /// whether the head is what they saw
        pub agrees: bool,
    }

    /// Everything that is on record of a ceremony.
    of "show" pub struct CeremonyTold {
        /// in the ledger
        pub directory: String,
        /// the whole proposal, see quorate-transcript(5)
        pub proposal: Proposal,
        /// its SHA-256
        pub proposal_digest: Digest,
        /// what state it is in, as text
        pub standing: Line,
        /// SHA-256 of its last line
        pub last_line: Digest,
        /// those on record who approved and released what is to be released, for each authority that it needs
        pub required: Vec<Required>,
        /// the approvers whose approval it needs besides
        pub approvers: Vec<RequiredApprover>,
        /// the custodians who approved it
        pub approved: Vec<SaidBy>,
        /// the custodians who released their shares
        pub released: Vec<SaidBy>,
        /// the approvals on record
        pub approvals: Vec<Approval>,
        /// the releases on record
        pub releases: Vec<Release>,
        /// the confirmations on record: approval and release in one
        pub confirmations: Vec<Confirmation>,
        /// the statements on record
        pub rejections: Vec<Rejection>,
        /// what was begun, or null
        pub intended: Option<Intended>,
        /// what failed before, in this ceremony
        pub attempts: Vec<Attempted>,
        /// the outcome, or null
        pub concluded: Option<Concluded>,
        /// of the head
        pub attestations: Vec<Attestation>,
        /// how many custodians must attest before the outcome is more than the station's word; null where nothing was done
        pub attestations_needed: Option<usize>,
        /// those who acted in it and have not attested its head
        pub not_attested: Vec<Name>,
    }
}

impl CeremonyBrief {
    /// Of a verified ceremony.
    pub fn of(ceremony: &Ceremony) -> Self {
        let rejected = ceremony.rejections.iter().chain(&ceremony.unrecorded);
        let attested = ceremony.attestations.iter().map(Signed::statement);
        let attesting = ceremony.attesting();
        Self {
            directory: ceremony.directory.clone(),
            kind: ceremony.kind(),
            title: ceremony.proposal.title.clone(),
            standing: ceremony.standing(),
            outcome: ceremony.outcome(),
            last_line: ceremony.last_line,
            proposer: ceremony.proposal.proposer.clone(),
            proposed: ceremony.proposal.created,
            ended: ceremony.end.as_ref().map(|_| ceremony.times.1),
            required: required(&ceremony.tally()),
            approvers: approvers(&ceremony.tally()),
            approved: approved(ceremony),
            released: released(ceremony),
            rejected: rejected.map(|r| said(&r.statement().person, r.statement().time, r.card())).collect(),
            attested: attested
                .map(|a| AttestedBy { person: a.person.clone(), time: a.time, agrees: a.agrees })
                .collect(),
            attestations_needed: attesting.as_ref().map(|attesting| attesting.needed),
            not_attested: attesting.map(|attesting| attesting.missing).unwrap_or_default(),
        }
    }

    pub fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::item(format!("{} \"{}\": {}", self.directory, self.title, self.standing)),
            Row::Detail(format!("proposed by {} at {}", self.proposer, self.proposed)),
        ];
        let said = |people: &[SaidBy]| by_date(people.iter().map(|said| (&said.person, said.time)));
        if !self.approved.is_empty() {
            let authorities = self.required.iter().map(Required::needed);
            let approvers = self.approvers.iter().map(|r| format!("{} needed", r.approver));
            let needed = listed(authorities.chain(approvers));
            rows.push(Row::Detail(format!("approved by {} ({needed})", said(&self.approved))));
        }
        if !self.released.is_empty() {
            rows.push(Row::Detail(format!("released by {}", said(&self.released))));
        }
        if !self.rejected.is_empty() {
            rows.push(Row::Detail(format!("rejected by {}", said(&self.rejected))));
        }
        let attested = |agrees: bool| {
            let people = self.attested.iter().filter(move |said| said.agrees == agrees);
            by_date(people.map(|said| (&said.person, said.time)))
        };
        match (attested(true), self.attestations_needed) {
            (by, Some(needed)) if by.is_empty() => {
                rows.push(Row::Detail(format!("attested by nobody ({needed} needed)")));
            }
            (by, Some(needed)) => rows.push(Row::Detail(format!("attested by {by} ({needed} needed)"))),
            (by, None) if by.is_empty() => {}
            (by, None) => rows.push(Row::Detail(format!("attested by {by}"))),
        }
        if self.attested.iter().any(|said| !said.agrees) {
            rows.push(Row::Detail(format!("NOT AGREED to by {}", attested(false))));
        }
        rows
    }
}

impl CeremonyTold {
    /// Of a verified ceremony.
    pub fn of(ceremony: &Ceremony) -> Self {
        let attesting = ceremony.attesting();
        Self {
            directory: ceremony.directory.clone(),
            proposal: ceremony.proposal.clone(),
            proposal_digest: ceremony.digest,
            standing: ceremony.standing(),
            last_line: ceremony.last_line,
            required: required(&ceremony.tally()),
            approvers: approvers(&ceremony.tally()),
            approved: approved(ceremony),
            released: released(ceremony),
            releases: ceremony.releases.iter().map(|r| r.signed.statement().clone()).collect(),
            confirmations: ceremony.confirmations.iter().map(|c| c.signed.statement().clone()).collect(),
            approvals: ceremony.approvals.iter().map(|a| a.statement().clone()).collect(),
            rejections: ceremony.rejections.iter().map(|r| r.statement().clone()).collect(),
            intended: ceremony.intended.as_ref().map(|(intended, _)| intended.clone()),
            attempts: ceremony.attempts.clone(),
            concluded: ceremony.concluded.clone(),
            attestations: ceremony.attestations.iter().map(|a| a.statement().clone()).collect(),
            attestations_needed: attesting.as_ref().map(|attesting| attesting.needed),
            not_attested: attesting.map(|attesting| attesting.missing).unwrap_or_default(),
        }
    }

    /// The record in words; what was proposed is told by its briefing.
    pub fn passages(&self) -> Vec<Passage> {
        let mut rows = vec![Row::text("The record")];
        let proposal = &self.proposal;
        rows.push(Row::item(format!("{} proposed at {}", proposal.proposer, proposal.created)));
        for said in &self.approved {
            let card = said.card.short();
            rows.push(Row::item(format!("{} approved at {} with card key {card}", said.person, said.time)));
        }
        for said in &self.released {
            let card = said.card.short();
            rows.push(Row::item(format!(
                "{} released shares at {} with card key {card}",
                said.person, said.time
            )));
        }
        for said in &self.rejections {
            rows.push(Row::item(format!("{} rejected at {}: {}", said.person, said.time, said.reason)));
        }
        rows.push(Row::item(format!("counted: {}", in_words(&self.required, &self.approvers))));
        for attempt in &self.attempts {
            rows.push(Row::item(format!("attempt: {}: {}", attempt.outcome, attempt.summary)));
        }
        rows.extend(self.concluded.iter().flat_map(outcome_rows));
        for said in &self.attestations {
            let opinion = if said.agrees { "attested" } else { "does not agree with" };
            rows.push(Row::item(format!(
                "{} {opinion} the head at {} {}",
                said.person, said.time, said.remark
            )));
        }
        if let Some(needed) = self.attestations_needed {
            let takes = counted(needed, "custodian", "custodians");
            rows.push(Row::item(format!("it takes {takes} to attest an outcome")));
        }
        if !self.not_attested.is_empty() {
            rows.push(Row::item(format!("not attested by {}", listed(&self.not_attested))));
        }
        rows.push(Row::text(format!("It is {}.", self.standing)));
        rows.push(Row::Digest("Last line".into(), self.last_line));
        vec![Passage::plain(rows)]
    }
}

/// `alice, bob on 2026-11-28; carol on 2026-11-29`.
fn by_date<'a>(people: impl Iterator<Item = (&'a Name, Timestamp)>) -> String {
    let mut dates: BTreeMap<String, Vec<&Name>> = BTreeMap::new();
    for (person, time) in people {
        let date = time.to_string().split('T').next().unwrap_or_default().to_owned();
        dates.entry(date).or_default().push(person);
    }
    let groups = dates.into_iter().map(|(date, people)| format!("{} on {date}", listed(people)));
    groups.collect::<Vec<_>>().join("; ")
}

fn said(person: &Name, time: Timestamp, card: Digest) -> SaidBy {
    SaidBy { person: person.clone(), time, card }
}

/// Each person once, by their first approval; a confirmation is one.
fn approved(ceremony: &Ceremony) -> Vec<SaidBy> {
    let approvals =
        ceremony.approvals.iter().map(|a| said(&a.statement().person, a.statement().time, a.card()));
    let mut people: Vec<SaidBy> = Vec::new();
    for said in approvals.chain(confirmed(ceremony)) {
        if people.iter().all(|known| known.person != said.person) {
            people.push(said);
        }
    }
    people
}

fn released(ceremony: &Ceremony) -> Vec<SaidBy> {
    let releases = ceremony.releases.iter().map(|release| {
        let RecordedRelease { signed, .. } = release;
        said(&signed.statement().custodian, signed.statement().time, signed.card())
    });
    releases.chain(confirmed(ceremony)).collect()
}

fn confirmed(ceremony: &Ceremony) -> impl Iterator<Item = SaidBy> {
    let signed = ceremony.confirmations.iter().map(|confirmation| &confirmation.signed);
    signed.map(|signed| said(&signed.statement().person, signed.statement().time, signed.card()))
}

fn outcome_rows(concluded: &Concluded) -> Vec<Row> {
    let mut rows = vec![Row::item(format!("outcome {}: {}", concluded.outcome, concluded.summary))];
    for pin in &concluded.pins {
        let text = format!("the {} of {} that is in force is version {}", pin.role, pin.target, pin.version);
        rows.push(Row::Item(text));
    }
    for handover in &concluded.handovers {
        rows.push(Row::item(format!(
            "user PIN of {}, version {}, handed over to {}",
            handover.target,
            handover.version,
            handover.recipient.told()
        )));
    }
    for state in &concluded.targets {
        let Some(inventory) = &state.inventory else { continue };
        rows.push(Row::item(format!("{} afterwards:", state.name)));
        rows.extend(inventory.objects.iter().cloned().map(Row::Object));
    }
    rows
}

impl Required {
    /// `crypto-officer: 3 needed, 1 of security`.
    fn needed(&self) -> String {
        let groups = self.groups.iter().map(|group| format!(", {} of {}", group.needed, group.group));
        format!("{}: {} needed{}", self.authority, self.needed, groups.collect::<String>())
    }
}

/// A count as an account tells it.
pub fn required(tally: &Tally) -> Vec<Required> {
    let group = |count: &GroupCount| RequiredGroup {
        group: count.group.clone(),
        needed: count.needed,
        have: count.have,
    };
    let one = |count: &Count| Required {
        authority: count.authority.clone(),
        needed: count.needed,
        have: count.have,
        groups: count.groups.iter().map(group).collect(),
    };
    tally.counts.iter().map(one).collect()
}

/// The approvers of a count as an account tells them.
pub fn approvers(tally: &Tally) -> Vec<RequiredApprover> {
    let one = |count: &ApproverCount| RequiredApprover {
        approver: count.approver.clone(),
        approves: count.approves,
    };
    tally.approvers.iter().map(one).collect()
}

/// `crypto-officer 2 of 3, security-officer 2 of 4, heidi 0 of 1`.
pub fn in_words(required: &[Required], approvers: &[RequiredApprover]) -> String {
    let group =
        |told: &RequiredGroup| GroupCount { group: told.group.clone(), needed: told.needed, have: told.have };
    let counts = required.iter().map(|told| Count {
        authority: told.authority.clone(),
        needed: told.needed,
        have: told.have,
        groups: told.groups.iter().map(group).collect(),
    });
    let approvers = approvers
        .iter()
        .map(|told| ApproverCount { approver: told.approver.clone(), approves: told.approves });
    listed(counts.map(|count| count.to_string()).chain(approvers.map(|count| count.to_string())))
}
