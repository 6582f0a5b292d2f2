//! Approvals, releases and confirmations become participants, or are listed with the reason why not.

use std::collections::BTreeSet;

use super::{
    Error,
    handed::{Handed, HandedConfirmation, HandedRelease, SetAside, Unfit},
};
use crate::{
    approval::{
        quorum::{Participant, Voices},
        release::{Basis, Release},
        statement::{Approval, Rejection, Signed},
    },
    encoding::{bounds, digest::Digest, dsse::Mode, text::Name},
    memory::AuthoritySecret,
    ports::store::{Inbox, StationStore},
    roster::requirement::Shares,
    sealing::{hybrid::HybridIdentity, release},
    sharing::{identity, share::UnverifiedShare},
    transcript::{ceremonies::RecordedConfirmation, ledger::Ceremony},
};

/// What was gathered for one ceremony.
pub struct Collected {
    /// People who approved: custodians with verified shares where any are released, approvers without.
    pub participants: Vec<Participant>,
    /// Approvals, of one person more than one where releases rest on several.
    pub approvals: Vec<Signed<Approval>>,
    /// Releases whose shares were verified.
    pub releases: Vec<CollectedRelease>,
    /// Confirmations whose shares were verified.
    pub confirmations: Vec<CollectedConfirmation>,
    /// Rejections that are not on record yet.
    pub rejections: Vec<Signed<Rejection>>,
    /// Those whose rejections are on record.
    pub recorded: BTreeSet<Name>,
    /// Files that do not count.
    pub set_aside: Vec<SetAside>,
}

/// A release, with the file that is kept until the ceremony closes.
#[derive(Clone)]
pub struct CollectedRelease {
    pub signed: Signed<Release>,
    pub basis: Basis,
    pub file: Vec<u8>,
}

/// A confirmation, with the file that is kept until the ceremony closes.
#[derive(Clone)]
pub struct CollectedConfirmation {
    pub recorded: RecordedConfirmation,
    pub file: Vec<u8>,
}

impl Collected {
    /// Who said what, as far as it counts.
    pub fn voices(&self) -> Voices {
        let confirmations = || self.confirmations.iter().map(|c| c.recorded.signed.statement());
        let confirmed = || confirmations().map(|said| &said.person);
        let handed_over = confirmations().filter(|said| said.file.is_some()).map(|said| &said.person);
        let approved = self.approvals.iter().map(|a| &a.statement().person);
        let released = self.releases.iter().map(|r| &r.signed.statement().custodian);
        let rejected = self.rejections.iter().map(|r| &r.statement().person);
        Voices {
            approved: approved.chain(confirmed()).cloned().collect(),
            released: released.chain(handed_over).cloned().collect(),
            rejected: rejected.chain(&self.recorded).cloned().collect(),
        }
    }

    /// Takes what a release rests on. No reader takes more than so many approvals of one person.
    fn take_approvals(&mut self, approvals: Vec<Signed<Approval>>) -> Result<(), Unfit> {
        let known = self.approvals.len();
        for approval in approvals {
            if self.approvals.iter().any(|known| known.digest() == approval.digest()) {
                continue;
            }
            let who = &approval.statement().person;
            if self.approvals_of(who) >= bounds::APPROVALS_OF_ONE {
                let reason = format!("it rests on an approval of {who}, who approved too many times");
                self.approvals.truncate(known);
                return Err(Unfit::Flawed(reason));
            }
            self.approvals.push(approval);
        }
        Ok(())
    }

    fn approvals_of(&self, who: &Name) -> usize {
        self.approvals.iter().filter(|approval| approval.statement().person == *who).count()
    }
}

/// The files of shares that the station keeps.
pub(super) fn kept(ceremony: &Ceremony, store: &dyn StationStore) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let (ledger, number) = (ceremony.proposal.ledger, ceremony.number());
    let mut files = Vec::new();
    for name in store.names(ledger, number)? {
        if name.starts_with("release-of-") || name.starts_with("confirmation-of-") {
            let bytes = store.take(ledger, number, &name)?.unwrap_or_default();
            files.push((name, bytes));
        }
    }
    Ok(files)
}

/// Under which name the station keeps a custodian's shares.
pub(super) fn kept_name(shares: Shares, custodian: &Name) -> String {
    match shares {
        Shares::Confirmed => format!("confirmation-of-{custodian}"),
        Shares::Released | Shares::None => format!("release-of-{custodian}"),
    }
}

/// Gathers what is in the ledger, what the station keeps and what was handed over. Without the station's identity no release is
/// opened, and nobody takes part whose shares would be needed.
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
            approvals: ceremony.approvals.clone(),
            releases: Vec::new(),
            confirmations: Vec::new(),
            rejections: if ceremony.intended.is_none() { ceremony.unrecorded.clone() } else { Vec::new() },
            recorded: ceremony.rejections.iter().map(|r| r.statement().person.clone()).collect(),
            set_aside: Vec::new(),
        },
        digests: BTreeSet::new(),
    };
    for (name, bytes) in kept(ceremony, store)? {
        gathered.take(&name, &bytes);
    }
    // These were not named on the command line.
    gathered.collected.set_aside.iter_mut().for_each(|aside| aside.is_foreign = false);
    if ceremony.intended.is_none() {
        for approval in ceremony.approvals_beside() {
            // Others of the same person count nothing more.
            let _ = gathered.approve(approval.clone());
        }
    }
    for (name, content) in inbox.files() {
        match content {
            Ok(bytes) => gathered.take(&name, &bytes),
            Err(error) => gathered.collected.set_aside.push(Unfit::Foreign(error.reason).of(&name)),
        }
    }
    gathered.end()
}

