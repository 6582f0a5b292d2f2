//! Everything that can leave the token, and the reason for everything that cannot.

use cryptoki::object::Attribute;

use super::{
    attributes,
    fault::{Fault, Outcome},
    module::Module,
    objects::{self, Found},
    proof::{self, Prover},
    protocol::Message,
    session::{Session, Who},
    settings::Select,
    slots,
    template::Template,
    wrapping::Wrapper,
};
use crate::{
    encoding::{strict::Base64, text::Line},
    memory::{CredentialSecret, Pin},
    ports::token::LeftOut,
    proposal::target::{BackupEntry, ObjectClass},
};

/// Sends each object that can leave; returns the others.
pub(super) fn backup(
    module: &Module<'_>,
    select: &Select,
    user_pin: &Pin,
    backup_key: &CredentialSecret,
) -> Outcome<Vec<LeftOut>> {
    let place = slots::find(module, select)?;
    let session = module.open_to_write(place.slot)?;
    session.login(Who::User, user_pin)?;
    let all = objects::all(&session)?;
    let has_keys = all.iter().any(|f| is_key(f.record.class));
    let wrapper = if has_keys { Some(Wrapper::new(&session, backup_key)?) } else { None };
    let mut left_out = Vec::new();
    for (done, found) in all.iter().enumerate() {
        module.link().progress("objects backed up", done, all.len())?;
        let prover = wrapper.as_ref().map(|wrapper| Prover { session: &session, wrapper, user_pin });
        match entry(&session, prover, found) {
            Ok(entry) => {
                module.link().ask(&Message::Entry(entry))?;
            }
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(fault) => {
                left_out.push(LeftOut { object: found.record.clone(), reason: Line::lossy(&fault.line()) })
            }
        }
    }
    module.link().progress("objects backed up", all.len(), all.len())?;
    Ok(left_out)
}

fn is_key(class: ObjectClass) -> bool {
    matches!(class, ObjectClass::PrivateKey | ObjectClass::SecretKey)
}

fn entry(session: &Session<'_>, prover: Option<Prover<'_, '_>>, found: &Found) -> Outcome<BackupEntry> {
    let read = session.attributes(found.handle, &attributes::kept(found.record.class))?;
    match prover {
        Some(prover) if is_key(found.record.class) => wrapped(prover, found, &read),
        _ => copied(found, &read),
    }
}

/// What is public, as it is.
fn copied(found: &Found, read: &[Attribute]) -> Outcome<BackupEntry> {
    if found.record.class == ObjectClass::Data && read.contains(&Attribute::Private(true)) {
        return Err(Fault::new(
            "C_GetAttributeValue",
            "a private data object would leave the token in clear",
            "",
        ));
    }
    let value = read.iter().find_map(|a| if let Attribute::Value(v) = a { Some(v.clone()) } else { None });
    let blob = value.or_else(|| found.spki.clone()).unwrap_or_default();
    Ok(BackupEntry {
        object: found.record.clone(),
        mechanism: "copy".to_owned(),
        blob: Base64(blob),
        attributes: attributes::write(read),
    })
}

/// A key under the backup key. It is unwrapped again at once, into a session object that must prove to
/// be the key: what cannot be restored is no backup.
fn wrapped(prover: Prover<'_, '_>, found: &Found, read: &[Attribute]) -> Outcome<BackupEntry> {
    let Prover { session, wrapper, .. } = prover;
    let record = &found.record;
    if record.extractable == Some(false) {
        return Err(Fault::new("C_WrapKey", "CKA_EXTRACTABLE is false: the key may not leave the token", ""));
    }
    let mut written = attributes::write(read);
    if let (ObjectClass::PrivateKey, Some(spki)) = (record.class, &found.spki) {
        written.insert(attributes::PUBLIC_KEY_INFO.to_owned(), base16ct::lower::encode_string(spki));
    }
    let template = Template::new(record.class, false, read, found.spki.as_deref());
    let secret_bits = match record.class {
        ObjectClass::SecretKey => record.key_type.rsplit('-').next().and_then(|bits| bits.parse().ok()),
        _ => None,
    };
    let mut refusal = None;
    for way in wrapper.fitting(secret_bits) {
        match wrapper.wrap(way, found.handle, &template) {
            Ok((blob, copy)) => {
                let proven = proof::check(prover, way, copy, &blob, record, found.spki.as_deref());
                let _ = session.call("C_DestroyObject", |s| s.destroy_object(copy));
                proven?;
                return Ok(BackupEntry {
                    object: record.clone(),
                    mechanism: way.wrapping().name().to_owned(),
                    blob: Base64(blob),
                    attributes: written,
                });
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
