//! The ceremonies of a ledger in their order, with indexes of what each new one would otherwise look up in all of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    slice,
    sync::Arc,
};

use super::{
    event::{Attempted, Concluded, Intended},
    outcome::Outcome,
};
use crate::{
    approval::{
        drill::Drill,
        quorum::Voices,
        release::{Basis, Confirmation, Release},
        statement::{Abort, Approval, Attestation, Rejection, Signed},
    },
    encoding::{
        digest::Digest,
        text::{Line, Name},
        time::Timestamp,
    },
    proposal::{disputed_times::DisputedTimes, document::Proposal, operations::Plan, target::Role},
    roster::{OperationKind, Roster, deal::StationKeys, point::KeyPoint, requirement::Shares},
};

/// How a ceremony ended.
#[derive(Clone, Debug)]
pub enum End {
    Closed,
    /// An administrator gave it up.
    Aborted(Box<Signed<Abort>>),
    Recovered {
        by: u32,
        /// `refused` or `indeterminate`.
        outcome: Outcome,
    },
}

/// What a member signed about a head of this ledger that is not that of the ceremony beside which it lies.
#[derive(Clone, Debug)]
pub struct OtherHead {
    pub(super) said_by: HeadStatement,
    pub(super) person: Name,
    pub(super) ceremony: u32,
    pub(super) head: Digest,
}

/// The statement that names a head.
#[derive(Clone, Copy, Debug)]
pub(super) enum HeadStatement {
    Attestation,
    Drill,
}

/// A release, and what it is of and rests on.
#[derive(Clone, Debug)]
pub struct RecordedRelease {
    pub signed: Signed<Release>,
    pub basis: Basis,
}

/// A confirmation, with what other cards of the same person state.
#[derive(Clone, Debug)]
pub struct RecordedConfirmation {
    pub signed: Signed<Confirmation>,
    pub drills: Vec<Signed<Drill>>,
}

/// One ceremony whose lines were all verified.
#[derive(Clone, Debug)]
pub struct Ceremony {
    pub directory: String,
    pub proposal: Proposal,
    /// Its plan, with which the proposal agrees.
    pub plan: Arc<Plan>,
    /// SHA-256 of the proposal: what approvals name.
    pub digest: Digest,
    /// `keyid` of the administrator's card that signed.
    pub proposer_card: Digest,
    /// The roster whose people act in it: the one in force, at genesis the new one.
    pub roster: Arc<Roster>,
    pub lines: u32,
    /// Digest of the last line: the head, once it has ended.
    pub last_line: Digest,
    /// Time of the first and of the last line.
    pub times: (Timestamp, Timestamp),
    /// What becomes of its people's shares.
    pub shares: Shares,
    /// Approvals, in the order of their lines.
    pub approvals: Vec<Signed<Approval>>,
    /// Releases, in the order of their lines.
    pub releases: Vec<RecordedRelease>,
    /// Confirmations, in the order of their lines.
    pub confirmations: Vec<RecordedConfirmation>,
    pub rejections: Vec<Signed<Rejection>>,
    /// The intent, with the digest of its line.
    pub intended: Option<(Intended, Digest)>,
    /// Whether enough custodians approved it, at some time.
    pub had_quorum: bool,
    /// Times of earlier ceremonies that its plan disputes.
    pub disputes: Option<DisputedTimes>,
    pub attempts: Vec<Attempted>,
    pub concluded: Option<Concluded>,
    /// How it ended; none while it is open.
    pub end: Option<End>,
    /// Number of the ceremony that completed its change of PINs, after it had ended as indeterminate.
    pub finished_by: Option<u32>,
    /// Valid rejections beside the transcript that are not in it.
    pub unrecorded: Vec<Signed<Rejection>>,
    /// Valid approvals beside the transcript that are not in it, while it is open. They do not count.
    pub unrecorded_approvals: Vec<Signed<Approval>>,
    /// The same of releases: of what they rest on nothing is known here.
    pub unrecorded_releases: Vec<Signed<Release>>,
    /// The same of confirmations.
    pub unrecorded_confirmations: Vec<Signed<Confirmation>>,
    /// Valid attestations of its head.
    pub attestations: Vec<Signed<Attestation>>,
    /// What members signed about other heads, and lies beside this one.
    pub other_heads: Vec<OtherHead>,
    /// What lies beside it and is not read as a statement, by path, with the reason.
    pub unread: Vec<String>,
    /// Valid drills that name its head.
    pub drills: Vec<Signed<Drill>>,
    /// Drills beside it that do not count: file and reason.
    pub bad_drills: Vec<String>,
}

