//! Everything that can leave the token and come back, and the reason for everything that cannot.

use cryptoki::object::ObjectHandle;

use super::{
    attributes,
    fault::{CallResult, Fault},
    making::{self, By, Original},
    module::Module,
    objects::{self, Found},
    others,
    proof::{self, Prover},
    protocol::Message,
    session::Session,
    settings::Select,
    shown, slots,
    wrapping::{Way, Wrapper},
};
use crate::{
    administration::Session as _,
    encoding::{strict::Base64, text::Line},
    memory::{CredentialSecret, Pin},
    ports::token::{Export, LeftOut, PinHolder},
    proposal::target::{BackupEntry, ObjectClass},
};

/// Sends each object that can leave; returns the others.
pub(super) fn backup(
    module: &Module<'_>,
    select: &Select,
    user_pin: &Pin,
    backup_key: &CredentialSecret,
) -> CallResult<Export> {
    let place = slots::find(module, select)?;
    let session = Session::to_write(module, place.slot)?;
    session.login(PinHolder::User, user_pin)?;
    let all = objects::all(&session)?;
    let has_keys = all.iter().any(|f| is_key(f.record.class));
    let wrapper = if has_keys { Some(Wrapper::new(&session, backup_key)?) } else { None };
    let mut export = Export::default();
    for (done, found) in all.iter().enumerate() {
        module.link().progress("objects backed up", done, all.len())?;
        let prover = wrapper.as_ref().map(|wrapper| Prover { session: &session, wrapper, user_pin });
        let told = |reason: &str| LeftOut { object: found.record.clone(), reason: Line::lossy(reason) };
        match entry(&session, prover, found) {
            Ok((entry, lost)) => {
                if !lost.is_empty() {
                    export.unkept.push(told(&making::unkept(&lost)));
                }
                module.link().ask(&Message::Entry(entry))?;
            }
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(fault) => export.left_out.push(told(&fault.line())),
        }
    }
    module.link().progress("objects backed up", all.len(), all.len())?;
    export.left_out.extend(others::left_out(&session, &all)?);
    Ok(export)
}

fn is_key(class: ObjectClass) -> bool {
    matches!(class, ObjectClass::PrivateKey | ObjectClass::SecretKey)
}

/// An entry, and the attributes that a copy made of it here does not keep.
type Entry = (BackupEntry, Vec<&'static str>);

fn entry(session: &Session<'_>, prover: Option<Prover<'_, '_>>, found: &Found) -> CallResult<Entry> {
    let read = shown::read(session, found.handle, found.record.class)?;
    let original = Original { class: found.record.class, attributes: &read, spki: found.known_spki() };
    match prover {
        Some(prover) if is_key(found.record.class) => wrapped(prover, found, original),
        _ => copied(session, found, original),
    }
}

/// What is public, as it is: if the token makes an object of exactly this.
fn copied(session: &Session<'_>, found: &Found, original: Original<'_>) -> CallResult<Entry> {
    let read = original.attributes;
    if found.record.class == ObjectClass::Data && read.iter().any(|kept| kept.is_set("CKA_PRIVATE")) {
        return Err(Fault::new(
            "C_GetAttributeValue",
            "a private data object would leave the token in clear",
            "",
        ));
    }
    let trial = original.try_out(session, By::Copying)?;
    let lost = copy_of(session, found, original, trial.handle);
    making::discard(session, trial.handle);
    let value = read.iter().find(|kept| kept.row.name == "CKA_VALUE").map(|kept| kept.bytes().to_vec());
    let entry = BackupEntry {
        object: found.record.clone(),
        mechanism: "copy".to_owned(),
        blob: Base64(value.or_else(|| found.spki.clone()).unwrap_or_default()),
        attributes: attributes::write(read),
    };
    Ok((entry, lost?))
}

/// What the copy has lost, if it is one.
fn copy_of(
    session: &Session<'_>,
    found: &Found,
    original: Original<'_>,
    copy: ObjectHandle,
) -> CallResult<Vec<&'static str>> {
    let record = &found.record;
    let now = objects::one(session, record.class, copy)?.record;
    if now.key_type != record.key_type || now.value_sha256 != record.value_sha256 {
        return Err(Fault::new("C_CreateObject", "a copy of it is another object", ""));
    }
    let lost = original.differing(session, copy)?;
    match original.being_of(&lost) {
        Some(name) => Err(Fault::new("C_CreateObject", format!("a copy of it has another {name}"), "")),
        None => Ok(lost),
    }
}

/// A key under the backup key. It is unwrapped again at once, into a session object that must prove to
/// be the key: what cannot be restored is not a backup.
fn wrapped(prover: Prover<'_, '_>, found: &Found, original: Original<'_>) -> CallResult<Entry> {
    let Prover { session, wrapper, .. } = prover;
    let record = &found.record;
    if record.extractable == Some(false) {
        return Err(Fault::new("C_WrapKey", "CKA_EXTRACTABLE is false: the key may not leave the token", ""));
    }
    let mut written = attributes::write(original.attributes);
    if let (ObjectClass::PrivateKey, Some(spki)) = (record.class, found.known_spki()) {
        written.insert(attributes::PUBLIC_KEY_INFO.to_owned(), base16ct::lower::encode_string(spki));
    }
    let secret_bits = match record.class {
        ObjectClass::SecretKey => record.key_type.rsplit('-').next().and_then(|bits| bits.parse().ok()),
        _ => None,
    };
    let mut refusal = None;
    let ways = wrapper.fitting(secret_bits);
    for (way, blob) in ways.into_iter().flat_map(|way| blobs(wrapper, way, found)) {
        let tried = blob.and_then(|blob| {
            let trial = original.try_out(session, By::Unwrapping { wrapper, way, blob: &blob })?;
            Ok((blob, trial.handle))
        });
        match tried {
            Ok((blob, copy)) => {
                let proven = proof::check(prover, way, copy, &blob, record, found.known_spki());
                let lost = proven.and_then(|()| original.differing(session, copy));
                making::discard(session, copy);
                let mechanism = way.wrapping().name().to_owned();
                let blob = Base64(blob);
                return Ok((
                    BackupEntry { object: record.clone(), mechanism, blob, attributes: written },
                    lost?,
                ));
            }
            Err(fault) if fault.is_fatal() => return Err(fault),
            // What the best way met is the reason that counts.
            Err(fault) => refusal = refusal.or(Some(fault)),
        }
    }
    Err(refusal.unwrap_or_else(|| {
        Fault::new("C_WrapKey", "no mechanism of this token wraps keys of this length", "")
    }))
}

/// What the key may have been wrapped to in this way, or why it was not.
fn blobs(wrapper: &Wrapper<'_, '_>, way: Way, found: &Found) -> Vec<(Way, CallResult<Vec<u8>>)> {
    match wrapper.wrap(way, found.handle) {
        Ok(blobs) if blobs.is_empty() => vec![(way, Err(making::nothing_wrapped()))],
        Ok(blobs) => blobs.into_iter().map(|blob| (way, Ok(blob))).collect(),
        Err(fault) => vec![(way, Err(fault))],
    }
}
