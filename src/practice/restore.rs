//! C_UnwrapKey and C_CreateObject, each followed by a proof.

use std::collections::BTreeMap;

use super::{
    device::Session,
    keys::{self, KeyKind, Material},
    objects::Objects,
    state::{Content, Stored},
    wrapping::{self, check_backup_key},
};
use crate::{
    encoding::{digest::Digest, text::Line},
    memory::CredentialSecret,
    ports::{
        cause::Cause,
        token::{BackupSource, LeftOut, Progress, Restoration, TokenError},
    },
    proposal::target::{BackupEntry, ObjectClass, ObjectRecord},
};

/// PKCS#8 of the keys that fit in has 138 bytes at most; certificates and data are longer.
const MAX_BLOB: usize = 64 * 1024;
const MAX_ATTRIBUTES: usize = 64;

pub(super) fn restore(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    source: &mut dyn BackupSource,
    progress: &mut dyn Progress,
) -> Result<Restoration, TokenError> {
    check_backup_key(backup_key)?;
    let total = source.count();
    let mut restoration = Restoration::default();
    let mut handled = Handled::new();
    let mut changed = false;
    for done in 0.. {
        progress.step("objects restored", done, total);
        let next = source.entry().map_err(|e| {
            TokenError::before(
                "restore",
                Cause::Unnamed,
                format!("cannot read the backup: {e}"),
                "check the medium",
            )
        });
        let with_effect = |e: TokenError| if changed { e.with_unknown_effect() } else { e };
        let Some(entry) = next.map_err(with_effect)? else { break };
        let object = entry.object.clone();
        match restore_entry(session, backup_key, entry, &mut handled) {
            Ok((record, added)) => {
                changed |= added;
                restoration.restored.push(record);
            }
            Err(Stop::Object(reason)) => {
                let reason = Line::lossy(&format!("C_UnwrapKey: {reason}"));
                restoration.left_out.push(LeftOut { object, reason });
            }
            Err(Stop::Token(error)) => return Err(with_effect(error)),
        }
    }
    session.settle().map_err(|e| if changed { e.with_unknown_effect() } else { e })?;
    Ok(restoration)
}

/// Why an object was not restored.
enum Stop {
    /// It cannot be; the others can.
    Object(String),
    /// The token cannot be used any more.
    Token(TokenError),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Object(reason)
    }
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        // A smaller one may find room.
        if error.cause == Cause::DeviceMemory { Self::Object(error.message) } else { Self::Token(error) }
    }
}

/// Makes one object again, unless it is there already, and proves it as it then is in the token.
fn restore_entry(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    entry: BackupEntry,
    handled: &mut Handled,
) -> Result<(ObjectRecord, bool), Stop> {
    // A token gives its own CKA_UNIQUE_ID; this one has none.
    let record = ObjectRecord { unique_id: None, ..entry.object.clone() };
    check_form(&entry, &record)?;
    let content = content_of(session, backup_key, &entry, &record)?;
    let twins =
        handled.entry(ObjectRecord { extractable: None, evidence: None, ..record.clone() }).or_default();
    let added = session.with_objects(|objects| {
        let is_missing = objects.same(&record).count() <= *twins;
        if is_missing {
            objects.add(Stored { record: record.clone(), attributes: entry.attributes, content })?;
        }
        Ok(is_missing)
    })?;
    *twins += 1;
    // As it is in the token, not as it was handed over.
    match session.with_objects(|objects| Ok(prove(session, objects, &record))) {
        Ok(proof) => proof.map(|()| (record, added)).map_err(Stop::Object),
        Err(e) if added => Err(Stop::Token(e.with_unknown_effect())),
        Err(e) => Err(Stop::Token(e)),
    }
}

pub(super) fn check_form(entry: &BackupEntry, record: &ObjectRecord) -> Result<(), String> {
    let hex = |text: &str| text.len().is_multiple_of(2) && base16ct::lower::decode_vec(text).is_ok();
    if entry.blob.0.len() > MAX_BLOB {
        return Err(format!("{} bytes, more than the {MAX_BLOB} that are allowed", entry.blob.0.len()));
    }
    if !hex(&record.id) || record.id.len() > 128 {
        return Err("an id that is not hex, or too long".into());
    }
    let good = |(name, value): (&String, &String)| {
        name.len() <= 64
            && name.strip_prefix("CKA_").is_some_and(|rest| {
                rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            })
            && value.len() <= 4096
            && hex(value)
    };
    if entry.attributes.len() > MAX_ATTRIBUTES || !entry.attributes.iter().all(good) {
        return Err("attributes that no token gave".into());
    }
    Ok(())
}

/// What the new object will hold; a key that is not the recorded one goes no further.
fn content_of(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    entry: &BackupEntry,
    record: &ObjectRecord,
) -> Result<Content, String> {
    match record.class {
        ObjectClass::PrivateKey | ObjectClass::SecretKey => {
            let kind = KeyKind::of(record)?;
            if record.extractable != Some(true) {
                return Err("a key that was not extractable cannot be in a backup".into());
            }
            let plain = wrapping::unwrap(backup_key, &entry.mechanism, &entry.blob.0)?;
            let material = Material::from_plain(kind, &plain)?;
            material.prove(record)?;
            session.seal(material.expose()).map_err(|e| e.to_string())
        }
        _ if entry.mechanism != wrapping::COPY => {
            Err(format!("a public object under {}, want {}", entry.mechanism, wrapping::COPY))
        }
        _ => {
            check_public(record, &entry.blob.0)?;
            Ok(Content::Public(entry.blob.clone()))
        }
    }
}

pub(super) fn check_public(record: &ObjectRecord, value: &[u8]) -> Result<(), String> {
    if record.class == ObjectClass::PublicKey {
        return keys::check_public_key(record, value);
    }
    if record.value_sha256 == Some(Digest::of(value)) {
        Ok(())
    } else {
        Err("another value than recorded".into())
    }
}

/// How often each object occurred among those that were handled: nothing tells twins apart but their number.
type Handled = BTreeMap<ObjectRecord, usize>;

/// Proves the object that is in the token, not the one that was handed over.
fn prove(session: &Session<'_>, objects: &Objects, record: &ObjectRecord) -> Result<(), String> {
    let object = objects.same(record).next().ok_or("it is not there")?;
    match &object.content {
        Content::Sealed(sealed) => {
            let secret = session.unseal(sealed).map_err(|e| e.to_string())?;
            Material::new(KeyKind::of(record)?, secret)?.prove(record)
        }
        Content::Public(value) => check_public(record, &value.0),
    }
}
