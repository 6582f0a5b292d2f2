//! Where a ceremony connects to the ledger before it.

use super::ledger::LedgerState;
use crate::{
    approval::statement::{Claimed, Signed, Statement, StatementError},
    encoding::dsse::{Envelope, Mode},
    roster::{Roster, signatures::Signatures},
};

/// What a ceremony connects to.
pub struct Context<'a> {
    pub mode: Mode,
    /// The number that the ceremony must have.
    pub number: u32,
    /// The ceremonies before it; none at genesis.
    pub state: Option<&'a LedgerState>,
    /// When its signatures are verified.
    pub signatures: &'a Signatures<'a>,
}

impl Context<'_> {
    /// A statement by somebody of this roster.
    pub(super) fn statement<S: Statement>(
        &self,
        envelope: Envelope,
        roster: &Roster,
    ) -> Result<Signed<S>, StatementError> {
        Claimed::read(envelope, self.mode)?.verify(roster, self.signatures)
    }
}
