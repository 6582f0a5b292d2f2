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
}

impl Known {
    /// Verifies a ledger as [`verification::verify`] does. What was verified before is taken over where every byte of it is
    /// the same, and forgotten otherwise.
    pub fn verify(&mut self, files: &[CeremonyFiles], mode: Mode) -> Verified {
        let mut known = std::mem::take(self);
        let Some(before) = files.len().checked_sub(1) else { return verification::verify(files, mode) };
        if known.mode != Some(mode)
            || !files.get(..before).is_some_and(|files| files.starts_with(&known.files))
        {
            known = Self { mode: Some(mode), ..Self::default() };
        }
        let (verified, is_whole) = known.verified.go_on(files, before, mode);
        if !is_whole {
            return verified;
        }
        known.verified = verified;
        let new = files.get(known.files.len()..before).unwrap_or_default();
        known.files.extend_from_slice(new);
        let (verified, _) = known.verified.go_on(files, files.len(), mode);
        *self = known;
        verified
    }
}
