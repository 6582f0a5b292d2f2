//! The objects that a plan's selectors mean.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use serde::Deserialize;

use super::target::{ObjectClass, ObjectRecord};
use crate::encoding::{digest::Digest, text::Line};

/// Picks objects of the last inventory: one, or several that nothing on record tells apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSelector {
    /// CKA_CLASS.
    pub class: ObjectClass,
    /// CKA_ID in hex; empty for an object without one.
    pub id: Option<String>,
    /// CKA_LABEL, all of it; empty for an object without one.
    pub label: Option<String>,
    /// SHA-256 of CKA_LABEL, where that cannot be written.
    pub label_sha256: Option<Digest>,
    /// Algorithm and size, as in the inventory.
    pub key_type: Option<String>,
    /// SHA-256 of the SubjectPublicKeyInfo, of the object or beside it.
    pub public_key_sha256: Option<Digest>,
    /// CKA_CHECK_VALUE in hex.
    pub check_value: Option<String>,
    /// CKA_UNIQUE_ID.
    pub unique_id: Option<String>,
    /// SHA-256 of CKA_VALUE.
    pub value_sha256: Option<Digest>,
    /// CKA_EXTRACTABLE.
    pub extractable: Option<bool>,
    /// This many objects, all that it fits, which nothing on record tells apart.
    pub count: Option<NonZeroU32>,
}

impl ObjectSelector {
    /// Whether it says more than a class and an attribute that half the objects have.
    pub(super) fn says_which(&self) -> bool {
        let text = [&self.id, &self.label, &self.key_type, &self.check_value, &self.unique_id];
        let digests = [self.label_sha256, self.public_key_sha256, self.value_sha256];
        text.iter().any(|text| text.is_some()) || digests.iter().any(Option::is_some)
    }

    pub fn means(&self, object: &ObjectRecord) -> bool {
        let text =
            |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|w| is == Some(w));
        let digest = |wanted: Option<Digest>, is: Option<Digest>| wanted.is_none() || wanted == is;
        object.class == self.class
            && text(&self.id, Some(&object.id))
            && self.label.as_deref().is_none_or(|label| object.is_labelled(label))
            && digest(self.label_sha256, object.label_sha256)
            && text(&self.key_type, Some(&object.key_type))
            && digest(self.public_key_sha256, object.known_half())
            && text(&self.check_value, object.check_value.as_deref())
            && text(&self.unique_id, object.unique_id.as_ref().map(Line::as_str))
            && digest(self.value_sha256, object.value_sha256)
            && (self.extractable.is_none() || self.extractable == object.extractable)
    }

    pub fn count(&self) -> usize {
        self.count.map_or(1, |count| usize::try_from(count.get()).unwrap_or(usize::MAX))
    }

    /// The value of a field by which objects are looked up.
    fn key(&self, field: Field) -> Option<Cow<'_, [u8]>> {
        let text = |text: &'_ Option<String>| text.clone().map(|text| Cow::Owned(text.into_bytes()));
        let digest = |digest: Option<Digest>| digest.map(|digest| Cow::Owned(digest.as_bytes().to_vec()));
        match field {
            Field::Id => text(&self.id),
            Field::Label => match (self.label_sha256, &self.label) {
                (None, Some(label)) if Line::new(label).is_ok() => Some(Cow::Borrowed(label.as_bytes())),
                (None, Some(label)) => digest(Some(Digest::of(label.as_bytes()))),
                (sha256, _) => digest(sha256),
            },
            Field::KeyType => text(&self.key_type),
            Field::PublicKey => digest(self.public_key_sha256),
            Field::CheckValue => text(&self.check_value),
            Field::UniqueId => text(&self.unique_id),
            Field::Value => digest(self.value_sha256),
        }
    }
}

/// A field by which objects are looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Id,
    Label,
    PublicKey,
    CheckValue,
    UniqueId,
    Value,
    KeyType,
}

impl Field {
    const ALL: [Self; 7] = [
        Self::Id,
        Self::Label,
        Self::PublicKey,
        Self::CheckValue,
        Self::UniqueId,
        Self::Value,
        Self::KeyType,
    ];

