//! Making the objects of a backup again, each with its proof.

use std::collections::{HashMap, HashSet};

use super::{
    attributes::{self, PUBLIC_KEY_INFO},
    fault::{Fault, Outcome},
    making::{self, By, Original},
    module::Module,
    objects::{self, Found},
    proof::{self, Prover},
    protocol::{Answer, Message},
    session::Who,
    settings::Select,
    slots,
    wrapping::{Wrapper, Wrapping},
};
use crate::{
    encoding::text::Line,
    memory::{CredentialSecret, Pin},
    ports::token::{LeftOut, Restoration},
    proposal::{
        identity::made_again,
        target::{BackupEntry, ObjectClass, ObjectRecord},
    },
};

/// Takes `total` entries from the parent, one after the other; returns the objects as they are now, and those that could not
/// be made: one of them keeps no other from being made.
pub(super) fn restore(
    module: &Module<'_>,
    select: &Select,
    user_pin: &Pin,
    backup_key: &CredentialSecret,
    total: usize,
) -> Outcome<Restoration> {
    let place = slots::find(module, select)?;
    let session = module.open_to_write(place.slot)?;
    session.login(Who::User, user_pin)?;
    let wrapper = Wrapper::new(&session, backup_key)?;
    let before = objects::all(&session)?;
    let mut restoration = Restoration::default();
    let mut made = Vec::new();
    while let Answer::Entry(Some(entry)) = module.link().ask(&Message::WantEntry)? {
        let done = made.len().saturating_add(restoration.left_out.len());
        module.link().progress("objects restored", done, total)?;
        let prover = Prover { session: &session, wrapper: &wrapper, user_pin };
        match one(prover, &before, &entry) {
            Ok(lost) => made.push((entry.object, lost)),
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(fault) => restoration.left_out.push(told(entry.object, &fault.line())),
        }
    }
    module.link().progress("objects restored", total, total)?;
    // Public halves are known only now that all objects are back.
    let after = objects::records(&objects::all(&session)?);
    let wanted: Vec<ObjectRecord> = made.iter().map(|(record, _)| record.clone()).collect();
    for ((record, lost), found) in made.into_iter().zip(found_again(&wanted, &after)) {
        match found {
            Ok(now) => {
                if !lost.is_empty() {
                    restoration.unkept.push(told(now.clone(), &making::unkept(&lost)));
                }
                restoration.restored.push(now);
            }
            Err(fault) => restoration.left_out.push(told(record, &fault.line())),
        }
    }
    Ok(restoration)
}

fn told(object: ObjectRecord, reason: &str) -> LeftOut {
    LeftOut { object, reason: Line::lossy(reason) }
}

/// Makes one object, unless it is there; returns the names of what it has lost.
fn one(prover: Prover<'_, '_>, before: &[Found], entry: &BackupEntry) -> Outcome<Vec<&'static str>> {
    let Prover { session, wrapper, .. } = prover;
    let record = &entry.object;
    let same: Vec<&Found> = before.iter().filter(|f| could_be(record, &f.record)).collect();
    let own = attributes::parse(record.class, &entry.attributes)
        .ok_or_else(|| refusal(record, "its attributes in the backup are not of this format"))?;
    let spki = entry.attributes.get(PUBLIC_KEY_INFO).and_then(|hex| base16ct::lower::decode_vec(hex).ok());
    let original = Original { class: record.class, attributes: &own, spki: spki.as_deref() };
    if !matches!(record.class, ObjectClass::PrivateKey | ObjectClass::SecretKey) {
        if entry.mechanism != "copy" {
            return Err(refusal(record, "its mechanism in the backup is unknown"));
        }
        if let Some(found) = same.first() {
            return original.differing(session, found.handle);
        }
        let trial = original.try_out(session, By::Copying)?;
        making::discard(session, trial.handle);
        let copy = original.make_in_token(session, By::Copying, &trial)?;
        return original.differing(session, copy);
    }
    let wrapping = Wrapping::of_name(&entry.mechanism)
        .ok_or_else(|| refusal(record, "its mechanism in the backup is unknown"))?;
    let way = wrapper.way_of(wrapping).ok_or_else(|| {
        refusal(
            record,
            &format!("it was wrapped by {}, and this token has no mechanism for that", wrapping.name()),
        )
    })?;
    let check = |key| proof::check(prover, way, key, &entry.blob.0, record, spki.as_deref());
    // Of keys with one id and label, the token may not show which is which: one of them must prove to be this one.
    let mut refused = None;
    for found in same {
        match check(found.handle) {
            Ok(()) => return original.differing(session, found.handle),
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(fault) => refused = Some(fault),
        }
    }
    if let Some(fault) = refused {
        return Err(fault);
    }
    let by = By::Unwrapping { wrapper, way, blob: &entry.blob.0 };
    let trial = original.try_out(session, by)?;
    let proven = check(trial.handle);
    making::discard(session, trial.handle);
    proven?;
    let key = original.make_in_token(session, by, &trial)?;
    if let Err(fault) = check(key) {
        // What was made here and is not the key does not stay.
        let _ = session.destroy(key);
        return Err(fault);
    }
    original.differing(session, key)
}

