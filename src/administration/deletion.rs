//! Destroying exactly the objects that were pinned.

use std::collections::BTreeMap;

use super::{
    calls::{Found, Module, Session, TokenSlot},
    fault::{CallResult, Fault},
};
use crate::{
    encoding::text::Line,
    memory::Pin,
    ports::token::{Attempt, Deletion, LeftOut, PinHolder, Progress},
    proposal::{
        choice,
        identity::{Identity, matching},
        target::ObjectRecord,
    },
};

/// Looks again, refuses or destroys, and looks again: all in one session.
pub fn delete(
    module: &impl Module,
    user_pin: &Pin,
    pinned: &[ObjectRecord],
    run: Attempt,
    progress: &mut dyn Progress,
) -> CallResult<Deletion> {
    let place = module.selected()?;
    let session = module.open(place.slot)?;
    session.login(PinHolder::User, user_pin)?;
    // Not before the login: private and secret keys are invisible until then, and would pass for gone.
    let before = session.objects()?;
    let doomed = choose(&before, pinned, run)?;
    // Before anything is said to be gone, the token must still be the one that was searched.
    still_there(module, &place)?;
    let faults = destroy(&session, &doomed, progress)?;
    let after = records(&session.objects()?);
    still_there(module, &place)?;
    account(&records(&before), pinned, &doomed, &faults, &after)
}

fn records<H>(found: &[Found<H>]) -> Vec<ObjectRecord> {
    found.iter().map(|found| found.record.clone()).collect()
}

/// The objects that the pinned records mean, or why it is not certain what they mean.
fn choose<'a, H>(
    before: &'a [Found<H>],
    pinned: &[ObjectRecord],
    run: Attempt,
) -> CallResult<Vec<&'a Found<H>>> {
    let refuse = |message: String| {
        Fault::new("C_FindObjects", message, "find out who changed the objects since they were approved")
    };
    let choice = choice::choose(before.iter().map(|f| &f.record), pinned)
        .map_err(|doubt| refuse(doubt.to_string()))?;
    if let (Some(missing), Attempt::First) = (choice.missing.first(), run) {
        let other = before.iter().find(|f| f.record.resembles(missing) && !pinned.contains(&f.record));
        return Err(refuse(match other {
            Some(other) => format!("{missing} is not there as pinned; {} takes its place", other.record),
            None => format!("{missing} is not in the token"),
        }));
    }
    let mut doomed: Vec<&Found<H>> = choice.meant.iter().filter_map(|place| before.get(*place)).collect();
    // Keys before what shows which keys they are: a run that is cut off leaves the evidence.
    doomed.sort_by_key(|found| found.record.class);
    Ok(doomed)
}

/// C_DestroyObject one by one; what each call said, as far as it went.
fn destroy<S: Session>(
    session: &S,
    doomed: &[&Found<S::Handle>],
    progress: &mut dyn Progress,
) -> CallResult<Vec<Option<Fault>>> {
    let mut faults = Vec::new();
    for (done, found) in doomed.iter().enumerate() {
        progress.step("objects destroyed", done, doomed.len());
        match session.destroy(&found.handle) {
            Ok(()) => faults.push(None),
            Err(fault) if fault.function == "worker" => return Err(fault),
            Err(fault) => {
                // An error may follow a completed destroy; the search afterwards decides.
                let fatal = fault.is_fatal();
                faults.push(Some(fault));
                if fatal {
                    return Ok(faults);
                }
            }
        }
    }
    progress.step("objects destroyed", doomed.len(), doomed.len());
    Ok(faults)
}

/// An empty search proves nothing unless the token still answers as the one that was searched.
fn still_there<M: Module>(module: &M, place: &TokenSlot<M::Slot>) -> CallResult<()> {
    let now = module.info(place.slot)?;
    let (is, was) = (&now.identity, &place.info.identity);
    if now.initialised && is == was {
        return Ok(());
    }
    Err(Fault::new(
        "C_GetTokenInfo",
        format!(
            "the slot now shows \"{}\" with serial {}, no longer \"{}\" with serial {}",
            is.label, is.serial, was.label, was.serial
        ),
        "find out who removed or initialised the token meanwhile",
    ))
}

/// Every object that was not to go must still be there; of the others, each is gone or it is said why not.
fn account<'a, H>(
    before: &'a [ObjectRecord],
    pinned: &'a [ObjectRecord],
    doomed: &[&'a Found<H>],
    faults: &[Option<Fault>],
    after: &'a [ObjectRecord],
) -> CallResult<Deletion> {
    let bystanders = matching(before, doomed.iter().map(|found| &found.record)).gone;
    let kept = matching(bystanders, after);
    if let Some(bystander) = kept.gone.first() {
        return Err(Fault::new(
            "C_DestroyObject",
            format!("{bystander} was not to be destroyed, but is gone, too"),
            "compare the token with its last signed inventory",
        ));
    }
    // Each remains once for a call that failed, or else for one that is said to have worked.
    let mut left: BTreeMap<Identity<'a>, usize> = BTreeMap::new();
    for (found, _) in matching(doomed.iter().map(|found| &found.record), kept.come).same {
        *left.entry(found.identity()).or_default() += 1;
    }
    let mut reasons: Vec<(&'a ObjectRecord, Option<String>)> = Vec::new();
    for (place, found) in doomed.iter().enumerate() {
        reasons.push((
            &found.record,
            match faults.get(place) {
                Some(Some(fault)) => Some(fault.line()),
                Some(None) => None,
                None => Some("not tried: an earlier call failed".to_owned()),
            },
        ));
    }
    reasons.sort_by_key(|(_, reason)| reason.is_none());
    let mut destroyed: BTreeMap<Identity<'a>, usize> = BTreeMap::new();
    let mut remaining: BTreeMap<Identity<'a>, Vec<String>> = BTreeMap::new();
    for (record, reason) in reasons {
        match left.get_mut(&record.identity()).filter(|left| **left > 0) {
            Some(count) => {
                *count -= 1;
                let untrue =
                    || "C_DestroyObject: the module reported success, but the object is there".into();
                remaining.entry(record.identity()).or_default().push(reason.unwrap_or_else(untrue));
            }
            None => *destroyed.entry(record.identity()).or_default() += 1,
        }
    }
    Ok(tell(pinned, destroyed, remaining))
}

/// The pinned records, each with what became of it: those that nothing tells apart in any order.
fn tell<'a>(
    pinned: &'a [ObjectRecord],
    mut destroyed: BTreeMap<Identity<'a>, usize>,
    mut remaining: BTreeMap<Identity<'a>, Vec<String>>,
) -> Deletion {
    let mut deletion = Deletion::default();
    for record in pinned {
        if let Some(count) = destroyed.get_mut(&record.identity()).filter(|count| **count > 0) {
            *count -= 1;
            deletion.destroyed.push(record.clone());
        } else if let Some(reason) = remaining.get_mut(&record.identity()).and_then(Vec::pop) {
            deletion.remaining.push(LeftOut { object: record.clone(), reason: Line::lossy(&reason) });
        } else {
            deletion.already_gone.push(record.clone());
        }
    }
    deletion
}