impl Ceremony {
    /// Who said what, on record.
    pub fn voices(&self) -> Voices {
        let confirmed = || self.confirmations.iter().map(|c| c.signed.statement());
        let handed_over = confirmed().filter(|c| c.file.is_some()).map(|c| &c.person);
        Voices {
            approved: self
                .approvals
                .iter()
                .map(|a| &a.statement().person)
                .chain(confirmed().map(|c| &c.person))
                .cloned()
                .collect(),
            released: self
                .releases
                .iter()
                .map(|r| &r.signed.statement().custodian)
                .chain(handed_over)
                .cloned()
                .collect(),
            rejected: self.rejections.iter().map(|r| r.statement().person.clone()).collect(),
        }
    }

    /// Who approved or confirmed it, on record or beside the transcript, and when by their own clocks.
    pub fn approved_when(&self) -> impl Iterator<Item = (&Name, Timestamp)> {
        let approvals = self.approvals.iter().chain(&self.unrecorded_approvals).map(Signed::statement);
        let recorded = self.confirmations.iter().map(|c| &c.signed);
        let confirmations = recorded.chain(&self.unrecorded_confirmations).map(Signed::statement);
        approvals
            .map(|said| (&said.person, said.time))
            .chain(confirmations.map(|said| (&said.person, said.time)))
    }

    /// Custodians who rejected it, on record or beside the transcript.
    pub fn rejecting(&self) -> BTreeSet<Name> {
        let rejections = self.rejections.iter().chain(&self.unrecorded);
        rejections.map(|r| r.statement().person.clone()).collect()
    }

    /// Custodians who released shares for it, on record or beside the transcript.
    pub fn released_by(&self) -> BTreeSet<&Name> {
        let recorded = self.releases.iter().map(|release| &release.signed);
        recorded.chain(&self.unrecorded_releases).map(|release| &release.statement().custodian).collect()
    }

    /// Those of a ceremony that ended without acting. New shares that a genesis dealt, and that never came into force, open
    /// nothing.
    pub fn outstanding(&self) -> BTreeSet<&Name> {
        let acted = self.end.is_none() || self.intended.is_some();
        if acted { BTreeSet::new() } else { self.released_by() }
    }

    /// The dealing whose authorities open the credentials that it makes.
    pub fn dealing(&self) -> Digest {
        self.roster.dealing_id()
    }

    pub fn kind(&self) -> OperationKind {
        self.proposal.operation.kind()
    }

    pub fn number(&self) -> u32 {
        self.proposal.ceremony
    }

