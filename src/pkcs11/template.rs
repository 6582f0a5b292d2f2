//! How a copy of an object is asked for: by the object's own attributes.

use cryptoki::object::{Attribute, AttributeType, ObjectClass as Ck};

use super::{
    attributes::{KeptAttribute, Weight},
    objects, public_key,
};
use crate::proposal::target::ObjectClass;

/// CKA_NSS_DB of NSS softoken: the public point of an EC private key.
const NSS_DB: u64 = 0xd5a0_db00;

/// Where a copy is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    Token,
    Session,
}

/// The template of a copy.
pub(super) struct Template {
    attributes: Vec<Attribute>,
    point: Option<Vec<u8>>,
    /// What templates within this one point to.
    _held: Vec<Box<[u8]>>,
}

impl Template {
    /// Of an object with these attributes, whose public half is `spki` if it is a private key.
    pub(super) fn new<'k>(
        class: ObjectClass,
        home: Home,
        own: impl IntoIterator<Item = &'k KeptAttribute>,
        spki: Option<&[u8]>,
    ) -> Self {
        let ck = objects::CLASSES.iter().find(|(c, _)| *c == class).map_or(Ck::DATA, |(_, ck)| *ck);
        let mut attributes = vec![Attribute::Class(ck), Attribute::Token(home == Home::Token)];
        let mut held = Vec::new();
        attributes.extend(own.into_iter().filter_map(|kept| kept.told(&mut held)));
        let point = spki.filter(|_| class == ObjectClass::PrivateKey).and_then(public_key::point);
        Self { attributes, point, _held: held }
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

/// What an object cannot be without, apart from what a token may not take.
pub(super) fn parts(own: &[KeptAttribute]) -> (Vec<&KeptAttribute>, Vec<&KeptAttribute>) {
    own.iter().partition(|kept| kept.row.part == Weight::Being)
}
