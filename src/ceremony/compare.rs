//! Two targets of a quorum, side by side: from the ledger, and from what is visible without a login.

use super::{Error, pinning};
use crate::{
    account::comparison::Alike,
    encoding::text::Name,
    ports::token::TokenSource,
    proposal::{
        comparison::{self, Compared, Sameness},
        identity::{made_again, matching},
        operations::{Operation, ResetOperation, RestoreOperation},
        target::{Inventory, ObjectClass, ObjectRecord},
    },
    transcript::{event::Concluded, ledger::LedgerState, outcome::Outcome},
};

/// The result of the comparison.
#[derive(Debug)]
pub struct Comparison {
    /// Object by object, from the inventories on record.
    pub objects: Vec<Compared>,
    /// What the tokens show now and the inventories do not have, or the other way round.
    pub changes: Vec<String>,
    /// For both, the ceremony that recorded the inventory.
    pub recorded: [u32; 2],
}

impl Comparison {
    /// What is known of both as a whole.
    pub fn verdict(&self) -> Alike {
        let all = |known: &[Sameness]| self.objects.iter().all(|c| known.contains(&c.verdict));
        if !self.changes.is_empty() || !all(&[Sameness::Same, Sameness::Unknown]) {
            Alike::Different
        } else if all(&[Sameness::Same]) {
            Alike::Same
        } else {
            Alike::Unknown
        }
    }
}

/// Compares what is recorded, and with `tokens` also what is visible now.
pub fn compare(
    state: &LedgerState,
    one: &Name,
    other: &Name,
    tokens: Option<&mut dyn TokenSource>,
) -> Result<Comparison, Error> {
    if one == other {
        return Err(Error::usage(
            "a target cannot be compared with itself",
            "name two targets of the quorum",
        ));
    }
    let (first, second) = (inventory(state, one)?, inventory(state, other)?);
    let mut proven = [proven(state, one, other), proven(state, other, one)].concat();
    proven.sort();
    let is_proven = |object: &ObjectRecord| {
        let found = proven.binary_search_by(|known| known.identity().cmp(&object.identity()));
        found.ok().and_then(|at| proven.get(at)).is_some_and(|known| !known.is_contradicted_by(object))
    };
    let objects = comparison::compare(&first.0.objects, &second.0.objects, &is_proven);
    let mut changes = Vec::new();
    if let Some(tokens) = tokens {
        for (name, (inventory, _)) in [(one, &first), (other, &second)] {
            changes.extend(look(state, name, inventory, tokens)?);
        }
    }
    Ok(Comparison { objects, changes, recorded: [first.1, second.1] })
}

/// The last inventory of a target, and the ceremony that recorded it.
fn inventory<'s>(state: &'s LedgerState, name: &Name) -> Result<(&'s Inventory, u32), Error> {
    let target = pinning::target(state, name)?;
    let number = state.ceremonies.iter().rev().find_map(|ceremony| {
        let concluded = ceremony.concluded.as_ref()?;
        let recorded = concluded.targets.iter().any(|t| t.name == *name && t.inventory.is_some());
        recorded.then(|| ceremony.number())
    });
    target.inventory.as_ref().zip(number).ok_or_else(|| {
        Error::refused(
            format!("the ledger has no inventory of {name}"),
            "run a ceremony of kind \"inventory\" on it first",
        )
    })
}

/// What `onto` is proven to have from `from`: its restores of backups of `from`, since either was last reset. An object that an
/// inventory of either was missing since then proves nothing: another key may have taken its place.
fn proven(state: &LedgerState, from: &Name, onto: &Name) -> Vec<ObjectRecord> {
    let mut proven: Vec<ObjectRecord> = Vec::new();
    for ceremony in &state.ceremonies {
        let Some(concluded) = &ceremony.concluded else { continue };
        for inventory in seen(concluded, onto) {
            let there = matching(&proven, &inventory.objects).same.into_iter();
            let there =
                there.filter(|(known, now)| known.is_same_object(now) && !known.is_contradicted_by(now));
            proven = there.map(|(known, _)| known.clone()).collect();
        }
        for inventory in seen(concluded, from) {
            let there = made_again(&inventory.objects, &proven).same;
            proven = there.into_iter().map(|(_, known)| known.clone()).collect();
        }
        match &ceremony.proposal.operation {
            Operation::Reset(ResetOperation { target, .. }) if target == onto || target == from => {
                proven.clear()
            }
            Operation::Restore(RestoreOperation { target, backup, .. })
                if target == onto
                    && concluded.outcome == Outcome::Completed
                    && state.backups.get(backup).is_some_and(|record| record.target == *from) =>
            {
                proven.extend(concluded.restored.iter().cloned());
            }
            _ => {}
        }
    }
    proven
}

/// The inventory of a target in an outcome.
fn seen<'c>(concluded: &'c Concluded, name: &Name) -> impl Iterator<Item = &'c Inventory> {
    concluded.targets.iter().filter(move |t| t.name == *name).filter_map(|t| t.inventory.as_ref())
}

/// What the token shows now against its inventory. Public keys and certificates show without a login.
fn look(
    state: &LedgerState,
    name: &Name,
    inventory: &Inventory,
    tokens: &mut dyn TokenSource,
) -> Result<Vec<String>, Error> {
    let now = pinning::observe(tokens, name, pinning::target(state, name)?)?.public_objects;
    let shows =
        |object: &&ObjectRecord| matches!(object.class, ObjectClass::PublicKey | ObjectClass::Certificate);
    let visible = matching(inventory.objects.iter().filter(shows), now.iter().filter(shows));
    // Data objects and private ones are visible or not, as their owner made them: what is visible must be on record.
    let others = now.iter().filter(|object| !shows(object));
    let come = visible.come.into_iter().chain(matching(&inventory.objects, others).come);
    Ok(visible
        .gone
        .into_iter()
        .map(|object| format!("{name} no longer shows {object}, which is in its inventory"))
        .chain(come.map(|object| format!("{name} shows {object}, which is not in its inventory")))
        .collect())
}
