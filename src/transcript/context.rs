//! Where a ceremony connects to the ledger before it.

use super::ledger::LedgerState;
use crate::encoding::dsse::Mode;

/// What a ceremony connects to.
pub struct Context<'a> {
    /// The ledger's mode.
    pub mode: Mode,
    /// The number that the ceremony must have.
    pub number: u32,
    /// The ceremonies before it; none at genesis.
    pub state: Option<&'a LedgerState>,
}
