//! Where an open ceremony stands.

use std::collections::BTreeSet;

use super::{
    Passage, Row,
    ceremony::{Required, RequiredApprover, SaidBy, in_words},
    keys::account,
    listed,
    outcome::FileAndReason,
};
use crate::{
    encoding::{
        digest::Digest,
        text::{Line, Name},
        time::Timestamp,
    },
    proposal::target::Role,
    roster::{OperationKind, requirement::Shares},
    transcript::event::Attempted,
};

account! {
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
}

impl OpenStanding {
    pub(super) fn passage(&self) -> Passage {
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
