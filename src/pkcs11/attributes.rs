//! Attributes in a backup: by their PKCS#11 names, values in lower-case hex.
//!
//! Booleans are one byte; types of keys, certificates and mechanisms and all other numbers are eight, big-endian; of a
//! template each entry is its type and the length of its value, eight bytes each, and the value in this same form; all else
//! is as the token gives it. PKCS#11 cannot list an object's attributes, so that this is every one of the standard
//! (v3.1, and of v3.2 what keys have) which a template may carry and which is not a secret. What the token makes by itself is
//! not among them (CKA_LOCAL, CKA_ALWAYS_SENSITIVE …).

use std::collections::BTreeMap;

use cryptoki::object::{Attribute, AttributeType};

use crate::proposal::target::ObjectClass;

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// CK_BBOOL.
    Flag,
    /// CK_ULONG.
    Number,
    /// CK_ULONGs, one after the other.
    Numbers,
    /// CK_DATE; eight zeros or blanks stand for none.
    Date,
    Bytes,
    /// CK_ATTRIBUTEs.
    Template,
}

/// What an attribute is to its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// Without it, it would be another object, or a less protected one: it is never left out.
    Being,
    /// What it may do, and what may be done with it. A token that does not take it makes the object without it, and that is said.
    Trait,
}

/// An attribute that a backup keeps.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct AttributeRow {
    pub(super) name: &'static str,
    pub(super) number: u64,
    pub(super) form: Form,
    /// p(rivate) P(ublic) s(ecret) c(ertificate) d(ata).
    classes: &'static str,
    pub(super) part: Weight,
}

const fn row(
    name: &'static str,
    number: u64,
    form: Form,
    classes: &'static str,
    part: Weight,
) -> AttributeRow {
    AttributeRow { name, number, form, classes, part }
}

use Form::{Bytes, Date, Flag, Number, Numbers, Template};
use Weight::{Being, Trait};

const KEPT: &[AttributeRow] = &[
    row("CKA_KEY_TYPE", 0x100, Number, "pPs", Being),
    row("CKA_ID", 0x102, Bytes, "pPsc", Being),
    row("CKA_LABEL", 0x003, Bytes, "pPscd", Being),
    row("CKA_PRIVATE", 0x002, Flag, "pPscd", Being),
    row("CKA_SENSITIVE", 0x103, Flag, "ps", Being),
    row("CKA_EXTRACTABLE", 0x162, Flag, "ps", Being),
    row("CKA_EC_PARAMS", 0x180, Bytes, "P", Being),
    row("CKA_EC_POINT", 0x181, Bytes, "P", Being),
    row("CKA_MODULUS", 0x120, Bytes, "P", Being),
    row("CKA_PUBLIC_EXPONENT", 0x122, Bytes, "P", Being),
    row("CKA_PRIME", 0x130, Bytes, "P", Being),
    row("CKA_SUBPRIME", 0x131, Bytes, "P", Being),
    row("CKA_BASE", 0x132, Bytes, "P", Being),
    row("CKA_GOSTR3410_PARAMS", 0x250, Bytes, "P", Being),
    row("CKA_GOSTR3411_PARAMS", 0x251, Bytes, "P", Being),
    row("CKA_GOST28147_PARAMS", 0x252, Bytes, "P", Being),
    row("CKA_PARAMETER_SET", 0x61d, Number, "P", Being),
    row("CKA_VALUE", 0x011, Bytes, "Pcd", Being),
    row("CKA_CERTIFICATE_TYPE", 0x080, Number, "c", Being),
    row("CKA_ISSUER", 0x081, Bytes, "c", Being),
    row("CKA_SERIAL_NUMBER", 0x082, Bytes, "c", Being),
    row("CKA_AC_ISSUER", 0x083, Bytes, "c", Being),
    row("CKA_OWNER", 0x084, Bytes, "c", Being),
    row("CKA_ATTR_TYPES", 0x085, Bytes, "c", Being),
    row("CKA_APPLICATION", 0x010, Bytes, "d", Being),
    row("CKA_OBJECT_ID", 0x012, Bytes, "d", Being),
    // No token makes an X.509 certificate without it.
    row("CKA_SUBJECT", 0x101, Bytes, "c", Being),
    row("CKA_SUBJECT", 0x101, Bytes, "pP", Trait),
    row("CKA_MODIFIABLE", 0x170, Flag, "pPscd", Trait),
    row("CKA_COPYABLE", 0x171, Flag, "pPscd", Trait),
    row("CKA_DESTROYABLE", 0x172, Flag, "pPscd", Trait),
    row("CKA_SIGN", 0x108, Flag, "ps", Trait),
    row("CKA_SIGN_RECOVER", 0x109, Flag, "p", Trait),
    row("CKA_VERIFY", 0x10a, Flag, "Ps", Trait),
    row("CKA_VERIFY_RECOVER", 0x10b, Flag, "P", Trait),
    row("CKA_ENCRYPT", 0x104, Flag, "Ps", Trait),
    row("CKA_DECRYPT", 0x105, Flag, "ps", Trait),
    row("CKA_WRAP", 0x106, Flag, "Ps", Trait),
    row("CKA_UNWRAP", 0x107, Flag, "ps", Trait),
    row("CKA_DERIVE", 0x10c, Flag, "pPs", Trait),
    row("CKA_ENCAPSULATE", 0x633, Flag, "P", Trait),
    row("CKA_DECAPSULATE", 0x634, Flag, "p", Trait),
    row("CKA_ALWAYS_AUTHENTICATE", 0x202, Flag, "p", Trait),
    row("CKA_WRAP_WITH_TRUSTED", 0x210, Flag, "ps", Trait),
    row("CKA_TRUSTED", 0x086, Flag, "Psc", Trait),
    row("CKA_ALLOWED_MECHANISMS", 0x4000_0600, Numbers, "pPs", Trait),
    row("CKA_WRAP_TEMPLATE", 0x4000_0211, Template, "Ps", Trait),
    row("CKA_UNWRAP_TEMPLATE", 0x4000_0212, Template, "ps", Trait),
    row("CKA_DERIVE_TEMPLATE", 0x4000_0213, Template, "ps", Trait),
    row("CKA_ENCAPSULATE_TEMPLATE", 0x62a, Template, "P", Trait),
    row("CKA_DECAPSULATE_TEMPLATE", 0x62b, Template, "p", Trait),
    row("CKA_START_DATE", 0x110, Date, "pPsc", Trait),
    row("CKA_END_DATE", 0x111, Date, "pPsc", Trait),
    row("CKA_CERTIFICATE_CATEGORY", 0x087, Number, "c", Trait),
    row("CKA_JAVA_MIDP_SECURITY_DOMAIN", 0x088, Number, "c", Trait),
    row("CKA_URL", 0x089, Bytes, "c", Trait),
    row("CKA_HASH_OF_SUBJECT_PUBLIC_KEY", 0x08a, Bytes, "c", Trait),
    row("CKA_HASH_OF_ISSUER_PUBLIC_KEY", 0x08b, Bytes, "c", Trait),
    row("CKA_NAME_HASH_ALGORITHM", 0x08c, Number, "c", Trait),
];

