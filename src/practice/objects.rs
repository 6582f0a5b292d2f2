//! The objects of a token while a session changes them one by one.
//!
//! The file is one document, so that each write is one of all objects: it is written after a sixteenth of them was changed, which
//! is each time where there are few, and its objects are looked up, not searched.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use super::state::{MAX_FILE, State, Stored, full};
use crate::{encoding::strict, ports::token::TokenError, proposal::target::ObjectRecord};

const PART: usize = 16;

/// The state, with the places of its objects.
pub(super) struct Objects {
    state: State,
    hashes: RandomState,
    /// By the hash of their identity.
    places: HashMap<u64, Vec<usize>>,
    /// Bytes of the document.
    length: usize,
    /// Changes that are not in the file.
    ahead: usize,
}

impl Objects {
    pub(super) fn of(state: State) -> Self {
        let (hashes, length) = (RandomState::new(), strict::write(&state).len());
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (place, object) in state.objects.iter().enumerate() {
            places.entry(hashes.hash_one(object.record.identity())).or_default().push(place);
        }
        Self { state, hashes, places, length, ahead: 0 }
    }

    /// Those that are the same object as this one, as far as that shows.
    pub(super) fn same(&self, record: &ObjectRecord) -> impl Iterator<Item = &Stored> {
        self.places_of(record).filter_map(|place| self.state.objects.get(place))
    }

    fn places_of(&self, record: &ObjectRecord) -> impl Iterator<Item = usize> {
        let alike = self.places.get(&self.hashes.hash_one(record.identity()));
        let is_it = |place: &usize| {
            self.state.objects.get(*place).is_some_and(|object| object.record.is_same_object(record))
        };
        alike.into_iter().flatten().copied().filter(is_it)
    }

    pub(super) fn add(&mut self, object: Stored) -> Result<(), TokenError> {
        let length = self.length.saturating_add(written(&object));
        if length > MAX_FILE {
            return Err(full());
        }
        self.length = length;
        let hash = self.hashes.hash_one(object.record.identity());
        self.places.entry(hash).or_default().push(self.state.objects.len());
        self.state.objects.push(object);
        self.ahead = self.ahead.saturating_add(1);
        Ok(())
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, record: &ObjectRecord) -> bool {
        let is_it = |place: &usize| self.state.objects.get(*place).is_some_and(|o| o.record == *record);
        let Some(place) = self.places_of(record).find(is_it) else { return false };
        self.forget(record, place);
        let removed = self.state.objects.swap_remove(place);
        self.length = self.length.saturating_sub(written(&removed));
        // The last one has its place now.
        if let Some(moved) = self.state.objects.get(place).map(|object| object.record.clone()) {
            self.forget(&moved, self.state.objects.len());
            self.places.entry(self.hashes.hash_one(moved.identity())).or_default().push(place);
        }
        self.ahead = self.ahead.saturating_add(1);
        true
    }

    fn forget(&mut self, record: &ObjectRecord, place: usize) {
        if let Some(places) = self.places.get_mut(&self.hashes.hash_one(record.identity())) {
            places.retain(|other| *other != place);
        }
    }

    /// Whether something was changed that is not in the file.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead > 0
    }

    /// Whether enough was changed to write all of it.
    pub(super) fn is_due(&self) -> bool {
        self.is_ahead() && self.ahead.saturating_mul(PART) >= self.state.objects.len()
    }

    pub(super) fn into_state(self) -> State {
        self.state
    }
}

/// Bytes of an object in the document, with a comma.
fn written(object: &Stored) -> usize {
    strict::write(object).len().saturating_add(1)
}
