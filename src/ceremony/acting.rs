//! What an act works with, and what comes of it.

use std::collections::BTreeMap;

use super::{Code, Error, ErrorKind, World, handed::SetAside, present::PresentPins};
use crate::{
    account::advice::Advice,
    approval::{authorization::Authorization, quorum::Authorities},
    encoding::text::{Name, Summary},
    memory::{CredentialSecret, Pin},
    ports::token::{Attempt, Effect, TokenError},
    proposal::{
        program::ProgramRecord,
        target::{LeftOut, ObjectRecord, Role},
    },
    transcript::{
        event::{BackupRecord, Concluded, HandedOver, PinInForce, TargetState},
        ledger::{Ceremony, LedgerState},
        outcome::Outcome,
    },
};

/// Opened credentials by target and role.
pub(super) type Credentials = BTreeMap<(Name, Role), CredentialSecret>;

/// A PIN that may be in force.
pub(super) struct PresentPin {
    /// Version of the sealed credential; none where the quorum does not hold it.
    pub(super) version: Option<u32>,
    pub(super) pin: Pin,
}

/// What is recorded of the PINs that a ceremony hands over, once they are in force.
pub(super) fn handed_over(ceremony: &Ceremony) -> Vec<HandedOver> {
    ceremony.proposal.handovers.iter().map(HandedOver::of).collect()
}

/// What came of an act, as it was seen.
pub struct Acted {
    pub(super) outcome: Outcome,
    pub(super) summary: String,
    pub(super) hint: Advice,
    pub(super) targets: Vec<TargetState>,
    pub(super) deleted: Vec<ObjectRecord>,
    pub(super) restored: Vec<ObjectRecord>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) unkept: Vec<LeftOut>,
    pub(super) backup: Option<BackupRecord>,
    pub(super) program: Option<ProgramRecord>,
    /// What a program complained of: for the operator only.
    pub(super) said: Vec<String>,
    /// What changed about the target since it was last recorded, for the people present.
    pub(super) noticed: Vec<String>,
    pub(super) pins: Vec<PinInForce>,
    pub(super) handovers: Vec<HandedOver>,
    /// Whether this run ended before its first changing call; earlier runs may have come further.
    pub(super) untouched: bool,
}

impl Acted {
    pub(super) fn new(outcome: Outcome, summary: impl Into<String>) -> Self {
        Self {
            outcome,
            summary: summary.into(),
            hint: "look at the target, then run 'quorate execute' again: the same approvals are used".into(),
            targets: Vec::new(),
            deleted: Vec::new(),
            restored: Vec::new(),
            left_out: Vec::new(),
            unkept: Vec::new(),
            backup: None,
            program: None,
            said: Vec::new(),
            noticed: Vec::new(),
            pins: Vec::new(),
            handovers: Vec::new(),
            untouched: false,
        }
    }

    /// Nothing was tried.
    pub fn refused(summary: &str) -> Self {
        Self::new(Outcome::Refused, summary)
    }

    /// From an error of the token: seen not to have happened only if nothing can have changed.
    pub(super) fn from_error(what: &str, error: &TokenError) -> Self {
        let outcome = match error.effect {
            Effect::None => Outcome::Failed,
            Effect::Unknown => Outcome::Indeterminate,
        };
        let mut acted = Self::new(outcome, format!("{what}: {error}"));
        acted.advise(error.hint.clone());
        acted.untouched = error.effect == Effect::None;
        acted
    }

    /// An error after the target was changed, or may have been.
    pub(super) fn after_error(what: &str, error: &TokenError) -> Self {
        let mut acted = Self::from_error(what, error);
        acted.outcome = Outcome::Indeterminate;
        acted.untouched = false;
        acted.summary =
            format!("{what}: done as far as known, but when it was looked at afterwards: {error}");
        acted
    }

    /// Once all of it is done, the reissued PINs are in force: each has logged in.
    pub(super) fn hand_over(&mut self, ceremony: &Ceremony) {
        if self.is_completed() {
            self.handovers = handed_over(ceremony);
        }
    }

    /// What to do before the next run.
    pub(super) fn advise(&mut self, hint: impl Into<Advice>) {
        self.hint = hint.into().and("; then run 'quorate execute' again: the same approvals are used");
    }

    /// Names the other way out.
    pub(super) fn offer_giving_up(&mut self) {
        if !self.hint.contains("--give-up") {
            self.hint = std::mem::take(&mut self.hint).and(
                "; if it cannot complete, 'quorate execute --give-up' records what is known and closes it",
            );
        }
    }

    /// Whether all of it was seen to be done.
    pub fn is_completed(&self) -> bool {
        self.outcome == Outcome::Completed
    }

    /// The error that is reported when the ceremony stays open.
    pub fn into_error(self, set_aside: Vec<SetAside>) -> Error {
        let kind = match self.outcome {
            Outcome::Failed => ErrorKind::Failed,
            _ => ErrorKind::Indeterminate,
        };
        let mut error = Error::problem(self.summary, self.hint);
        (error.kind, error.code) = (kind, Code::of_kind(kind));
        error.details.extend(self.said);
        error.details.extend(self.restored.iter().map(|object| format!("restored and proven: {object}")));
        error.details.extend(self.noticed);
        error.details.extend(self.left_out.iter().map(|l| format!("{}: {}", l.object, l.reason)));
        error.details.extend(self.unkept.iter().map(|l| format!("{}: {}", l.object, l.reason)));
        error.details.extend(set_aside.iter().map(|s| format!("does not count: {}: {}", s.file, s.reason)));
        error
    }

    pub fn into_concluded(self) -> Concluded {
        Concluded {
            outcome: self.outcome,
            summary: Summary::lossy(&self.summary),
            targets: self.targets,
            deleted: self.deleted,
            restored: self.restored,
            left_out: self.left_out,
            unkept: self.unkept,
            backup: self.backup,
            program: self.program,
            pins: self.pins,
            handovers: self.handovers,
        }
    }
}

/// Authorizations: one for each target that the intent names, in its order.
pub(super) type Grants = std::vec::IntoIter<Authorization>;

/// What the quorum gives an operation.
pub(super) struct Granted {
    /// The authorities' secrets: opened with, then wiped, before the target is touched.
    pub(super) authorities: Authorities,
    pub(super) grants: Grants,
}

impl Granted {
    /// The authorization for the one target of an operation.
    pub(super) fn one(&mut self) -> Result<Authorization, Error> {
        self.grants.next().ok_or_else(|| Error::defect("the intent names no target"))
    }
}

/// An act about to happen.
pub struct Acting<'a, 'w> {
    pub(super) world: &'a mut World<'w>,
    pub(super) state: &'a LedgerState,
    pub(super) ceremony: &'a Ceremony,
    pub(super) present: &'a PresentPins,
    pub(super) run: Attempt,
    /// Whether this is the last run, however it ends.
    pub(super) gives_up: bool,
    /// Whether this run came to change a PIN.
    pub(super) pins_touched: bool,
}
