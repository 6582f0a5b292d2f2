//! Where a ledger stands, and what comes next.

use std::collections::BTreeSet;

use super::{
    Passage, Row,
    advice::Advice,
    ceremony::{CeremonyBrief, Required, RequiredApprover, SaidBy, in_words},
    counted,
    keys::account,
    listed,
    outcome::FileAndReason,
};
use crate::{
    encoding::{
        digest::Digest,
        dsse::Mode,
        text::{Line, Name},
        time::Timestamp,
    },
    proposal::{
        place::Place,
        target::{Inventory, Role, TokenIdentity},
    },
    roster::{OperationKind, Standing, requirement::Shares},
    transcript::{
        drilled::{self, Proof},
        event::Attempted,
        finding::Finding,
        ledger::{LedgerState, TargetInForce},
    },
};

account! {
    /// A ledger as a whole.
    of "status" pub struct LedgerStanding {
        /// production or rehearsal
        pub mode: Mode,
        /// the genesis fingerprint
        pub genesis: Digest,
        /// head of the last ceremony that ended, or null
        pub head: Option<Digest>,
        /// findings about lines and approvals that are ahead of this machine's clock
        pub ahead: Vec<Finding>,
        /// findings about what lies among the statements of a ceremony and is not read as one
        pub unread: Vec<Finding>,
        /// findings about shares that were released for ceremonies that ended without acting
        pub outstanding: Vec<Finding>,
        /// each of them, the genesis first
        pub ceremonies: Vec<CeremonyBrief>,
        /// the authorities of the roster in force
        pub authorities: Vec<AuthorityStanding>,
        /// the people of the roster in force
        pub people: Vec<PersonStanding>,
        /// how many administrators it takes to open what is released to a station; null where no roster is in force
        pub station_keepers: Option<u8>,
        /// the targets of the quorum
        pub targets: Vec<TargetStanding>,
        /// targets that were retired
        pub retired: Vec<RetiredStanding>,
        /// backups on record
        pub backups: Vec<BackupStanding>,
        /// which cards are known to work
        pub drills: DrillsStanding,
        /// ceremonies that ended while nobody knew which PINs are in force: a plan of kind "recover" completes them
        pub unsettled: Vec<String>,
        /// the open ceremony, or null
        pub open: Option<OpenStanding>,
        /// what comes next
        pub next: NextStep,
    }

    /// An authority of the roster in force.
    pub struct AuthorityStanding {
        /// in the roster
        pub name: Name,
        /// how many shares reconstitute it
        pub threshold: u8,
        /// how many of their custodians must be of these groups
        pub groups: Vec<GroupDemanded>,
    }

    /// A group of which an authority demands members.
    pub struct GroupDemanded {
        /// the group
        pub group: Name,
        /// how many custodians of it
        pub minimum: u8,
    }

    /// A person of the roster in force.
    pub struct PersonStanding {
        /// in the roster
        pub name: Name,
        /// as it is read aloud
        pub full_name: Line,
        /// custodian, approver, administrator or witness
        pub standing: String,
        /// the group of a custodian, or null
        pub group: Option<Name>,
        /// their cards, in words
        pub cards: Vec<String>,
    }

    /// A target of the quorum.
    pub struct TargetStanding {
        /// in the roster
        pub name: Name,
        /// the token: maker, model, serial, label
        pub identity: TokenIdentity,
        /// what it is, in words
        pub described: String,
        /// its objects on record, or null
        pub inventory: Option<Inventory>,
    }

    /// A target that was retired.
    pub struct RetiredStanding {
        /// in the roster
        pub name: Name,
        /// the token: maker, model, serial, label
        pub identity: TokenIdentity,
        /// what it was, in words
        pub described: String,
        /// number of the ceremony that retired it
        pub by: u32,
    }

    /// A backup on record.
    pub struct BackupStanding {
        /// of which target
        pub target: Name,
        /// number of the ceremony that made it
        pub ceremony: u32,
        /// of the file
        pub sha256: Digest,
    }

    /// Which cards are known to work.
    pub struct DrillsStanding {
        /// what the policy demands, or null
        pub every_days: Option<u32>,
        /// each card
        pub cards: Vec<CardDrilled>,
        /// statements that do not count, and why
        pub set_aside: Vec<String>,
    }

    /// What is known of a card.
    pub struct CardDrilled {
        /// whose it is
        pub person: Name,
        /// custodian, approver, administrator or witness
        pub standing: String,
        /// the card's serial
        pub serial: Line,
        /// SHA-256 of the signing key's SPKI
        pub keyid: Digest,
        /// when it was last seen to work, or null
        pub last: Option<Timestamp>,
        /// by what, or null
        pub by: Option<Proof>,
        /// when it must be drilled at the latest, or null
        pub due: Option<Timestamp>,
        /// whether that has passed
        pub overdue: bool,
    }

    /// The open ceremony.
    pub struct OpenStanding {
        /// in the ledger
        pub directory: String,
        /// of operation
        pub kind: OperationKind,
        /// from its plan
        pub title: Line,
        /// digest of the proposal
        pub proposal: Digest,
        /// the administrator who proposed it
        pub proposer: Name,
        /// when it was proposed, by its station's clock
        pub created: Timestamp,
        /// when approvals no longer count
        pub expires: Timestamp,
        /// whether that has passed, by this machine's clock
        pub expired: bool,
        /// how many custodians it takes at least; null where nobody could be enough
        pub needed: Option<usize>,
        /// how many approve, as far as known here
        pub have: usize,
        /// whether those who have not rejected could still be enough
        pub reachable: bool,
        /// the same for each authority that it needs
        pub required: Vec<Required>,
        /// the approvers whose approval it needs besides
        pub approvers: Vec<RequiredApprover>,
        /// what becomes of shares: confirmed (with the approval, at a genesis), released (once a quorum has approved) or none
        pub shares: Shares,
        /// how many approved and released what is to be released, for each authority that it needs
        pub released_for: Vec<Required>,
        /// custodians who approved and have not released their shares, as far as known here
        pub not_released: Vec<Name>,
        /// custodians, as far as known here
        pub approved: BTreeSet<Name>,
        /// custodians who approved and released, as far as known here
        pub released: BTreeSet<Name>,
        /// custodians, as far as known here
        pub rejected: BTreeSet<Name>,
        /// custodians who were not heard of here
        pub missing: Vec<Name>,
        /// custodians who signed a release or a confirmation that does not count here: the shares are not here
        pub unreleased: Vec<Name>,
        /// the approvals that are known here: on record, or kept by this station
        pub approvals: Vec<SaidBy>,
        /// the releases that are known here
        pub releases: Vec<SaidBy>,
        /// the rejections
        pub rejections: Vec<SaidBy>,
        /// what this station keeps and does not count
        pub set_aside: Vec<FileAndReason>,
        /// whether it began to act
        pub intended: bool,
        /// whether its outcome is recorded
        pub concluded: bool,
        /// whether this machine is its station
        pub station_here: bool,
        /// what failed before, in this ceremony
        pub attempts: Vec<Attempted>,
        /// how many copies of the ledger must be there before a target is touched
        pub copies: u8,
        /// how many administrators' cards open what was released
        pub station_keepers: u8,
        /// PINs that the quorum does not have, which 'execute' asks for
        pub pins: Vec<PinToPresent>,
    }

    /// A PIN that its owner hands over when the ceremony is executed.
    pub struct PinToPresent {
        /// of which target
        pub target: Name,
        /// so-pin or user-pin
        pub role: Role,
        /// why it is asked for
        pub reason: String,
    }

    /// What comes next.
    pub struct NextStep {
        /// the verb: execute, approve, release, abort, attest or propose
        pub verb: &'static str,
        /// the whole command, with CARD, DIR, PLAN or TEXT where something is filled in; null where it is for another ledger
        pub command: Option<String>,
        /// why, in words
        pub reason: Advice,
        /// the people it waits for, if it waits for some
        pub people: Vec<Name>,
    }
}