/// Where a private key's SubjectPublicKeyInfo is kept: its restoration is proven against it.
pub(super) const PUBLIC_KEY_INFO: &str = "CKA_PUBLIC_KEY_INFO";

/// Flags that are true unless a template says otherwise (PKCS#11 v3.1, table 15): not to be shown them is no restriction lost.
const TRUE_BY_DEFAULT: &[&str] = &["CKA_MODIFIABLE", "CKA_COPYABLE", "CKA_DESTROYABLE"];

/// Flags whose default the standard gives, so that a token need not be told it. SIGN_RECOVER and its like are not among them:
/// their default is the token's own.
const STANDARD_DEFAULT: &[&str] = &[
    "CKA_MODIFIABLE",
    "CKA_COPYABLE",
    "CKA_DESTROYABLE",
    "CKA_TRUSTED",
    "CKA_ALWAYS_AUTHENTICATE",
    "CKA_WRAP_WITH_TRUSTED",
];

const MAX_DEPTH: usize = 4;

impl AttributeRow {
    fn is_of(&self, class: ObjectClass) -> bool {
        let letter = match class {
            ObjectClass::PrivateKey => 'p',
            ObjectClass::PublicKey => 'P',
            ObjectClass::SecretKey => 's',
            ObjectClass::Certificate => 'c',
            ObjectClass::Data => 'd',
            ObjectClass::Other => return false,
        };
        self.classes.contains(letter)
    }

    /// Whether an object that does not show the attribute is as if it had this value.
    fn is_default(&self, value: &[u8]) -> bool {
        match self.form {
            Flag => value == [u8::from(TRUE_BY_DEFAULT.contains(&self.name))],
            Number => value == [0; 8],
            _ => value.is_empty(),
        }
    }
}

/// The attributes that a backup keeps of an object of this class.
pub(super) fn kept(class: ObjectClass) -> impl Iterator<Item = &'static AttributeRow> {
    KEPT.iter().filter(move |row| row.is_of(class))
}

