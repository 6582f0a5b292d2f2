//! What an intent and a conclusion must prove.

use std::collections::BTreeSet;

use super::{
    event::{Concluded, Intended},
    finding::Finding,
    ledger::{Ceremony, LedgerState},
    outcome::Outcome,
    pins, program,
};
use crate::{
    approval::quorum::Tally,
    encoding::{dsse::Mode, text::Name},
    proposal::{
        choice::survivors,
        identity::{is_among, is_same_set, made_again, matching},
        joining::Start,
        operations::{
            BackupOperation, DeleteOperation, Operation, RecoverOperation, ResetOperation, RestoreOperation,
        },
        target::{Inventory, LeftOut, ObjectClass, ObjectRecord, TokenIdentity},
    },
};

fn outcome_error<T>(message: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::error("outcome", message))
}

/// Whether enough custodians approved, whatever any of them said later.
pub(super) fn is_agreed(ceremony: &Ceremony) -> bool {
    let approving: BTreeSet<Name> =
        ceremony.approvals.iter().map(|a| a.statement().custodian.clone()).collect();
    Tally::count(&ceremony.requirement(), &approving, &BTreeSet::new()).is_quorum()
}

/// A quorum is on record, the intent names it and nobody else, and it names the targets of the operation.
pub(super) fn check_intended(
    ceremony: &Ceremony,
    intended: &Intended,
    state: Option<&LedgerState>,
) -> Result<(), Finding> {
    let recorded = ceremony.tally();
    if !recorded.is_quorum() {
        let message = format!("it was executed without a quorum: {}", recorded.describe());
        return Err(Finding::error("quorum-missing", message));
    }
    let named: BTreeSet<Name> = intended.quorum.iter().cloned().collect();
    let approved = |name: &Name| ceremony.approvals.iter().any(|a| a.statement().custodian == *name);
    let rejecting: BTreeSet<Name> =
        ceremony.rejections.iter().map(|r| r.statement().custodian.clone()).collect();
    let counted = Tally::count(&ceremony.requirement(), &named, &rejecting);
    if named.len() != intended.quorum.len() || !named.iter().all(approved) || !counted.is_quorum() {
        return Err(Finding::error(
            "quorum-names",
            "the custodians that it names are no quorum of those who approved",
        ));
    }
    let targets: Vec<Name> = intended.targets.iter().map(|t| t.name.clone()).collect();
    if targets != LedgerState::touched(state, &ceremony.proposal.operation) {
        return Err(Finding::error("intent-targets", "it names other targets than the operation has"));
    }
    let pinned = |name: &Name| match &ceremony.proposal.operation {
        operation @ (Operation::Genesis(_) | Operation::Adopt(_)) => {
            operation.installs().iter().find(|t| t.name == *name).map(|t| &t.identity)
        }
        operation => operation.target().map(|(_, identity)| identity),
    };
    // In a recovery who answers is not known until it is looked at.
    let recovers = matches!(ceremony.proposal.operation, Operation::Recover(_));
    if !recovers && !intended.targets.iter().all(|t| pinned(&t.name) == Some(&t.identity)) {
        return Err(Finding::error(
            "intent-targets",
            "a target was another token than the one that was pinned",
        ));
    }
    let policy = ceremony.roster.policy();
    if intended.same_medium && !policy.allow_same_medium && ceremony.roster.deal().mode == Mode::Production {
        return Err(Finding::error("copies", "the copies lay on one file system, which the policy refuses"));
    }
    let copies = policy.copies;
    if intended.copies < copies {
        let message = format!("{} copies of the ledger, the policy wants {copies}", intended.copies);
        return Err(Finding::error("copies", message));
    }
    Ok(())
}

/// A refusal has a reason on record and changes nothing; a completion shows what was done.
pub(super) fn check_concluded(
    ceremony: &Ceremony,
    concluded: &Concluded,
    state: Option<&LedgerState>,
) -> Result<(), Finding> {
    if concluded.outcome == Outcome::Refused {
        return check_refused(ceremony, concluded);
    }
    if ceremony.intended.is_none() {
        return outcome_error("an outcome without an intent");
    }
    let touched = LedgerState::touched(state, &ceremony.proposal.operation);
    let named: Vec<&Name> = concluded.targets.iter().map(|t| &t.name).collect();
    if !named.iter().all(|name| touched.contains(name))
        || named.iter().collect::<BTreeSet<_>>().len() != named.len()
    {
        return outcome_error("it tells of targets that the operation does not have, or of one twice");
    }
    let acted_on = recovered(state, &ceremony.proposal.operation);
    let completed = concluded.outcome == Outcome::Completed;
    for target in &concluded.targets {
        let found = target.inventory.as_ref().map(|inventory| &inventory.identity);
        if found.is_some_and(|found| !may_be(acted_on, &target.name, found, completed)) {
            return outcome_error("the target is another token afterwards");
        }
    }
    check_inventories(concluded)?;
    check_lists(&ceremony.proposal.operation, concluded)?;
    program::check(&ceremony.proposal.operation, concluded)?;
    pins::check(&ceremony.proposal, concluded, state)?;
    if completed {
        let operation = LedgerState::effective(state, &ceremony.proposal.operation);
        check_completed(operation, concluded, (&touched, state))?;
    }
    Ok(())
}

