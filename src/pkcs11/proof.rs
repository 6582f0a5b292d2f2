//! Whether a key that was made from a backup is the key that was backed up.

use cryptoki::object::ObjectHandle;

use super::{
    fault::{CallResult, Fault},
    objects,
    session::Session,
    signature::{self, Signs},
    wrapping::{Way, Wrapper},
};
use crate::{
    encoding::digest::Digest,
    memory::Pin,
    proposal::target::{ObjectClass, ObjectRecord},
};

/// What proves keys: a session of the user, the backup key in it, and the PIN for keys that require it at each use.
#[derive(Clone, Copy)]
pub(super) struct Prover<'a, 'm> {
    pub(super) session: &'a Session<'m>,
    pub(super) wrapper: &'a Wrapper<'a, 'm>,
    pub(super) user_pin: &'a Pin,
}

/// Type and check value as recorded; and, where token and host have a signature in common (P-256, P-384, P-521, Ed25519, RSA), signs
/// what verifies with the recorded public key; else wraps to the same bytes again.
pub(super) fn check(
    prover: Prover<'_, '_>,
    way: Way,
    key: ObjectHandle,
    blob: &[u8],
    record: &ObjectRecord,
    spki: Option<&[u8]>,
) -> CallResult<()> {
    let Prover { session, wrapper, user_pin } = prover;
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
    if spki.map(Digest::of) != record.known_half() && record.class == ObjectClass::PrivateKey {
        return Err(wrong(record, "the public key in the backup is not the recorded one"));
    }
    let same_bytes = match wrapper.wraps_to(way, key, blob) {
        Err(fault) if fault.is_fatal() => return Err(fault),
        again => again,
    };
    let signed = match spki {
        Some(spki) if record.class == ObjectClass::PrivateKey => {
            signature::check(session, user_pin, key, &record.key_type, spki)?
        }
        _ => Signs::NotAsked,
    };
    match (signed, same_bytes) {
        (Signs::Wrong, _) => Err(wrong(record, "its signature does not verify with the recorded public key")),
        // Another vendor's token may write a private key in other words (PKCS#8 leaves some open).
        (Signs::Verified, _) | (Signs::NotAsked, Ok(true)) => Ok(()),
        (Signs::NotAsked, Ok(false)) => Err(wrong(record, "wrapped again, it gives other bytes")),
        (Signs::NotAsked, Err(fault)) => {
            let why = "it signs nothing that can be verified here, and cannot be wrapped again to compare";
            Err(wrong(record, &format!("{why} ({})", fault.line())))
        }
    }
}

/// Whether both are of one type. A token that does not tell the length of an unwrapped key (SoftHSM)
/// leaves it to the wrapped bytes, which hold it.
pub(super) fn same_type(record: &ObjectRecord, now: &ObjectRecord) -> bool {
    record.key_type == now.key_type
        || (record.class == ObjectClass::SecretKey
            && record.key_type.rsplit_once('-').is_some_and(|(kind, _)| kind == now.key_type))
}

fn wrong(record: &ObjectRecord, why: &str) -> Fault {
    Fault::new(
        "C_UnwrapKey",
        format!("{record} did not come back as it was: {why}"),
        "the key is not what was backed up: do not use it",
    )
}
