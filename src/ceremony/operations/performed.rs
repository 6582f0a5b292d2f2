//! What the ceremony asks of an operation. How it is proposed is a function of each file: it takes the plan of its kind.

use std::sync::Arc;

use crate::{
    ceremony::{
        Error, World,
        acting::{Acted, Acting, Granted},
        fresh_pins::FreshPins,
    },
    proposal::target::Observation,
    roster::Roster,
    transcript::ledger::{LedgerState, TargetInForce},
};

/// What a plan does, with everything that it touches pinned, and the new PINs that it makes.
pub(in crate::ceremony) type Pinned<Operation> = Result<(Operation, FreshPins), Error>;

/// What a proposal is made with.
pub(in crate::ceremony) struct Proposing<'a, 'w> {
    pub(in crate::ceremony) world: &'a mut World<'w>,
    pub(in crate::ceremony) state: &'a LedgerState,
    /// The roster whose people act.
    pub(in crate::ceremony) roster: Arc<Roster>,
}

/// An operation at the station.
pub(in crate::ceremony) trait Performed {
    /// The last look before the intent, at what only this operation needs: the identity of its target was compared already.
    fn check_ready(&self, _: &mut World<'_>, _: &TargetInForce, _: &Observation) -> Result<(), Error> {
        Ok(())
    }

    /// Opens what it needs, wipes the authorities, acts and looks.
    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error>;
}
