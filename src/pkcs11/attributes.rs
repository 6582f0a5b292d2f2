//! Attributes in a backup: by their PKCS#11 names, values in lower-case hex.
//!
//! Booleans are one byte; key and certificate types are eight, big-endian; all else is as the token
//! gives it. Dates are not kept (empty ones read as zeros, and SoftHSM cannot read what was set), nor is
//! what the token makes by itself (CKA_LOCAL, CKA_ALWAYS_SENSITIVE …).

use std::collections::BTreeMap;

use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType};

use crate::proposal::target::ObjectClass;

/// Name, type, and the classes that have it: p(rivate) P(ublic) s(ecret) c(ertificate) d(ata).
const KEPT: &[(&str, AttributeType, &str)] = &[
    ("CKA_KEY_TYPE", AttributeType::KeyType, "pPs"),
    ("CKA_ID", AttributeType::Id, "pPsc"),
    ("CKA_LABEL", AttributeType::Label, "pPscd"),
    ("CKA_PRIVATE", AttributeType::Private, "pPscd"),
    ("CKA_MODIFIABLE", AttributeType::Modifiable, "pPscd"),
    ("CKA_SENSITIVE", AttributeType::Sensitive, "ps"),
    ("CKA_EXTRACTABLE", AttributeType::Extractable, "ps"),
    ("CKA_SIGN", AttributeType::Sign, "ps"),
    ("CKA_SIGN_RECOVER", AttributeType::SignRecover, "p"),
    ("CKA_VERIFY", AttributeType::Verify, "Ps"),
    ("CKA_VERIFY_RECOVER", AttributeType::VerifyRecover, "P"),
    ("CKA_ENCRYPT", AttributeType::Encrypt, "Ps"),
    ("CKA_DECRYPT", AttributeType::Decrypt, "ps"),
    ("CKA_WRAP", AttributeType::Wrap, "Ps"),
    ("CKA_UNWRAP", AttributeType::Unwrap, "ps"),
    ("CKA_DERIVE", AttributeType::Derive, "pPs"),
    ("CKA_ALWAYS_AUTHENTICATE", AttributeType::AlwaysAuthenticate, "p"),
    ("CKA_SUBJECT", AttributeType::Subject, "pPc"),
    ("CKA_EC_PARAMS", AttributeType::EcParams, "P"),
    ("CKA_EC_POINT", AttributeType::EcPoint, "P"),
    ("CKA_MODULUS", AttributeType::Modulus, "P"),
    ("CKA_PUBLIC_EXPONENT", AttributeType::PublicExponent, "P"),
    ("CKA_CERTIFICATE_TYPE", AttributeType::CertificateType, "c"),
    ("CKA_ISSUER", AttributeType::Issuer, "c"),
    ("CKA_SERIAL_NUMBER", AttributeType::SerialNumber, "c"),
    ("CKA_APPLICATION", AttributeType::Application, "d"),
    ("CKA_OBJECT_ID", AttributeType::ObjectId, "d"),
    ("CKA_VALUE", AttributeType::Value, "cd"),
];

/// Where a private key's SubjectPublicKeyInfo is kept: its restoration is proven against it.
pub(super) const PUBLIC_KEY_INFO: &str = "CKA_PUBLIC_KEY_INFO";

fn letter(class: ObjectClass) -> char {
    match class {
        ObjectClass::PrivateKey => 'p',
        ObjectClass::PublicKey => 'P',
        ObjectClass::SecretKey => 's',
        ObjectClass::Certificate => 'c',
        ObjectClass::Data => 'd',
    }
}

/// The attributes that a backup keeps of an object of this class.
pub(super) fn kept(class: ObjectClass) -> Vec<AttributeType> {
    let letter = letter(class);
    KEPT.iter().filter(|(.., classes)| classes.contains(letter)).map(|(_, kind, _)| *kind).collect()
}

/// Names and hex; empty values are not kept.
pub(super) fn write(attributes: &[Attribute]) -> BTreeMap<String, String> {
    let mut written = BTreeMap::new();
    for attribute in attributes {
        let kind = attribute.attribute_type();
        let name = KEPT.iter().find(|(_, k, _)| *k == kind).map(|(name, ..)| *name);
        if let (Some(name), Some(bytes)) = (name, bytes_of(attribute))
            && !bytes.is_empty()
        {
            written.insert(name.to_owned(), base16ct::lower::encode_string(&bytes));
        }
    }
    written
}

