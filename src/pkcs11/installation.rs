//! Making a token the quorum's: C_InitToken on an empty one, C_SetPIN and C_InitPIN on one in use.

use cryptoki::slot::Slot;

use super::{
    fault::{Fault, Outcome},
    forced_change,
    link::Secrets,
    module::Module,
    protocol::SecretRole,
    session::{Session, Who},
    settings::Select,
    slots::{self, TokenSlot},
};
use crate::{
    memory::Pin,
    ports::{
        cause::Cause,
        token::{Effect, Run},
    },
    proposal::target::TokenIdentity,
};

/// Longest label of CK_TOKEN_INFO in bytes.
const MAX_LABEL: usize = 32;

/// Initialises an empty token under `label`, or goes on with the one that has that label already.
pub(super) fn on_empty(
    module: &Module<'_>,
    select: &Select,
    run: Run,
    label: &str,
    secrets: &Secrets,
) -> Outcome<TokenIdentity> {
    let so_pin = secrets.need(SecretRole::NewSoPin)?;
    let user_pin = secrets.need(SecretRole::NewUserPin)?;
    check_label(label)?;
    let by_label = Select::Label { label: label.to_owned() };
    let taken = !slots::candidates(module, &by_label)?.is_empty();
    let place = match (run, taken) {
        (Run::First, true) => return Err(label_taken(label)),
        (Run::Resumed, true) => slots::find(module, &by_label)?,
        (_, false) => {
            let place = slots::find(module, select)?;
            if place.info.token_initialized() {
                return Err(Fault::new(
                    "C_InitToken",
                    format!("the {select} is initialised; an empty slot was expected"),
                    "an installation on a token in use takes it over instead of initialising it",
                ));
            }
            place.check_length(so_pin)?;
            place.check_length(user_pin)?;
            initialise(module, &place, so_pin, label)?
        }
    };
    set_user_pin(module, place.slot, so_pin, user_pin)?;
    prove(module, place.slot, Some(so_pin), Some(user_pin))?;
    settled(module, &by_label, Some(user_pin))
}

/// Takes over a token in use: its objects stay.
pub(super) fn in_use(
    module: &Module<'_>,
    select: &Select,
    run: Run,
    secrets: &Secrets,
) -> Outcome<TokenIdentity> {
    let new_so_pin = secrets.pin(SecretRole::NewSoPin);
    let new_user_pin = secrets.pin(SecretRole::NewUserPin);
    let place = slots::find(module, select)?;
    if !place.info.token_initialized() {
        return Err(Fault::new(
            "C_GetTokenInfo",
            format!("the {select} is not initialised; a token in use was expected"),
            "an installation on an empty token initialises it under a label",
        ));
    }
    for pin in [new_so_pin, new_user_pin].into_iter().flatten() {
        place.check_length(pin)?;
    }
    if new_so_pin.is_some() || new_user_pin.is_some() {
        take_over(module, place.slot, run, secrets)?;
        prove(module, place.slot, new_so_pin, new_user_pin)?;
    }
    settled(module, select, new_user_pin)
}

fn take_over(module: &Module<'_>, slot: Slot, run: Run, secrets: &Secrets) -> Outcome<()> {
    let new_so_pin = secrets.pin(SecretRole::NewSoPin);
    let present = secrets.pin(SecretRole::PresentSoPin);
    let session = Session::to_write(module, slot)?;
    // After a run that was cut off either may hold: the one that was just handed over first, then the new one, each once.
    let new_may_hold = new_so_pin.filter(|_| run == Run::Resumed);
    let logged_in = match (present, new_may_hold) {
        (None, Some(new)) => session.login(Who::SecurityOfficer, new).map(|()| None),
        (None, None) => secrets.need(SecretRole::PresentSoPin).map(Some),
        (Some(present), new) => match (session.login(Who::SecurityOfficer, present), new) {
            (Ok(()), _) => Ok(Some(present)),
            (Err(fault), Some(new)) if fault.cause == Cause::PinIncorrect => {
                session.login(Who::SecurityOfficer, new).map(|()| None)
            }
            (Err(fault), _) => Err(fault),
        },
    };
    if let (Some(present), Some(new)) = (logged_in?, new_so_pin) {
        session.set_pin(present, new).map_err(|fault| unless_done(&session, present, fault))?;
    }
    if let Some(new) = secrets.pin(SecretRole::NewUserPin) {
        session.init_pin(new)?;
        let so_pin = match new_so_pin {
            Some(so_pin) => so_pin,
            None => secrets.need(SecretRole::PresentSoPin)?,
        };
        forced_change::satisfy(&session, so_pin, new)?;
    }
    session.logout()
}

