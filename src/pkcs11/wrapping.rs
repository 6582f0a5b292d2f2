//! Keys wrapped under the backup key (RFC 3394, RFC 5649), by a mechanism that was tried first.
//!
//! What a mechanism's number means differs from module to module. So a throw-away key of known bytes
//! is wrapped with each and unwrapped on the host; a mechanism counts as the RFC's if the bytes come back.
//! CKM_AES_KEY_WRAP_KWP (0x210B) cannot be reached through the crate cryptoki, which has no name for it.

use super::{
    fault::{Fault, Outcome},
    importing::Importer,
    session::Session,
};
use crate::memory::CredentialSecret;
use cryptoki::{
    mechanism::{Mechanism, MechanismType},
    object::{Attribute, KeyType, ObjectHandle},
};

/// How a key is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrapping {
    /// RFC 3394: lengths that divide by 8.
    Kw,
    /// RFC 5649: every length.
    Kwp,
}

impl Wrapping {
    /// The name in a backup entry.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kw => "aes-key-wrap",
            Self::Kwp => "aes-key-wrap-kwp",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Kw, Self::Kwp].into_iter().find(|w| w.name() == name)
    }

    fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::Kw => Mechanism::AesKeyWrap,
            Self::Kwp => Mechanism::AesKeyWrapPad,
        }
    }
}

/// The backup key as a session object, and the mechanisms that proved right. The object vanishes with
/// the session.
pub(super) struct Wrapper<'s, 'm> {
    session: &'s Session<'m>,
    key: ObjectHandle,
    usable: Vec<Wrapping>,
}

impl<'s, 'm> Wrapper<'s, 'm> {
    /// Brings the backup key into the session and tries the mechanisms.
    pub(super) fn new(session: &'s Session<'m>, backup_key: &CredentialSecret) -> Outcome<Self> {
        let host_key: &[u8; 32] = backup_key.expose().try_into().map_err(|_| {
            Fault::new("open", "the backup key has not 32 bytes", "give the backup key of this target")
        })?;
        let mut importer = Importer::new(session);
        let key = importer.import(
            KeyType::AES,
            host_key,
            &[
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Wrap(true),
                Attribute::Unwrap(true),
                Attribute::Encrypt(false),
                Attribute::Decrypt(false),
            ],
        )?;
        let slot = session.slot();
        let listed = session.module().call("C_GetMechanismList", |p| p.get_mechanism_list(slot))?;
        let mut wrapper = Self { session, key, usable: Vec::new() };
        for (wrapping, kind, lengths) in [
            (Wrapping::Kwp, MechanismType::AES_KEY_WRAP_PAD, &[20, 32][..]),
            (Wrapping::Kw, MechanismType::AES_KEY_WRAP, &[32][..]),
        ] {
            if listed.contains(&kind) && wrapper.passes_trial(&mut importer, wrapping, host_key, lengths)? {
                wrapper.usable.push(wrapping);
            }
        }
        if wrapper.usable.is_empty() {
            return Err(Fault::new(
                "C_WrapKey",
                "the module has no AES key wrapping that does what RFC 3394 or RFC 5649 says",
                "use the vendor's own backup",
            ));
        }
        Ok(wrapper)
    }

    /// Whether throw-away keys of these lengths, wrapped, come back on the host.
    fn passes_trial(
        &self,
        importer: &mut Importer<'_, '_>,
        wrapping: Wrapping,
        host_key: &[u8; 32],
        lengths: &[usize],
    ) -> Outcome<bool> {
        for length in lengths {
            let mut known = vec![0; *length];
            getrandom::fill(&mut known).map_err(|e| {
                Fault::new("worker", format!("no random numbers: {e}"), "run the same command again")
            })?;
            let attributes = [Attribute::Sensitive(false), Attribute::Extractable(true)];
            let throw_away = importer.import(KeyType::GENERIC_SECRET, &known, &attributes)?;
            let wrapped = self.wrap_raw(wrapping, throw_away);
            let _ = self.session.call("C_DestroyObject", |s| s.destroy_object(throw_away));
            let right = match wrapped {
                Ok(blob) => candidates(&blob)
                    .any(|blob| unwrap_on_host(wrapping, host_key, blob) == Some(known.clone())),
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(_) => false,
            };
            if !right {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The mechanisms worth trying for a key, best first. `secret_bits` is the length of a secret key.
    pub(super) fn fitting(&self, secret_bits: Option<usize>) -> Vec<Wrapping> {
        let whole = |bits: usize| bits.is_multiple_of(64);
        let fits = |w: &&Wrapping| **w == Wrapping::Kwp || secret_bits.is_none_or(whole);
        self.usable.iter().filter(fits).copied().collect()
    }

    /// C_WrapKey, cut to the length at which the token itself unwraps it: cryptoki 0.12 returns the
    /// whole buffer, which some modules ask for larger than what they fill. `template` makes the trial copy.
    pub(super) fn wrap(
        &self,
        wrapping: Wrapping,
        key: ObjectHandle,
        template: &[Attribute],
    ) -> Outcome<(Vec<u8>, ObjectHandle)> {
        let blob = self.wrap_raw(wrapping, key)?;
        let mut first = None;
        for cut in candidates(&blob) {
            match self.unwrap_raw(wrapping, cut, template) {
                Ok(copy) => return Ok((cut.to_vec(), copy)),
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        Err(first.unwrap_or_else(|| Fault::new("C_WrapKey", "the module wrapped to nothing", "")))
    }

    /// Whether the key wraps to these very bytes: both RFCs are deterministic.
    pub(super) fn wraps_to(&self, wrapping: Wrapping, key: ObjectHandle, blob: &[u8]) -> Outcome<bool> {
        let again = self.wrap_raw(wrapping, key)?;
        Ok(again.strip_prefix(blob).is_some_and(|rest| rest.iter().all(|b| *b == 0)))
    }

    /// C_UnwrapKey into a token object.
    pub(super) fn unwrap_into_token(
        &self,
        wrapping: Wrapping,
        blob: &[u8],
        template: &[Attribute],
    ) -> Outcome<ObjectHandle> {
        self.session.module().link().changing()?;
        self.unwrap_raw(wrapping, blob, template)
    }

    fn unwrap_raw(&self, wrapping: Wrapping, blob: &[u8], template: &[Attribute]) -> Outcome<ObjectHandle> {
        self.session.call("C_UnwrapKey", |s| s.unwrap_key(&wrapping.mechanism(), self.key, blob, template))
    }

    fn wrap_raw(&self, wrapping: Wrapping, key: ObjectHandle) -> Outcome<Vec<u8>> {
        self.session.call("C_WrapKey", |s| s.wrap_key(&wrapping.mechanism(), self.key, key))
    }
}

/// The whole blob, and what remains of it while eight zeros are cut from its end.
fn candidates(blob: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(blob), |b| b.strip_suffix(&[0; 8])).filter(|b| b.len() >= 16)
}

fn unwrap_on_host(wrapping: Wrapping, key: &[u8; 32], blob: &[u8]) -> Option<Vec<u8>> {
    use aes_kw::{KeyInit as _, KwAes256, KwpAes256};
    let mut buffer = vec![0; blob.len()];
    let plain = match wrapping {
        Wrapping::Kw => KwAes256::new(key.into()).unwrap_key(blob, &mut buffer),
        Wrapping::Kwp => KwpAes256::new(key.into()).unwrap_key(blob, &mut buffer),
    };
    plain.ok().map(<[u8]>::to_vec)
}
