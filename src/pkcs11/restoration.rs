//! Making the objects of a backup again, each with its proof.

use std::collections::{HashMap, HashSet};

use super::{
    attributes::{self, PUBLIC_KEY_INFO},
    fault::{CallResult, Fault},
    making::{self, By, Original},
    module::Module,
    objects::{self, Found},
    proof::{self, Prover},
    protocol::{Answer, Message},
    session::Session,
    settings::Select,
    slots,
    wrapping::{Wrapper, Wrapping},
};
use crate::{
    administration::Session as _,
    encoding::{digest::Digest, text::Line},
    memory::{CredentialSecret, Pin},
    ports::token::{LeftOut, PinHolder, Restoration},
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
) -> CallResult<Restoration> {
    let place = slots::find(module, select)?;
    let session = Session::to_write(module, place.slot)?;
    session.login(PinHolder::User, user_pin)?;
    let wrapper = Wrapper::new(&session, backup_key)?;
    let before = objects::all(&session)?;
    let mut standing = Present::of(&before);
    let prover = Prover { session: &session, wrapper: &wrapper, user_pin };
    let mut work = Progress::default();
    while let Answer::Entry(Some(entry)) = module.link().ask(&Message::WantEntry)? {
        module.link().progress("objects restored", work.done(), total)?;
        work.take(prover, &mut standing, *entry, Turn::First)?;
    }
    for entry in std::mem::take(&mut work.postponed) {
        module.link().progress("objects restored", work.done(), total)?;
        work.take(prover, &mut standing, entry, Turn::Last)?;
    }
    let Progress { made, mut restoration, .. } = work;
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

/// How far a restoration is.
#[derive(Default)]
struct Progress {
    /// What is there, and the names of what it has lost.
    made: Vec<(ObjectRecord, Vec<&'static str>)>,
    postponed: Vec<BackupEntry>,
    restoration: Restoration,
}

impl Progress {
    fn done(&self) -> usize {
        self.made.len().saturating_add(self.restoration.left_out.len())
    }

    fn take(
        &mut self,
        prover: Prover<'_, '_>,
        standing: &mut Present<'_>,
        entry: BackupEntry,
        turn: Turn,
    ) -> CallResult<()> {
        match one(prover, standing, &entry, turn) {
            Ok(Some(lost)) => self.made.push((entry.object, lost)),
            Ok(None) => self.postponed.push(entry),
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(fault) => self.restoration.left_out.push(told(entry.object, &fault.line())),
        }
        Ok(())
    }
}

fn told(object: ObjectRecord, reason: &str) -> LeftOut {
    LeftOut { object, reason: Line::lossy(reason) }
}

/// The objects that stood in the token before, each until an entry of the backup turned out to be it.
struct Present<'a>(HashMap<Likeness<'a>, Vec<&'a Found>>);

/// What a copy has in common with its original in any token.
type Likeness<'a> = (ObjectClass, &'a str, &'a Line, Option<Digest>, Option<Digest>);

fn likeness(record: &ObjectRecord) -> Likeness<'_> {
    (record.class, &record.id, &record.label, record.label_sha256, record.value_sha256)
}

impl<'a> Present<'a> {
    fn of(found: &'a [Found]) -> Self {
        let mut standing: HashMap<Likeness<'a>, Vec<&'a Found>> = HashMap::new();
        for object in found {
            standing.entry(likeness(&object.record)).or_default().push(object);
        }
        Self(standing)
    }

    /// What may be the object of this record.
    fn candidates<'s>(&'s self, record: &'s ObjectRecord) -> impl Iterator<Item = &'a Found> + use<'s, 'a> {
        let alike = self.0.get(&likeness(record)).map(Vec::as_slice).unwrap_or_default();
        alike.iter().copied().filter(move |found| could_be(record, &found.record))
    }

    /// It is the object of one entry, and of no other.
    fn claim(&mut self, object: &'a Found) {
        if let Some(alike) = self.0.get_mut(&likeness(&object.record)) {
            alike.retain(|found| found.handle != object.handle);
        }
    }
}

/// When an entry is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// One that looks like something that is there, and is not it, waits until all entries were seen: that may be another
    /// entry's.
    First,
    /// What is there still is not another entry's.
    Last,
}

/// Makes one object, unless it is there; returns the names of what it has lost, or none if it has to wait.
fn one(
    prover: Prover<'_, '_>,
    standing: &mut Present<'_>,
    entry: &BackupEntry,
    turn: Turn,
) -> CallResult<Option<Vec<&'static str>>> {
    let record = &entry.object;
    let own = attributes::parse(record.class, &entry.attributes)
        .ok_or_else(|| refusal(record, "its attributes in the backup are not of this format"))?;
    let spki = entry.attributes.get(PUBLIC_KEY_INFO).and_then(|hex| base16ct::lower::decode_vec(hex).ok());
    let original = Original { class: record.class, attributes: &own, spki: spki.as_deref() };
    if matches!(record.class, ObjectClass::PrivateKey | ObjectClass::SecretKey) {
        key(prover, standing, entry, original, turn)
    } else {
        copy(prover.session, standing, entry, original, turn)
    }
}