/// What was done to the targets of a recovery: the operation of the ceremony that it recovers.
fn recovered<'o>(state: Option<&'o LedgerState>, operation: &'o Operation) -> &'o Operation {
    let Operation::Recover(RecoverOperation { ceremony, .. }) = operation else { return operation };
    let lost = state.and_then(|s| s.ceremonies.number(*ceremony));
    lost.map_or(operation, |lost| &lost.proposal.operation)
}

/// Whether a target may be this token afterwards: the one that was pinned. A reset that completed gave it a new label, an
/// empty token has the label of its plan; to both the initialisation may have given another serial number.
fn may_be(operation: &Operation, name: &Name, found: &TokenIdentity, completed: bool) -> bool {
    if let Some(target) = operation.installs().iter().find(|target| target.name == *name) {
        return match target.start {
            Start::TakeOver => *found == target.identity,
            Start::Initialise => found.is_same_device(&target.identity) && found.label == target.label,
        };
    }
    let pinned = operation.target().map(|(_, identity)| identity);
    match operation {
        Operation::Reset(ResetOperation { new_label, .. }) if completed => {
            found.label == *new_label && pinned.is_some_and(|pinned| found.is_same_device(pinned))
        }
        _ => Some(found) == pinned,
    }
}

/// Inventories are sorted, as they are compared; no unique id occurs twice.
fn check_inventories(concluded: &Concluded) -> Result<(), Finding> {
    for inventory in concluded.targets.iter().filter_map(|target| target.inventory.as_ref()) {
        let mut unique = BTreeSet::new();
        let ids = inventory.objects.iter().filter_map(|object| object.unique_id.as_ref());
        if !inventory.objects.is_sorted() || !ids.into_iter().all(|id| unique.insert(id.as_str())) {
            return outcome_error("an inventory is not in order, or has a unique id twice");
        }
    }
    Ok(())
}

/// What is listed is of the operation: a record that lists more claims what was not to be done, or owns up to it as if it
/// had been approved.
fn check_lists(operation: &Operation, concluded: &Concluded) -> Result<(), Finding> {
    let deleted = match operation {
        Operation::Delete(DeleteOperation { objects, .. }) => is_among(&concluded.deleted, objects),
        _ => concluded.deleted.is_empty(),
    };
    let restored = match operation {
        Operation::Restore(RestoreOperation { objects, .. }) => {
            let names: BTreeSet<_> = objects.iter().map(ObjectRecord::name).collect();
            concluded.restored.iter().all(|object| names.contains(&object.name()))
        }
        _ => concluded.restored.is_empty(),
    };
    let left_out = match operation {
        Operation::Delete(_) | Operation::Backup(_) => true,
        Operation::Restore(RestoreOperation { objects, .. }) => are_of(&concluded.left_out, objects),
        _ => concluded.left_out.is_empty(),
    };
    let unkept = match operation {
        Operation::Backup(BackupOperation { objects, .. }) => are_of(&concluded.unkept, objects),
        Operation::Restore(_) => are_of(&concluded.unkept, &concluded.restored),
        _ => concluded.unkept.is_empty(),
    };
    let backed_up = matches!(operation, Operation::Backup(_)) || concluded.backup.is_none();
    if deleted && restored && left_out && unkept && backed_up {
        Ok(())
    } else {
        outcome_error("it lists what the operation was not to do")
    }
}

/// Whether each is said of an object of the list. Both may have as many entries as fit into a line.
fn are_of(said: &[LeftOut], objects: &[ObjectRecord]) -> bool {
    let known: BTreeSet<&ObjectRecord> = match said {
        [] => return true,
        _ => objects.iter().collect(),
    };
    said.iter().all(|said| known.contains(&said.object))
}

fn check_refused(ceremony: &Ceremony, concluded: &Concluded) -> Result<(), Finding> {
    if ceremony.intended.is_some() {
        return outcome_error("refused, although the intent was written");
    }
    if ceremony.tally().reachable {
        return outcome_error(
            "refused, although a quorum could still be reached: only an abort ends it then",
        );
    }
    let untouched = concluded.targets.is_empty()
        && concluded.deleted.is_empty()
        && concluded.restored.is_empty()
        && concluded.left_out.is_empty()
        && concluded.unkept.is_empty()
        && concluded.backup.is_none()
        && concluded.program.is_none()
        && concluded.pins.is_empty()
        && concluded.handovers.is_empty();
    if untouched { Ok(()) } else { outcome_error("refused, and yet something was done") }
}