impl LedgerStanding {
    /// Of a verified ledger, by the clock `now`.
    pub fn of(
        state: &LedgerState,
        (now, ahead): (Timestamp, Vec<Finding>),
        open: Option<OpenStanding>,
        next: NextStep,
    ) -> Self {
        let roster = state.roster();
        let authorities = roster.iter().flat_map(|roster| &roster.deal().authorities);
        let people = roster.iter().flat_map(|roster| roster.people());
        let unsettled = state.ceremonies.iter().filter(|ceremony| state.is_unsettled(ceremony));
        Self {
            mode: state.mode,
            genesis: state.genesis,
            head: state.head(),
            unread: state.unread(),
            outstanding: state.outstanding(),
            ahead,
            ceremonies: state.ceremonies.iter().map(CeremonyBrief::of).collect(),
            authorities: authorities
                .map(|a| AuthorityStanding {
                    name: a.name.clone(),
                    threshold: a.threshold,
                    groups: a
                        .groups
                        .iter()
                        .map(|(group, minimum)| GroupDemanded { group: group.clone(), minimum: *minimum })
                        .collect(),
                })
                .collect(),
            people: people
                .map(|person| PersonStanding {
                    name: person.name.clone(),
                    full_name: person.full_name.clone(),
                    standing: person.standing.to_string(),
                    group: person.group.clone(),
                    cards: person.cards.iter().map(ToString::to_string).collect(),
                })
                .collect(),
            station_keepers: roster.map(|roster| roster.policy().station_keepers),
            targets: state.targets.iter().map(|(name, target)| target_standing(name, target)).collect(),
            retired: state
                .retired
                .iter()
                .map(|(name, retired)| {
                    let TargetStanding { name, identity, described, .. } =
                        target_standing(name, &retired.target);
                    RetiredStanding { name, identity, described, by: retired.by }
                })
                .collect(),
            backups: state
                .backups
                .iter()
                .map(|(number, backup)| BackupStanding {
                    target: backup.target.clone(),
                    ceremony: *number,
                    sha256: backup.sha256,
                })
                .collect(),
            drills: drills(state, now),
            unsettled: unsettled.map(|ceremony| ceremony.directory.clone()).collect(),
            open,
            next,
        }
    }

