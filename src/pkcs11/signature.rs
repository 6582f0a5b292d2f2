//! A signature made on the token and verified on the host: the token has the private half of this very public key.

use crate::{memory::Pin, ports::cause::Cause};
use cryptoki::{
    error::Error,
    mechanism::{
        Mechanism, MechanismType,
        eddsa::{EddsaParams, EddsaSignatureScheme},
        rsa::{PkcsMgfType, PkcsPssParams},
    },
    object::{Attribute, AttributeType, ObjectHandle},
    session::UserType,
};
use rsa::{RsaPublicKey, pkcs8::DecodePublicKey as _};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{
    fault::{CallResult, Fault},
    module::auth_pin,
    session::Session,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signs {
    Verified,
    Wrong,
    /// The key does not sign, or token and host have no way of signing in common.
    NotAsked,
}

/// A way of signing a message: what the token is given, and whether what it returns verifies.
struct SigningWay {
    mechanism: Mechanism<'static>,
    /// The message, or its hash where the mechanism takes that.
    given: Vec<u8>,
    verifies: fn(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()>,
}

/// The ways of a key type, best first. CKM_ECDSA comes before its hashing variants, which not all tokens have.
fn ways(key_type: &str, message: &[u8]) -> Vec<SigningWay> {
    let way = |mechanism, given: &[u8], verifies| SigningWay { mechanism, given: given.to_vec(), verifies };
    match key_type {
        "ec-p256" => vec![
            way(Mechanism::Ecdsa, &Sha256::digest(message), verify_p256 as fn(&_, &_, &_) -> _),
            way(Mechanism::EcdsaSha256, message, verify_p256),
        ],
        "ec-p384" => vec![
            way(Mechanism::Ecdsa, &Sha384::digest(message), verify_p384 as fn(&_, &_, &_) -> _),
            way(Mechanism::EcdsaSha384, message, verify_p384),
        ],
        "ec-p521" => vec![
            way(Mechanism::Ecdsa, &Sha512::digest(message), verify_p521 as fn(&_, &_, &_) -> _),
            way(Mechanism::EcdsaSha512, message, verify_p521),
        ],
        "ed25519" => {
            let eddsa = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
            vec![way(eddsa, message, verify_ed25519)]
        }
        rsa if rsa.starts_with("rsa-") => {
            let pss = PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: 32.into(),
            };
            vec![
                way(Mechanism::Sha256RsaPkcs, message, verify_rsa as fn(&_, &_, &_) -> _),
                way(Mechanism::Sha256RsaPkcsPss(pss), message, verify_rsa_pss),
            ]
        }
        _ => Vec::new(),
    }
}

/// Codes that say that the key or the token does not sign in this way.
const NOT_SO: &[Cause] = &[
    Cause::MechanismInvalid,
    Cause::MechanismParamInvalid,
    Cause::KeyFunctionNotPermitted,
    Cause::KeyTypeInconsistent,
    Cause::FunctionNotSupported,
];

/// Has the key sign a message that is bound to its public half, and verifies it here.
pub(super) fn check(
    session: &Session<'_>,
    user_pin: &Pin,
    key: ObjectHandle,
    key_type: &str,
    spki: &[u8],
) -> CallResult<Signs> {
    let may = session.attributes(key, &[AttributeType::Sign, AttributeType::AlwaysAuthenticate])?;
    if !may.contains(&Attribute::Sign(true)) {
        return Ok(Signs::NotAsked);
    }
    let each_time = may.contains(&Attribute::AlwaysAuthenticate(true));
    if each_time && session.module().functions().is_none() {
        return Ok(Signs::NotAsked);
    }
    let message = [b"quorate: this token has the key ", spki].concat();
    for way in ways(key_type, &message) {
        let signed = match each_time {
            true => sign_with_pin(session, user_pin, key, &way),
            false => session.call("C_Sign", |s| s.sign(&way.mechanism, key, &way.given)),
        };
        match signed {
            Ok(signature) => {
                return Ok(match (way.verifies)(spki, &message, &signature) {
                    Some(()) => Signs::Verified,
                    None => Signs::Wrong,
                });
            }
            Err(fault) if NOT_SO.contains(&fault.cause) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(Signs::NotAsked)
}

/// CKA_ALWAYS_AUTHENTICATE: C_SignInit, C_Login as CKU_CONTEXT_SPECIFIC, then the signature. The PIN is the one that was
/// good a moment ago.
fn sign_with_pin(
    session: &Session<'_>,
    user_pin: &Pin,
    key: ObjectHandle,
    way: &SigningWay,
) -> CallResult<Vec<u8>> {
    let pin = auth_pin(user_pin)?;
    session.call("C_SignInit", |s| s.sign_init(&way.mechanism, key))?;
    session.call("C_Login", |s| s.login(UserType::ContextSpecific, Some(&pin))).map_err(|fault| Fault {
        message: format!("the PIN that the key requires at each use: {}", fault.message),
        ..fault
    })?;
    let functions = session.module().functions();
    session.call("C_Sign", |s| functions.ok_or(Error::NullFunctionPointer)?.sign(s, &way.given))
}

/// The signature is r and s.
fn verify_p256(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
    let key = VerifyingKey::from_public_key_der(spki).ok()?;
    key.verify(message, &Signature::from_slice(signature).ok()?).ok()
}

fn verify_p384(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
    let key = VerifyingKey::from_public_key_der(spki).ok()?;
    key.verify(message, &Signature::from_slice(signature).ok()?).ok()
}

fn verify_p521(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p521::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
    let key = VerifyingKey::from_public_key_der(spki).ok()?;
    key.verify(message, &Signature::from_slice(signature).ok()?).ok()
}

fn verify_ed25519(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use ed25519_dalek::pkcs8::DecodePublicKey as _;
    let key = ed25519_dalek::VerifyingKey::from_public_key_der(spki).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(message, &signature).ok()
}

/// RSASSA-PKCS1-v1_5.
fn verify_rsa(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = RsaPublicKey::from_public_key_der(spki).ok()?;
    key.verify(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).ok()
}

/// RSASSA-PSS.
fn verify_rsa_pss(spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = RsaPublicKey::from_public_key_der(spki).ok()?;
    key.verify(rsa::Pss::<Sha256>::new(), &Sha256::digest(message), signature).ok()
}
