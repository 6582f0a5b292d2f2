//! Whether secrets may be handled by this process, by the quorum's policy.
//!
//! Our own secrets lie in pages that are never swapped, in any case. Copies that a library makes of them do not, unless all of
//! the process is locked or there is no swap; a production quorum requires that unless its genesis says otherwise.

use super::Error;
use crate::{
    encoding::dsse::Mode,
    memory::hardening::{self, Residency},
    roster::Policy,
};

/// Refuses where the policy requires more than was found when the process started. Checked before a secret is made or a PIN is
/// asked for.
pub fn check(mode: Mode, policy: &Policy) -> Result<(), Error> {
    if mode == Mode::Production
        && policy.require_locked_memory
        && hardening::residency() == Some(Residency::SecretsOnly)
    {
        let hint = "raise the limit of locked memory as described below, or turn swap off, then run the same command again";
        let error = Error::refused(
            "this quorum's policy requires that no copy of a secret can reach swap, and here it could",
            hint,
        );
        return Err(error.with(hardening::RAISE_THE_LIMIT.map(str::to_owned).to_vec()));
    }
    Ok(())
}