/// One attribute, its value as a backup has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KeptAttribute {
    pub(super) row: &'static AttributeRow,
    value: Vec<u8>,
}

impl KeptAttribute {
    /// From the host's form; none where it has no value.
    pub(super) fn of_host(row: &'static AttributeRow, value: &[u8]) -> Option<Self> {
        Some(Self { row, value: of_host(row.form, value)? }).filter(|kept| !kept.value.is_empty())
    }

    /// From the entries of a template; none where it has none.
    pub(super) fn of_template(row: &'static AttributeRow, entries: &[(u64, Vec<u8>)]) -> Option<Self> {
        let mut value = Vec::new();
        for (number, entry) in entries {
            let entry = of_host(form_within(*number), entry)?;
            value.extend(number.to_be_bytes());
            value.extend(u64::try_from(entry.len()).ok()?.to_be_bytes());
            value.extend(entry);
        }
        Some(Self { row, value }).filter(|kept| !kept.value.is_empty())
    }

    /// The same value, shown or to be taken for shown.
    pub(super) fn is_shown_by(&self, shown: &[Self]) -> bool {
        match shown.iter().find(|other| other.row == self.row) {
            Some(other) => other.value == self.value,
            None => self.row.is_default(&self.value),
        }
    }

    /// The value of CKA_PRIVATE and its like.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.row.name == name && self.value == [1]
    }

    /// Whether a token makes it so by itself. NSS takes the others of these flags in its session and none in its database.
    pub(super) fn is_made_unasked(&self) -> bool {
        STANDARD_DEFAULT.contains(&self.row.name) && self.row.is_default(&self.value)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.value
    }

    /// For a template. What its value points to is kept in `held`, which has to outlive the call.
    pub(super) fn told(&self, held: &mut Vec<Box<[u8]>>) -> Option<Attribute> {
        let number = AttributeType::VendorDefined(self.row.number);
        Some(Attribute::VendorDefined((number, to_host(self.row.form, &self.value, held, 0)?)))
    }
}

/// An entry of a template that no backup keeps is as the token has it.
fn form_within(number: u64) -> Form {
    match KEPT.iter().find(|row| row.number == number) {
        Some(row) if row.form != Template => row.form,
        // CKA_CLASS, CKA_KEY_GEN_MECHANISM, CKA_VALUE_LEN
        _ if [0x000, 0x166, 0x161].contains(&number) => Number,
        // CKA_TOKEN, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE
        _ if [0x001, 0x163, 0x164, 0x165].contains(&number) => Flag,
        _ => Bytes,
    }
}

fn of_host(form: Form, value: &[u8]) -> Option<Vec<u8>> {
    let numbers = || -> Option<Vec<u8>> {
        let (words, []) = value.as_chunks::<{ size_of::<std::ffi::c_ulong>() }>() else { return None };
        Some(words.iter().flat_map(|word| std::ffi::c_ulong::from_ne_bytes(*word).to_be_bytes()).collect())
    };
    match form {
        Flag => match value {
            [flag] => Some(vec![u8::from(*flag != 0)]),
            _ => None,
        },
        Number => numbers().filter(|words| words.len() == 8),
        Numbers => numbers(),
        Date if value.iter().all(|byte| matches!(byte, 0 | b' ' | b'0')) => Some(Vec::new()),
        Date | Bytes => Some(value.to_vec()),
        Template => None,
    }
}

fn to_host(form: Form, value: &[u8], held: &mut Vec<Box<[u8]>>, depth: usize) -> Option<Vec<u8>> {
    let words = || -> Option<Vec<u8>> {
        let (words, []) = value.as_chunks::<8>() else { return None };
        let words = words.iter().map(|word| std::ffi::c_ulong::try_from(u64::from_be_bytes(*word)).ok());
        Some(words.collect::<Option<Vec<_>>>()?.iter().flat_map(|word| word.to_ne_bytes()).collect())
    };
    match form {
        Flag if !matches!(value, [0 | 1]) => None,
        Number if value.len() != 8 => None,
        Number | Numbers => words(),
        Flag | Date | Bytes => Some(value.to_vec()),
        Template if depth >= MAX_DEPTH => None,
        Template => {
            // CK_ATTRIBUTE: type, pointer, length.
            let mut structures = Vec::new();
            for (number, entry) in entries(value)? {
                let entry =
                    to_host(form_within(number), entry, held, depth.saturating_add(1))?.into_boxed_slice();
                structures.extend(std::ffi::c_ulong::try_from(number).ok()?.to_ne_bytes());
                structures.extend((entry.as_ptr() as usize).to_ne_bytes());
                structures.extend(std::ffi::c_ulong::try_from(entry.len()).ok()?.to_ne_bytes());
                held.push(entry);
            }
            Some(structures)
        }
    }
}