    /// Its value in an object; what one finds by it is still compared field by field.
    fn of(self, object: &ObjectRecord) -> Cow<'_, [u8]> {
        let digest = |digest: Option<Digest>| {
            Cow::Owned(digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default())
        };
        match self {
            Self::Id => Cow::Borrowed(object.id.as_bytes()),
            Self::Label => match object.label_sha256 {
                Some(sha256) => digest(Some(sha256)),
                None => Cow::Borrowed(object.label.as_str().as_bytes()),
            },
            Self::KeyType => Cow::Borrowed(object.key_type.as_bytes()),
            Self::PublicKey => digest(object.known_half()),
            Self::CheckValue => Cow::Borrowed(object.check_value.as_deref().unwrap_or_default().as_bytes()),
            Self::UniqueId => {
                Cow::Borrowed(object.unique_id.as_ref().map(Line::as_str).unwrap_or_default().as_bytes())
            }
            Self::Value => digest(object.value_sha256),
        }
    }
}

/// Why an entry of a plan means no certain objects. Its number counts from 1.
#[derive(Debug)]
pub enum Misfit {
    Nothing {
        entry: usize,
    },
    /// It fits objects that can be told apart.
    Several {
        entry: usize,
        objects: Vec<ObjectRecord>,
    },
    /// It fits several objects that nothing on record tells apart, and its count is another number.
    Twins {
        entry: usize,
        object: Box<ObjectRecord>,
        there: usize,
    },
    /// An earlier entry means it, too.
    Twice {
        entry: usize,
        object: Box<ObjectRecord>,
    },
}

/// The objects of a list that the selectors mean, entry by entry: exactly one each, or so many twins as it says.
pub fn select(selectors: &[ObjectSelector], recorded: &[ObjectRecord]) -> Result<Vec<ObjectRecord>, Misfit> {
    let mut lookup = Lookup { recorded, orders: BTreeMap::new() };
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut selected = Vec::new();
    for (entry, selector) in (1_usize..).zip(selectors) {
        let matches = lookup.find(selector);
        let Some((_, first)) = matches.first() else { return Err(Misfit::Nothing { entry }) };
        if matches.len() > 1 || selector.count() > 1 {
            let alike = |o: &ObjectRecord| o.is_same_object(first) && o.extractable == first.extractable;
            if !matches.iter().all(|(_, object)| alike(object)) {
                let objects = matches.iter().map(|(_, object)| (*object).clone()).collect();
                return Err(Misfit::Several { entry, objects });
            }
            if matches.len() != selector.count() {
                let object = Box::new((*first).clone());
                return Err(Misfit::Twins { entry, object, there: matches.len() });
            }
        }
        for (place, object) in matches {
            if !taken.insert(place) {
                return Err(Misfit::Twice { entry, object: Box::new(object.clone()) });
            }
            selected.push(object.clone());
        }
    }
    Ok(selected)
}

/// A list, in the order of each field that was asked for.
struct Lookup<'a> {
    recorded: &'a [ObjectRecord],
    orders: BTreeMap<Field, Vec<usize>>,
}

impl<'a> Lookup<'a> {
    /// The objects that a selector fits, with their places, found by the field that leaves the fewest.
    fn find(&mut self, selector: &ObjectSelector) -> Vec<(usize, &'a ObjectRecord)> {
        let mut fewest: Option<Vec<usize>> = None;
        for field in Field::ALL {
            let Some(key) = selector.key(field) else { continue };
            let candidates = self.with(field, &key);
            if fewest.as_ref().is_none_or(|fewest| candidates.len() < fewest.len()) {
                fewest = Some(candidates.to_vec());
            }
        }
        let places = fewest.unwrap_or_else(|| (0..self.recorded.len()).collect());
        let object = |place: usize| Some((place, self.recorded.get(place)?));
        places.into_iter().filter_map(object).filter(|(_, object)| selector.means(object)).collect()
    }

    fn with(&mut self, field: Field, key: &[u8]) -> &[usize] {
        let recorded = self.recorded;
        let value = |place: usize| recorded.get(place).map(|object| field.of(object)).unwrap_or_default();
        let order = self.orders.entry(field).or_insert_with(|| {
            let mut order: Vec<usize> = (0..recorded.len()).collect();
            order.sort_by_cached_key(|place| value(*place));
            order
        });
        let start = order.partition_point(|place| *value(*place) < *key);
        let end = order.partition_point(|place| *value(*place) <= *key);
        order.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
