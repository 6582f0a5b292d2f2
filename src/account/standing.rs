//! Where a ledger stands, and what comes next.

use super::{
    Passage, Row, advice::Advice, ceremony::CeremonyBrief, counted, drills::DrillsStanding, keys::account,
    listed, open::OpenStanding,
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
        target::{Inventory, TokenIdentity},
    },
    roster::Standing,
    transcript::{
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
            drills: DrillsStanding::of(state, now),
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
