//! C_DestroyObject on exactly the objects that were approved.

use std::collections::BTreeMap;

use super::{device::Session, state::State};
use crate::{
    encoding::text::Line,
    ports::token::{Deletion, LeftOut, Progress, Run, TokenError},
    proposal::target::ObjectRecord,
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
    let after = session.read().map_err(super::token::with_effect)?.records();
    let mut deletion = Deletion { already_gone, ..Deletion::default() };
    for record in &present {
        if after.contains(record) {
            let reason = reasons.get(record).map_or("C_DestroyObject: no effect", String::as_str);
            deletion.remaining.push(LeftOut { object: record.clone(), reason: Line::lossy(reason) });
        } else {
            deletion.destroyed.push(record.clone());
        }
    }
    Ok(deletion)
}

/// Which of `wanted` are there, and which are gone; refuses where a person could have meant another object.
fn find(
    state: &State,
    wanted: &[ObjectRecord],
    run: Run,
) -> Result<(Vec<ObjectRecord>, Vec<ObjectRecord>), TokenError> {
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for (index, record) in wanted.iter().enumerate() {
        if wanted.iter().take(index).any(|earlier| earlier == record) {
            return Err(refused("named twice", record));
        }
        let found = state.objects.iter().filter(|object| object.record == *record).count();
        // Objects that are all to be destroyed may resemble each other: none of them is spared.
        let twin = state
            .objects
            .iter()
            .find(|object| !wanted.contains(&object.record) && record.resembles(&object.record));
        if let Some(twin) = twin {
            return Err(refused(&format!("resembled by {}", twin.record), record));
        }
        match (found, run) {
            (1, _) => present.push(record.clone()),
            (0, Run::Resumed) => gone.push(record.clone()),
            (0, Run::First) => return Err(refused("not found", record)),
            (many, _) => return Err(refused(&format!("found {many} times"), record)),
        }
    }
    Ok((present, gone))
}

fn refused(reason: &str, record: &ObjectRecord) -> TokenError {
    TokenError::before(
        "C_FindObjects",
        "",
        format!("{reason}: {record}"),
        "take a new inventory and propose again",
    )
}

fn destroy(state: &mut State, record: &ObjectRecord) -> Result<(), TokenError> {
    let index = state.objects.iter().position(|object| object.record == *record).ok_or_else(|| {
        TokenError::before("C_DestroyObject", "CKR_OBJECT_HANDLE_INVALID", "not there", "look again")
    })?;
    state.objects.remove(index);
    Ok(())
}
