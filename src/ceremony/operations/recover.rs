//! Closing a ceremony whose station was lost. PINs must not stay half changed: their change is completed, also for a ceremony that
//! was closed while its target was gone.

use crate::{
    ceremony::{
        Error, access,
        acting::{Acted, Acting, Granted},
        fresh_pins::FreshPins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
    },
    ports::token::{Attempt, Wanted},
    proposal::{
        choice,
        operations::{DeleteOperation, Operation, RecoverOperation, RecoverPlan, ResetOperation},
        target::{Inventory, ObjectRecord, Role},
    },
    roster::OperationKind,
    transcript::{event::TargetState, ledger::Ceremony, outcome::Outcome, recovery::Recovery},
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &RecoverPlan) -> Pinned<RecoverOperation> {
    let lost = proposing
        .state
        .recoverable(plan.ceremony)
        .ok_or_else(|| Error::refused("no such ceremony is open", "there is nothing to recover"))?;
    let operation = RecoverOperation {
        ceremony: lost.number(),
        last_line: lost.last_line,
        interrupted: lost.kind(),
        intended: lost.intended.is_some(),
    };
    Ok((operation, FreshPins::default()))
}

impl Performed for RecoverOperation {
    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        let recovery = acting.state.recovery(&acting.ceremony.proposal.operation);
        let recovery = recovery.ok_or_else(|| Error::defect("the lost ceremony is not in the ledger"))?;
        acting.recover(recovery, granted)
    }
}

impl Acting<'_, '_> {
    /// Ends the ceremony of a lost station, and completes its change of PINs.
    fn recover(&mut self, recovery: Recovery<'_>, mut granted: Granted) -> Result<Acted, Error> {
        let lost = recovery.lost;
        let closes = format!("ceremony {} ({})", lost.number(), lost.kind());
        let only_closed = |how: &str| Ok(Acted::new(Outcome::Completed, format!("{closes} is closed {how}")));
        if let Some(concluded) = lost.concluded.as_ref().filter(|_| !recovery.finishes()) {
            return only_closed(&format!("with its outcome: {}", concluded.outcome));
        }
        if lost.intended.is_none() {
            return only_closed("as refused: nothing had been tried");
        }
        if lost.kind() == OperationKind::Command {
            return only_closed("as indeterminate: whether its program ran, and how it ended, is not known");
        }
        if lost.kind() == OperationKind::Recover {
            return only_closed("as indeterminate; what it was to recover is to be recovered again");
        }
        self.run = Attempt::Resumed;
        let mut acted = match &lost.proposal.operation {
            operation @ (Operation::Genesis(_) | Operation::Adopt(_)) => {
                let credentials = self.open_credentials(lost, &granted.authorities)?;
                self.install_all(operation.installs(), &credentials, &mut granted.grants)
            }
            Operation::Retire(_) => {
                return only_closed("as indeterminate; a target that is to leave is to be retired again");
            }
            Operation::Reset(ResetOperation { target, new_label, .. }) => {
                let grant = granted.one()?;
                let credentials = self.open_credentials(lost, &granted.authorities)?;
                let taken_in = pinning::target(self.state, target)?;
                let so_pins = self.present_pins(lost, taken_in, Role::SoPin, &granted.authorities)?;
                self.reset(target, taken_in, new_label, so_pins, &credentials, grant)?
            }
            _ => return self.look(&closes, lost, granted),
        };
        acted.hand_over(lost);
        // If it was closed before, only its PINs were left to do.
        let how = if lost.end.is_none() { "is closed" } else { "is taken up again" };
        acted.summary = format!("{closes} {how}; {}", acted.summary);
        Ok(acted)
    }

    /// Everything else is only looked at; a change of a PIN is completed. A target that cannot be looked at does not
    /// keep the ceremony open.
    fn look(&mut self, closes: &str, lost: &Ceremony, granted: Granted) -> Result<Acted, Error> {
        let operation = &lost.proposal.operation;
        let Some((name, identity)) = operation.target() else {
            return Err(Error::defect("the lost ceremony names no target"));
        };
        let target = pinning::target(self.state, name)?;
        let wanted = Wanted::known(identity);
        let mut acted = Acted::new(Outcome::Completed, format!("{closes} is closed as indeterminate"));
        let mut blind = |reason: &str| {
            acted.summary = format!("{}; {name} cannot be looked at: {reason}", acted.summary);
            acted.targets = vec![TargetState { name: name.clone(), inventory: None }];
        };
        let Granted { authorities, mut grants } = granted;
        let pins = grants.next().map(|grant| grant.for_pins());
        let (access, pins) = match (self.access(lost, target, &authorities), pins) {
            (Ok(access), Some(pins)) => (access, pins),
            (Err(error), _) => {
                blind(&error.message);
                return Ok(acted);
            }
            (_, None) => return Err(Error::defect("the intent names no target")),
        };
        let place = target.as_approved(operation).target.place;
        let opened = self.world.tokens.open(name, &place, wanted, identity.module_sha256);
        let seen = opened.and_then(|mut token| {
            let logged_in = access::log_in(token.as_mut(), access, identity, &pins)?;
            Ok(logged_in.map(|(present, inventory)| (token, present, inventory)))
        });
        let (mut token, present, inventory) = match seen {
            Ok(Some(seen)) => seen,
            Ok(None) => {
                acted.summary = format!("{}; another token answers now", acted.summary);
                acted.targets = vec![TargetState { name: name.clone(), inventory: None }];
                return Ok(acted);
            }
            Err(error) => {
                blind(&error.to_string());
                return Ok(acted);
            }
        };
        acted.summary =
            format!("{}; {}", acted.summary, observed(operation, &inventory, self.state.recorded(name)));
        acted.targets = vec![TargetState { name: name.clone(), inventory: Some(inventory) }];
        let credentials = self.open_credentials(lost, &authorities).unwrap_or_default();
        let renewed = self.renewed(lost, target, &credentials)?;
        acted = self.renew(token.as_mut(), target, &present, renewed, &pins, acted);
        acted.outcome = Outcome::Completed;
        Ok(acted)
    }
}

fn observed(operation: &Operation, inventory: &Inventory, recorded: &[ObjectRecord]) -> String {
    match operation {
        Operation::Delete(DeleteOperation { objects, .. }) => {
            let left = choice::survivors(recorded, objects, &inventory.objects).len();
            let gone = objects.len().saturating_sub(left);
            format!("{gone} of {} objects that were to be deleted are gone", objects.len())
        }
        _ => format!("the token has {} objects", inventory.objects.len()),
    }
}
