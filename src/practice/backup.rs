//! C_WrapKey for what is secret, C_GetAttributeValue for what is public.

use super::{
    device::Session,
    keys::{KeyKind, Material},
    state::{Content, Stored},
    wrapping,
};
use crate::{
    encoding::{strict::Base64, text::Line},
    memory::CredentialSecret,
    ports::token::{BackupSink, LeftOut, Progress, TokenError},
    proposal::target::BackupEntry,
};

pub(super) fn backup(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    sink: &mut dyn BackupSink,
    progress: &mut dyn Progress,
) -> Result<Vec<LeftOut>, TokenError> {
    check_backup_key(backup_key)?;
    let mut objects = session.read()?.objects;
    objects.sort_by(|a, b| a.record.cmp(&b.record));
    let mut left_out = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        match &object.content {
            Content::Sealed(_) if object.record.extractable != Some(true) => left_out.push(LeftOut {
                object: object.record.clone(),
                reason: Line::lossy("C_WrapKey: CKR_KEY_UNEXTRACTABLE"),
            }),
            Content::Sealed(sealed) => {
                let blob = wrap(session, backup_key, object, sealed)?;
                put(sink, entry(object, wrapping::KWP, blob))?;
            }
            Content::Public(value) => put(sink, entry(object, wrapping::COPY, value.0.clone()))?,
        }
        progress.step("objects backed up", index + 1, objects.len());
    }
    Ok(left_out)
}

/// A backup of a key that is not what its record says would restore nothing: it is proven first.
fn wrap(
    session: &Session<'_>,
    backup_key: &CredentialSecret,
    object: &Stored,
    sealed: &Base64,
) -> Result<Vec<u8>, TokenError> {
    let failed = |reason: String| {
        let message = format!("{}: {reason}", object.record);
        TokenError::before("C_WrapKey", "CKR_DEVICE_ERROR", message, "check the practice token")
    };
    let material = KeyKind::of(&object.record)
        .and_then(|kind| Material::new(kind, session.unseal(sealed).map_err(text)?));
    let material = material.map_err(failed)?;
    material.prove(&object.record).map_err(failed)?;
    let plain = material.to_plain().map_err(failed)?;
    wrapping::wrap(backup_key, &plain).map_err(failed)
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
        TokenError::before("backup", "", format!("cannot write the backup: {e}"), "check the medium")
    })
}

/// AES-256, as the credential's format has it.
pub(super) fn check_backup_key(backup_key: &CredentialSecret) -> Result<(), TokenError> {
    if backup_key.expose().len() == 32 {
        return Ok(());
    }
    let message = "the backup key is not an AES-256 key";
    Err(TokenError::before("C_CreateObject", "CKR_KEY_SIZE_RANGE", message, "give the quorum's backup key"))
}
