//! Token objects as records by which they are known again.
//!
//! One class after the other, with CKA_TOKEN true: an empty template would list a module's own
//! mechanism objects, too. Values of keys are never asked for.

use std::collections::{BTreeMap, HashMap};

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass as Ck, ObjectHandle};

use super::{fault::CallResult, public_key, session::Session};
use crate::{
    encoding::{digest::Digest, text::Line},
    proposal::target::{ObjectClass, ObjectRecord, PublicKeyEvidence},
};

/// An object and its handle in this session.
pub(super) struct Found {
    pub(super) handle: ObjectHandle,
    pub(super) record: ObjectRecord,
    /// SubjectPublicKeyInfo, where the object itself shows it.
    pub(super) spki: Option<Vec<u8>>,
    /// Of a private key that does not: what lies beside it, which may be another key's.
    pub(super) lent: Option<Vec<u8>>,
}

impl Found {
    /// SubjectPublicKeyInfo of the object, or else what lies beside it.
    pub(super) fn known_spki(&self) -> Option<&[u8]> {
        self.spki.as_deref().or(self.lent.as_deref())
    }
}

/// Different public halves of one class and id that are looked at. Of types that differ, there are no more.
const MOST_LENDERS: usize = 16;

/// The classes that a quorum cares about.
pub(super) const CLASSES: [(ObjectClass, Ck); 5] = [
    (ObjectClass::PrivateKey, Ck::PRIVATE_KEY),
    (ObjectClass::PublicKey, Ck::PUBLIC_KEY),
    (ObjectClass::SecretKey, Ck::SECRET_KEY),
    (ObjectClass::Certificate, Ck::CERTIFICATE),
    (ObjectClass::Data, Ck::DATA),
];

/// All token objects that this session sees, sorted by record.
pub(super) fn all(session: &Session<'_>) -> CallResult<Vec<Found>> {
    let mut found = Vec::new();
    for (class, ck) in CLASSES {
        for handle in session.find(&[Attribute::Class(ck), Attribute::Token(true)])? {
            found.push(one(session, class, handle)?);
        }
    }
    lend_public_halves(&mut found);
    drop_shared_unique_ids(&mut found);
    found.sort_by(|a, b| a.record.cmp(&b.record));
    Ok(found)
}

/// A CKA_UNIQUE_ID that two objects show identifies neither.
fn drop_shared_unique_ids(found: &mut [Found]) {
    let mut times: HashMap<Line, usize> = HashMap::new();
    for unique in found.iter().filter_map(|f| f.record.unique_id.as_ref()) {
        *times.entry(unique.clone()).or_default() += 1;
    }
    for record in found.iter_mut().map(|f| &mut f.record) {
        if record.unique_id.as_ref().is_some_and(|unique| times.get(unique).is_some_and(|n| *n > 1)) {
            record.unique_id = None;
        }
    }
}

pub(super) fn records(found: &[Found]) -> Vec<ObjectRecord> {
    found.iter().map(|f| f.record.clone()).collect()
}

/// One object by its handle, without what other objects say of it.
pub(super) fn one(session: &Session<'_>, class: ObjectClass, handle: ObjectHandle) -> CallResult<Found> {
    let attributes = Attributes(session.attributes(handle, wanted(class))?);
    let key_type = match class {
        ObjectClass::Data => "data".to_owned(),
        ObjectClass::Certificate => "x509".to_owned(),
        _ => attributes.key_type(),
    };
    // An empty value is a value, too.
    let value =
        attributes.0.iter().find_map(|a| if let Attribute::Value(v) = a { Some(v.as_slice()) } else { None });
    let spki = match class {
        ObjectClass::PublicKey | ObjectClass::PrivateKey => attributes.spki(&key_type),
        ObjectClass::Certificate => value.and_then(public_key::of_certificate),
        _ => None,
    };
    let hex = |bytes: &[u8]| base16ct::lower::encode_string(bytes);
    let text = |bytes: &[u8]| Line::lossy(&String::from_utf8_lossy(bytes));
    let label =
        attributes.bytes(|a| if let Attribute::Label(v) = a { Some(v) } else { None }).unwrap_or_default();
    let shown = std::str::from_utf8(label).is_ok_and(|label| Line::new(label).is_ok());
    let record = ObjectRecord {
        class,
        id: hex(attributes.id()),
        label: text(label),
        label_sha256: (!shown).then(|| Digest::of(label)),
        key_type,
        public_key_sha256: spki.as_deref().map(Digest::of),
        check_value: attributes.check_value().map(hex),
        unique_id: attributes.unique_id().map(text),
        value_sha256: value.map(Digest::of),
        extractable: attributes.extractable(),
        evidence: None,
    };
    Ok(Found { handle, record, spki, lent: None })
}

fn wanted(class: ObjectClass) -> &'static [AttributeType] {
    use AttributeType::*;
    match class {
        ObjectClass::PrivateKey => {
            &[Id, Label, KeyType, EcParams, Modulus, PublicExponent, PublicKeyInfo, UniqueId, Extractable]
        }
        ObjectClass::PublicKey => &[Id, Label, KeyType, EcParams, EcPoint, Modulus, PublicExponent, UniqueId],
        ObjectClass::SecretKey => &[Id, Label, KeyType, ValueLen, CheckValue, UniqueId, Extractable],
        ObjectClass::Certificate => &[Id, Label, Value, UniqueId],
        ObjectClass::Data => &[Label, Value, UniqueId],
        ObjectClass::Other => &[Id, Label],
    }
}