/// The entries of a template as a backup has it.
fn entries(mut value: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !value.is_empty() {
        let (number, rest) = value.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (entry, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
        found.push((u64::from_be_bytes(*number), entry));
        value = rest;
    }
    Some(found)
}

/// Names and hex.
pub(super) fn write(attributes: &[KeptAttribute]) -> BTreeMap<String, String> {
    let written = attributes.iter();
    written.map(|kept| (kept.row.name.to_owned(), base16ct::lower::encode_string(&kept.value))).collect()
}

/// The attributes that the names and hex stand for; none if one is not kept for this class or misspelled.
pub(super) fn parse(class: ObjectClass, written: &BTreeMap<String, String>) -> Option<Vec<KeptAttribute>> {
    let known = kept(class).filter(|row| written.contains_key(row.name)).count();
    let others = usize::from(written.contains_key(PUBLIC_KEY_INFO));
    if written.len() != known.checked_add(others)? {
        return None;
    }
    kept(class)
        .filter_map(|row| Some((row, written.get(row.name)?)))
        .map(|(row, hex)| {
            let kept = KeptAttribute { row, value: base16ct::lower::decode_vec(hex).ok()? };
            kept.told(&mut Vec::new()).map(|_| kept)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static AttributeRow {
        KEPT.iter().find(|row| row.name == name).unwrap()
    }

    #[test]
    fn attributes_go_round_and_none_slips_in() {
        let ulong = |n: std::ffi::c_ulong| n.to_ne_bytes().to_vec();
        let original = vec![
            KeptAttribute::of_host(named("CKA_KEY_TYPE"), &ulong(3)).unwrap(),
            KeptAttribute::of_host(named("CKA_ID"), &[1]).unwrap(),
            KeptAttribute::of_host(named("CKA_LABEL"), b"root").unwrap(),
            KeptAttribute::of_host(named("CKA_COPYABLE"), &[0]).unwrap(),
            KeptAttribute::of_host(named("CKA_SIGN"), &[1]).unwrap(),
            KeptAttribute::of_host(named("CKA_ALLOWED_MECHANISMS"), &[ulong(0x1041), ulong(0x1044)].concat())
                .unwrap(),
            KeptAttribute::of_template(
                named("CKA_UNWRAP_TEMPLATE"),
                &[(0x100, ulong(0x1f)), (0x162, vec![0]), (0x102, vec![7, 7])],
            )
            .unwrap(),
        ];
        let written = write(&original);
        assert_eq!(written["CKA_ALLOWED_MECHANISMS"], "00000000000010410000000000001044");
        assert_eq!(parse(ObjectClass::PrivateKey, &written).unwrap(), original);
        // A value in the template of a private key would replace what is unwrapped.
        for (name, bad) in [
            ("CKA_VALUE", "00"),
            ("CKA_PRIME", "00"),
            ("CKA_SIGN", "02"),
            ("CKA_KEY_TYPE", "03"),
            ("CKA_ALLOWED_MECHANISMS", "000000000000104100"),
            ("CKA_UNWRAP_TEMPLATE", "00000000000001020000000000000009aa"),
            ("CKA_TOKEN", "00"),
        ] {
            let bad = BTreeMap::from([(name.to_owned(), bad.to_owned())]);
            assert!(parse(ObjectClass::PrivateKey, &bad).is_none(), "{name}");
        }
    }

    #[test]
    fn what_is_not_shown_counts_as_its_default() {
        let flag = |name: &str, value| KeptAttribute::of_host(named(name), &[value]).unwrap();
        for (kept, as_if) in [
            (flag("CKA_COPYABLE", 1), true),
            (flag("CKA_COPYABLE", 0), false),
            (flag("CKA_SIGN_RECOVER", 0), true),
            (flag("CKA_ALWAYS_AUTHENTICATE", 1), false),
        ] {
            assert_eq!(kept.is_shown_by(&[]), as_if, "{kept:?}");
            assert!(kept.is_shown_by(std::slice::from_ref(&kept)));
        }
        assert!(!flag("CKA_SIGN_RECOVER", 0).is_shown_by(&[flag("CKA_SIGN_RECOVER", 1)]));
        assert!(KeptAttribute::of_host(named("CKA_START_DATE"), &[0; 8]).is_none(), "no date");
    }
}