    /// In words, but for what comes next. `name` is the ledger's.
    pub fn passages(&self, name: &str) -> Vec<Passage> {
        let count = counted(self.ceremonies.len(), "ceremony", "ceremonies");
        let mut rows = vec![Row::text(format!("{name}: a {} ledger, {count}", self.mode))];
        rows.extend(self.ceremonies.iter().flat_map(CeremonyBrief::rows));
        let mut passages = vec![Passage::plain(rows)];
        passages.extend(self.quorum());
        passages.extend(self.drills.passage());
        passages.extend(self.targets());
        match &self.open {
            Some(open) => passages.push(open.passage()),
            None => {
                let mut rows: Vec<Row> =
                    self.head.map(|head| Row::Digest("Head".into(), head)).into_iter().collect();
                rows.extend(self.unsettled.iter().map(|left| {
                    Row::text(format!(
                        "{left} ended while nobody knew which PINs are in force. When its target is back, a plan of kind \
                         \"recover\" completes it."
                    ))
                }));
                passages.push(Passage::plain(rows));
            }
        }
        passages
    }

    fn quorum(&self) -> Option<Passage> {
        let n = self.people.iter().filter(|p| p.standing == Standing::Custodian.to_string()).count();
        let authority = |a: &AuthorityStanding| {
            let groups = a.groups.iter().map(|demand| format!(", {} of {}", demand.minimum, demand.group));
            Row::Item(format!("authority {}: {} of {n}{}", a.name, a.threshold, groups.collect::<String>()))
        };
        let mut rows: Vec<Row> = self.authorities.iter().map(authority).collect();
        rows.extend(self.people.iter().map(|person| {
            let PersonStanding { name, full_name, standing, group, cards } = person;
            let group = group.iter().map(|group| format!(", group {group}")).collect::<String>();
            Row::Item(format!("{standing} {name} ({full_name}){group}: {}", listed(cards)))
        }));
        rows.extend(self.station_keepers.map(|keepers| match keepers {
            1 => Row::Item("what is released to a station is opened by ONE administrator's card".into()),
            _ => {
                Row::Item("what is released to a station is opened by the cards of two administrators".into())
            }
        }));
        (!rows.is_empty()).then(|| Passage::headed("Quorum", rows))
    }

    fn targets(&self) -> Option<Passage> {
        if self.targets.is_empty() && self.retired.is_empty() {
            return None;
        }
        let mut rows = Vec::new();
        for target in &self.targets {
            rows.push(Row::Item(format!("{}: {}", target.name, target.described)));
            rows.extend(target.inventory.iter().flat_map(|i| &i.objects).cloned().map(Row::Object));
        }
        for RetiredStanding { name, by, described, .. } in &self.retired {
            rows.push(Row::Item(format!("{name}: retired by ceremony {by}; it was {described}")));
        }
        for BackupStanding { target, ceremony, sha256 } in &self.backups {
            rows.push(Row::Item(format!("backup of {target} made by ceremony {ceremony}: SHA-256 {sha256}")));
        }
        Some(Passage::headed("Targets", rows))
    }
}

fn target_standing(name: &Name, target: &TargetInForce) -> TargetStanding {
    // A program has neither label nor serial.
    let described = match &target.target.place {
        Place::Command { program } => format!("program {program}"),
        Place::Pkcs11 { .. } | Place::Practice { .. } => {
            format!("token \"{}\", serial {}", target.identity.label, target.identity.serial)
        }
    };
    TargetStanding {
        name: name.clone(),
        identity: target.identity.clone(),
        described,
        inventory: target.inventory.clone(),
    }
}

