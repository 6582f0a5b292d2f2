//! Recoveries: which ceremony one may name, and what it brings to its end.
//!
//! A ceremony of a lost station is closed by one. And a genesis, an adoption or a reset that ended while nobody knew which
//! PINs hold is brought to its end by one, when its target is back: its PINs are sealed in this ledger and nowhere else.

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
};

impl Ceremony {
    /// Whether it set PINs, and may have left them half set.
    fn may_have_set_pins(&self) -> bool {
        let unknown = self.concluded.as_ref().is_none_or(|c| c.outcome == Outcome::Indeterminate);
        self.proposal.operation.facts().sets_pins && self.intended.is_some() && unknown
    }
}

impl LedgerState {
    /// The ceremony that a recovery may name: the pending one, and where there is none, one that ended with PINs of which
    /// nobody knows whether they hold.
    pub fn recoverable(&self, number: u32) -> Option<&Ceremony> {
        match self.pending() {
            Some(pending) => Some(pending).filter(|c| c.number() == number),
            None => self.ceremonies.number(number).filter(|c| self.is_unsettled(c)),
        }
    }

    /// Whether a ceremony has ended with PINs that may be half set, and nothing since tells that they are not. A later
    /// ceremony that began on the target of a reset saw it under its old label, so that nothing of it had happened.
    pub fn is_unsettled(&self, ceremony: &Ceremony) -> bool {
        if ceremony.end.is_none() || ceremony.finished_by.is_some() || !ceremony.may_have_set_pins() {
            return false;
        }
        let number = ceremony.number();
        let of_this = |later: &Ceremony| {
            let operation = &later.proposal.operation;
            matches!(operation, Operation::Recover(RecoverOperation { ceremony, .. }) if *ceremony == number)
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

    /// The ceremony whose PINs a recovery brings to their end.
    pub fn finished_in(&self, operation: &Operation) -> Option<&Ceremony> {
        let Operation::Recover(RecoverOperation { ceremony, .. }) = operation else { return None };
        let lost = self.ceremonies.number(*ceremony)?;
        let open = lost.end.is_none() && lost.concluded.is_none() && lost.may_have_set_pins();
        (open || self.is_unsettled(lost)).then_some(lost)
    }

    /// The ceremony that a proposal recovers, for its briefing.
    pub fn recovered_by(&self, proposal: &Proposal) -> Option<Recovered<'_>> {
        let Operation::Recover(RecoverOperation { ceremony, .. }) = &proposal.operation else { return None };
        let lost = self.ceremonies.number(*ceremony)?;
        let has_ended = match &lost.end {
            None => false,
            Some(End::Recovered { by, .. }) => *by != proposal.ceremony,
            Some(End::Closed | End::Aborted(_)) => true,
        };
        Some(Recovered { proposal: &lost.proposal, plan: &lost.plan, has_ended })
    }

    /// The operation whose effect a ceremony has: its own, or that of the genesis, adoption or reset that it recovers.
    pub fn effective<'o>(state: Option<&'o Self>, operation: &'o Operation) -> &'o Operation {
        let finished = state.and_then(|s| s.finished_in(operation));
        finished.map_or(operation, |lost| &lost.proposal.operation)
    }

    /// A completed recovery ends the lost ceremony. PINs that were half installed hold from now on.
    pub(super) fn end_recovered(&mut self, number: u32, recovery: &Ceremony, concluded: &Concluded) {
        let finishes = self.finished_in(&recovery.proposal.operation).is_some();
        let mut closes = false;
        let changed = self.ceremonies.change(number, |lost| {
            lost.finished_by = finishes.then_some(recovery.number());
            closes = lost.end.is_none();
            if closes {
                let recorded = lost.concluded.as_ref().map(|c| c.outcome);
                let seen = if lost.intended.is_some() { Outcome::Indeterminate } else { Outcome::Refused };
                lost.end = Some(End::Recovered { by: recovery.number(), outcome: recorded.unwrap_or(seen) });
            }
        });
        let Some(lost) = changed else { return };
        if finishes {
            self.take_effect(&lost, concluded);
        } else if closes && lost.concluded.is_none() && lost.intended.is_some() {
            self.take_pins(&lost, concluded);
        }
    }
}
