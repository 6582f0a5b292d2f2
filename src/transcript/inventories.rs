//! What became of the objects of a target from one inventory to the next, and whether a ceremony accounts for it.
//!
//! A token that an application or another administrator reaches may change at any time, so that this breaks no record. But
//! nobody should have to compare the lists of two ceremonies to see that a key is gone.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    finding::{Finding, Severity},
    ledger::{Ceremony, LedgerState},
    outcome::Outcome,
};
use crate::{
    encoding::text::Name,
    proposal::{
        operation::Operation,
        target::{Inventory, ObjectRecord},
    },
};

/// Objects that came or went without a ceremony.
pub(super) fn remarks(state: &LedgerState) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: BTreeMap<&Name, &Inventory> = BTreeMap::new();
    for ceremony in &state.ceremonies {
        for target in ceremony.concluded.iter().flat_map(|concluded| &concluded.targets) {
            let Some(found) = &target.inventory else { continue };
            if let Some(before) = known.insert(&target.name, found) {
                let operation = done(state, ceremony);
                findings.extend(compare(&target.name, before, found, operation, ceremony));
            }
        }
    }
    findings
}

/// What was done to the target: in a recovery, what the lost ceremony had begun.
fn done<'s>(state: &'s LedgerState, ceremony: &'s Ceremony) -> &'s Operation {
    let lost = state.recovered_by(&ceremony.proposal);
    lost.map_or(&ceremony.proposal.operation, |lost| &lost.proposal.operation)
}

fn compare(
    name: &Name,
    before: &Inventory,
    found: &Inventory,
    operation: &Operation,
    ceremony: &Ceremony,
) -> Vec<Finding> {
    let completed = ceremony.concluded.as_ref().is_some_and(|c| c.outcome == Outcome::Completed);
    let destroyed = |object: &ObjectRecord| match operation {
        Operation::Delete { objects, .. } => objects.contains(object),
        Operation::Reset { .. } => completed,
        Operation::Use { may_change_objects, .. } => *may_change_objects,
        _ => false,
    };
    let made = |object: &ObjectRecord| match operation {
        Operation::Restore { objects, .. } => objects.iter().any(|original| object.is_again(original)),
        Operation::Use { may_change_objects, .. } => *may_change_objects,
        _ => false,
    };
    let (old, new): (BTreeSet<_>, BTreeSet<_>) =
        (before.objects.iter().collect(), found.objects.iter().collect());
    let gone: Vec<_> = old.difference(&new).filter(|object| !destroyed(object)).collect();
    let come: Vec<_> = new.difference(&old).filter(|object| !made(object)).collect();
    let mut findings = Vec::new();
    if let Some(first) = gone.first() {
        let message = format!(
            "{} objects are gone that {name} had, and no ceremony accounts for it; the first is {first}",
            gone.len()
        );
        findings.push(Finding::new(Severity::Warning, "objects-gone", message).of(&ceremony.directory));
    }
    if let Some(first) = come.first() {
        let message = format!(
            "{} objects are new in {name}, and no ceremony accounts for it; the first is {first}",
            come.len()
        );
        findings.push(Finding::new(Severity::Note, "objects-new", message).of(&ceremony.directory));
    }
    findings
}