fn drills(state: &LedgerState, now: Timestamp) -> DrillsStanding {
    let drills = drilled::standing(state, now);
    let card = |known: &drilled::CardStanding<'_>| CardDrilled {
        person: known.person.name.clone(),
        standing: known.person.standing.to_string(),
        serial: known.card.enrolment().serial.clone(),
        keyid: known.card.keyid(),
        last: known.last.map(|(time, _)| time),
        by: known.last.map(|(_, proof)| proof),
        due: known.due,
        overdue: known.is_overdue,
    };
    DrillsStanding {
        every_days: state.roster().and_then(|roster| roster.policy().drill_every_days),
        cards: drills.cards.iter().map(card).collect(),
        set_aside: drills.set_aside,
    }
}

impl DrillsStanding {
    fn passage(&self) -> Option<Passage> {
        let mut rows = Vec::new();
        if let Some(days) = self.every_days {
            rows.push(Row::Item(format!("each card is to be drilled every {days} days")));
        }
        for card in &self.cards {
            let last = match (card.last, card.by) {
                (Some(time), Some(proof)) => format!("{time} ({proof})"),
                _ => "never".into(),
            };
            let overdue = match card.due {
                Some(due) if card.overdue => format!("; OVERDUE since {due}"),
                _ => String::new(),
            };
            let CardDrilled { standing, person, serial, .. } = card;
            rows.push(Row::Item(format!("{standing} {person}, card {serial}: {last}{overdue}")));
        }
        rows.extend(self.set_aside.iter().map(|reason| Row::Item(format!("not counted: {reason}"))));
        if self.cards.iter().any(|card| card.overdue) {
            rows.push(Row::Advice(
                "Next: their holders drill the cards that are overdue: 'quorate card drill'.".into(),
            ));
        }
        (!rows.is_empty()).then(|| Passage::headed("Drills", rows))
    }
}

impl OpenStanding {
    fn passage(&self) -> Passage {
        let mut rows = vec![
            Row::Item(format!("{}: {}", self.kind, self.title)),
            Row::Item(format!(
                "proposed by {} at {}; approvals count until {}{}",
                self.proposer,
                self.created,
                self.expires,
                if self.expired { ": EXPIRED" } else { "" }
            )),
            Row::Item(format!("approvals: {}", in_words(&self.required, &self.approvers))),
        ];
        let releases = self.shares == Shares::Released;
        if releases {
            rows.push(Row::Item(format!("approved and released: {}", in_words(&self.released_for, &[]))));
        }
        let released = ("released", &self.releases);
        let said = [("approved", &self.approvals)].into_iter().chain(releases.then_some(released));
        for (what, people) in said.chain([("rejected", &self.rejections)]) {
            if !people.is_empty() {
                let people = listed(people.iter().map(|said| format!("{} at {}", said.person, said.time)));
                rows.push(Row::Item(format!("{what}: {people}")));
            }
        }
        if releases && !self.not_released.is_empty() {
            rows.push(Row::Item(format!("approved, and not released here: {}", listed(&self.not_released))));
        }
        if !self.missing.is_empty() {
            let missing = listed(&self.missing);
            rows.push(Row::Item(format!("not heard of here (files may be on their way): {missing}")));
        }
        if !self.unreleased.is_empty() {
            let where_it_is = match self.station_here {
                true => "bring them with the file, or do it again",
                false => "they are at the station, or in a file on its way",
            };
            let signed = listed(&self.unreleased);
            rows.push(Row::Item(format!("signed, but the shares are not here ({where_it_is}): {signed}")));
        }
        for FileAndReason { file, reason } in &self.set_aside {
            rows.push(Row::Item(format!("does not count: {file}: {reason}")));
        }
        if !self.concluded {
            for PinToPresent { target, role, reason } in &self.pins {
                rows.push(Row::Item(format!("'quorate execute' asks for the {role} of {target}: {reason}")));
            }
            if self.station_keepers > 1 {
                let both = "'quorate execute' takes the cards of two administrators: --card and --keeper";
                rows.push(Row::Item(both.into()));
            }
            if self.copies > 1 {
                let copies = self.copies;
                rows.push(Row::Item(format!(
                    "it needs {copies} copies of the ledger, this one included: --copy DIR"
                )));
            }
        }
        for attempt in &self.attempts {
            rows.push(Row::Item(format!("attempt: {}: {}", attempt.outcome, attempt.summary)));
        }
        rows.push(Row::Advice("Read what is proposed: 'quorate show'.".into()));
        Passage::headed(format!("Open: {}", self.directory), rows)
    }
}
