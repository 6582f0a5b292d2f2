//! Destroying exactly the objects that were pinned.

use super::{
    fault::{Fault, Outcome},
    module::Module,
    objects::{self, Found},
    session::{Session, Who},
    settings::Select,
    slots::{self, Place},
};
use crate::{
    encoding::text::Line,
    memory::Pin,
    ports::token::{Deletion, LeftOut, Run},
    proposal::target::{ObjectClass, ObjectRecord},
};

/// Looks again, refuses or destroys, and looks again: all in one session.
pub(super) fn delete(
    module: &Module<'_>,
    select: &Select,
    run: Run,
    user_pin: &Pin,
    pinned: &[ObjectRecord],
) -> Outcome<Deletion> {
    let place = slots::find(module, select)?;
    let session = module.open_to_write(place.slot)?;
    session.login(Who::User, user_pin)?;
    let mut before = objects::all(&session)?;
    if run == Run::Resumed {
        recognise_halves(&mut before, pinned);
    }
    let doomed = choose(&before, pinned, run)?;
    // Before anything is said to be gone, the token must still be the one that was searched.
    still_there(module, &place)?;
    let faults = destroy(&session, &doomed)?;
    let after = objects::records(&objects::all(&session)?);
    still_there(module, &place)?;
    bystanders_remain(&before, &after, pinned)?;
    Ok(account(pinned, &doomed, &faults, &after))
}

/// The objects that the pinned records mean, or why it is not certain what they mean.
fn choose<'a>(before: &'a [Found], pinned: &[ObjectRecord], run: Run) -> Outcome<Vec<&'a Found>> {
    let refuse =
        |message: String| Err(Fault::new("C_FindObjects", message, "take a new inventory and propose again"));
    let mut doomed = Vec::new();
    for (place, record) in pinned.iter().enumerate() {
        if pinned.iter().take(place).any(|earlier| earlier == record) {
            return refuse(format!("{record} is pinned twice"));
        }
        let matches: Vec<&Found> = before.iter().filter(|f| f.record == *record).collect();
        let double = before.iter().find(|f| f.record.resembles(record) && !pinned.contains(&f.record));
        match (matches.as_slice(), double, run) {
            (_, Some(double), _) if matches.is_empty() => {
                return refuse(format!("{record} is not there as pinned; {} takes its place", double.record));
            }
            (_, Some(double), _) => {
                return refuse(format!("{} is not pinned, but resembles {record}", double.record));
            }
            ([one], None, _) => doomed.push(*one),
            ([], None, Run::First) => return refuse(format!("{record} is not in the token")),
            ([], None, Run::Resumed) => {}
            (_, None, _) => return refuse(format!("{record} is in the token {} times", matches.len())),
        }
    }
    // A private key may be known by a public half that another object lends: it goes first.
    doomed.sort_by_key(|found| found.record.class);
    Ok(doomed)
}

/// An earlier run may have destroyed the object that lent a private key its public half. The key then
/// counts as the pinned one, if all else agrees and the pinned lender is what is missing.
fn recognise_halves(before: &mut [Found], pinned: &[ObjectRecord]) {
    let there = objects::records(before);
    let lost_lender = |key: &ObjectRecord| {
        pinned.iter().any(|lender| {
            lender.class != ObjectClass::PrivateKey
                && lender.id == key.id
                && lender.public_key_sha256.is_some()
                && lender.public_key_sha256 == key.public_key_sha256
                && !there.contains(lender)
        })
    };
    for key in pinned.iter().filter(|p| p.class == ObjectClass::PrivateKey && !there.contains(p)) {
        let mut alike = before.iter_mut().filter(|found| is_same(key, &found.record));
        if let (Some(found), None) = (alike.next(), alike.next())
            && lost_lender(key)
        {
            found.record = key.clone();
        }
    }
}

/// C_DestroyObject one by one; what each call said, as far as it went.
fn destroy(session: &Session<'_>, doomed: &[&Found]) -> Outcome<Vec<Option<Fault>>> {
    let link = session.module().link();
    let mut faults = Vec::new();
    for (done, found) in doomed.iter().enumerate() {
        link.progress("objects destroyed", done, doomed.len())?;
        match session.destroy(found.handle) {
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
    link.progress("objects destroyed", doomed.len(), doomed.len())?;
    Ok(faults)
}

/// An empty search proves nothing unless the token still answers as the one that was searched.
fn still_there(module: &Module<'_>, place: &Place) -> Outcome<()> {
    let info = module.token_info(place.slot)?;
    let now = Place { slot: place.slot, info };
    if now.info.token_initialized() && now.serial() == place.serial() && now.label() == place.label() {
        return Ok(());
    }
    Err(Fault::new(
        "C_GetTokenInfo",
        format!(
            "the slot now shows \"{}\" with serial {}, no longer \"{}\" with serial {}",
            now.label(),
            now.serial(),
            place.label(),
            place.serial()
        ),
        "find out who removed or initialised the token meanwhile",
    ))
}

/// Every object that was not pinned must still be there.
fn bystanders_remain(before: &[Found], after: &[ObjectRecord], pinned: &[ObjectRecord]) -> Outcome<()> {
    let mut left: Vec<&ObjectRecord> = after.iter().collect();
    for bystander in before.iter().map(|f| &f.record).filter(|record| !pinned.contains(record)) {
        match left.iter().position(|other| is_same(bystander, other)) {
            Some(place) => {
                left.swap_remove(place);
            }
            None => {
                return Err(Fault::new(
                    "C_DestroyObject",
                    format!("{bystander} was not to be destroyed, but is gone, too"),
                    "compare the token with its last signed inventory",
                ));
            }
        }
    }
    Ok(())
}

/// The same object after the deletion. A private key may have lost its public half, if that was lent by
/// an object that is gone now.
fn is_same(before: &ObjectRecord, after: &ObjectRecord) -> bool {
    before == after
        || (after.public_key_sha256.is_none()
            && ObjectRecord { public_key_sha256: None, ..before.clone() } == *after)
}

fn account(
    pinned: &[ObjectRecord],
    doomed: &[&Found],
    faults: &[Option<Fault>],
    after: &[ObjectRecord],
) -> Deletion {
    let mut deletion = Deletion::default();
    for record in pinned {
        let Some(place) = doomed.iter().position(|found| found.record == *record) else {
            deletion.already_gone.push(record.clone());
            continue;
        };
        if !after.iter().any(|other| is_same(record, other)) {
            deletion.destroyed.push(record.clone());
            continue;
        }
        let reason = match faults.get(place) {
            Some(Some(fault)) => fault.line(),
            Some(None) => "C_DestroyObject: the module reported success, but the object is there".to_owned(),
            None => "not tried: an earlier call failed".to_owned(),
        };
        deletion.remaining.push(LeftOut { object: record.clone(), reason: Line::lossy(&reason) });
    }
    deletion
}
