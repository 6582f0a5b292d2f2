//! The copies of the ledger that the policy requires.

use super::{Code, Error, mistakes::Mistakes};
use crate::{
    encoding::dsse::Mode,
    ports::store::{Beside, Copies, LedgerStore},
    roster::Policy,
};

/// What there must be room for where a ceremony ends: an outcome that names the target's objects as the proposal did, and the last
/// line.
pub(super) const LAST_LINES: usize = 64 * 1024;

/// Notes all that would stop a ceremony from being written, from the proposal to its last line. `proposal` is about how many
/// bytes that has; none where it is not known.
pub(super) fn check_new(
    ledger: &mut dyn LedgerStore,
    mode: Mode,
    policy: Option<&Policy>,
    proposal: usize,
    mistakes: &mut Mistakes,
) {
    // The first line is the proposal in base64 twice. When it is replaced by a longer one, it is there twice.
    let bytes = proposal.saturating_mul(2 * 3).saturating_add(LAST_LINES);
    let obstacles = ledger.obstacles(u64::try_from(bytes).unwrap_or(u64::MAX));
    match ledger.copies() {
        Ok(copies) => drop(policy.map(|policy| mistakes.note(check_enough(copies, mode, policy)))),
        // It was said already why they cannot be looked at.
        Err(_) if !obstacles.is_empty() => {}
        Err(error) => drop(mistakes.note::<()>(Err(error.into()))),
    }
    for obstacle in obstacles {
        mistakes.note::<()>(Err(obstacle.into()));
    }
}

/// Refuses if too few places have the ledger, or all are on one medium: when an operation is proposed, and again before a target is
/// touched.
pub(super) fn check(ledger: &mut dyn LedgerStore, mode: Mode, policy: &Policy) -> Result<Copies, Error> {
    check_enough(ledger.copies()?, mode, policy)
        .map_err(|error| Error { hint: "name a directory on another medium with --copy DIR".into(), ..error })
}

fn check_enough(copies: Copies, mode: Mode, policy: &Policy) -> Result<Copies, Error> {
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

/// Puts a statement beside a transcript. Where that fails and the ledger has it all the same, the error says so: `done`.
pub(super) fn put(
    ledger: &mut dyn LedgerStore,
    directory: &str,
    beside: Beside,
    (name, bytes): (&str, &[u8]),
    done: impl FnOnce() -> String,
) -> Result<(), Error> {
    let Err(error) = ledger.put_beside(directory, beside, name, bytes) else { return Ok(()) };
    let is_there = ledger.ceremony(directory).is_ok_and(|files| {
        let statements = match beside {
            Beside::Approvals => files.approvals,
            Beside::Attestations => files.attestations,
            Beside::Drills => files.drills,
        };
        statements.iter().any(|(there, _)| there == name)
    });
    let error = Error::from(error);
    Err(if is_there { error.after(&done()) } else { error })
}
