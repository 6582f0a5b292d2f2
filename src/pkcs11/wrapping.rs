//! Keys wrapped under the backup key (RFC 3394, RFC 5649), by a mechanism that was tried first.
//!
//! What a mechanism's number means differs from module to module. So a throw-away key of known bytes
//! is wrapped with each and unwrapped on the host; a mechanism counts as the RFC's if the bytes come back.

use super::{
    fault::{CallResult, Fault},
    importing::Importer,
    raw,
    session::Session,
    template::Template,
};
use crate::{memory::CredentialSecret, ports::cause::Cause};
use cryptoki::{
    error::Error,
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
}

/// A mechanism that may do what one of the RFCs says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// RFC 5649 wherever it is listed.
    Kwp,
    /// RFC 5649 on SoftHSM, PKCS#7 padding under RFC 3394 on NSS and in PKCS#11 v3.0, which has the former for it.
    Pad,
    /// RFC 3394.
    Kw,
}

impl Way {
    /// All, best first.
    pub(super) const ALL: [Self; 3] = [Self::Kwp, Self::Pad, Self::Kw];

    /// What comes out if it does what is hoped.
    pub(super) fn wrapping(self) -> Wrapping {
        match self {
            Self::Kwp | Self::Pad => Wrapping::Kwp,
            Self::Kw => Wrapping::Kw,
        }
    }

    /// The standard's number.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Kwp => raw::KWP,
            Self::Pad => *MechanismType::AES_KEY_WRAP_PAD,
            Self::Kw => *MechanismType::AES_KEY_WRAP,
        }
    }

    /// The standard's name.
    pub(super) fn mechanism_name(self) -> &'static str {
        match self {
            Self::Kwp => "CKM_AES_KEY_WRAP_KWP",
            Self::Pad => "CKM_AES_KEY_WRAP_PAD",
            Self::Kw => "CKM_AES_KEY_WRAP",
        }
    }

    /// For the crate cryptoki, if it has a name for it.
    fn mechanism(self) -> Option<Mechanism<'static>> {
        match self {
            Self::Kwp => None,
            Self::Pad => Some(Mechanism::AesKeyWrapPad),
            Self::Kw => Some(Mechanism::AesKeyWrap),
        }
    }
}

/// A way that proved right, and for which keys.
#[derive(Clone, Copy)]
struct Proven {
    way: Way,
    /// Secret keys whose length does not divide by 8 come back as long as they were.
    odd_lengths: bool,
}

/// Codes with which NSS says that an attribute of its own is missing.
const WANTS_MORE: &[Cause] = &[Cause::TemplateIncomplete, Cause::KeyTypeInconsistent];

/// Bytes of the throw-away keys of a trial: every mechanism takes the one, RFC 5649 the other, too.
const WHOLE: usize = 32;
const ODD: usize = 20;

/// The backup key as a session object, and the mechanisms that proved right. The object vanishes with
/// the session.
pub(super) struct Wrapper<'s, 'm> {
    session: &'s Session<'m>,
    key: ObjectHandle,
    listed: Vec<Way>,
    usable: Vec<Proven>,
}

