//! What a process has verified of a ledger that it works on, so that a step verifies what is new and not all from the
//! genesis on.

use super::{
    ledger::CeremonyFiles,
    verification::{self, Verified},
};
use crate::encoding::dsse::Mode;

/// The ceremonies before the last one, verified, with the bytes in which they were read: the state is that of these bytes and
/// of no others. The last one may go on, and is verified each time.
#[derive(Default)]
pub struct Known {
    mode: Option<Mode>,
    files: Vec<CeremonyFiles>,
    verified: Verified,
    last: Option<String>,
}

impl Known {
    /// Verifies a ledger as [`verification::verify`] does. What was verified before is taken over where every byte of it is
    /// the same, and forgotten otherwise.
    pub fn verify(&mut self, files: &[CeremonyFiles], mode: Mode) -> Verified {
        if files.is_empty() {
            *self = Self::default();
            return verification::verify(files, mode);
        }
        let before = files.len().saturating_sub(1);
        if self.mode != Some(mode) || !files.get(..before).is_some_and(|files| files.starts_with(&self.files))
        {
            *self = Self { mode: Some(mode), ..Self::default() };
        }
        let new = self.files.len();
        self.verify_next(files.get(new..).unwrap_or_default(), mode)
    }

    /// The directory of the last ceremony of the ledger that was verified; none where nothing was, or not all of it.
    pub fn last(&self, mode: Mode) -> Option<&str> {
        self.last.as_deref().filter(|_| self.mode == Some(mode))
    }

    /// Verifies the last ceremony as it is now, and what follows it, after the ceremonies before it as they were when they
    /// were verified.
    pub fn verify_next(&mut self, next: &[CeremonyFiles], mode: Mode) -> Verified {
        let mut known = std::mem::take(self);
        let before = next.len().saturating_sub(1);
        let (verified, is_whole) = known.verified.go_on(next, before, mode);
        if !is_whole {
            return verified;
        }
        known.mode = Some(mode);
        known.verified = verified;
        known.files.extend_from_slice(next.get(..before).unwrap_or_default());
        let (verified, is_whole) = known.verified.go_on(next.get(before..).unwrap_or_default(), 1, mode);
        known.last = next.last().filter(|_| is_whole).map(|file| file.directory.clone());
        *self = known;
        verified
    }
}