fn check_completed(
    operation: &Operation,
    concluded: &Concluded,
    (touched, state): (&[Name], Option<&LedgerState>),
) -> Result<(), Finding> {
    let seen = |name: &Name| -> Option<&Inventory> {
        concluded.targets.iter().find(|t| t.name == *name).and_then(|t| t.inventory.as_ref())
    };
    let needs_look = !matches!(operation, Operation::Backup(_) | Operation::Recover(_));
    if needs_look && !touched.iter().all(|name| seen(name).is_some()) {
        return outcome_error("completed, but the target was not looked at afterwards");
    }
    let complete = match operation {
        Operation::Delete(DeleteOperation { objects, target, .. }) => {
            let recorded = state.map(|state| state.recorded(target)).unwrap_or_default();
            concluded.left_out.is_empty()
                && is_among(objects, &concluded.deleted)
                && seen(target).is_some_and(|i| survivors(recorded, objects, &i.objects).is_empty())
        }
        Operation::Reset(ResetOperation { target, new_label, .. }) => {
            seen(target).is_some_and(|i| i.objects.is_empty() && i.identity.label == *new_label)
        }
        Operation::Backup(BackupOperation { allow_partial, target, objects, .. }) => {
            concluded.backup.as_ref().is_some_and(|b| {
                // No inventory has objects of other classes.
                let known = concluded.left_out.iter().map(|l| &l.object);
                let known = known.filter(|object| object.class != ObjectClass::Other);
                let told = b.entries.iter().map(|e| &e.object).chain(known);
                !b.entries.is_empty()
                    && b.target == *target
                    && is_same_set(told, objects)
                    && (*allow_partial || concluded.left_out.is_empty())
            })
        }
        Operation::Restore(RestoreOperation { objects, target, allow_partial, .. }) => seen(target)
            .is_some_and(|i| {
                let left = concluded.left_out.iter().map(|left| &left.object);
                let missing = made_again(objects, &i.objects).gone;
                matching(missing, left).gone.is_empty()
                    && (concluded.left_out.is_empty()
                        || (*allow_partial && concluded.left_out.len() < objects.len()))
            }),
        Operation::Genesis(_) | Operation::Adopt(_) => operation
            .installs()
            .iter()
            .all(|target| seen(&target.name).is_some_and(|i| i.identity.label == target.label)),
        // Of a program's own record, see `program`.
        Operation::Command(_) | Operation::Use(_) => true,
        Operation::Inventory(_) | Operation::Recover(_) | Operation::Retire(_) => true,
    };
    if complete { Ok(()) } else { outcome_error("completed, but what it shows is not what was to be done") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encoding::{
            digest::Digest,
            text::{Line, Summary},
        },
        transcript::event::TargetState,
    };

    fn object(label: &str) -> ObjectRecord {
        ObjectRecord {
            class: ObjectClass::Data,
            id: String::new(),
            label: Line::lossy(label),
            label_sha256: None,
            key_type: "data".into(),
            public_key_sha256: None,
            check_value: None,
            unique_id: None,
            value_sha256: Some(Digest::of(label.as_bytes())),
            extractable: None,
            evidence: None,
        }
    }

    fn left(label: &str) -> LeftOut {
        LeftOut { object: object(label), reason: Line::lossy("C_CreateObject: refused") }
    }

    fn is_accepted(allow_partial: bool, change: fn(&mut Concluded)) -> bool {
        let target = Name::new("hsm").unwrap();
        let text = |text: &str| Line::lossy(text);
        let identity = TokenIdentity {
            manufacturer: text("m"),
            model: text("m"),
            serial: text("1"),
            label: text("lab"),
            module_sha256: None,
        };
        let operation = Operation::Restore(RestoreOperation {
            target: target.clone(),
            identity: identity.clone(),
            backup: 1,
            sha256: Digest::of(b"backup"),
            input: "/b.age".into(),
            objects: vec![object("old"), object("keep")],
            allow_partial,
        });
        let inventory = Inventory { identity, objects: vec![object("old")] };
        let mut concluded = Concluded {
            outcome: Outcome::Completed,
            summary: Summary::lossy("restored"),
            targets: vec![TargetState { name: target.clone(), inventory: Some(inventory) }],
            deleted: Vec::new(),
            restored: vec![object("old")],
            left_out: vec![left("keep")],
            unkept: Vec::new(),
            backup: None,
            pins: Vec::new(),
            handovers: Vec::new(),
            program: None,
        };
        change(&mut concluded);
        check_lists(&operation, &concluded)
            .and_then(|()| check_completed(&operation, &concluded, (&[target], None)))
            .is_ok()
    }

    #[test]
    fn a_restore_is_complete_when_what_it_left_out_was_allowed() {
        assert!(is_accepted(true, |_| {}));
        assert!(!is_accepted(false, |_| {}), "not approved");
        assert!(!is_accepted(true, |c| c.left_out.push(left("old"))), "nothing was restored");
        assert!(!is_accepted(true, |c| c.left_out.clear()), "not named");
        assert!(!is_accepted(true, |c| c.left_out.push(left("other"))), "of another backup");
        // What is not kept is said of what was restored.
        assert!(is_accepted(true, |c| c.unkept.push(left("old"))));
        assert!(!is_accepted(true, |c| c.unkept.push(left("keep"))));
    }
}
