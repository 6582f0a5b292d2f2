//! Approval files become participants, or are listed with the reason why not.

use std::collections::BTreeSet;

use super::Error;
use crate::{
    account::{ceremony::SaidBy, outcome::FileAndReason},
    approval::{
        quorum::Participant,
        statement::{Approval, ApprovalFile, Rejection, Signed, Statement},
    },
    encoding::{
        digest::Digest,
        dsse::Mode,
        strict::StrictError,
        text::{self, Name},
        time::Timestamp,
    },
    memory::AuthoritySecret,
    ports::store::{Decision, Inbox, StationStore},
    proposal::operations::Plan,
    roster::card::EnrolledCard,
    sealing::release,
    sharing::{identity, share::UnverifiedShare},
    transcript::{ceremony::check_approval, ledger::Ceremony},
};

/// A file that does not count, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    pub file: String,
    pub reason: String,
    /// Whether it was named and is missing, is not an approval at all, or is one of another proposal: not an approval with
    /// a flaw.
    pub is_foreign: bool,
}

impl SetAside {
    pub fn told(self) -> FileAndReason {
        FileAndReason { file: self.file, reason: self.reason }
    }
}

/// Why a file does not count.
enum Unfit {
    /// Not an approval of this proposal by anybody of its roster.
    Foreign(String),
    /// One that does not count.
    Flawed(String),
}

impl From<String> for Unfit {
    fn from(reason: String) -> Self {
        Self::Flawed(reason)
    }
}

impl Unfit {
    fn of(self, file: &str) -> SetAside {
        let (reason, is_foreign) = match self {
            Self::Foreign(reason) => (reason, true),
            Self::Flawed(reason) => (reason, false),
        };
        SetAside { file: text::printable(file), reason, is_foreign }
    }
}

fn foreign(reason: impl std::fmt::Display) -> Unfit {
    Unfit::Foreign(reason.to_string())
}

/// What was gathered for one ceremony.
pub struct Collected {
    /// Custodians with verified shares.
    pub participants: Vec<Participant>,
    /// Their approvals, in the same order, with the files to be kept until the ceremony closes.
    pub approvals: Vec<(Signed<Approval>, Vec<u8>)>,
    /// Rejections that are not on record yet.
    pub rejections: Vec<Signed<Rejection>>,
    /// Those whose rejections are on record.
    pub recorded: BTreeSet<Name>,
    /// Files that do not count.
    pub set_aside: Vec<SetAside>,
}

impl Collected {
    /// Those who reject, on record or not.
    pub fn rejecting(&self) -> BTreeSet<Name> {
        let new = self.rejections.iter().map(|r| r.statement().custodian.clone());
        new.chain(self.recorded.iter().cloned()).collect()
    }
}

/// What is known of an open ceremony without a card: statements on record, and those that this station keeps.
#[derive(Debug, Default)]
pub struct Heard {
    /// Approvals; one that its custodian's own rejection cancels is among them.
    pub approvals: Vec<SaidBy>,
    pub rejections: Vec<SaidBy>,
    /// What the station keeps, or was brought, and cannot count.
    pub set_aside: Vec<SetAside>,
    /// Each file that was read.
    files: BTreeSet<Digest>,
}

impl Heard {
    /// Custodians who reject.
    pub fn rejecting(&self) -> BTreeSet<Name> {
        self.rejections.iter().map(|said| said.person.clone()).collect()
    }

    /// Custodians who approve and do not reject.
    pub fn approving(&self) -> BTreeSet<Name> {
        let rejecting = self.rejecting();
        let approved = self.approvals.iter().map(|said| said.person.clone());
        approved.filter(|who| !rejecting.contains(who)).collect()
    }

    /// Hears the statements that were brought, too.
    pub fn hear(&mut self, ceremony: &Ceremony, mode: Mode, brought: &mut dyn Inbox) {
        for (file, content) in brought.files() {
            let heard = match content {
                Ok(bytes) if !self.files.insert(Digest::of(&bytes)) => continue,
                Ok(bytes) => Handed::read(ceremony, mode, &bytes),
                Err(error) => Err(Unfit::Foreign(error.reason)),
            };
            let unfit = match heard {
                Ok(Handed::Approval(signed, _)) if self.approved(&signed) => continue,
                Ok(Handed::Approval(signed, _)) => counts_once(&signed.statement().custodian),
                Ok(Handed::Rejection(signed)) => {
                    self.rejected(&signed);
                    continue;
                }
                Err(unfit) => unfit,
            };
            self.set_aside.push(unfit.of(&file));
        }
    }

