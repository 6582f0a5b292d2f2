//! The files that are loaded as a target's module, or run as its program: which one is for an operation, and when another one
//! goes on record.
//!
//! A quorum accepts another file by an inventory, or by a command. The token must be the same: the rest of its identity is compared as
//! always.

use super::{
    event::Concluded,
    finding::{Finding, Severity},
    ledger::{Ceremony, LedgerState, TargetInForce},
    outcome::Outcome,
};
use crate::{
    encoding::absolute_path::AbsolutePath,
    proposal::{
        operations::{CommandOperation, InventoryOperation, Operation},
        place::{ModuleChange, Place},
        sections::pinned,
    },
};

impl TargetInForce {
    /// The target as an operation finds it: behind the file that was approved with it for its module, or for its program.
    #[must_use]
    pub fn as_approved(&self, operation: &Operation) -> Self {
        let mut target = self.clone();
        if let Operation::Inventory(InventoryOperation { identity, .. })
        | Operation::Command(CommandOperation { identity, .. }) = operation
        {
            target.identity.module_sha256 = identity.module_sha256;
        }
        if let Some(change) = operation.module_change() {
            target.move_module(&change.new_path);
        }
        target
    }

    /// Its module lies elsewhere from now on. What is not behind a module stays as it is.
    pub fn move_module(&mut self, path: &AbsolutePath) {
        if let Place::Pkcs11 { module, .. } = &mut self.target.place {
            module.clone_from(path);
        }
    }
}

impl LedgerState {
    /// Records the identity and objects of the targets as they were seen. Another file for a module or a program is on
    /// record once the ceremony that named it completed, or the one that recovered it and looked behind that file.
    pub(super) fn take_seen(&mut self, ceremony: &Ceremony, concluded: &Concluded) {
        let change = self.change_by(ceremony).cloned();
        let completed = concluded.outcome == Outcome::Completed;
        for state in &concluded.targets {
            let (Some(target), Some(inventory)) = (self.targets.get_mut(&state.name), &state.inventory)
            else {
                continue;
            };
            let on_record = target.identity.module_sha256;
            target.identity = inventory.identity.clone();
            target.inventory = Some(inventory.clone());
            match &change {
                _ if !completed => target.identity.module_sha256 = on_record,
                Some(change) => target.move_module(&change.new_path),
                None => {}
            }
        }
    }

    /// The other module that a ceremony takes: its own, or that of the one that it recovers.
    fn change_by<'s>(&'s self, ceremony: &'s Ceremony) -> Option<&'s ModuleChange> {
        self.acted_on(&ceremony.proposal.operation).module_change()
    }
}

pub(super) fn remarks(state: &LedgerState) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ceremony in &state.ceremonies {
        let concluded = ceremony.concluded.as_ref().filter(|c| c.outcome == Outcome::Completed);
        let (Some(concluded), Some(change)) = (concluded, state.change_by(ceremony)) else { continue };
        for target in &concluded.targets {
            let Some(inventory) = &target.inventory else { continue };
            let message = format!(
                "{} is behind another module from here on: {}; {}",
                target.name,
                pinned("before it was", &change.old_path, change.old_sha256),
                pinned("now it is", &change.new_path, inventory.identity.module_sha256),
            );
            findings.push(Finding::new(Severity::Note, "module-changed", message).of(&ceremony.directory));
        }
    }
    findings
}
