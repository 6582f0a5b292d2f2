//! What became of the objects of a target from one inventory to the next, and whether a ceremony accounts for it.
//!
//! A token that an application or another administrator reaches may change at any time, so a change is not an error. But
//! nobody should have to compare the lists of two ceremonies to see that a key is gone.

use std::collections::BTreeMap;

use super::{
    finding::{Finding, Severity},
    ledger::{Ceremony, LedgerState},
    outcome::Outcome,
};
use crate::{
    encoding::text::Name,
    proposal::{
        identity::{Matching, made_again, matching},
        operations::{DeleteOperation, Operation, RestoreOperation, UseOperation},
        target::{Inventory, ObjectRecord},
    },
};

/// Objects that came, went or changed without a ceremony.
pub(super) fn remarks(state: &LedgerState) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: BTreeMap<&Name, &Inventory> = BTreeMap::new();
    for ceremony in &state.ceremonies {
        for target in ceremony.concluded.iter().flat_map(|concluded| &concluded.targets) {
            let Some(found) = &target.inventory else { continue };
            if let Some(before) = known.insert(&target.name, found) {
                let operation = state.acted_on(&ceremony.proposal.operation);
                findings.extend(compare(&target.name, before, found, operation, ceremony));
            }
        }
    }
    findings
}

fn compare(
    name: &Name,
    before: &Inventory,
    found: &Inventory,
    operation: &Operation,
    ceremony: &Ceremony,
) -> Vec<Finding> {
    let completed = ceremony.concluded.as_ref().is_some_and(|c| c.outcome == Outcome::Completed);
    if let Operation::Use(UseOperation { may_change_objects: true, .. }) = operation {
        return Vec::new();
    }
    let found = matching(&before.objects, &found.objects);
    let changed: Vec<&ObjectRecord> = changes(&found, operation).map(|(_, is)| is).collect();
    let gone = match operation {
        Operation::Delete(DeleteOperation { objects, .. }) => matching(found.gone, objects).gone,
        Operation::Reset(_) if completed => Vec::new(),
        _ => found.gone,
    };
    let come = match operation {
        Operation::Restore(RestoreOperation { objects, .. }) => made_again(objects, found.come).come,
        _ => found.come,
    };
    let mut findings = Vec::new();
    if let Some(message) = tell(&gone, ("is gone", "are gone", &format!("that {name} had"))) {
        findings.push(Finding::new(Severity::Warning, "objects-gone", message));
    }
    if let Some(message) = tell(&come, ("is new", "are new", &format!("in {name}"))) {
        findings.push(Finding::new(Severity::Note, "objects-new", message));
    }
    if let Some(message) = tell(&changed, ("has changed", "have changed", &format!("in {name}"))) {
        findings.push(Finding::new(Severity::Note, "objects-changed", message));
    }
    findings.into_iter().map(|finding| finding.of(&ceremony.directory)).collect()
}

fn tell(objects: &[&ObjectRecord], (one, several, place): (&str, &str, &str)) -> Option<String> {
    let first = objects.first()?;
    let what = match objects.len() {
        1 => format!("1 object {one} {place}"),
        count => format!("{count} objects {several} {place}"),
    };
    Some(format!("{what}, and no ceremony accounts for it; the first is {first}"))
}

/// What is reported differently about the same objects. Evidence that a ceremony removed or added is accounted for.
fn changes<'a>(
    found: &Matching<'a>,
    operation: &Operation,
) -> impl Iterator<Item = (&'a ObjectRecord, &'a ObjectRecord)> {
    let moves_evidence = matches!(operation, Operation::Delete(_) | Operation::Restore(_));
    found.changed().filter(move |(was, is)| {
        !moves_evidence || !was.is_same_object(is) || was.extractable != is.extractable
    })
}