    /// Whether it is this person's first.
    fn add<S: Statement>(into: &mut Vec<SaidBy>, who: &Name, time: Timestamp, signed: &Signed<S>) -> bool {
        let is_first = into.iter().all(|said| said.person != *who);
        if is_first {
            into.push(SaidBy { person: who.clone(), time, card: signed.card() });
        }
        is_first
    }

    fn approved(&mut self, signed: &Signed<Approval>) -> bool {
        let said = signed.statement();
        Self::add(&mut self.approvals, &said.custodian, said.time, signed)
    }

    fn rejected(&mut self, signed: &Signed<Rejection>) {
        let said = signed.statement();
        Self::add(&mut self.rejections, &said.custodian, said.time, signed);
    }
}

/// Hears what is on record and what the station keeps. Releases are not opened: that takes a card.
pub fn heard(ceremony: &Ceremony, mode: Mode, store: &dyn StationStore) -> Result<Heard, Error> {
    let mut heard = Heard::default();
    for signed in &ceremony.approvals {
        heard.approved(signed);
    }
    for signed in ceremony.rejections.iter().chain(&ceremony.unrecorded) {
        heard.rejected(signed);
    }
    for (file, bytes) in kept(ceremony, store)? {
        heard.files.insert(Digest::of(&bytes));
        match Handed::read(ceremony, mode, &bytes) {
            Ok(Handed::Approval(signed, _)) => _ = heard.approved(&signed),
            Ok(Handed::Rejection(signed)) => heard.rejected(&signed),
            // These were not named on the command line.
            Err(unfit) => heard.set_aside.push(SetAside { is_foreign: false, ..unfit.of(&file) }),
        }
    }
    Ok(heard)
}

/// The files that the station keeps of people's statements.
fn kept(ceremony: &Ceremony, store: &dyn StationStore) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let (ledger, number) = (ceremony.proposal.ledger, ceremony.number());
    let mut files = Vec::new();
    for name in store.names(ledger, number)? {
        if name.starts_with("approval-of-") || name.starts_with("rejection-of-") {
            let bytes = store.take(ledger, number, &name)?.unwrap_or_default();
            files.push((name, bytes));
        }
    }
    Ok(files)
}

/// Under which name the station keeps an approval file.
pub fn kept_name(decision: Decision, custodian: &Name) -> String {
    format!("{decision}-of-{custodian}")
}

/// Gathers what the station keeps and what was handed over. Without the station's identity no release is opened.
pub fn collect(
    ceremony: &Ceremony,
    mode: Mode,
    identity: Option<&AuthoritySecret>,
    store: &dyn StationStore,
    inbox: &mut dyn Inbox,
) -> Result<Collected, Error> {
    let mut gathered = Gathered {
        ceremony,
        mode,
        identity: identity.map(identity::age_identity).transpose()?,
        collected: Collected {
            participants: Vec::new(),
            approvals: Vec::new(),
            rejections: if ceremony.intended.is_none() { ceremony.unrecorded.clone() } else { Vec::new() },
            recorded: ceremony.rejections.iter().map(|r| r.statement().custodian.clone()).collect(),
            set_aside: Vec::new(),
        },
        digests: BTreeSet::new(),
    };
    for (name, bytes) in kept(ceremony, store)? {
        gathered.take(&name, &bytes);
    }
    // These were not named on the command line.
    gathered.collected.set_aside.iter_mut().for_each(|aside| aside.is_foreign = false);
    for (name, content) in inbox.files() {
        match content {
            Ok(bytes) => gathered.take(&name, &bytes),
            Err(error) => gathered.collected.set_aside.push(Unfit::Foreign(error.reason).of(&name)),
        }
    }
    Ok(gathered.collected)
}

/// A file that was handed over, as far as it can be judged without the station's secrets.
enum Handed {
    Approval(Box<Signed<Approval>>, Vec<u8>),
    Rejection(Signed<Rejection>),
}

