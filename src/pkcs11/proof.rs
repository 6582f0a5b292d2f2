//! Whether a key that was made from a backup is the key that was backed up.

use cryptoki::{
    mechanism::{
        Mechanism,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, ObjectHandle},
};

use super::{
    fault::{Fault, Outcome},
    objects,
    session::Session,
    wrapping::{Wrapper, Wrapping},
};
use crate::{
    encoding::digest::Digest,
    proposal::target::{ObjectClass, ObjectRecord},
};

/// Type and check value as recorded; wraps to the same bytes again; and, where the host can verify
/// such signatures (P-256, Ed25519), signs what verifies with the recorded public key.
pub(super) fn check(
    session: &Session<'_>,
    wrapper: &Wrapper<'_, '_>,
    wrapping: Wrapping,
    key: ObjectHandle,
    blob: &[u8],
    record: &ObjectRecord,
    spki: Option<&[u8]>,
) -> Outcome<()> {
    let now = objects::one(session, record.class, key)?.record;
    if !same_type(record, &now) {
        return Err(wrong(record, &format!("it is of type {}", now.key_type)));
    }
    if let (Some(was), Some(is)) = (&record.check_value, &now.check_value)
        && was != is
    {
        return Err(wrong(record, "its check value differs"));
    }
    if let (Some(was), Some(is)) = (record.public_key_sha256, now.public_key_sha256)
        && was != is
    {
        return Err(wrong(record, "its public half differs"));
    }
    if spki.map(Digest::of) != record.public_key_sha256 && record.class == ObjectClass::PrivateKey {
        return Err(wrong(record, "the public key in the backup is not the recorded one"));
    }
    if !wrapper.wraps_to(wrapping, key, blob)? {
        return Err(wrong(record, "wrapped again, it gives other bytes"));
    }
    match spki {
        Some(spki) if record.class == ObjectClass::PrivateKey => signs(session, key, record, spki),
        _ => Ok(()),
    }
}

/// Whether both are of one type. A token that does not tell the length of an unwrapped key (SoftHSM)
/// leaves it to the wrapped bytes, which hold it.
pub(super) fn same_type(record: &ObjectRecord, now: &ObjectRecord) -> bool {
    record.key_type == now.key_type
        || (record.class == ObjectClass::SecretKey
            && record.key_type.rsplit_once('-').is_some_and(|(kind, _)| kind == now.key_type))
}

fn signs(session: &Session<'_>, key: ObjectHandle, record: &ObjectRecord, spki: &[u8]) -> Outcome<()> {
    let may = session.attributes(key, &[AttributeType::Sign, AttributeType::AlwaysAuthenticate])?;
    if !may.contains(&Attribute::Sign(true)) || may.contains(&Attribute::AlwaysAuthenticate(true)) {
        return Ok(());
    }
    let message = Digest::of(spki);
    let verified = match record.key_type.as_str() {
        "ec-p256" => {
            let signature = session.call("C_Sign", |s| s.sign(&Mechanism::Ecdsa, key, message.as_bytes()))?;
            verify_p256(spki, message.as_bytes(), &signature)
        }
        "ed25519" => {
            let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
            let signature = session.call("C_Sign", |s| s.sign(&mechanism, key, message.as_bytes()))?;
            verify_ed25519(spki, message.as_bytes(), &signature)
        }
        _ => return Ok(()),
    };
    match verified {
        Some(()) => Ok(()),
        None => Err(wrong(record, "its signature does not verify with the recorded public key")),
    }
}

/// `prehash` is signed as it is (CKM_ECDSA); the signature is r and s.
fn verify_p256(spki: &[u8], prehash: &[u8], signature: &[u8]) -> Option<()> {
    use p256::{ecdsa::signature::hazmat::PrehashVerifier as _, pkcs8::DecodePublicKey as _};
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(spki).ok()?;
    let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
    key.verify_prehash(prehash, &signature).ok()
}

fn verify_ed25519(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use ed25519_dalek::pkcs8::DecodePublicKey as _;
    let key = ed25519_dalek::VerifyingKey::from_public_key_der(spki).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(message, &signature).ok()
}

fn wrong(record: &ObjectRecord, why: &str) -> Fault {
    Fault::new(
        "C_UnwrapKey",
        format!("{record} did not come back as it was: {why}"),
        "the key is not what was backed up: do not use it",
    )
}