/// The attributes that the names and hex stand for; none if one is not kept for this class or misspelled.
pub(super) fn parse(class: ObjectClass, written: &BTreeMap<String, String>) -> Option<Vec<Attribute>> {
    let letter = letter(class);
    written
        .iter()
        .filter(|(name, _)| name.as_str() != PUBLIC_KEY_INFO)
        .map(|(name, hex)| {
            let (_, kind, _) = KEPT.iter().find(|(n, _, classes)| n == name && classes.contains(letter))?;
            of_bytes(*kind, base16ct::lower::decode_vec(hex).ok()?)
        })
        .collect()
}

fn bytes_of(attribute: &Attribute) -> Option<Vec<u8>> {
    use Attribute::*;
    Some(match attribute {
        Private(b)
        | Modifiable(b)
        | Sensitive(b)
        | Extractable(b)
        | Sign(b)
        | SignRecover(b)
        | Verify(b)
        | VerifyRecover(b)
        | Encrypt(b)
        | Decrypt(b)
        | Wrap(b)
        | Unwrap(b)
        | Derive(b)
        | AlwaysAuthenticate(b) => vec![u8::from(*b)],
        KeyType(kind) => kind.to_be_bytes().to_vec(),
        CertificateType(kind) => kind.to_be_bytes().to_vec(),
        Id(v) | Label(v) | Subject(v) | EcParams(v) | EcPoint(v) | Modulus(v) | PublicExponent(v)
        | Issuer(v) | SerialNumber(v) | Application(v) | ObjectId(v) | Value(v) => v.clone(),
        _ => return None,
    })
}

fn of_bytes(kind: AttributeType, bytes: Vec<u8>) -> Option<Attribute> {
    use AttributeType as T;
    let number = || <[u8; 8]>::try_from(bytes.as_slice()).ok().map(u64::from_be_bytes);
    let flag = match bytes.as_slice() {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    };
    Some(match kind {
        T::Private => Attribute::Private(flag?),
        T::Modifiable => Attribute::Modifiable(flag?),
        T::Sensitive => Attribute::Sensitive(flag?),
        T::Extractable => Attribute::Extractable(flag?),
        T::Sign => Attribute::Sign(flag?),
        T::SignRecover => Attribute::SignRecover(flag?),
        T::Verify => Attribute::Verify(flag?),
        T::VerifyRecover => Attribute::VerifyRecover(flag?),
        T::Encrypt => Attribute::Encrypt(flag?),
        T::Decrypt => Attribute::Decrypt(flag?),
        T::Wrap => Attribute::Wrap(flag?),
        T::Unwrap => Attribute::Unwrap(flag?),
        T::Derive => Attribute::Derive(flag?),
        T::AlwaysAuthenticate => Attribute::AlwaysAuthenticate(flag?),
        T::KeyType => Attribute::KeyType(KeyType::try_from(number()?).ok()?),
        T::CertificateType => Attribute::CertificateType(CertificateType::try_from(number()?).ok()?),
        T::Id => Attribute::Id(bytes),
        T::Label => Attribute::Label(bytes),
        T::Subject => Attribute::Subject(bytes),
        T::EcParams => Attribute::EcParams(bytes),
        T::EcPoint => Attribute::EcPoint(bytes),
        T::Modulus => Attribute::Modulus(bytes),
        T::PublicExponent => Attribute::PublicExponent(bytes),
        T::Issuer => Attribute::Issuer(bytes),
        T::SerialNumber => Attribute::SerialNumber(bytes),
        T::Application => Attribute::Application(bytes),
        T::ObjectId => Attribute::ObjectId(bytes),
        T::Value => Attribute::Value(bytes),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_round_and_none_slips_in() {
        let original = vec![
            Attribute::Id(vec![1]),
            Attribute::KeyType(KeyType::EC),
            Attribute::Label(b"root".to_vec()),
            Attribute::Sign(true),
        ];
        let written = write(&original);
        assert_eq!(parse(ObjectClass::PrivateKey, &written).unwrap(), original);
        // A value in the template of a private key would replace what is unwrapped.
        let bad = BTreeMap::from([("CKA_VALUE".to_owned(), "00".to_owned())]);
        assert!(parse(ObjectClass::PrivateKey, &bad).is_none());
        let bad = BTreeMap::from([("CKA_SIGN".to_owned(), "02".to_owned())]);
        assert!(parse(ObjectClass::PrivateKey, &bad).is_none());
    }
}
