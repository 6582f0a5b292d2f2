//! Logging in: which of the PINs that may hold is the one that does.
//!
//! The quorum holds one PIN of a role, unless a change of it was cut off. Then there are two, or more after several such
//! ends, and each is tried once. The token stops it before a last try.

use super::{Error, act::Acting, credentials::Credentials};
use crate::{
    approval::quorum::Authorities,
    memory::Pin,
    ports::token::{Run, Token, TokenError},
    proposal::target::{Inventory, Role},
    transcript::ledger::{Ceremony, TargetInForce},
};

/// The return value of a wrong PIN, after which another one may be tried.
pub(super) const WRONG_PIN: &str = "CKR_PIN_INCORRECT";

/// A PIN that may hold.
pub(super) struct PresentPin {
    /// Version of the sealed credential; none where the quorum does not hold it.
    pub(super) version: Option<u32>,
    pub(super) pin: Pin,
}

impl Acting<'_, '_> {
    /// The PINs of a role that may hold, in the order in which they are tried. After a run that was cut off, the one that
    /// held before comes first: most runs break before they change it, and then no try is lost.
    pub(super) fn present_pins(
        &self,
        ceremony: &Ceremony,
        target: &TargetInForce,
        role: Role,
        authorities: &Authorities,
    ) -> Result<Vec<PresentPin>, Error> {
        let name = &target.target.name;
        let proposal = &ceremony.proposal;
        let may_be_set = self.run == Run::Resumed && !proposal.operation.sets_pins();
        let set = proposal
            .credentials
            .iter()
            .filter(|c| may_be_set && c.target == *name && c.role == role && target.keeps(c));
        let mut pins = Vec::new();
        for sealed in target.credentials.get(&role).into_iter().flatten().chain(set) {
            let pin = self.open(sealed, authorities)?.to_pin()?;
            pins.push(PresentPin { version: Some(sealed.version), pin });
        }
        if pins.is_empty() {
            pins.push(PresentPin { version: None, pin: self.pin(&Credentials::new(), name, role)? });
        }
        Ok(pins)
    }
}

/// Logs the user in with the PIN that holds, and reads all objects.
pub(super) fn log_in(
    token: &mut dyn Token,
    candidates: Vec<PresentPin>,
) -> Result<(PresentPin, Inventory), TokenError> {
    first_that_holds(candidates, |pin| token.inventory(pin))
}

/// Tries each PIN once, until one is not wrong.
pub(super) fn first_that_holds<T>(
    candidates: Vec<PresentPin>,
    mut attempt: impl FnMut(&Pin) -> Result<T, TokenError>,
) -> Result<(PresentPin, T), TokenError> {
    let mut wrong = None;
    for candidate in candidates {
        match attempt(&candidate.pin) {
            Ok(value) => return Ok((candidate, value)),
            Err(error) if error.code == WRONG_PIN => wrong = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(wrong.unwrap_or_else(|| {
        TokenError::before("C_Login", "", "no PIN is at hand", "audit the ledger and its copies")
    }))
}
