//! C_WrapKey for what is secret, C_GetAttributeValue for what is public.

use super::{
    device::Session,
    keys::{KeyKind, Material},
    restore::{check_form, check_public},
    state::{Content, Stored},
    wrapping::{self, check_backup_key},
};
use crate::{
    encoding::{strict::Base64, text::Line},
    memory::CredentialSecret,
    ports::{
        cause::Cause,
        token::{BackupSink, Export, LeftOut, Progress, TokenError},
    },
    proposal::target::BackupEntry,
};

pub(super) fn backup(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    sink: &mut dyn BackupSink,
    progress: &mut dyn Progress,
) -> Result<Export, TokenError> {
    check_backup_key(backup_key)?;
    let mut objects = session.read()?.objects;
    objects.sort_by(|a, b| a.record.cmp(&b.record));
    let mut export = Export::default();
    for (index, object) in objects.iter().enumerate() {
        match blob(session, backup_key, object) {
            Ok((mechanism, blob)) => put(sink, entry(object, mechanism, blob))?,
            Err(reason) => {
                export.left_out.push(LeftOut { object: object.record.clone(), reason: Line::lossy(&reason) })
            }
        }
        progress.step("objects backed up", index + 1, objects.len());
    }
    Ok(export)
}

/// What a backup has of an object, if a restore would take it: a value or key that is not what its record says would
/// restore nothing.
fn blob(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    object: &Stored,
) -> Result<(&'static str, Vec<u8>), String> {
    match &object.content {
        Content::Sealed(_) if object.record.extractable != Some(true) => {
            Err(format!("C_WrapKey: {}", Cause::KeyUnextractable.name()))
        }
        Content::Sealed(sealed) => wrap(session, backup_key, object, sealed)
            .map(|blob| (wrapping::KWP, blob))
            .map_err(|reason| format!("C_WrapKey: {reason}")),
        Content::Public(value) => {
            let entry = entry(object, wrapping::COPY, value.0.clone());
            let tried =
                check_form(&entry, &object.record).and_then(|()| check_public(&object.record, &value.0));
            tried
                .map(|()| (wrapping::COPY, entry.blob.0))
                .map_err(|reason| format!("C_CreateObject: {reason}"))
        }
    }
}

fn wrap(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    object: &Stored,
    sealed: &Base64,
) -> Result<Vec<u8>, String> {
    let kind = KeyKind::of(&object.record)?;
    let material = Material::new(kind, session.unseal(sealed).map_err(text)?)?;
    material.prove(&object.record)?;
    wrapping::wrap(backup_key, &material.to_plain()?)
}

fn text(error: TokenError) -> String {
    error.to_string()
}

fn entry(object: &Stored, mechanism: &str, blob: Vec<u8>) -> BackupEntry {
    BackupEntry {
        object: object.record.clone(),
        mechanism: mechanism.into(),
        blob: Base64(blob),
        attributes: object.attributes.clone(),
    }
}

fn put(sink: &mut dyn BackupSink, entry: BackupEntry) -> Result<(), TokenError> {
    sink.entry(entry).map_err(|e| {
        TokenError::before(
            "backup",
            Cause::Unnamed,
            format!("cannot write the backup: {e}"),
            "check the medium",
        )
    })
}
