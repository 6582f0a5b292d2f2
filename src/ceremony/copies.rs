//! The copies of the ledger that the policy requires.

use super::{Code, Error};
use crate::{
    encoding::dsse::Mode,
    ports::store::{Copies, LedgerStore},
    roster::Policy,
};

/// Refuses if too few places have the ledger, or all are on one medium: when an operation is proposed, and again before a target is
/// touched.
pub(super) fn check(ledger: &mut dyn LedgerStore, mode: Mode, policy: &Policy) -> Result<Copies, Error> {
    let copies = ledger.copies()?;
    if copies.count < policy.copies {
        return Err(Error::refused(
            format!(
                "the ledger is in {} {}, and the policy requires {} before a target is touched",
                copies.count,
                if copies.count == 1 { "place" } else { "places" },
                policy.copies
            ),
            "name a directory on a second medium with --copy DIR",
        )
        .coded(Code::Copies));
    }
    if copies.count > 1 && copies.same_medium && !policy.allow_same_medium && mode == Mode::Production {
        return Err(Error::refused(
            "the copies of the ledger are on one file system",
            "put the copy on another medium, or allow it in the plan of the genesis: policy.allow_same_medium = true",
        )
        .coded(Code::Copies));
    }
    Ok(copies)
}
