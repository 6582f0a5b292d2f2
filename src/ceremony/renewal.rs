//! The end of an operation: the PIN that the target has seen is changed, and the new one is proven by a login.
//!
//! The new PIN stands in the proposal, sealed to the same authority. An error may follow a completed change, so that what
//! counts is which of the two logs in.

use super::{
    Error,
    access::{PresentPin, WRONG_PIN},
    act::{Acted, Acting},
    credentials::Credentials,
};
use crate::{
    approval::authorization::PinAuthorization,
    ports::token::{Effect, PinChange, PinHolder, Token, TokenError},
    proposal::target::Role,
    transcript::{
        event::PinInForce,
        ledger::{Ceremony, TargetInForce},
        outcome::Outcome,
    },
};

impl Acting<'_, '_> {
    /// The PIN that a ceremony sets at its end; none where it keeps what holds.
    pub(super) fn fresh_pin(
        &self,
        ceremony: &Ceremony,
        target: &TargetInForce,
        role: Role,
        credentials: &Credentials,
    ) -> Result<Option<PresentPin>, Error> {
        let name = &target.target.name;
        let proposed = ceremony
            .proposal
            .credentials
            .iter()
            .find(|c| c.target == *name && c.role == role && target.keeps(c));
        match (proposed, credentials.get(&(name.clone(), role))) {
            (Some(sealed), Some(secret)) => {
                Ok(Some(PresentPin { version: Some(sealed.version), pin: secret.to_pin()? }))
            }
            _ => Ok(None),
        }
    }

    /// Changes the user PIN once the operation is at its end: done, or given up.
    pub(super) fn renew(
        &mut self,
        token: &mut dyn Token,
        target: &TargetInForce,
        present: &PresentPin,
        fresh: Option<&PresentPin>,
        pins: &PinAuthorization,
        mut acted: Acted,
    ) -> Acted {
        let Some(fresh) = fresh else { return acted };
        let name = &target.target.name;
        let holds = |pin: &PresentPin| {
            pin.version.map(|version| PinInForce { target: name.clone(), role: Role::UserPin, version })
        };
        if present.version == fresh.version {
            // An earlier run came this far.
            acted.pins.extend(holds(fresh));
            return acted;
        }
        if !acted.is_completed() && !self.gives_up {
            return acted;
        }
        self.pins_touched = true;
        let change = PinChange::ByUser { present: &present.pin, new: &fresh.pin };
        let changed = token.change_pins(pins, &change);
        let before = matches!(&changed, Err(error) if error.effect == Effect::None);
        // Where nothing was changed, a login with the new PIN would only cost a try.
        let proven = match &changed {
            Err(error) if before => Err(error.clone()),
            _ => token.prove_pin(PinHolder::User, &fresh.pin),
        };
        let Err(unproven) = proven else {
            acted.pins.extend(holds(fresh));
            acted.summary = format!("{}; its user PIN is new", acted.summary);
            return acted;
        };
        let error = changed.err().unwrap_or_else(|| unproven.clone());
        // A call that did not return may still be at work: then both PINs stay on record.
        let returned = before || !error.code.is_empty();
        let old_holds =
            before || (unproven.code == WRONG_PIN && token.prove_pin(PinHolder::User, &present.pin).is_ok());
        if returned && old_holds {
            acted.pins.extend(holds(present));
        }
        not_changed(acted, &error, old_holds)
    }

    /// The PINs that this run has certainly left as they were.
    pub(super) fn untouched_pins(&self) -> Vec<PinInForce> {
        let proposal = &self.ceremony.proposal;
        let mut untouched = Vec::new();
        for proposed in proposal.credentials.iter().filter(|_| !proposal.operation.sets_pins()) {
            let target = self.state.targets.get(&proposed.target).filter(|t| t.keeps(proposed));
            let held = target.and_then(|t| t.credentials.get(&proposed.role)).map(Vec::as_slice);
            if let Some([only]) = held {
                let (target, role) = (proposed.target.clone(), proposed.role);
                untouched.push(PinInForce { target, role, version: only.version });
            }
        }
        untouched
    }
}

fn not_changed(mut acted: Acted, error: &TokenError, old_holds: bool) -> Acted {
    let which = if old_holds { "the one that it has seen still holds" } else { "which one holds is unknown" };
    acted.summary = format!("{}; but its user PIN was not changed, {which}: {error}", acted.summary);
    if acted.is_completed() {
        acted.outcome = Outcome::Indeterminate;
        if error.code == "CKR_FUNCTION_NOT_SUPPORTED" {
            acted.hint =
                "the module cannot change PINs: end it with 'quorate execute --give-up', and propose with \
                          keep_pins = true from now on"
                    .into();
        } else {
            acted.advise(&error.hint);
        }
    }
    acted
}
