//! Which object is which, and what became of the objects of one list in another.
//!
//! An object is identified by what it shows: class, CKA_ID, label, key type and size, its own public half, check value,
//! CKA_UNIQUE_ID, and the digest of a certificate's or data object's value. What a neighbour shows, and CKA_EXTRACTABLE, may
//! change about the same object. Where a token shows no more than id, label, type and size, another key of the same four is
//! taken for it.
//!
//! Lists are compared as multisets: objects that nothing tells apart count as often as they occur. All of it is sorted and
//! walked in order, since a list may come from a hostile ledger.

use std::cmp::Ordering;

use super::{
    target::{ObjectClass, ObjectRecord},
    telling::{Scope, Telling},
};
use crate::encoding::{digest::Digest, text::Line};

/// What an object shows about itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity<'a> {
    class: ObjectClass,
    id: &'a str,
    label: &'a Line,
    label_sha256: Option<Digest>,
    key_type: &'a str,
    public_key_sha256: Option<Digest>,
    check_value: Option<&'a str>,
    unique_id: Option<&'a Line>,
    value_sha256: Option<Digest>,
}

impl ObjectRecord {
    /// An object that shows these and nothing else.
    pub fn named(
        class: ObjectClass,
        id: impl Into<String>,
        label: Line,
        key_type: impl Into<String>,
    ) -> Self {
        Self {
            class,
            id: id.into(),
            label,
            label_sha256: None,
            key_type: key_type.into(),
            public_key_sha256: None,
            check_value: None,
            unique_id: None,
            value_sha256: None,
            extractable: None,
            evidence: None,
        }
    }

    /// The part of the record that identifies the object.
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            class: self.class,
            id: &self.id,
            label: &self.label,
            label_sha256: self.label_sha256,
            key_type: &self.key_type,
            public_key_sha256: self.public_key_sha256,
            check_value: self.check_value.as_deref(),
            unique_id: self.unique_id.as_ref(),
            value_sha256: self.value_sha256,
        }
    }

    /// Whether both records are of one object, as far as that shows.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// The public half that the object shows, or else the one that lies beside it.
    pub fn known_half(&self) -> Option<Digest> {
        self.public_key_sha256.or(self.evidence.map(|evidence| evidence.public_key_sha256))
    }

    /// Whether what lies beside the object now is not what lay there: evidence that is missing contradicts nothing.
    pub fn is_contradicted_by(&self, now: &Self) -> bool {
        let half = |record: &Self| record.evidence.map(|evidence| evidence.public_key_sha256);
        matches!((half(self), half(now)), (Some(was), Some(is)) if was != is)
    }

    /// Whether nothing but id, label, type and size identifies it.
    pub fn is_known_by_name_only(&self) -> bool {
        self.public_key_sha256.is_none()
            && self.check_value.is_none()
            && self.unique_id.is_none()
            && self.value_sha256.is_none()
    }

    /// Whether a person could take one for the other: same class, and the same id or label.
    pub fn resembles(&self, other: &Self) -> bool {
        self.class == other.class
            && ((!self.id.is_empty() && self.id == other.id)
                || (self.label == other.label && !self.label.as_str().is_empty()))
    }

    /// What it is called: class, id and label.
    pub fn name(&self) -> (ObjectClass, &str, &Line, Option<Digest>) {
        (self.class, &self.id, &self.label, self.label_sha256)
    }

    pub fn is_labelled(&self, text: &str) -> bool {
        match self.label_sha256 {
            Some(digest) => Digest::of(text.as_bytes()) == digest,
            None => self.label.as_str() == text,
        }
    }

    /// What the record says besides class, id, label and type, for telling two objects apart.
    pub fn particulars(&self) -> String {
        let mut told = Vec::new();
        let mut tell = |what: &str, value: Option<String>| {
            if let Some(value) = value {
                told.push(format!("{what} {value}"));
            }
        };
        tell("label_sha256", self.label_sha256.map(|d| d.to_string()));
        tell("public_key_sha256", self.public_key_sha256.map(|d| d.to_string()));
        tell("check_value", self.check_value.clone());
        tell("unique_id", self.unique_id.as_ref().map(ToString::to_string));
        tell("value_sha256", self.value_sha256.map(|d| d.to_string()));
        // One that does not come out is called so where it is named.
        tell("extractable", self.extractable.filter(|comes_out| *comes_out).map(|e| e.to_string()));
        told.join(", ")
    }
}

