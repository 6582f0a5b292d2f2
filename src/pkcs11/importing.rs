//! Secret keys of the host as session objects: in clear where the token takes them so, else under RSA-OAEP (RFC 8017).
//!
//! The pair for OAEP is made by the token for this session and vanishes with it; the host encrypts to its public half. The
//! hash is SHA-256 where the token unwraps it, else SHA-1, which is not a weakness in OAEP.

use cryptoki::{
    mechanism::{
        Mechanism, MechanismType,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
};
use rsa::{RsaPublicKey, pkcs8::DecodePublicKey as _};
use zeroize::Zeroize as _;

use super::{
    fault::{CallResult, Fault},
    public_key,
    session::Session,
};

/// Length of the passing RSA key in bits.
const RSA_BITS: u64 = 3072;

/// How this token takes keys, once the first one was tried.
pub(super) struct Importer<'s, 'm> {
    session: &'s Session<'m>,
    oaep: Option<Oaep>,
}

/// The token's passing pair.
struct Oaep {
    private: ObjectHandle,
    public: RsaPublicKey,
    hash: Hash,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha1,
}

impl<'s, 'm> Importer<'s, 'm> {
    /// Nothing tried yet.
    pub(super) fn new(session: &'s Session<'m>) -> Self {
        Self { session, oaep: None }
    }

    /// A secret key as a session object.
    pub(super) fn import(
        &mut self,
        kind: KeyType,
        value: &[u8],
        more: &[Attribute],
    ) -> CallResult<ObjectHandle> {
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(kind),
            Attribute::Token(false),
            Attribute::Private(true),
        ];
        template.extend_from_slice(more);
        if let Some(oaep) = &self.oaep {
            return oaep.unwrap(self.session, value, &template);
        }
        let refusal = match in_clear(self.session, value, &template) {
            Err(fault) if !fault.is_fatal() => fault,
            other => return other,
        };
        self.under_oaep(value, &template).map_err(|fault| {
            if fault.is_fatal() {
                return fault;
            }
            Fault {
                message: format!(
                    "the token takes a key of the station neither as it is ({}) nor under RSA-OAEP ({})",
                    refusal.line(),
                    fault.line()
                ),
                hint: "this token's keys can only be backed up by the vendor's own means".to_owned(),
                ..refusal
            }
        })
    }

    /// Makes the pair and finds the hash by the first key.
    fn under_oaep(&mut self, value: &[u8], template: &[Attribute]) -> CallResult<ObjectHandle> {
        let (private, public) = passing_pair(self.session)?;
        let mut oaep = Oaep { private, public, hash: Hash::Sha256 };
        let key = match oaep.unwrap(self.session, value, template) {
            Err(fault) if !fault.is_fatal() => {
                oaep.hash = Hash::Sha1;
                oaep.unwrap(self.session, value, template)?
            }
            other => other?,
        };
        self.oaep = Some(oaep);
        Ok(key)
    }
}

/// C_CreateObject with the value; our copy is wiped.
fn in_clear(session: &Session<'_>, value: &[u8], template: &[Attribute]) -> CallResult<ObjectHandle> {
    let mut whole = template.to_vec();
    whole.push(Attribute::Value(value.to_vec()));
    let result = session.call("C_CreateObject", |s| s.create_object(&whole));
    for attribute in &mut whole {
        if let Attribute::Value(bytes) = attribute {
            bytes.zeroize();
        }
    }
    result
}

impl Oaep {
    /// C_UnwrapKey of what the host has encrypted.
    fn unwrap(
        &self,
        session: &Session<'_>,
        value: &[u8],
        template: &[Attribute],
    ) -> CallResult<ObjectHandle> {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (encrypted, hash, mgf) = match self.hash {
            Hash::Sha256 => (
                self.public.encrypt(&mut rng, rsa::Oaep::<sha2::Sha256>::new(), value),
                MechanismType::SHA256,
                PkcsMgfType::MGF1_SHA256,
            ),
            Hash::Sha1 => (
                self.public.encrypt(&mut rng, rsa::Oaep::<sha1::Sha1>::new(), value),
                MechanismType::SHA1,
                PkcsMgfType::MGF1_SHA1,
            ),
        };
        let encrypted = encrypted.map_err(|e| strange(&e.to_string()))?;
        let mechanism = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty()));
        session.call("C_UnwrapKey", |s| s.unwrap_key(&mechanism, self.private, &encrypted, template))
    }
}

/// A pair of this session that unwraps and does nothing else.
fn passing_pair(session: &Session<'_>) -> CallResult<(ObjectHandle, RsaPublicKey)> {
    let public = [
        Attribute::Token(false),
        Attribute::ModulusBits(RSA_BITS.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Wrap(true),
    ];
    let private = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Unwrap(true),
        Attribute::Sign(false),
        Attribute::Decrypt(false),
    ];
    let (public, private) = session.call("C_GenerateKeyPair", |s| {
        s.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
    })?;
    let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
    for attribute in session.attributes(public, &[AttributeType::Modulus, AttributeType::PublicExponent])? {
        match attribute {
            Attribute::Modulus(bytes) => modulus = bytes,
            Attribute::PublicExponent(bytes) => exponent = bytes,
            _ => {}
        }
    }
    let spki = public_key::of_rsa(&modulus, &exponent).ok_or_else(|| strange("it has no modulus"))?;
    let key = RsaPublicKey::from_public_key_der(&spki).map_err(|e| strange(&e.to_string()))?;
    Ok((private, key))
}

fn strange(why: &str) -> Fault {
    Fault::new(
        "C_GenerateKeyPair",
        format!("the token's RSA key cannot be used: {why}"),
        "look at the module's configuration and its own log",
    )
}
