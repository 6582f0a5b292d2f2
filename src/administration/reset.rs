//! C_InitToken on a token in use: its objects go; label and PINs are new.
//!
//! The serial number may change (it does on kryoptic) or be the same on all tokens (NSS), so that a done
//! reset is known by the new label, which the proposal chose. While the token that was to be reset is there under its old label, one
//! with the new label is another token, and is presented no PIN.

use super::{
    calls::{Module, Session, TokenSlot, refuse_final_try},
    fault::{CallResult, Fault},
    forced_change,
    installation::{initialise, label_taken, prove_both, settled},
};
use crate::{
    memory::Pin,
    ports::{
        cause::Cause,
        token::{Attempt, PinHolder, Reset},
    },
    proposal::{target::TokenIdentity, token_label::TokenLabel},
};

/// Resets the selected token, or goes on with the one that has the new label already.
pub fn reset(module: &impl Module, reset: &Reset<'_>) -> CallResult<TokenIdentity> {
    let done = module.has_label(reset.new_label)?;
    let place = match (reset.run, done) {
        (Attempt::First, true) => return Err(label_taken(&module.labelled(reset.new_label)?)),
        (Attempt::Resumed, true) => relabelled(module, reset.new_label)?,
        (_, false) => destroy_all(module, reset)?,
    };
    // After a C_InitToken of this run, the SO PIN is known; of an earlier run, it may be the new one.
    let pins_from = if done { Attempt::Resumed } else { Attempt::First };
    set_pins(&module.open(place.slot)?, pins_from, reset)?;
    prove_both(module, place.slot, Some(reset.new_so_pin), Some(reset.new_user_pin))?;
    settled(module.labelled(reset.new_label)?, Some(reset.new_user_pin))
}

/// The token that an earlier run initialised.
fn relabelled<M: Module>(module: &M, new_label: &TokenLabel) -> CallResult<TokenSlot<M::Slot>> {
    let relabelled = module.labelled(new_label)?;
    match module.selected() {
        Ok(selected) if selected.info.identity.label != *new_label => Err(stranger(&selected, &relabelled)),
        Err(fault) if fault.cause != Cause::TokenAbsent => Err(fault),
        _ => Ok(relabelled),
    }
}

fn stranger<S>(to_reset: &TokenSlot<S>, other: &TokenSlot<S>) -> Fault {
    let (to_reset, other) = (&to_reset.info.identity, &other.info.identity);
    Fault::new(
        "C_GetTokenInfo",
        format!(
            "the token with serial {} still has its old label \"{}\", so the one with serial {} and the new label \"{}\" is another \
             token; no PIN was presented to it",
            to_reset.serial, to_reset.label, other.serial, other.label
        ),
        &format!("take the token with serial {} out, or give it another label", other.serial),
    )
}

/// C_InitToken. The SO PIN is tried here, once, by the call itself.
fn destroy_all<M: Module>(module: &M, reset: &Reset<'_>) -> CallResult<TokenSlot<M::Slot>> {
    let place = module.selected()?;
    if !place.info.initialised {
        return Err(Fault::new(
            "C_GetTokenInfo",
            "the token is not initialised: there is nothing to reset",
            "give serial and label of the token",
        ));
    }
    place.info.check_length(reset.new_so_pin)?;
    place.info.check_length(reset.new_user_pin)?;
    // C_InitToken presents the SO PIN itself, past `Session::login`, which would have stopped before the last try.
    refuse_final_try(place.info.so_tries, PinHolder::SecurityOfficer)?;
    let place = initialise(module, &place, reset.so_pin, reset.new_label)?;
    let left = module.public_objects(place.slot)?;
    if let Some(object) = left.first() {
        return Err(Fault::new(
            "C_InitToken",
            format!("the token was initialised, but still shows {} objects, such as {object}", left.len()),
            "observe the token; the module does not follow the standard",
        ));
    }
    Ok(place)
}

fn set_pins(session: &impl Session, run: Attempt, reset: &Reset<'_>) -> CallResult<()> {
    let (so_pin, new_so_pin) = (reset.so_pin, reset.new_so_pin);
    let same = so_pin.expose() == new_so_pin.expose();
    let is_new = match run {
        Attempt::First => false,
        Attempt::Resumed => !same && try_new(session, new_so_pin)?,
    };
    if !is_new {
        session.login(PinHolder::SecurityOfficer, so_pin)?;
        if !same {
            session.set_pin(so_pin, new_so_pin)?;
        }
    }
    session.init_pin(reset.new_user_pin)?;
    forced_change::satisfy(session, new_so_pin, reset.new_user_pin)?;
    session.logout()
}

/// After a crash: whether the new SO PIN is in force already.
fn try_new(session: &impl Session, new_so_pin: &Pin) -> CallResult<bool> {
    match session.login(PinHolder::SecurityOfficer, new_so_pin) {
        Ok(()) => Ok(true),
        Err(fault) if fault.cause == Cause::PinIncorrect => Ok(false),
        Err(fault) => Err(fault),
    }
}