/// What became of the objects of one list in another.
#[derive(Debug, Default)]
pub struct Matching<'a> {
    /// In both: as it was, and as it is.
    pub same: Vec<(&'a ObjectRecord, &'a ObjectRecord)>,
    /// In the old list only.
    pub gone: Vec<&'a ObjectRecord>,
    /// In the new list only.
    pub come: Vec<&'a ObjectRecord>,
}

impl<'a> Matching<'a> {
    /// The objects of both lists about which something different is reported now.
    pub fn changed(&self) -> impl Iterator<Item = (&'a ObjectRecord, &'a ObjectRecord)> {
        self.same.iter().copied().filter(|(was, is)| was != is)
    }
}

type References<'a> = Vec<&'a ObjectRecord>;

/// Compares two lists: equal records first, then those of one identity. An object that tells more or less of itself than it
/// did, as after an update of the module, is the same where nothing that both tell differs.
pub fn matching<'a>(
    old: impl IntoIterator<Item = &'a ObjectRecord>,
    new: impl IntoIterator<Item = &'a ObjectRecord>,
) -> Matching<'a> {
    let mut same = Vec::new();
    let (old, new) = strictly(sorted(old), sorted(new), &mut same);
    if old.is_empty() || new.is_empty() {
        return Matching { same, gone: old, come: new };
    }
    let mut telling = Telling::of(new, Scope::OneToken);
    let mut gone = Vec::new();
    for was in old {
        match telling.take(was) {
            Some(is) => same.push((was, is)),
            None => gone.push(was),
        }
    }
    Matching { same, gone, come: telling.left() }
}

/// The objects of one list that were made again in another token: each with what it has become, and those that were not.
/// What only one of two tokens tells is not compared; unique ids and CKA_EXTRACTABLE are the token's own.
pub fn made_again<'a>(
    originals: impl IntoIterator<Item = &'a ObjectRecord>,
    found: impl IntoIterator<Item = &'a ObjectRecord>,
) -> Matching<'a> {
    let mut originals = sorted(originals);
    // What tells more is choosier.
    originals.sort_by_key(|o| (o.public_key_sha256.is_none(), o.check_value.is_none()));
    let mut telling = Telling::of(sorted(found), Scope::AnyToken);
    let (mut same, mut gone) = (Vec::new(), Vec::new());
    for original in originals {
        match telling.take(original) {
            Some(copy) => same.push((original, copy)),
            None => gone.push(original),
        }
    }
    Matching { same, gone, come: telling.left() }
}

/// Whether all of `some` are among `all`, each as often.
pub fn is_among(some: &[ObjectRecord], all: &[ObjectRecord]) -> bool {
    let mut same = Vec::new();
    merge(sorted(some), sorted(all), Ord::cmp, &mut same).0.is_empty()
}

/// Whether both lists have the same objects, whatever else is told of them.
pub fn is_same_set<'a>(
    one: impl IntoIterator<Item = &'a ObjectRecord>,
    other: impl IntoIterator<Item = &'a ObjectRecord>,
) -> bool {
    let (left, right) = strictly(sorted(one), sorted(other), &mut Vec::new());
    left.is_empty() && right.is_empty()
}

fn strictly<'a>(
    old: References<'a>,
    new: References<'a>,
    same: &mut Vec<(&'a ObjectRecord, &'a ObjectRecord)>,
) -> (References<'a>, References<'a>) {
    let (old, new) = merge(old, new, Ord::cmp, same);
    // The fields of an identity come first in a record, so that both orders are one.
    merge(old, new, |a, b| a.identity().cmp(&b.identity()), same)
}

fn sorted<'a>(records: impl IntoIterator<Item = &'a ObjectRecord>) -> References<'a> {
    let mut records: References<'a> = records.into_iter().collect();
    records.sort();
    records
}

/// Pairs off what is equal in two sorted lists; returns what is left of both.
fn merge<'a>(
    old: References<'a>,
    new: References<'a>,
    order: impl Fn(&ObjectRecord, &ObjectRecord) -> Ordering,
    same: &mut Vec<(&'a ObjectRecord, &'a ObjectRecord)>,
) -> (References<'a>, References<'a>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (gone, come),
        };
        match order {
            Ordering::Less => gone.extend(old.next()),
            Ordering::Greater => come.extend(new.next()),
            Ordering::Equal => same.extend(old.next().zip(new.next())),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
