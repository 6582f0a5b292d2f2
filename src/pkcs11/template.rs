//! How a copy of an object is asked for: by the object's own attributes.

use cryptoki::object::{Attribute, AttributeType, ObjectClass as Ck};

use super::{objects, public_key};
use crate::proposal::target::ObjectClass;

/// CKA_NSS_DB of NSS softoken: the public point of an EC private key.
const NSS_DB: u64 = 0xd5a0_db00;

/// The template of a copy, in the token or in the session only.
pub(super) struct Template {
    attributes: Vec<Attribute>,
    point: Option<Vec<u8>>,
}

impl Template {
    /// Of an object with these attributes, whose public half is `spki` if it is a private key.
    pub(super) fn new(class: ObjectClass, in_token: bool, own: &[Attribute], spki: Option<&[u8]>) -> Self {
        let ck = objects::CLASSES.iter().find(|(c, _)| *c == class).map_or(Ck::DATA, |(_, ck)| *ck);
        let mut attributes = vec![Attribute::Class(ck), Attribute::Token(in_token)];
        attributes.extend(own.iter().filter(|a| !is_default(a)).cloned());
        let point = spki.filter(|_| class == ObjectClass::PrivateKey).and_then(public_key::point);
        Self { attributes, point }
    }

    /// As the standard has it.
    pub(super) fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The same for NSS, which unwraps no EC key unless it is told its public point; none for other keys.
    pub(super) fn for_nss(&self) -> Option<Vec<Attribute>> {
        let point = self.point.clone()?;
        let told = Attribute::VendorDefined((AttributeType::VendorDefined(NSS_DB), point));
        Some(self.attributes.iter().cloned().chain([told]).collect())
    }
}

/// Attributes that some tokens refuse to be told even their default.
fn is_default(attribute: &Attribute) -> bool {
    matches!(
        attribute,
        Attribute::Modifiable(true)
            | Attribute::AlwaysAuthenticate(false)
            | Attribute::SignRecover(false)
            | Attribute::VerifyRecover(false)
    ) || matches!(attribute, Attribute::Id(v) | Attribute::Subject(v) | Attribute::Application(v)
        | Attribute::Issuer(v) | Attribute::SerialNumber(v) | Attribute::ObjectId(v) if v.is_empty())
}
