//! The roster's table of operations: which authorities govern which.

use std::collections::BTreeSet;

use super::{
    deal::Authority,
    error::RosterError,
    members::RosterDocument,
    operation::{Governing, OperationKind},
};

/// The authorities that decide on an operation; none where the roster would have to name some.
pub(super) fn authorities(document: &RosterDocument, operation: OperationKind) -> Vec<&Authority> {
    let named = |operation| document.operations.get(&operation);
    let names = match (named(operation), operation.governing()) {
        (_, Governing::All) | (None, Governing::NamedOrAll) => {
            return document.deal.authorities.iter().collect();
        }
        (None, Governing::NamedOrAsDelete) => named(OperationKind::Delete),
        (names, _) => names,
    };
    names.into_iter().flatten().filter_map(|name| document.deal.authority(name)).collect()
}

/// One entry at least for each that is governed, of authorities that exist.
pub(super) fn check_operations(document: &RosterDocument) -> Result<(), RosterError> {
    for &operation in OperationKind::ALL {
        if operation.governing() == Governing::Named && !document.operations.contains_key(&operation) {
            return Err(RosterError::Operation { operation, reason: "no authority is named for it".into() });
        }
    }
    for (&operation, authorities) in &document.operations {
        let fail = |reason: String| Err(RosterError::Operation { operation, reason });
        if operation.governing() == Governing::All {
            return fail("its rule is fixed and cannot be set".into());
        }
        if authorities.is_empty() {
            return fail("needs at least one authority".into());
        }
        let distinct: BTreeSet<_> = authorities.iter().collect();
        if distinct.len() != authorities.len() {
            return fail("names an authority twice".into());
        }
        if let Some(unknown) = authorities.iter().find(|name| document.deal.authority(name).is_none()) {
            return fail(format!("there is no authority {unknown}"));
        }
    }
    Ok(())
}
