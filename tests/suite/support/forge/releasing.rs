//! Approvals, releases and confirmations, as custodians sign them and a station records them.

use quorate::{
    approval::{
        release::{Basis, Confirmation, Release, drills_digest},
        statement::Approval,
    },
    encoding::digest::Digest,
    proposal::document::Proposal,
    roster::requirement::Shares,
    transcript::{
        event::{Approved, Confirmed, Released},
        ledger::Ceremony,
    },
};

use super::{Forge, Key, Transcript, name, time};

impl Forge {
    pub fn approval(&self, proposal: &Proposal, who: &str) -> Approval {
        Approval {
            proposal: proposal.digest(),
            roster: proposal.roster,
            person: name(who),
            time: time(proposal.created.unix() + 1),
        }
    }

    /// These custodians approve, and nothing else.
    pub fn sign_only(&self, lines: &mut Transcript, proposal: &Proposal, by: &[&str]) {
        for who in by {
            let approval = self.sign(who, &self.approval(proposal, who));
            lines.add(Approved { approval });
        }
    }

    /// These custodians approve; once the requirement is met, all who approved release their shares. At a genesis they confirm.
    pub fn approve(&self, lines: &mut Transcript, proposal: &Proposal, by: &[&str]) {
        let shares = self.opened(proposal, lines).map(|open| open.shares);
        if shares == Some(Shares::Confirmed) {
            return self.confirm(lines, proposal, by);
        }
        self.sign_only(lines, proposal, by);
        let Some(open) = self.opened(proposal, lines) else { return };
        if open.shares == Shares::Released && open.approvals_tally().is_quorum() {
            let voices = open.voices();
            let waiting: Vec<_> =
                voices.approving().difference(&voices.acting(&open.requirement())).cloned().collect();
            let waiting: Vec<&str> = waiting.iter().map(|who| who.as_str()).collect();
            self.release(lines, &open, &waiting);
        }
    }

    /// These custodians release shares, each on all approvals that are there.
    pub fn release(&self, lines: &mut Transcript, open: &Ceremony, by: &[&str]) {
        for who in by {
            let (release, basis) = self.release_of(open, who);
            lines.add(Released { release: self.sign(who, &release), basis });
        }
    }

    /// A release on all approvals that are there.
    pub fn release_of(&self, open: &Ceremony, who: &str) -> (Release, Basis) {
        let approving = open.voices().approving();
        let listed =
            open.approvals.iter().filter(|approval| approving.contains(&approval.statement().person));
        let mut approvals: Vec<Digest> = listed.map(|approval| approval.digest()).collect();
        approvals.sort();
        let authorities = open.requirement().released().map(|authority| authority.name.clone()).collect();
        let basis = Basis { authorities, approvals };
        let release = Release {
            proposal: open.digest,
            roster: open.roster.digest(),
            dealing: open.roster.dealing_id(),
            custodian: name(who),
            card: Key::of(who).public().keyid(),
            basis: basis.digest(),
            file: Digest::of(b"release"),
            time: time(open.proposal.created.unix() + 2),
        };
        (release, basis)
    }

    /// These custodians confirm their shares, and these approvers.
    pub fn confirm(&self, lines: &mut Transcript, proposal: &Proposal, by: &[&str]) {
        for who in by {
            let confirmation = self.sign(who, &self.confirmation(proposal, who));
            lines.add(Confirmed { confirmation, drills: Vec::new() });
        }
    }

    pub fn confirmation(&self, proposal: &Proposal, who: &str) -> Confirmation {
        Confirmation {
            proposal: proposal.digest(),
            roster: proposal.roster,
            dealing: proposal.new_roster.as_ref().unwrap().deal.dealing_id(),
            person: name(who),
            cards: drills_digest(&[]),
            file: super::ALL.contains(&who).then(|| Digest::of(b"release")),
            time: time(proposal.created.unix() + 1),
        }
    }

    /// The ceremony as far as its lines go; none where they are not what a reader takes.
    pub fn opened(&self, proposal: &Proposal, lines: &Transcript) -> Option<Ceremony> {
        let mut forge = self.clone();
        forge.push(proposal, lines);
        let number = usize::try_from(proposal.ceremony).unwrap();
        let state = forge.verify().state?;
        state.ceremonies.iter().nth(number).cloned()
    }
}