/// The same object as far as a token with other objects, and another token, can show it.
fn could_be(record: &ObjectRecord, found: &ObjectRecord) -> bool {
    let agrees = |a: &Option<_>, b: &Option<_>| a.is_none() || b.is_none() || a == b;
    record.class == found.class
        && record.id == found.id
        && record.label == found.label
        && proof::same_type(record, found)
        && record.value_sha256 == found.value_sha256
        && record.label_sha256 == found.label_sha256
        && agrees(&record.public_key_sha256, &found.public_key_sha256)
        && (record.check_value.is_none()
            || found.check_value.is_none()
            || record.check_value == found.check_value)
}

/// The objects as they are now. Those that look alike are there as often as they were restored, no more and no less: only
/// by its public half is one of them known, where the token shows it.
fn found_again(wanted: &[ObjectRecord], after: &[ObjectRecord]) -> Vec<Outcome<ObjectRecord>> {
    let found = made_again(wanted, after);
    let copies: HashMap<*const ObjectRecord, &ObjectRecord> =
        found.same.into_iter().map(|(record, copy)| (std::ptr::from_ref(record), copy)).collect();
    let more: HashSet<_> =
        made_again(wanted, found.come).same.iter().map(|(record, _)| record.name()).collect();
    let of = |record: &ObjectRecord| match copies.get(&std::ptr::from_ref(record)) {
        None => Err(refusal(record, "it is not in the token afterwards")),
        Some(_) if more.contains(&record.name()) => {
            Err(refusal(record, "it is in the token more often than it was restored"))
        }
        Some(copy) => Ok((*copy).clone()),
    };
    wanted.iter().map(of).collect()
}

fn refusal(record: &ObjectRecord, why: &str) -> Fault {
    Fault::new("restore", format!("{record}: {why}"), "compare the backup with an inventory of the token")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{digest::Digest, text::Line};

    fn key(half: Option<u8>) -> ObjectRecord {
        ObjectRecord {
            class: ObjectClass::PrivateKey,
            id: "09".to_owned(),
            label: Line::lossy("twin"),
            label_sha256: None,
            key_type: "ec-p256".to_owned(),
            public_key_sha256: half.map(|byte| Digest::of(&[byte])),
            check_value: None,
            unique_id: None,
            value_sha256: None,
            extractable: Some(true),
            evidence: None,
        }
    }

    #[test]
    fn twins_are_counted_where_their_public_halves_do_not_show() {
        let (a, b, unknown) = (Some(1), Some(2), None);
        for (wanted, after, all_there) in [
            (&[a, b][..], &[a, b][..], true),
            (&[a, b], &[b, a], true),
            (&[a, b], &[unknown, unknown], true),
            (&[unknown, unknown], &[unknown, unknown], true),
            (&[a], &[unknown], true),
            (&[a, b], &[unknown], false),
            (&[a, b], &[a], false),
            (&[a], &[a, unknown], false),
            (&[a], &[a, a], false),
            (&[a, b], &[unknown, unknown, unknown], false),
            (&[unknown], &[], false),
        ] {
            let [wanted, after] =
                [wanted, after].map(|halves| halves.iter().map(|h| key(*h)).collect::<Vec<_>>());
            assert_eq!(
                found_again(&wanted, &after).iter().all(Result::is_ok),
                all_there,
                "{wanted:?} {after:?}"
            );
        }
    }
}