/// A C_SetPIN that the module says it does not have: nothing was done, if the PIN that was just good still is.
fn unless_done(session: &Session<'_>, present: &Pin, fault: Fault) -> Fault {
    let still = || session.logout().and_then(|()| session.login(Who::SecurityOfficer, present));
    if fault.is_unsupported() && still().is_ok() { fault.with_effect(Effect::None) } else { fault }
}

/// C_InitToken, and the token found again by its new label: an error may follow a completed call.
pub(super) fn initialise(
    module: &Module<'_>,
    before: &TokenSlot,
    so_pin: &Pin,
    label: &str,
) -> Outcome<TokenSlot> {
    let result = module.init_token(before.slot, so_pin, label);
    let found = slots::find(module, &Select::Label { label: label.to_owned() });
    match (result, found) {
        // Some show a user PIN at once, which nobody has set (tpm2-pkcs11): the SO sets one next, and it must open the token.
        (Ok(()), Ok(place)) => Ok(place),
        (Err(_), Ok(place)) if !place.info.user_pin_initialized() => Ok(place),
        (Err(fault), _) if is_unchanged(module, before) => Err(fault.with_effect(Effect::None)),
        (Err(fault), _) | (Ok(()), Err(fault)) => Err(fault),
    }
}

/// Whether the slot shows the same token as before, so that a failed C_InitToken has done nothing.
fn is_unchanged(module: &Module<'_>, before: &TokenSlot) -> bool {
    module.token_info(before.slot).is_ok_and(|info| {
        let after = TokenSlot { slot: before.slot, info };
        after.serial() == before.serial()
            && after.label() == before.label()
            && after.info.token_initialized() == before.info.token_initialized()
            && after.info.user_pin_initialized() == before.info.user_pin_initialized()
    })
}

/// C_InitPIN by the SO.
fn set_user_pin(module: &Module<'_>, slot: Slot, so_pin: &Pin, user_pin: &Pin) -> Outcome<()> {
    let session = Session::to_write(module, slot)?;
    session.login(Who::SecurityOfficer, so_pin)?;
    session.init_pin(user_pin)?;
    forced_change::satisfy(&session, so_pin, user_pin)?;
    session.logout()
}

/// Logs in with each new PIN: what the quorum holds opens the token.
pub(super) fn prove(
    module: &Module<'_>,
    slot: Slot,
    so_pin: Option<&Pin>,
    user_pin: Option<&Pin>,
) -> Outcome<()> {
    for (who, pin) in [(Who::SecurityOfficer, so_pin), (Who::User, user_pin)] {
        if let Some(pin) = pin {
            let session = Session::to_write(module, slot)?;
            session.login(who, pin)?;
            session.logout()?;
        }
    }
    Ok(())
}

/// The token as it stands afterwards; `user_pin` is the one that was set, if any was.
pub(super) fn settled(
    module: &Module<'_>,
    select: &Select,
    user_pin: Option<&Pin>,
) -> Outcome<TokenIdentity> {
    let place = slots::find(module, select)?;
    if user_pin.is_some() && !place.info.user_pin_initialized() {
        return Err(Fault::new(
            "C_GetTokenInfo",
            "the token does not show that it has a user PIN",
            "observe the token, then execute again",
        ));
    }
    Ok(place.identity(module))
}

/// A label that the token can keep whole.
pub(super) fn check_label(label: &str) -> Outcome<()> {
    if !label.is_empty() && label.len() <= MAX_LABEL && label.trim() == label {
        return Ok(());
    }
    Err(Fault::new(
        "C_InitToken",
        format!("{label:?} is no token label: 1 to {MAX_LABEL} bytes without blanks at its ends"),
        "propose again with another label",
    ))
}

pub(super) fn label_taken(label: &str) -> Fault {
    Fault::new(
        "C_InitToken",
        format!("a token with the label \"{label}\" is there already"),
        "propose again with a label that no token of this module has",
    )
}
