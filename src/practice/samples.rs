//! Keys to rehearse with.

use std::collections::BTreeMap;

use super::{
    device::Session,
    keys::{KeyKind, Material},
    state::{Content, Stored},
    token::PracticeToken,
};
use crate::{
    encoding::{digest::Digest, strict::Base64, text::Line},
    memory::Pin,
    ports::{cause::Cause, token::TokenError},
    proposal::target::{ObjectClass, ObjectRecord},
};

/// What [`PracticeToken::generate`] makes.
#[derive(Clone, Copy)]
pub enum Sample<'a> {
    /// A P-256 pair: private key and public key under one CKA_ID.
    P256,
    Ed25519,
    Aes256,
    /// A certificate with this value, which is not parsed.
    Certificate(&'a [u8]),
    /// A data object with this value; it has no CKA_ID.
    Data(&'a [u8]),
}

/// CKA_EXTRACTABLE of a private or secret key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extractable {
    /// A backup can take it.
    Yes,
    /// It never leaves the token.
    No,
}

impl PracticeToken {
    /// Generates an object, or the two of a pair, as an application would. PKCS#11 allows labels and ids that
    /// occur already, and so does this.
    pub fn generate(
        &mut self,
        user_pin: &Pin,
        sample: Sample<'_>,
        label: &str,
        id: &[u8],
        extractable: Extractable,
    ) -> Result<Vec<ObjectRecord>, TokenError> {
        self.as_user(user_pin, |session| generate(session, sample, label, id, extractable))
    }
}

fn generate(
    session: &Session<'_>,
    sample: Sample<'_>,
    label: &str,
    id: &[u8],
    extractable: Extractable,
) -> Result<Vec<ObjectRecord>, TokenError> {
    let failed = |reason: String| {
        TokenError::before("C_GenerateKey", Cause::TemplateInconsistent, reason, "give another label or id")
    };
    let name = Naming {
        label: Line::lossy(label),
        label_sha256: Line::new(label).is_err().then(|| Digest::of(label.as_bytes())),
        id: base16ct::lower::encode_string(id),
    };
    if id.len() > 64 {
        return Err(failed("an id of more than 64 bytes".into()));
    }
    let objects = match sample {
        Sample::P256 => key(session, KeyKind::P256, &name, extractable)?,
        Sample::Ed25519 => key(session, KeyKind::Ed25519, &name, extractable)?,
        Sample::Aes256 => key(session, KeyKind::Aes256, &name, extractable)?,
        Sample::Certificate(value) => vec![value_object(ObjectClass::Certificate, "x509", &name, value)],
        Sample::Data(value) => {
            let name = Naming { id: String::new(), ..name };
            vec![value_object(ObjectClass::Data, "data", &name, value)]
        }
    };
    let records = objects.iter().map(|object| object.record.clone()).collect();
    session.update(|state| {
        state.objects.extend(objects);
        Ok(records)
    })
}

struct Naming {
    label: Line,
    label_sha256: Option<Digest>,
    id: String,
}

impl Naming {
    fn record(&self, class: ObjectClass, key_type: &str) -> ObjectRecord {
        ObjectRecord {
            label_sha256: self.label_sha256,
            ..ObjectRecord::named(class, self.id.clone(), self.label.clone(), key_type)
        }
    }
}

fn key(
    session: &Session<'_>,
    kind: KeyKind,
    name: &Naming,
    extractable: Extractable,
) -> Result<Vec<Stored>, TokenError> {
    let failed = |reason: String| {
        TokenError::before("C_GenerateKey", Cause::DeviceError, reason, "check the practice token")
    };
    let material = Material::generate(kind).map_err(failed)?;
    let content = session.seal(material.expose())?;
    let extractable = Some(extractable == Extractable::Yes);
    let Some(public) = material.public_key().map_err(failed)? else {
        let record = ObjectRecord {
            check_value: material.check_value().map_err(failed)?,
            extractable,
            ..name.record(ObjectClass::SecretKey, kind.as_str())
        };
        return Ok(vec![Stored {
            record,
            attributes: set(&["CKA_DECRYPT", "CKA_ENCRYPT", "CKA_SENSITIVE"]),
            content,
        }]);
    };
    let public_key_sha256 = Some(public.keyid());
    let private = ObjectRecord {
        public_key_sha256,
        extractable,
        ..name.record(ObjectClass::PrivateKey, kind.as_str())
    };
    let record = ObjectRecord { public_key_sha256, ..name.record(ObjectClass::PublicKey, kind.as_str()) };
    let value = Content::Public(Base64(public.spki_der().to_vec()));
    Ok(vec![
        Stored { record: private, attributes: set(&["CKA_SENSITIVE", "CKA_SIGN"]), content },
        Stored { record, attributes: set(&["CKA_VERIFY"]), content: value },
    ])
}

fn value_object(class: ObjectClass, key_type: &str, name: &Naming, value: &[u8]) -> Stored {
    let record = ObjectRecord { value_sha256: Some(Digest::of(value)), ..name.record(class, key_type) };
    Stored { record, attributes: BTreeMap::new(), content: Content::Public(Base64(value.to_vec())) }
}

/// Attributes that are CK_TRUE.
fn set(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), "01".to_owned())).collect()
}
