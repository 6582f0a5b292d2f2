//! C_DestroyObject on exactly the objects that were approved.

use std::collections::BTreeMap;

use super::{device::Session, state::State};
use crate::{
    encoding::text::Line,
    ports::{
        cause::Cause,
        token::{Deletion, LeftOut, Progress, Run, TokenError},
    },
    proposal::{choice, identity::matching, target::ObjectRecord},
};

pub(super) fn delete(
    session: &Session<'_>,
    wanted: &[ObjectRecord],
    run: Run,
    progress: &mut dyn Progress,
) -> Result<Deletion, TokenError> {
    let (present, already_gone) = find(&session.read()?, wanted, run)?;
    let mut reasons = BTreeMap::new();
    for (index, record) in present.iter().enumerate() {
        if let Err(e) = session.update(|state| destroy(state, record)) {
            reasons.insert(record, e.to_string());
        }
        progress.step("objects destroyed", index + 1, present.len());
    }
    // What an error said does not count: only what is found.
    let after = session.read().map_err(TokenError::with_unknown_effect)?.records();
    let found = matching(&present, &after);
    let mut deletion = Deletion { already_gone, ..Deletion::default() };
    deletion.destroyed.extend(found.gone.into_iter().cloned());
    for (record, _) in found.same {
        let reason = reasons.get(record).map_or("C_DestroyObject: no effect", String::as_str);
        deletion.remaining.push(LeftOut { object: record.clone(), reason: Line::lossy(reason) });
    }
    Ok(deletion)
}

/// Which of `wanted` are there, as they are now, and which are gone; refuses where it is not certain what is meant.
fn find(
    state: &State,
    wanted: &[ObjectRecord],
    run: Run,
) -> Result<(Vec<ObjectRecord>, Vec<ObjectRecord>), TokenError> {
    let records = || state.objects.iter().map(|object| &object.record);
    let choice = choice::choose(records(), wanted).map_err(|doubt| refused(&doubt.to_string()))?;
    if let (Some(missing), Run::First) = (choice.missing.first(), run) {
        return Err(refused(&format!("not found: {missing}")));
    }
    let found: Vec<&ObjectRecord> = records().collect();
    let present = choice.meant.iter().filter_map(|place| found.get(*place)).map(|r| (*r).clone()).collect();
    Ok((present, choice.missing.into_iter().cloned().collect()))
}

fn refused(reason: &str) -> TokenError {
    TokenError::before(
        "C_FindObjects",
        Cause::Unnamed,
        reason,
        "find out who changed the objects since they were approved",
    )
}

fn destroy(state: &mut State, record: &ObjectRecord) -> Result<(), TokenError> {
    let index = state.objects.iter().position(|object| object.record == *record).ok_or_else(|| {
        TokenError::before("C_DestroyObject", Cause::ObjectHandleInvalid, "not there", "look again")
    })?;
    state.objects.remove(index);
    Ok(())
}