    /// The outcome; none while it is open, or when it was aborted.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.end {
            Some(End::Recovered { outcome, .. }) => Some(*outcome),
            _ => self.concluded.as_ref().map(|c| c.outcome),
        }
    }

    /// Whether its people may act in a recovery although no roster is in force yet: those of a genesis whose intent all
    /// of them approved.
    pub fn can_lend_its_roster(&self) -> bool {
        self.kind() == OperationKind::Recover
            || (self.kind() == OperationKind::Genesis && self.intended.is_some())
    }

    /// `completed`, `aborted`, `open` …: for people.
    pub fn standing(&self) -> Line {
        let text = match (&self.end, self.outcome()) {
            (Some(End::Aborted(_)), _) => "aborted".to_owned(),
            (Some(End::Recovered { by, outcome }), _) => format!("{outcome}, closed by ceremony {by}"),
            (Some(End::Closed), Some(outcome)) => match self.finished_by {
                Some(by) => format!("{outcome}, completed by ceremony {by}"),
                None => outcome.to_string(),
            },
            (Some(End::Closed), None) => "closed".to_owned(),
            (None, Some(outcome)) => format!("{outcome}, not closed yet"),
            (None, None) if self.intended.is_some() => "open: intended, outcome not recorded".to_owned(),
            (None, None) => "open".to_owned(),
        };
        Line::lossy(&text)
    }
}

/// All ceremonies of a ledger, by number. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Ceremonies {
    all: Vec<Arc<Ceremony>>,
    /// Numbers of those that have not ended.
    open: BTreeSet<u32>,
    /// Numbers of those that had a quorum.
    agreed: Vec<u32>,
    /// Of every station, its signing key and its recipient.
    station_keys: HashSet<KeyPoint>,
    /// The highest version of each credential.
    versions: BTreeMap<(Name, Role), u32>,
}

type Shared<'a> = std::iter::Map<slice::Iter<'a, Arc<Ceremony>>, fn(&Arc<Ceremony>) -> &Ceremony>;

impl Ceremonies {
    /// In the order of their numbers.
    pub fn iter(&self) -> Shared<'_> {
        self.all.iter().map(|ceremony| ceremony)
    }

    /// How many there are: the number of the next one.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn last(&self) -> Option<&Ceremony> {
        self.all.last().map(|ceremony| &**ceremony)
    }

    pub fn number(&self, number: u32) -> Option<&Ceremony> {
        self.all.get(usize::try_from(number).ok()?).map(|ceremony| &**ceremony)
    }

    /// The last of those that have not ended.
    pub(super) fn last_open(&self) -> Option<&Ceremony> {
        self.open.last().and_then(|number| self.number(*number))
    }

    /// Those that had a quorum, the last one first.
    pub(super) fn agreed(&self) -> impl Iterator<Item = &Ceremony> {
        self.agreed.iter().rev().filter_map(|number| self.number(*number))
    }

    /// Whether one of these keys was that of a station.
    pub(super) fn knows_station(&self, keys: &StationKeys) -> bool {
        keys.points().iter().any(|key| self.station_keys.contains(key))
    }

    /// The highest version that a credential had; 0 if there was none.
    pub(super) fn version(&self, target: &Name, role: Role) -> u32 {
        self.versions.get(&(target.clone(), role)).copied().unwrap_or(0)
    }

    pub(super) fn push(&mut self, ceremony: Ceremony) {
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        if ceremony.had_quorum {
            self.agreed.push(number);
        }
        self.station_keys.extend(ceremony.proposal.station.keys.points());
        for credential in &ceremony.proposal.credentials {
            let version = self.versions.entry((credential.target.clone(), credential.role)).or_default();
            *version = credential.version.max(*version);
        }
        self.note_end(number, &ceremony);
        self.all.push(Arc::new(ceremony));
    }

    fn note_end(&mut self, number: u32, ceremony: &Ceremony) {
        if ceremony.end.is_none() {
            self.open.insert(number);
        } else {
            self.open.remove(&number);
        }
    }

    /// Changes how one ended, or what is beside it, and returns it.
    pub(super) fn change(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Ceremony),
    ) -> Option<Arc<Ceremony>> {
        let shared = self.all.get_mut(usize::try_from(number).ok()?)?;
        change(Arc::make_mut(shared));
        let changed = Arc::clone(shared);
        self.note_end(number, &changed);
        Some(changed)
    }
}

impl<'a> IntoIterator for &'a Ceremonies {
    type Item = &'a Ceremony;
    type IntoIter = Shared<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