impl<'s, 'm> Wrapper<'s, 'm> {
    /// Brings the backup key into the session and tries the mechanisms.
    pub(super) fn new(session: &'s Session<'m>, backup_key: &CredentialSecret) -> CallResult<Self> {
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
        let numbers = session.module().mechanisms(session.slot())?;
        let listed = Way::ALL.into_iter().filter(|way| numbers.contains(&way.number())).collect();
        let mut wrapper = Self { session, key, listed, usable: Vec::new() };
        for way in wrapper.listed.clone() {
            if wrapper.passes_trial(&mut importer, way, host_key, WHOLE)? {
                let odd_lengths = way.wrapping() == Wrapping::Kwp
                    && wrapper.passes_trial(&mut importer, way, host_key, ODD)?;
                wrapper.usable.push(Proven { way, odd_lengths });
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

    /// Whether a throw-away key of this length, wrapped in this way, comes back on the host.
    fn passes_trial(
        &self,
        importer: &mut Importer<'_, '_>,
        way: Way,
        host_key: &[u8; 32],
        length: usize,
    ) -> CallResult<bool> {
        let mut known = vec![0; length];
        getrandom::fill(&mut known).map_err(|e| {
            Fault::new("worker", format!("no random numbers: {e}"), "run the same command again")
        })?;
        let attributes = [Attribute::Sensitive(false), Attribute::Extractable(true)];
        let throw_away = match importer.import(KeyType::GENERIC_SECRET, &known, &attributes) {
            Err(fault) if !fault.is_fatal() && length == ODD => return Ok(false),
            imported => imported?,
        };
        let wrapped = self.wrap_raw(way, throw_away);
        let _ = self.session.call("C_DestroyObject", |s| s.destroy_object(throw_away));
        match wrapped {
            Ok(blob) => Ok(candidates(&blob)
                .any(|blob| unwrap_on_host(way.wrapping(), host_key, blob) == Some(known.clone()))),
            Err(fault) if fault.is_fatal() => Err(fault),
            Err(_) => Ok(false),
        }
    }

    /// The ways worth trying for a key, best first. `secret_bits` is the length of a secret key.
    pub(super) fn fitting(&self, secret_bits: Option<usize>) -> Vec<Way> {
        let whole = secret_bits.is_none_or(|bits| bits.is_multiple_of(64));
        self.usable.iter().filter(|proven| whole || proven.odd_lengths).map(|proven| proven.way).collect()
    }

    /// The best way to unwrap what was wrapped so, here or elsewhere: one that failed the trial may do, for what comes of it must
    /// prove to be the key.
    pub(super) fn way_of(&self, wrapping: Wrapping) -> Option<Way> {
        let proven = self.usable.iter().map(|proven| proven.way);
        proven.chain(self.listed.iter().copied()).find(|way| way.wrapping() == wrapping)
    }

    /// C_WrapKey: what it may have wrapped to, most likely first. cryptoki 0.12 returns the whole buffer, which some modules ask
    /// for larger than what they fill; the token itself unwraps the right one only.
    pub(super) fn wrap(&self, way: Way, key: ObjectHandle) -> CallResult<Vec<Vec<u8>>> {
        let blob = self.wrap_raw(way, key)?;
        Ok(candidates(&blob).map(<[u8]>::to_vec).collect())
    }

    /// Whether the key wraps to these very bytes: both RFCs are deterministic.
    pub(super) fn wraps_to(&self, way: Way, key: ObjectHandle, blob: &[u8]) -> CallResult<bool> {
        let again = self.wrap_raw(way, key)?;
        Ok(again.strip_prefix(blob).is_some_and(|rest| rest.iter().all(|b| *b == 0)))
    }

    /// C_UnwrapKey; one that makes a token object is announced as a change by its caller.
    pub(super) fn unwrap(&self, way: Way, blob: &[u8], template: &Template) -> CallResult<ObjectHandle> {
        let refusal = match self.unwrap_as(way, blob, template.attributes()) {
            Err(fault) if WANTS_MORE.contains(&fault.cause) => fault,
            other => return other,
        };
        match template.for_nss().map(|attributes| self.unwrap_as(way, blob, &attributes)) {
            Some(Ok(key)) => Ok(key),
            Some(Err(fault)) if fault.is_fatal() => Err(fault),
            _ => Err(refusal),
        }
    }

    fn unwrap_as(&self, way: Way, blob: &[u8], template: &[Attribute]) -> CallResult<ObjectHandle> {
        let functions = self.session.module().functions();
        self.session.call("C_UnwrapKey", |s| match (way.mechanism(), functions) {
            (Some(mechanism), _) => s.unwrap_key(&mechanism, self.key, blob, template),
            (None, Some(functions)) => functions.unwrap(s, self.key, blob, template),
            (None, None) => Err(Error::NullFunctionPointer),
        })
    }

    fn wrap_raw(&self, way: Way, key: ObjectHandle) -> CallResult<Vec<u8>> {
        let functions = self.session.module().functions();
        self.session.call("C_WrapKey", |s| match (way.mechanism(), functions) {
            (Some(mechanism), _) => s.wrap_key(&mechanism, self.key, key),
            (None, Some(functions)) => functions.wrap(s, self.key, key),
            (None, None) => Err(Error::NullFunctionPointer),
        })
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