struct Gathered<'a> {
    ceremony: &'a Ceremony,
    mode: Mode,
    /// None where nothing is opened.
    identity: Option<HybridIdentity>,
    collected: Collected,
    digests: BTreeSet<Digest>,
}

impl Gathered<'_> {
    fn take(&mut self, file: &str, bytes: &[u8]) {
        // The very same file again, for example one that the station keeps already.
        if !self.digests.insert(Digest::of(bytes)) {
            return;
        }
        let taken = match Handed::read(self.ceremony, self.mode, bytes) {
            Ok(Handed::Approval(signed)) => self.approve(signed),
            Ok(Handed::Rejection(signed)) => self.reject(signed),
            Ok(Handed::Release(release)) => self.release(*release, bytes),
            Ok(Handed::Confirmation(confirmation)) => self.confirm(*confirmation, bytes),
            Err(unfit) => Err(unfit),
        };
        if let Err(unfit) = taken {
            self.collected.set_aside.push(unfit.of(file));
        }
    }

    /// Takes an approval alone. Another one of the same person would count nothing more.
    fn approve(&mut self, signed: Signed<Approval>) -> Result<(), Unfit> {
        let who = &signed.statement().person;
        let has = |known: &Signed<Approval>| known.digest() == signed.digest();
        if self.collected.approvals.iter().any(has) {
            return Ok(());
        }
        if self.ceremony.intended.is_some() {
            return Err(Unfit::Flawed(format!("{who} approved after the quorum had acted")));
        }
        if self.ceremony.shares == Shares::Confirmed {
            return Err(Unfit::Flawed(format!("{who} approved a genesis without confirming their shares")));
        }
        if self.collected.approvals_of(who) > 0 {
            return Err(Unfit::counted(who));
        }
        self.collected.approvals.push(signed);
        Ok(())
    }

    fn release(&mut self, release: HandedRelease, file: &[u8]) -> Result<(), Unfit> {
        let HandedRelease { signed, basis, approvals, sealed } = release;
        let who = signed.statement().custodian.clone();
        if self.collected.releases.iter().any(|r| r.signed.statement().custodian == who) {
            return Err(Unfit::Flawed(format!("{who} has already released shares: a custodian counts once")));
        }
        let participant = self.participant(&who, &sealed)?;
        self.collected.take_approvals(approvals)?;
        self.collected.participants.extend(participant);
        self.collected.releases.push(CollectedRelease { signed, basis, file: file.to_vec() });
        Ok(())
    }

    fn confirm(&mut self, confirmation: HandedConfirmation, file: &[u8]) -> Result<(), Unfit> {
        let HandedConfirmation { recorded, sealed } = confirmation;
        let who = recorded.signed.statement().person.clone();
        if self.collected.confirmations.iter().any(|c| c.recorded.signed.statement().person == who) {
            return Err(Unfit::Flawed(format!("{who} has already confirmed: a custodian counts once")));
        }
        let participant = match sealed {
            Some(sealed) => self.participant(&who, &sealed)?,
            None => None,
        };
        self.collected.participants.extend(participant);
        self.collected.confirmations.push(CollectedConfirmation { recorded, file: file.to_vec() });
        Ok(())
    }

    fn reject(&mut self, signed: Signed<Rejection>) -> Result<(), Unfit> {
        let who = &signed.statement().person;
        let known = |r: &Signed<Rejection>| r.envelope() == signed.envelope();
        if self.collected.recorded.contains(who) || self.collected.rejections.iter().any(known) {
            return Ok(());
        }
        if self.collected.voices().rejected.contains(who) {
            return Err(Unfit::Flawed(format!("{who} has already rejected")));
        }
        if self.ceremony.intended.is_some() {
            return Err(Unfit::Flawed(format!("{who} rejected after the quorum had acted")));
        }
        self.collected.rejections.push(signed);
        Ok(())
    }

    /// A release whose share is bad does not count, and is named.
    fn participant(&self, who: &Name, sealed: &[u8]) -> Result<Option<Participant>, String> {
        let Some(identity) = &self.identity else { return Ok(None) };
        let opened = release::open(identity, sealed, self.ceremony.digest, who).map_err(|e| e.to_string())?;
        let requirement = self.ceremony.requirement();
        let mut rest = opened.expose();
        let mut shares = Vec::new();
        for authority in requirement.released() {
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
        Participant::new(who.clone(), shares, &requirement).map(Some).map_err(|e| e.to_string())
    }

    /// Those of whom nothing is released take part by their approval alone: approvers, and all where no share is opened.
    fn end(mut self) -> Result<Collected, Error> {
        let requirement = self.ceremony.requirement();
        let intended = self.ceremony.intended.as_ref().map(|(intended, _)| &intended.quorum);
        for who in self.collected.voices().approved {
            let releases_none =
                self.ceremony.shares == Shares::None || requirement.approvers().contains(&&who);
            if releases_none && intended.is_none_or(|quorum| quorum.contains(&who)) {
                let participant = Participant::new(who, Vec::new(), &requirement)
                    .map_err(|_| Error::defect("a share is missing where none is released"))?;
                self.collected.participants.push(participant);
            }
        }
        Ok(self.collected)
    }
}
