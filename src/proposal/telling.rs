//! Finding objects by what another record tells, where either may tell less than the other.
//!
//! Each object is entered once for every set of its optional fields that a question may leave open, so that a question is
//! answered by a few look-ups: a hostile list of objects with one name costs no more than any other.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use super::target::{ObjectClass, ObjectRecord};

/// Where the objects are that are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In one token, where CKA_UNIQUE_ID says which is which.
    OneToken,
    /// In two, each with unique ids of its own.
    AnyToken,
}

/// A field as a question has it: of no account, not told, or told.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Field<T> {
    Any,
    Silent,
    Told(T),
}

impl<T: Copy> Field<T> {
    /// As an object is entered: by what it tells, and for questions that do not tell it.
    fn entries(told: Option<T>) -> [Self; 2] {
        [told.map_or(Self::Silent, Self::Told), Self::Any]
    }

    /// What answers a question: the same, or else an object that does not tell.
    fn answers(told: Option<T>) -> [Option<Self>; 2] {
        match told {
            Some(value) => [Some(Self::Told(value)), Some(Self::Silent)],
            None => [Some(Self::Any), None],
        }
    }
}

/// What is told of an object: size, public half or check value, unique id.
#[derive(Clone, Copy)]
struct Told<'a> {
    family: &'a str,
    size: Option<&'a str>,
    mark: Option<&'a [u8]>,
    unique: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn by(record: &'a ObjectRecord, scope: Scope) -> Self {
        let (family, size) = family_and_size(&record.key_type);
        let mark = match record.class {
            ObjectClass::SecretKey => record.check_value.as_ref().map(String::as_bytes),
            _ => record.public_key_sha256.as_ref().map(|digest| digest.as_bytes().as_slice()),
        };
        let unique = record.unique_id.as_ref().filter(|_| scope == Scope::OneToken);
        Self { family, size, mark, unique: unique.map(|line| line.as_str()) }
    }
}

/// `aes-256` → `aes` and `256`. Some modules do not tell the length of an unwrapped key: `aes` for `aes-256`.
fn family_and_size(key_type: &str) -> (&str, Option<&str>) {
    match key_type.rsplit_once('-') {
        Some((family, size)) if !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()) => {
            (family, Some(size))
        }
        _ => (key_type, None),
    }
}

/// An object in the chain of those with one hash.
#[derive(Clone, Copy)]
struct Chained {
    record: usize,
    next: Option<usize>,
}

/// Objects, each of which is found once.
pub(super) struct Telling<'a> {
    scope: Scope,
    records: Vec<Option<&'a ObjectRecord>>,
    first: HashMap<u64, usize>,
    links: Vec<Chained>,
    state: RandomState,
}

impl<'a> Telling<'a> {
    pub(super) fn of(records: Vec<&'a ObjectRecord>, scope: Scope) -> Self {
        let mut telling = Self {
            scope,
            records: Vec::new(),
            first: HashMap::new(),
            links: Vec::new(),
            state: RandomState::new(),
        };
        // A chain gives back last what was entered first.
        for (place, record) in records.iter().enumerate().rev() {
            telling.enter(place, record);
        }
        telling.records = records.into_iter().map(Some).collect();
        telling
    }

    fn enter(&mut self, record: usize, of: &ObjectRecord) {
        let told = Told::by(of, self.scope);
        for size in Field::entries(told.size) {
            for mark in Field::entries(told.mark) {
                for unique in Field::entries(told.unique) {
                    let hash = self.hash(of, told.family, size, mark, unique);
                    let next = self.first.insert(hash, self.links.len());
                    self.links.push(Chained { record, next });
                }
            }
        }
    }

    fn hash(
        &self,
        record: &ObjectRecord,
        family: &str,
        size: Field<&str>,
        mark: Field<&[u8]>,
        unique: Field<&str>,
    ) -> u64 {
        self.state.hash_one((record.name(), family, record.value_sha256, size, mark, unique))
    }

    /// Takes out an object that `wanted` may be, preferring one that tells as much over one that tells less.
    pub(super) fn take(&mut self, wanted: &ObjectRecord) -> Option<&'a ObjectRecord> {
        let told = Told::by(wanted, self.scope);
        for mark in Field::answers(told.mark).into_iter().flatten() {
            for size in Field::answers(told.size).into_iter().flatten() {
                for unique in Field::answers(told.unique).into_iter().flatten() {
                    let hash = self.hash(wanted, told.family, size, mark, unique);
                    if let Some(found) = self.pop(hash, wanted) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// The first object of a chain that was not taken yet; those that were are dropped from it.
    fn pop(&mut self, hash: u64, wanted: &ObjectRecord) -> Option<&'a ObjectRecord> {
        let mut at = self.first.get(&hash).copied();
        while let Some(link) = at.and_then(|at| self.links.get(at)).copied() {
            let slot = self.records.get_mut(link.record)?;
            let Some(record) = *slot else {
                at = link.next;
                continue;
            };
            // Two names may have one hash.
            if record.name() != wanted.name() {
                break;
            }
            *slot = None;
            at = link.next;
            self.keep(hash, at);
            return Some(record);
        }
        self.keep(hash, at);
        None
    }

    fn keep(&mut self, hash: u64, at: Option<usize>) {
        match at {
            Some(at) => drop(self.first.insert(hash, at)),
            None => drop(self.first.remove(&hash)),
        }
    }

    /// What was not taken out.
    pub(super) fn left(self) -> Vec<&'a ObjectRecord> {
        self.records.into_iter().flatten().collect()
    }
}
