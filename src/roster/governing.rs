//! The roster's table of operations: which authorities govern which, who approves besides, and which groups must be among
//! those who act.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    deal::Authority,
    error::RosterError,
    members::{Member, OperationRule, RosterDocument},
    operation::{Governing, OperationKind},
};
use crate::encoding::text::Name;

/// What the roster says of an operation; none where its rule is fixed, or where it would have to be named.
fn rule(document: &RosterDocument, operation: OperationKind) -> Option<&OperationRule> {
    let named = |operation| document.operations.get(&operation);
    match operation.governing() {
        Governing::All => None,
        Governing::NamedOrAsDelete => named(operation).or_else(|| named(OperationKind::Delete)),
        Governing::Named | Governing::NamedOrAll | Governing::NamedOrNone => named(operation),
    }
}

/// The authorities that decide on an operation; none where the roster would have to name some.
pub(super) fn authorities(document: &RosterDocument, operation: OperationKind) -> Vec<&Authority> {
    match (rule(document, operation), operation.governing()) {
        (Some(rule), _) => rule.authorities.iter().filter_map(|name| document.deal.authority(name)).collect(),
        (None, Governing::All | Governing::NamedOrAll) => document.deal.authorities.iter().collect(),
        (None, _) => Vec::new(),
    }
}

/// The approvers whose approval an operation needs. All of them confirm a genesis: a card that cannot sign is found out then.
pub(super) fn approvers(document: &RosterDocument, operation: OperationKind) -> Vec<&Name> {
    match operation {
        OperationKind::Genesis => document.approvers.iter().map(|approver| &approver.name).collect(),
        _ => rule(document, operation).map_or(Vec::new(), |rule| rule.approvers.iter().collect()),
    }
}

/// One entry at least for each that is governed, of authorities and approvers that exist.
pub(super) fn check_operations(document: &RosterDocument) -> Result<(), RosterError> {
    for &operation in OperationKind::ALL {
        if operation.governing() == Governing::Named && !document.operations.contains_key(&operation) {
            return Err(RosterError::Operation { operation, reason: "no authority is named for it".into() });
        }
    }
    let approvers: BTreeSet<&Name> = document.approvers.iter().map(|approver| &approver.name).collect();
    for (&operation, rule) in &document.operations {
        let fail = |reason: String| Err(RosterError::Operation { operation, reason });
        if operation.governing() == Governing::All {
            return fail("its rule is fixed and cannot be set".into());
        }
        if rule.authorities.is_empty() {
            return fail("needs at least one authority".into());
        }
        if has_double(&rule.authorities) {
            return fail("names an authority twice".into());
        }
        if let Some(unknown) = rule.authorities.iter().find(|name| document.deal.authority(name).is_none()) {
            return fail(format!("there is no authority {unknown}"));
        }
        if has_double(&rule.approvers) {
            return fail("names an approver twice".into());
        }
        if let Some(unknown) = rule.approvers.iter().find(|name| !approvers.contains(name)) {
            return fail(format!("there is no approver {unknown}"));
        }
    }
    let needed: BTreeSet<&Name> = document.operations.values().flat_map(|rule| &rule.approvers).collect();
    match approvers.difference(&needed).next() {
        Some(idle) => Err(RosterError::IdleApprover((*idle).clone())),
        None => Ok(()),
    }
}

fn has_double(names: &[Name]) -> bool {
    names.iter().collect::<BTreeSet<_>>().len() != names.len()
}

/// Whether M custodians can meet the minima of an authority's groups; `size` is that of a group.
///
/// # Errors
/// What cannot be met, in words.
pub fn check_minima(
    threshold: u8,
    minima: &BTreeMap<Name, u8>,
    size: impl Fn(&Name) -> usize,
) -> Result<(), String> {
    for (group, &minimum) in minima {
        match (size(group), usize::from(minimum)) {
            (0, _) => return Err(format!("no custodian is in the group {group}")),
            (_, 0) => return Err(format!("its minimum of the group {group} is 0: leave it out")),
            (size, minimum) if minimum > size => {
                return Err(format!("it needs {minimum} of the group {group}, which has {size}"));
            }
            _ => {}
        }
    }
    let sum: usize = minima.values().copied().map(usize::from).sum();
    match sum > usize::from(threshold) {
        true => Err(format!(
            "the minima of its groups are {sum} together, more than its threshold of {threshold}"
        )),
        false => Ok(()),
    }
}

/// Minima that can be met; and no group that counts nowhere, which could be another one in another spelling.
pub(super) fn check_groups(document: &RosterDocument) -> Result<(), RosterError> {
    let of = |group: &Name| document.custodians.iter().filter(|c| c.group.as_ref() == Some(group)).count();
    for Authority { name, threshold, groups, .. } in &document.deal.authorities {
        check_minima(*threshold, groups, of)
            .map_err(|reason| RosterError::Minima { authority: name.clone(), reason })?;
    }
    let counts = |group: &Name| document.deal.authorities.iter().any(|a| a.groups.contains_key(group));
    for Member { name, group, .. } in &document.custodians {
        if let Some(group) = group.clone().filter(|group| !counts(group)) {
            return Err(RosterError::IdleGroup { person: name.clone(), group });
        }
    }
    Ok(())
}
