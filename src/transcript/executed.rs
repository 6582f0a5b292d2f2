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
    approval::quorum::{Tally, Voices},
    encoding::{dsse::Mode, text::Name},
    proposal::{
        operations::{Operation, record::Claims, rules::Recorded},
        target::Role,
    },
    roster::requirement::Shares,
};

fn outcome_error<T>(message: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::error("outcome", message))
}

/// Whether enough custodians approved, regardless of later rejections.
pub(super) fn is_agreed(ceremony: &Ceremony) -> bool {
    let voices = Voices { rejected: BTreeSet::new(), ..ceremony.voices() };
    voices.approvals(&ceremony.requirement()).is_quorum()
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
    let (voices, requirement) = (ceremony.voices(), ceremony.requirement());
    let counted = Tally::count(&requirement, &named, &voices.rejected);
    let acted = voices.acting(&requirement);
    if named.len() != intended.quorum.len() || !named.is_subset(&acted) || !counted.is_quorum() {
        let did = match requirement.shares() {
            Shares::Confirmed => "confirmed",
            Shares::Released => "approved and released",
            Shares::None => "approved",
        };
        let message = format!("the people whom it names are not a quorum of those who {did}");
        return Err(Finding::error("quorum-names", message));
    }
    let operation = &ceremony.proposal.operation;
    let recovery = state.and_then(|state| state.recovery(operation));
    let touched = recovery.map_or_else(|| operation.touches(), |recovery| recovery.touches());
    if !intended.targets.iter().map(|target| &target.name).eq(touched) {
        return Err(Finding::error("intent-targets", "it names targets other than those of the operation"));
    }
    let pinned = |name: &Name| match operation.installs().iter().find(|target| target.name == *name) {
        Some(joining) => Some(&joining.identity),
        None => operation.target().map(|(_, identity)| identity),
    };
    // In a recovery it is not known what answers until it is looked at.
    if recovery.is_none() && !intended.targets.iter().all(|t| pinned(&t.name) == Some(&t.identity)) {
        return Err(Finding::error("intent-targets", "a target was not the token that was pinned"));
    }
    let policy = ceremony.roster.policy();
    if intended.same_medium && !policy.allow_same_medium && ceremony.roster.deal().mode == Mode::Production {
        return Err(Finding::error("copies", "the copies were on one file system, which the policy refuses"));
    }
    let copies = policy.copies;
    if intended.copies < copies {
        let message = format!("{} copies of the ledger, the policy requires {copies}", intended.copies);
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
        return outcome_error("there is an outcome without an intent");
    }
    let own = &ceremony.proposal.operation;
    let recovery = state.and_then(|state| state.recovery(own));
    let touched = recovery.map_or_else(|| own.touches(), |recovery| recovery.touches());
    let named: Vec<&Name> = concluded.targets.iter().map(|t| &t.name).collect();
    if !named.iter().all(|name| touched.contains(name))
        || named.iter().collect::<BTreeSet<_>>().len() != named.len()
    {
        return outcome_error("it reports targets that the operation does not have, or one twice");
    }
    let acted_on = state.map_or(own, |state| state.acted_on(own));
    let completed = concluded.outcome == Outcome::Completed;
    let end = if completed { Recorded::Completed } else { Recorded::Other };
    for target in &concluded.targets {
        let found = target.inventory.as_ref().map(|inventory| &inventory.identity);
        if found.is_some_and(|found| !acted_on.may_be(&target.name, found, end)) {
            return outcome_error("the target is a different token afterwards");
        }
    }
    check_inventories(concluded)?;
    let claims = claims(concluded);
    if !own.may_list(&claims) {
        return outcome_error("it lists what the operation was not to do");
    }
    program::check(own, concluded)?;
    pins::check(&ceremony.proposal, concluded, state)?;
    if completed {
        let operation = if recovery.is_some_and(|recovery| recovery.finishes()) { acted_on } else { own };
        check_completed(operation, &claims, (&touched, state))?;
    }
    check_backup_key(concluded, state)
}

/// A restore unwraps with the key that the record of the backup names: it is one that was in force.
fn check_backup_key(concluded: &Concluded, state: Option<&LedgerState>) -> Result<(), Finding> {
    let Some(backup) = &concluded.backup else { return Ok(()) };
    let target = state.and_then(|state| state.targets.get(&backup.target));
    let mut keys = target.and_then(|target| target.credentials.get(&Role::BackupKey)).into_iter().flatten();
    if keys.any(|key| key.sealed.version == backup.key_version) {
        return Ok(());
    }
    outcome_error("it names a version of the backup key that was not in force")
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

/// What a conclusion lists and shows, for the operation to judge.
fn claims(concluded: &Concluded) -> Claims<'_> {
    let seen = concluded.targets.iter().filter_map(|t| Some((&t.name, t.inventory.as_ref()?)));
    Claims {
        deleted: &concluded.deleted,
        restored: &concluded.restored,
        left_out: &concluded.left_out,
        unkept: &concluded.unkept,
        backup: concluded
            .backup
            .as_ref()
            .map(|backup| (&backup.target, backup.entries.iter().map(|entry| &entry.object).collect())),
        seen: seen.collect(),
    }
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
    if untouched { Ok(()) } else { outcome_error("refused, but something was done") }
}

fn check_completed(
    operation: &Operation,
    claims: &Claims<'_>,
    (touched, state): (&[&Name], Option<&LedgerState>),
) -> Result<(), Finding> {
    if operation.facts().looks_afterwards && !touched.iter().all(|name| claims.seen(name).is_some()) {
        return outcome_error("completed, but the target was not looked at afterwards");
    }
    let recorded = state.zip(operation.target()).map(|(state, (name, _))| state.recorded(name));
    if operation.is_completed_by(claims, recorded.unwrap_or_default()) {
        Ok(())
    } else {
        outcome_error("completed, but what it shows is not what was to be done")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encoding::{
            digest::Digest,
            text::{Line, Summary},
        },
        proposal::{
            operations::RestoreOperation,
            target::{Inventory, LeftOut, ObjectClass, ObjectRecord, TokenIdentity},
        },
        transcript::event::TargetState,
    };

    fn object(label: &str) -> ObjectRecord {
        ObjectRecord {
            value_sha256: Some(Digest::of(label.as_bytes())),
            ..ObjectRecord::named(ObjectClass::Data, "", Line::lossy(label), "data")
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
            input: "/b.age".parse().unwrap(),
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
        let claims = claims(&concluded);
        operation.may_list(&claims) && check_completed(&operation, &claims, (&[&target], None)).is_ok()
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
