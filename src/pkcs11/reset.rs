//! C_InitToken on a token in use: its objects go; label and PINs are new.
//!
//! The serial number may change (it does on kryoptic) or be the same on all tokens (NSS), so that a done
//! reset is known by the new label, which the proposal chose.

use cryptoki::slot::Slot;

use super::{
    fault::{Fault, Outcome},
    forced_change,
    installation::{check_label, initialise, label_taken, prove, settled},
    link::Secrets,
    module::Module,
    protocol::SecretRole,
    session::{Session, Who},
    settings::Select,
    slots, token_info,
};
use crate::{memory::Pin, ports::cause::Cause, ports::token::Run, proposal::target::TokenIdentity};

/// Resets the selected token, or goes on with the one that has the new label already.
pub(super) fn reset(
    module: &Module<'_>,
    select: &Select,
    run: Run,
    new_label: &str,
    secrets: &Secrets,
) -> Outcome<TokenIdentity> {
    let so_pin = secrets.need(SecretRole::PresentSoPin)?;
    let new_so_pin = secrets.need(SecretRole::NewSoPin)?;
    let new_user_pin = secrets.need(SecretRole::NewUserPin)?;
    check_label(new_label)?;
    let by_label = Select::Label { label: new_label.to_owned() };
    let done = !slots::candidates(module, &by_label)?.is_empty();
    let slot = match (run, done) {
        (Run::First, true) => return Err(label_taken(new_label)),
        (Run::Resumed, true) => slots::find(module, &by_label)?.slot,
        (_, false) => destroy_all(module, select, new_label, secrets)?,
    };
    // After a C_InitToken of this run, the SO PIN is known; of an earlier run, it may be the new one.
    let pins_from = if done { Run::Resumed } else { Run::First };
    set_pins(module, slot, pins_from, so_pin, new_so_pin, new_user_pin)?;
    prove(module, slot, Some(new_so_pin), Some(new_user_pin))?;
    settled(module, &by_label, Some(new_user_pin))
}

/// C_InitToken. The SO PIN is tried here, once, by the call itself.
fn destroy_all(module: &Module<'_>, select: &Select, new_label: &str, secrets: &Secrets) -> Outcome<Slot> {
    let place = slots::find(module, select)?;
    if !place.info.token_initialized() {
        return Err(Fault::new(
            "C_GetTokenInfo",
            format!("the {select} is not initialised: there is nothing to reset"),
            "give serial and label of the token",
        ));
    }
    for role in [SecretRole::NewSoPin, SecretRole::NewUserPin] {
        place.check_length(secrets.need(role)?)?;
    }
    super::session::refuse_final_try(token_info::so_tries(&place.info), Who::SecurityOfficer)?;
    let place = initialise(module, &place, secrets.need(SecretRole::PresentSoPin)?, new_label)?;
    let left = slots::public_objects(module, &place)?;
    if let Some(object) = left.first() {
        return Err(Fault::new(
            "C_InitToken",
            format!("the token was initialised, but still shows {} objects, such as {object}", left.len()),
            "observe the token; the module does not follow the standard",
        ));
    }
    Ok(place.slot)
}

fn set_pins(
    module: &Module<'_>,
    slot: Slot,
    run: Run,
    so_pin: &Pin,
    new_so_pin: &Pin,
    new_user_pin: &Pin,
) -> Outcome<()> {
    let session = Session::to_write(module, slot)?;
    let same = so_pin.expose() == new_so_pin.expose();
    let new_holds = match run {
        Run::First => false,
        Run::Resumed => !same && try_new(&session, new_so_pin)?,
    };
    if !new_holds {
        session.login(Who::SecurityOfficer, so_pin)?;
        if !same {
            session.set_pin(so_pin, new_so_pin)?;
        }
    }
    session.init_pin(new_user_pin)?;
    forced_change::satisfy(&session, new_so_pin, new_user_pin)?;
    session.logout()
}

/// After a crash: whether the new SO PIN holds already.
fn try_new(session: &Session<'_>, new_so_pin: &Pin) -> Outcome<bool> {
    match session.login(Who::SecurityOfficer, new_so_pin) {
        Ok(()) => Ok(true),
        Err(fault) if fault.cause == Cause::PinIncorrect => Ok(false),
        Err(fault) => Err(fault),
    }
}