impl Handed {
    /// Verifies who signed it, and that it is of this proposal; of an approval also its times and that its release is whole.
    fn read(ceremony: &Ceremony, mode: Mode, bytes: &[u8]) -> Result<Self, Unfit> {
        let file = ApprovalFile::parse(bytes).map_err(|e| match e {
            StrictError::Version => foreign(e.of("a file")),
            _ => foreign(not_an_approval(bytes)),
        })?;
        let roster = &ceremony.roster;
        if file.statement.payload_type == mode.payload_type(Rejection::EVENT) {
            let signed = Signed::<Rejection>::verify(file.statement, mode, roster).map_err(foreign)?;
            if signed.statement().proposal != ceremony.digest {
                return Err(foreign(format!("{} rejected another proposal", signed.statement().custodian)));
            }
            return Ok(Self::Rejection(signed));
        }
        let signed = Signed::<Approval>::verify(file.statement, mode, roster).map_err(foreign)?;
        let who = &signed.statement().custodian;
        if signed.statement().proposal != ceremony.digest {
            return Err(foreign(format!("{who} approved another proposal")));
        }
        check_approval(ceremony, signed.statement()).map_err(|finding| finding.message)?;
        if let Some((intended, _)) = &ceremony.intended
            && !intended.quorum.contains(who)
        {
            return Err(Unfit::Flawed(format!("{who} is not of the quorum that acted")));
        }
        let release = file.release.ok_or_else(|| format!("{who}'s approval has no release"))?;
        if Digest::of(&release.0) != signed.statement().release {
            return Err(Unfit::Flawed(format!("the release is not the one that {who} signed for")));
        }
        Ok(Self::Approval(Box::new(signed), release.0))
    }
}

/// What a file is that was mistaken for an approval.
fn not_an_approval(bytes: &[u8]) -> String {
    let but = if EnrolledCard::parse(bytes).is_ok() {
        " but the enrolment of a card"
    } else if Plan::parse(bytes).is_ok() {
        " but a plan"
    } else {
        ""
    };
    format!("not an approval file{but}")
}

fn counts_once(who: &Name) -> Unfit {
    Unfit::Flawed(format!("{who} has already approved: a custodian counts once"))
}

struct Gathered<'a> {
    ceremony: &'a Ceremony,
    mode: Mode,
    /// None where nothing can be done any more, so that nothing is opened.
    identity: Option<crate::sealing::hybrid::HybridIdentity>,
    collected: Collected,
    digests: BTreeSet<Digest>,
}

impl Gathered<'_> {
    fn take(&mut self, file: &str, bytes: &[u8]) {
        // The very same file again, for example one that the station keeps already.
        if !self.digests.insert(Digest::of(bytes)) {
            return;
        }
        if let Err(unfit) = self.try_take(bytes) {
            self.collected.set_aside.push(unfit.of(file));
        }
    }

    fn try_take(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        let (signed, release) = match Handed::read(self.ceremony, self.mode, bytes)? {
            Handed::Rejection(signed) => return self.reject(signed),
            Handed::Approval(signed, release) => (signed, release),
        };
        let who = signed.statement().custodian.clone();
        if self.collected.approvals.iter().any(|(a, _)| a.statement().custodian == who) {
            return Err(counts_once(&who));
        }
        if let Some(identity) = &self.identity {
            let participant = self.participant(identity, &who, &release)?;
            self.collected.participants.push(participant);
        }
        self.collected.approvals.push((*signed, bytes.to_vec()));
        Ok(())
    }

    fn reject(&mut self, signed: Signed<Rejection>) -> Result<(), Unfit> {
        let who = &signed.statement().custodian;
        let known = |r: &Signed<Rejection>| r.envelope() == signed.envelope();
        if self.collected.recorded.contains(who) || self.collected.rejections.iter().any(known) {
            return Ok(());
        }
        if self.collected.rejecting().contains(who) {
            return Err(Unfit::Flawed(format!("{who} has already rejected")));
        }
        if self.ceremony.intended.is_some() {
            return Err(Unfit::Flawed(format!("{who} rejected after the quorum had acted")));
        }
        self.collected.rejections.push(signed);
        Ok(())
    }

    /// An approval whose share is bad does not count, and is named.
    fn participant(
        &self,
        identity: &crate::sealing::hybrid::HybridIdentity,
        who: &Name,
        sealed: &[u8],
    ) -> Result<Participant, String> {
        let opened = release::open(identity, sealed, self.ceremony.digest, who).map_err(|e| e.to_string())?;
        let requirement = self.ceremony.requirement();
        let mut rest = opened.expose();
        let mut shares = Vec::new();
        for authority in requirement.authorities() {
            let (unverified, after) = UnverifiedShare::read(rest)
                .map_err(|e| format!("{who}'s share of {}: {e}", authority.name))?;
            rest = after;
            shares.push(
                unverified.verify(requirement.roster(), &authority.name, who).map_err(|e| e.to_string())?,
            );
        }
        if !rest.is_empty() {
            return Err(format!("{who} released more than was asked for"));
        }
        Participant::new(who.clone(), shares, &requirement).map_err(|e| e.to_string())
    }
}