/// What lies beside a private key that does not tell its public half: that of the public key object of its id and type, or
/// else of the certificate of its id; two that differ tell nothing. It is evidence, never a part of what the key is.
fn lend_public_halves(found: &mut [Found]) {
    let mut lenders: BTreeMap<(ObjectClass, String), Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for lender in found.iter().filter(|f| f.record.class != ObjectClass::PrivateKey) {
        if let (false, Some(spki)) = (lender.record.id.is_empty(), &lender.spki) {
            let beside = lenders.entry((lender.record.class, lender.record.id.clone())).or_default();
            let lent = (lender.record.key_type.clone(), spki.clone());
            if !beside.contains(&lent) && beside.len() < MOST_LENDERS {
                beside.push(lent);
            }
        }
    }
    for private in found {
        let record = &mut private.record;
        if record.class != ObjectClass::PrivateKey || private.spki.is_some() || record.id.is_empty() {
            continue;
        }
        for source in [ObjectClass::PublicKey, ObjectClass::Certificate] {
            let beside = lenders.get(&(source, record.id.clone())).map(Vec::as_slice).unwrap_or_default();
            let fits = |(key_type, spki): &&(String, Vec<u8>)| {
                (source == ObjectClass::Certificate || *key_type == record.key_type)
                    && public_key::fits(spki, &record.key_type)
            };
            let fitting: Vec<&(String, Vec<u8>)> = beside.iter().filter(fits).collect();
            if let [(_, spki)] = fitting.as_slice() {
                record.evidence = Some(PublicKeyEvidence { source, public_key_sha256: Digest::of(spki) });
                private.lent = Some(spki.clone());
            }
            if !fitting.is_empty() {
                break;
            }
        }
    }
}

/// The attributes that an object showed.
struct Attributes(Vec<Attribute>);

impl Attributes {
    /// The first attribute that `pick` takes, if it has any bytes.
    fn bytes<'a>(&'a self, pick: impl Fn(&'a Attribute) -> Option<&'a Vec<u8>>) -> Option<&'a [u8]> {
        self.0.iter().find_map(pick).map(Vec::as_slice).filter(|bytes| !bytes.is_empty())
    }

    fn id(&self) -> &[u8] {
        self.bytes(|a| if let Attribute::Id(v) = a { Some(v) } else { None }).unwrap_or(&[])
    }

    fn check_value(&self) -> Option<&[u8]> {
        self.bytes(|a| if let Attribute::CheckValue(v) = a { Some(v) } else { None })
    }

    fn unique_id(&self) -> Option<&[u8]> {
        self.bytes(|a| if let Attribute::UniqueId(v) = a { Some(v) } else { None })
    }

    fn ec_params(&self) -> Option<&[u8]> {
        self.bytes(|a| if let Attribute::EcParams(v) = a { Some(v) } else { None })
    }

    fn modulus(&self) -> Option<&[u8]> {
        self.bytes(|a| if let Attribute::Modulus(v) = a { Some(v) } else { None })
    }

    fn extractable(&self) -> Option<bool> {
        self.0.iter().find_map(|a| if let Attribute::Extractable(v) = a { Some(*v) } else { None })
    }

    /// None too where it is 0: so SoftHSM says of keys that were unwrapped.
    fn value_bits(&self) -> Option<u64> {
        let bytes = self.0.iter().find_map(|a| if let Attribute::ValueLen(v) = a { Some(**v) } else { None });
        bytes.filter(|bytes| *bytes != 0).map(|bytes| bytes * 8)
    }

    fn key_type(&self) -> String {
        let Some(kind) =
            self.0.iter().find_map(|a| if let Attribute::KeyType(k) = a { Some(*k) } else { None })
        else {
            return "unknown".to_owned();
        };
        let sized = |name: &str| match self.value_bits() {
            Some(bits) => format!("{name}-{bits}"),
            None => name.to_owned(),
        };
        match kind {
            KeyType::RSA => match self.modulus() {
                Some(modulus) => format!("rsa-{}", public_key::bits(modulus)),
                None => "rsa".to_owned(),
            },
            KeyType::EC | KeyType::EC_EDWARDS | KeyType::EC_MONTGOMERY => {
                let params = self.ec_params().unwrap_or_default();
                public_key::curve_name(params)
                    .map_or_else(|| format!("ec-{}", base16ct::lower::encode_string(params)), str::to_owned)
            }
            KeyType::AES => sized("aes"),
            KeyType::GENERIC_SECRET => sized("generic"),
            // `CKK_SHA256_HMAC` → `sha256-hmac-256`
            other => {
                sized(&other.to_string().trim_start_matches("CKK_").to_ascii_lowercase().replace('_', "-"))
            }
        }
    }

    fn spki(&self, key_type: &str) -> Option<Vec<u8>> {
        let exponent = self.bytes(|a| if let Attribute::PublicExponent(v) = a { Some(v) } else { None });
        let point = self.bytes(|a| if let Attribute::EcPoint(v) = a { Some(v) } else { None });
        let rebuilt = match (self.modulus(), exponent, self.ec_params(), point) {
            (Some(modulus), Some(exponent), ..) => public_key::of_rsa(modulus, exponent),
            (_, _, Some(params), Some(point)) => public_key::of_ec(params, point),
            _ => None,
        };
        let told = || self.bytes(|a| if let Attribute::PublicKeyInfo(v) = a { Some(v) } else { None });
        rebuilt.or_else(|| told().filter(|spki| public_key::fits(spki, key_type)).map(<[u8]>::to_vec))
    }
}