/// The same of what is public.
fn copy(
    session: &Session<'_>,
    standing: &mut Present<'_>,
    entry: &BackupEntry,
    original: Original<'_>,
    turn: Turn,
) -> CallResult<Option<Vec<&'static str>>> {
    let record = &entry.object;
    if entry.mechanism != "copy" {
        return Err(refusal(record, "its mechanism in the backup is unknown"));
    }
    let mut nearest = None;
    for found in standing.candidates(record) {
        let lost = original.differing(session, found.handle)?;
        let is_it = lost.is_empty();
        if is_it || nearest.is_none() {
            nearest = Some((found, lost));
        }
        if is_it {
            break;
        }
    }
    match nearest {
        Some((_, lost)) if !lost.is_empty() && turn == Turn::First => return Ok(None),
        // Of data objects, only that tells which application's they are.
        Some((_, lost)) if record.class == ObjectClass::Data && original.being_of(&lost).is_some() => {
            return Err(refusal(record, "another object of this label and value is there"));
        }
        Some((found, lost)) => {
            standing.claim(found);
            return Ok(Some(lost));
        }
        None => {}
    }
    let trial = original.try_out(session, By::Copying)?;
    making::discard(session, trial.handle);
    let copy = original.make_in_token(session, By::Copying, &trial)?;
    original.differing(session, copy).map(Some)
}

/// The same of a key, proven.
fn key(
    prover: Prover<'_, '_>,
    standing: &mut Present<'_>,
    entry: &BackupEntry,
    original: Original<'_>,
    turn: Turn,
) -> CallResult<Option<Vec<&'static str>>> {
    let Prover { session, wrapper, .. } = prover;
    let record = &entry.object;
    let wrapping = Wrapping::of_name(&entry.mechanism)
        .ok_or_else(|| refusal(record, "its mechanism in the backup is unknown"))?;
    let way = wrapper.way_of(wrapping).ok_or_else(|| {
        refusal(
            record,
            &format!("it was wrapped by {}, and this token has no mechanism for that", wrapping.name()),
        )
    })?;
    let check = |key| proof::check(prover, way, key, &entry.blob.0, record, original.spki);
    // Of keys with one id and label, the token may not show which is which: one of them must prove to be this one.
    let (mut proven, mut refused) = (None, None);
    for found in standing.candidates(record) {
        match check(found.handle) {
            Ok(()) => {
                proven = Some(found);
                break;
            }
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(fault) => refused = Some(fault),
        }
    }
    if let Some(found) = proven {
        standing.claim(found);
        return original.differing(session, found.handle).map(Some);
    }
    match (refused, turn) {
        (Some(_), Turn::First) => return Ok(None),
        (Some(fault), Turn::Last) => {
            let why = format!("a key that is not proven to be it has its place: {}", fault.line());
            return Err(Fault::new("restore", why, &fault.hint));
        }
        (None, _) => {}
    }
    let by = By::Unwrapping { wrapper, way, blob: &entry.blob.0 };
    let trial = original.try_out(session, by)?;
    let proven = check(trial.handle);
    making::discard(session, trial.handle);
    proven?;
    let key = original.make_in_token(session, by, &trial)?;
    if let Err(fault) = check(key) {
        // What was made here and is not the key does not stay.
        let _ = session.destroy(&key);
        return Err(fault);
    }
    original.differing(session, key).map(Some)
}

/// The same object as far as a token with other objects, and another token, can show it.
fn could_be(record: &ObjectRecord, found: &ObjectRecord) -> bool {
    let agrees = |a: &Option<_>, b: &Option<_>| a.is_none() || b.is_none() || a == b;
    likeness(record) == likeness(found)
        && proof::same_type(record, found)
        && agrees(&record.public_key_sha256, &found.public_key_sha256)
        && (record.check_value.is_none()
            || found.check_value.is_none()
            || record.check_value == found.check_value)
}

/// The objects as they are now. Those that look alike are there as often as they were restored, no more and no less: only
/// by its public half is one of them known, where the token shows it.
fn found_again(wanted: &[ObjectRecord], after: &[ObjectRecord]) -> Vec<CallResult<ObjectRecord>> {
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

    fn key(half: Option<u8>) -> ObjectRecord {
        ObjectRecord {
            public_key_sha256: half.map(|byte| Digest::of(&[byte])),
            extractable: Some(true),
            ..ObjectRecord::named(ObjectClass::PrivateKey, "09", Line::lossy("twin"), "ec-p256")
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
