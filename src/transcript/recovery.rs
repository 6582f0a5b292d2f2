//! Recoveries: which ceremony one may name, and what it completes.
//!
//! A ceremony whose station was lost is closed by one. A genesis, an adoption or a reset that ended while it was not known which
//! PINs are in force is completed by one, when its target is back: its PINs are sealed in this ledger and nowhere else.

use super::{
    event::Concluded,
    ledger::{Ceremony, End, LedgerState},
    outcome::Outcome,
};
use crate::{
    encoding::text::Name,
    proposal::{
        briefing::Recovered,
        document::Proposal,
        operations::{Operation, RecoverOperation, ResetOperation},
    },
    roster::{OperationKind, Roster, requirement::Requirement},
};

/// A recovery, resolved: everything that depends on what is recovered follows from these two.
#[derive(Clone, Copy, Debug)]
pub struct Recovery<'s> {
    pub lost: &'s Ceremony,
    /// What is still to be done of that ceremony.
    pub rest: Rest,
}

/// What a recovery does of the lost ceremony.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Nothing: nothing had been tried, its outcome is on record, or it was itself to recover another.
    Nothing,
    /// Its target is looked at; the change of a PIN that was to follow is completed.
    Look,
    /// All of it, since setting PINs is what it does: they must not stay half changed. The recovery has its effect.
    Everything,
}

impl<'s> Recovery<'s> {
    /// Whether it completes the change of PINs of the lost ceremony and has its effect.
    pub fn finishes(&self) -> bool {
        self.rest == Rest::Everything
    }

    /// Whether something is still to be done for which a credential is opened.
    fn opens_credentials(&self) -> bool {
        match self.rest {
            Rest::Nothing => false,
            Rest::Look => self.lost.proposal.operation.facts().logs_in(),
            Rest::Everything => true,
        }
    }

    /// The proposal of which something is still to be done.
    pub fn unfinished(&self) -> Option<&'s Proposal> {
        (self.rest != Rest::Nothing).then_some(&self.lost.proposal)
    }

    pub fn touches(&self) -> Vec<&'s Name> {
        self.unfinished().map(|proposal| proposal.operation.touches()).unwrap_or_default()
    }
}

/// What an operation that is proposed now requires of a roster's people: no share where a recovery opens no credential.
pub fn requirement<'r>(
    state: Option<&LedgerState>,
    operation: &Operation,
    roster: &'r Roster,
) -> Requirement<'r> {
    let requirement = roster.requirement(operation.kind());
    match state.and_then(|state| state.recovery(operation)) {
        Some(recovery) if !recovery.opens_credentials() => requirement.signatures_only(),
        _ => requirement,
    }
}

impl Ceremony {
    /// Whether it set PINs, and may have left them half set.
    fn may_have_set_pins(&self) -> bool {
        let unknown = self.concluded.as_ref().is_none_or(|c| c.outcome == Outcome::Indeterminate);
        self.proposal.operation.facts().sets_pins && self.intended.is_some() && unknown
    }
}

impl LedgerState {
    /// The ceremony that a recovery may name: the pending one, or if there is none, one that ended while it was not known
    /// which PINs are in force.
    pub fn recoverable(&self, number: u32) -> Option<&Ceremony> {
        match self.pending() {
            Some(pending) => Some(pending).filter(|c| c.number() == number),
            None => self.ceremonies.number(number).filter(|c| self.is_unsettled(c)),
        }
    }

