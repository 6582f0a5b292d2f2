//! What the station knows about the PINs that an open ceremony sets: a PIN that was certainly never set is not tried, because a
//! wrong one costs a try.
//!
//! A mark lies beside the station's secrets, is durable before the first call that sets the PIN, and goes with the ceremony.
//! A recovery reads them at the station of the lost ceremony. Any other station has none: then either PIN may be in force.

use super::{Error, acting::Acting};
use crate::{
    encoding::text::Name,
    ports::store::StationStore,
    proposal::target::Role,
    transcript::{
        ledger::{Ceremony, LedgerState},
        recovery::Recovery,
    },
};

const MAY_BE_SET: &[u8] = b"may-be-set";
const SET: &[u8] = b"set";

/// What is known of a PIN that an earlier run was to set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NewPin {
    /// No run came as far as setting it.
    NeverSet,
    /// A run was cut off while it set it, or may have been.
    MayBeSet,
    /// A run saw it in force.
    Set,
}

/// What this station knows of a PIN that the ceremony sets. A recovery knows what the station of the lost ceremony knew, where this is
/// that station and no other recovery has acted since.
pub(super) fn known(
    station: &dyn StationStore,
    state: &LedgerState,
    ceremony: &Ceremony,
    target: &Name,
    role: Role,
) -> Result<NewPin, Error> {
    let marked = |of: &Ceremony| -> Result<NewPin, Error> {
        Ok(match station.take(state.nonce, of.number(), &mark(target, role))?.as_deref() {
            None => NewPin::NeverSet,
            Some(SET) => NewPin::Set,
            Some(_) => NewPin::MayBeSet,
        })
    };
    let own = marked(ceremony)?;
    match state.recovery(&ceremony.proposal.operation).filter(Recovery::finishes) {
        Some(Recovery { lost, .. }) if own == NewPin::NeverSet => {
            let kept = station.names(state.nonce, lost.number())?;
            let here = kept.contains(&super::station::mark(lost.digest));
            if here && !state.is_recovered_elsewhere(lost, ceremony) {
                marked(lost)
            } else {
                Ok(NewPin::MayBeSet)
            }
        }
        _ => Ok(own),
    }
}

impl Acting<'_, '_> {
    /// What this station knows of the PIN that its ceremony sets.
    pub(super) fn new_pin(&self, target: &Name, role: Role) -> Result<NewPin, Error> {
        known(&*self.world.station, self.state, self.ceremony, target, role)
    }

    /// Records that the PIN is about to be set, or that it was seen to be set, or not to be.
    pub(super) fn mark_pin(&mut self, target: &Name, role: Role, known: NewPin) -> Result<(), Error> {
        let (ledger, number, name) = (self.state.nonce, self.ceremony.number(), mark(target, role));
        match known {
            NewPin::NeverSet => self.world.station.destroy(ledger, number, &name)?,
            NewPin::MayBeSet => self.world.station.put(ledger, number, &name, MAY_BE_SET)?,
            NewPin::Set => self.world.station.put(ledger, number, &name, SET)?,
        }
        Ok(())
    }
}

/// At most 40 characters of a name and 13 of a role: within what the station takes as a name.
fn mark(target: &Name, role: Role) -> String {
    format!("pin-{role}-{target}")
}
