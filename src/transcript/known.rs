//! What a process has verified of a ledger that it works on, so that a step verifies what is new and not all from the
//! genesis on.

use std::{borrow::Cow, cell::RefCell, collections::BTreeMap};

use super::{
    ledger::{CeremonyFiles, LedgerFiles},
    verification::{self, Verified},
};
use crate::encoding::{digest::Digest, dsse::Mode};

/// The ceremonies before the last one, verified, with the digests of the files from which they were read: the state is that of
/// these bytes and of no others. The last one may go on, and is verified each time.
#[derive(Default)]
pub struct Known {
    mode: Option<Mode>,
    digests: Vec<Digest>,
    verified: Verified,
    last: Option<(String, Digest)>,
}

impl Known {
    /// Verifies a ledger as [`verification::verify_files`] does. What was verified before is taken over where every byte of it
    /// is the same, and forgotten otherwise.
    pub fn verify<L: LedgerFiles + ?Sized>(&mut self, files: &L, mode: Mode) -> Result<Verified, L::Error> {
        if files.directories().is_empty() {
            *self = Self::default();
            return verification::verify_files(files, mode);
        }
        if self.mode != Some(mode) || !self.is_beginning_of(files)? {
            *self = Self { mode: Some(mode), ..Self::default() };
        }
        self.go_on(files, self.digests.len(), mode)
    }

    /// The directory of the last ceremony of the ledger that was verified; none where nothing was, or not all of it.
    pub fn last(&self, mode: Mode) -> Option<&str> {
        self.last.as_ref().filter(|_| self.mode == Some(mode)).map(|(directory, _)| directory.as_str())
    }

    /// The digests of the ceremonies that were verified, by number.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.digests.iter().copied().chain(self.last.iter().map(|(_, digest)| *digest))
    }

    /// The same where nobody had locked the files: until all of them are compared again, nothing follows the last ceremony.
    #[must_use]
    pub fn before_lock(self) -> Self {
        Self { last: None, ..self }
    }

    /// Verifies the last ceremony as it is now, and what follows it, after the ceremonies before it as they were when they
    /// were verified.
    pub fn verify_next(&mut self, next: &[CeremonyFiles], mode: Mode) -> Verified {
        let Ok(verified) = self.go_on(next, 0, mode);
        verified
    }

    /// Whether the ledger begins with the very files that were verified, and has more.
    fn is_beginning_of<L: LedgerFiles + ?Sized>(&self, files: &L) -> Result<bool, L::Error> {
        if self.digests.len() >= files.directories().len() {
            return Ok(false);
        }
        for (place, digest) in self.digests.iter().enumerate() {
            if files.ceremony(place)?.digest() != *digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn go_on<L: LedgerFiles + ?Sized>(
        &mut self,
        files: &L,
        first: usize,
        mode: Mode,
    ) -> Result<Verified, L::Error> {
        let mut known = std::mem::take(self);
        let read = Digesting { files, digests: RefCell::default() };
        let count = files.directories().len();
        let last = count.saturating_sub(1);
        let (verified, is_whole) = known.verified.go_on(&read, first..last, mode)?;
        if !is_whole {
            return Ok(verified);
        }
        known.mode = Some(mode);
        known.verified = verified;
        known.digests.extend(read.digests.take().into_values());
        let (verified, is_whole) = known.verified.go_on(&read, last..count, mode)?;
        let digest = read.digests.into_inner().into_values().next().filter(|_| is_whole);
        known.last = files.directories().last().map(|&last| last.to_owned()).zip(digest);
        *self = known;
        Ok(verified)
    }
}

/// A ledger whose ceremonies are digested as they are read.
struct Digesting<'l, L: ?Sized> {
    files: &'l L,
    /// By place. Where a walk is walked again, of what was read last.
    digests: RefCell<BTreeMap<usize, Digest>>,
}

impl<L: LedgerFiles + ?Sized> LedgerFiles for Digesting<'_, L> {
    type Error = L::Error;

    fn directories(&self) -> Vec<&str> {
        self.files.directories()
    }

    fn ceremony(&self, place: usize) -> Result<Cow<'_, CeremonyFiles>, L::Error> {
        let files = self.files.ceremony(place)?;
        self.digests.borrow_mut().insert(place, files.digest());
        Ok(files)
    }
}