    /// Whether a ceremony has ended with PINs that may be half set, and nothing since shows that they are not. A later
    /// ceremony that began on the target of a reset saw it under its old label, so that nothing of it had happened.
    pub fn is_unsettled(&self, ceremony: &Ceremony) -> bool {
        if ceremony.end.is_none() || ceremony.finished_by.is_some() || !ceremony.may_have_set_pins() {
            return false;
        }
        let number = ceremony.number();
        let of_this = |later: &Ceremony| {
            self.lost(&later.proposal.operation).is_some_and(|lost| lost.number() == number)
        };
        let later = |later: &&Ceremony| later.number() > number && !of_this(later);
        let seen_since = |name: &Name| {
            let mut intents = self.ceremonies.iter().filter(later).filter_map(|c| c.intended.as_ref());
            intents.any(|(intent, _)| intent.targets.iter().any(|t| t.name == *name))
        };
        match &ceremony.proposal.operation {
            Operation::Reset(ResetOperation { target, .. }) => {
                self.targets.contains_key(target) && !seen_since(target)
            }
            operation => operation.installs().iter().all(|target| {
                let in_force = || self.targets.values().any(|known| known.is_token_of(target));
                self.any_target(&target.name).is_none() && !in_force()
            }),
        }
    }

    /// The ceremony that an operation recovers.
    fn lost(&self, operation: &Operation) -> Option<&Ceremony> {
        let Operation::Recover(RecoverOperation { ceremony, .. }) = operation else { return None };
        self.ceremonies.number(*ceremony)
    }

    /// Whether another recovery than this one has begun to act on what the ceremony left.
    pub fn is_recovered_elsewhere(&self, lost: &Ceremony, recovery: &Ceremony) -> bool {
        self.ceremonies.iter().any(|other| {
            let of_this = self.lost(&other.proposal.operation).is_some_and(|of| of.number() == lost.number());
            of_this && other.intended.is_some() && other.number() != recovery.number()
        })
    }

    /// What an operation recovers, in the state before it takes effect; none if it is not a recovery.
    pub fn recovery(&self, operation: &Operation) -> Option<Recovery<'_>> {
        let lost = self.lost(operation)?;
        let was_cut_off = lost.intended.is_some() && lost.concluded.is_none();
        let open = lost.end.is_none() && was_cut_off && lost.proposal.operation.facts().sets_pins;
        let rest = if open || self.is_unsettled(lost) {
            Rest::Everything
        } else if was_cut_off && lost.kind() != OperationKind::Recover {
            Rest::Look
        } else {
            Rest::Nothing
        };
        Some(Recovery { lost, rest })
    }

    /// What is done to the targets: in a recovery, what the lost ceremony had begun.
    pub fn acted_on<'s>(&'s self, operation: &'s Operation) -> &'s Operation {
        self.lost(operation).map_or(operation, |lost| &lost.proposal.operation)
    }

    /// The ceremony that a proposal recovers, for its briefing.
    pub fn recovered_by(&self, proposal: &Proposal) -> Option<Recovered<'_>> {
        let lost = self.lost(&proposal.operation)?;
        let has_ended = match &lost.end {
            None => false,
            Some(End::Recovered { by, .. }) => *by != proposal.ceremony,
            Some(End::Closed | End::Aborted(_)) => true,
        };
        Some(Recovered { proposal: &lost.proposal, plan: &lost.plan, has_ended })
    }

    /// A completed recovery ends the lost ceremony. PINs that were half installed are in force from now on.
    pub(super) fn end_recovered(&mut self, recovery: &Ceremony, concluded: &Concluded) {
        let Some(Recovery { lost, rest }) = self.recovery(&recovery.proposal.operation) else { return };
        let changed = self.ceremonies.change(lost.number(), |lost| {
            lost.finished_by = (rest == Rest::Everything).then_some(recovery.number());
            if lost.end.is_none() {
                let recorded = lost.concluded.as_ref().map(|c| c.outcome);
                let seen = if lost.intended.is_some() { Outcome::Indeterminate } else { Outcome::Refused };
                lost.end = Some(End::Recovered { by: recovery.number(), outcome: recorded.unwrap_or(seen) });
            }
        });
        let Some(lost) = changed else { return };
        match rest {
            Rest::Everything => self.take_effect(&lost, concluded),
            Rest::Look => self.take_pins(&lost, concluded),
            Rest::Nothing => {}
        }
    }
}
