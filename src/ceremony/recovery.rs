//! Closing a ceremony whose station was lost. What must not stay half-done, PINs, is brought to its end.

use super::{
    Error,
    act::{Acted, Acting},
    pinning,
};
use crate::{
    approval::{authorization::Authorization, quorum::Authorities},
    ports::token::{Run, Wanted},
    proposal::{
        operation::Operation,
        target::{Inventory, Role},
    },
    roster::OperationKind,
    transcript::{event::TargetState, ledger::Ceremony, outcome::Outcome},
};

impl Acting<'_, '_> {
    /// Recovers ceremony `number`.
    pub(super) fn recover(
        &mut self,
        number: u32,
        authorities: &Authorities,
        grants: &mut dyn Iterator<Item = Authorization>,
    ) -> Result<Acted, Error> {
        let lost = self.state.ceremonies.iter().find(|c| c.number() == number).cloned();
        let lost =
            lost.ok_or_else(|| Error::refused("the lost ceremony is not in the ledger", "audit the ledger"))?;
        let closes = format!("ceremony {number} ({})", lost.kind());
        let only_closed = |how: &str| Ok(Acted::new(Outcome::Completed, format!("{closes} is closed {how}")));
        if let Some(concluded) = &lost.concluded {
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
        self.run = Run::Resumed;
        let mut acted = match &lost.proposal.operation {
            Operation::Genesis { targets } => {
                let credentials = self.open_credentials(&lost, authorities)?;
                self.genesis(targets, &credentials, grants)
            }
            Operation::Reset { target, new_label, .. } => {
                let grant = grants
                    .next()
                    .ok_or_else(|| Error::refused("the intent names no target", "audit the ledger"))?;
                let credentials = self.open_credentials(&lost, authorities)?;
                let present = self.present_so_pin(&lost, authorities)?;
                let taken_in = pinning::target(self.state, target)?;
                self.reset(target, taken_in, new_label, present, &credentials, grant)?
            }
            _ => return self.look(&closes, &lost, authorities),
        };
        acted.summary = format!("{closes} is closed; {}", acted.summary);
        Ok(acted)
    }

    /// Everything else is only looked at. That it cannot be looked at does not keep it open.
    fn look(&mut self, closes: &str, lost: &Ceremony, authorities: &Authorities) -> Result<Acted, Error> {
        let operation = &lost.proposal.operation;
        let Some((name, identity)) = operation.target() else {
            return Err(Error::refused("the lost ceremony names no target", "audit the ledger"));
        };
        let target = pinning::target(self.state, name)?;
        let wanted = Wanted::Token { serial: identity.serial.as_str(), label: identity.label.as_str() };
        let user_pin = self
            .held_user_pin(target, authorities)
            .and_then(|credentials| self.pin(&credentials, name, Role::UserPin));
        let seen = user_pin.map_err(|error| error.message).and_then(|user_pin| {
            let token = self.world.tokens.open(name, &target.target.place, wanted, identity.module_sha256);
            token.and_then(|mut t| t.inventory(&user_pin)).map_err(|error| error.to_string())
        });
        let same = |inventory: &Inventory| inventory.identity == *identity;
        let told = match &seen {
            Ok(inventory) if same(inventory) => observed(operation, inventory),
            Ok(_) => "another token answers now".to_owned(),
            Err(error) => format!("{name} cannot be looked at: {error}"),
        };
        let mut acted =
            Acted::new(Outcome::Completed, format!("{closes} is closed as indeterminate; {told}"));
        acted.targets = vec![TargetState { name: name.clone(), inventory: seen.ok().filter(same) }];
        Ok(acted)
    }
}

fn observed(operation: &Operation, inventory: &Inventory) -> String {
    match operation {
        Operation::Delete { objects, .. } => {
            let survives = |o| inventory.objects.iter().any(|found| found == o || found.is_same_key(o));
            let gone = objects.iter().filter(|o| !survives(o)).count();
            format!("{gone} of {} objects that were to be deleted are gone", objects.len())
        }
        _ => format!("the token holds {} objects", inventory.objects.len()),
    }
}
