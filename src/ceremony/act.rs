//! The act itself: open what the operation needs, do it, and look at the target afterwards.
//!
//! What counts is what is seen afterwards, never a return value alone. What each operation does is in its own file.

use super::{
    Error, ErrorKind,
    acting::{Acted, Acting, Granted},
    operations::performed,
};
use crate::{
    approval::{intent::DurableIntent, quorum::Quorum},
    ports::token::Attempt,
    transcript::outcome::Outcome,
};

impl Acting<'_, '_> {
    /// Acts, and reports the outcome. An error on the way is an outcome too: the intent is already in the ledger.
    ///
    /// # Errors
    /// A defect of this program, unless this is the last run: a program without it may still complete what is open.
    pub fn act(&mut self, quorum: Quorum, intent: &DurableIntent) -> Result<Acted, Error> {
        let mut acted = match self.try_act(quorum, intent) {
            Ok(acted) => acted,
            Err(error) if error.kind == ErrorKind::Defect && !self.gives_up => return Err(error),
            Err(error) => {
                let mut acted = Acted::new(Outcome::Failed, error.message);
                acted.advise(error.hint);
                acted
            }
        };
        // An earlier run may have done what this one could not: without a look nothing is known.
        let operation = &self.ceremony.proposal.operation;
        let unseen = acted.outcome == Outcome::Failed && acted.targets.is_empty();
        if self.run == Attempt::Resumed && unseen && !operation.facts().only_reads {
            acted.outcome = Outcome::Indeterminate;
        }
        if self.run == Attempt::First && !self.pins_touched && acted.pins.is_empty() {
            acted.pins = self.untouched_pins();
        }
        Ok(acted)
    }

    /// Reconstitutes, and leaves the rest to the operation.
    fn try_act(&mut self, quorum: Quorum, intent: &DurableIntent) -> Result<Acted, Error> {
        let (authorities, grants) = quorum.authorize(intent).map_err(|error| {
            Error::refused(
                error.to_string(),
                "have the roster and its shares audited; this run touched nothing",
            )
        })?;
        let operation = performed(&self.ceremony.proposal.operation);
        operation.perform(self, Granted { authorities, grants: grants.into_iter() })
    }
}
