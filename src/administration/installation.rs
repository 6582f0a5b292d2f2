//! Making a token the quorum's: C_InitToken on an empty one, C_SetPIN and C_InitPIN on one in use.

use super::{
    calls::{Module, Session, TokenSlot},
    fault::{CallResult, Fault},
    forced_change,
};
use crate::{
    memory::Pin,
    ports::{
        cause::Cause,
        token::{Attempt, Condition, Effect, Installation, PinHolder},
    },
    proposal::{target::TokenIdentity, token_label::TokenLabel},
};

/// Makes the selected token the quorum's.
pub fn install(module: &impl Module, installation: &Installation<'_>) -> CallResult<TokenIdentity> {
    match installation.condition {
        Condition::Empty { label } => on_empty(module, installation, label),
        Condition::InUse { present_so_pin } => take_over(module, installation, present_so_pin),
    }
}

/// Initialises an empty token under `label`, or goes on with the one that has that label already.
fn on_empty(
    module: &impl Module,
    installation: &Installation<'_>,
    label: &TokenLabel,
) -> CallResult<TokenIdentity> {
    let so_pin = installation.new_so_pin.ok_or_else(|| not_given("new SO PIN"))?;
    let user_pin = installation.new_user_pin.ok_or_else(|| not_given("new user PIN"))?;
    let place = match (installation.run, module.has_label(label)?) {
        (Attempt::First, true) => return Err(label_taken(&module.labelled(label)?)),
        (Attempt::Resumed, true) => module.labelled(label)?,
        (_, false) => {
            let place = module.selected()?;
            if place.info.initialised {
                return Err(Fault::new(
                    "C_InitToken",
                    format!(
                        "the token \"{}\" is initialised; an empty one was expected",
                        place.info.identity.label
                    ),
                    "an installation on a token in use takes it over instead of initialising it",
                ));
            }
            // Before C_InitToken: a PIN that is refused after it leaves a token that is initialised and has no user PIN.
            place.info.check_length(so_pin)?;
            place.info.check_length(user_pin)?;
            initialise(module, &place, so_pin, label)?
        }
    };
    set_user_pin(&module.open(place.slot)?, so_pin, user_pin)?;
    prove_both(module, place.slot, Some(so_pin), Some(user_pin))?;
    settled(module.labelled(label)?, Some(user_pin))
}

/// Takes over a token in use: its objects stay.
pub(super) fn take_over(
    module: &impl Module,
    installation: &Installation<'_>,
    present: Option<&Pin>,
) -> CallResult<TokenIdentity> {
    let (new_so_pin, new_user_pin) = (installation.new_so_pin, installation.new_user_pin);
    let place = module.selected()?;
    if !place.info.initialised {
        return Err(Fault::new(
            "C_GetTokenInfo",
            "the token is not initialised; a token in use was expected",
            "an installation on an empty token initialises it under a label",
        ));
    }
    for pin in [new_so_pin, new_user_pin].into_iter().flatten() {
        place.info.check_length(pin)?;
    }
    if new_so_pin.is_some() || new_user_pin.is_some() {
        replace_pins(&module.open(place.slot)?, installation, present)?;
        prove_both(module, place.slot, new_so_pin, new_user_pin)?;
    }
    settled(module.selected()?, new_user_pin)
}

fn replace_pins(
    session: &impl Session,
    installation: &Installation<'_>,
    present: Option<&Pin>,
) -> CallResult<()> {
    let officer = PinHolder::SecurityOfficer;
    let new_so_pin = installation.new_so_pin;
    // After a run that was cut off either may be in force: the one that was just handed over first, then the new one, each once.
    let new_may_be_set = new_so_pin.filter(|_| installation.run == Attempt::Resumed);
    let logged_in = match (present, new_may_be_set) {
        (None, Some(new)) => session.login(officer, new).map(|()| None),
        (None, None) => Err(not_given("present SO PIN")),
        (Some(present), new) => match (session.login(officer, present), new) {
            (Ok(()), _) => Ok(Some(present)),
            (Err(fault), Some(new)) if fault.cause == Cause::PinIncorrect => {
                session.login(officer, new).map(|()| None)
            }
            (Err(fault), _) => Err(fault),
        },
    };
    // The SO's own PIN first: where the module refuses that, nothing was changed yet.
    if let (Some(present), Some(new)) = (logged_in?, new_so_pin) {
        session.set_pin(present, new).map_err(|fault| unless_done(session, present, fault))?;
    }
    if let Some(new) = installation.new_user_pin {
        session.init_pin(new)?;
        let so_pin = new_so_pin.or(present).ok_or_else(|| not_given("present SO PIN"))?;
        forced_change::satisfy(session, so_pin, new)?;
    }
    session.logout()
}

/// A C_SetPIN that the module says it does not have: nothing was done, if the PIN that was just good still is.
fn unless_done(session: &impl Session, present: &Pin, fault: Fault) -> Fault {
    let still = || session.logout().and_then(|()| session.login(PinHolder::SecurityOfficer, present));
    if fault.is_unsupported() && still().is_ok() { fault.with_effect(Effect::None) } else { fault }
}

/// C_InitToken, and the token found again by its new label: an error may follow a completed call.
pub(super) fn initialise<M: Module>(
    module: &M,
    before: &TokenSlot<M::Slot>,
    so_pin: &Pin,
    label: &TokenLabel,
) -> CallResult<TokenSlot<M::Slot>> {
    let result = module.init_token(before.slot, so_pin, label);
    match (result, module.labelled(label)) {
        // Some show a user PIN at once, which nobody has set (tpm2-pkcs11): the SO sets one next, and it must open the token.
        (Ok(()), Ok(place)) => Ok(place),
        (Err(_), Ok(place)) if !place.info.user_pin_set => Ok(place),
        (Err(fault), _) if is_unchanged(module, before) => Err(fault.with_effect(Effect::None)),
        (Err(fault), _) | (Ok(()), Err(fault)) => Err(fault),
    }
}

/// Whether the slot shows the same token as before, so that a failed C_InitToken has done nothing.
fn is_unchanged<M: Module>(module: &M, before: &TokenSlot<M::Slot>) -> bool {
    let before_it = &before.info;
    module.info(before.slot).is_ok_and(|after| {
        after.identity == before_it.identity
            && after.initialised == before_it.initialised
            && after.user_pin_set == before_it.user_pin_set
    })
}

/// C_InitPIN by the SO.
fn set_user_pin(session: &impl Session, so_pin: &Pin, user_pin: &Pin) -> CallResult<()> {
    session.login(PinHolder::SecurityOfficer, so_pin)?;
    session.init_pin(user_pin)?;
    forced_change::satisfy(session, so_pin, user_pin)?;
    session.logout()
}

/// Logs in with each new PIN: what is sealed to the quorum opens the token.
pub(super) fn prove_both<M: Module>(
    module: &M,
    slot: M::Slot,
    so_pin: Option<&Pin>,
    user_pin: Option<&Pin>,
) -> CallResult<()> {
    for (holder, pin) in [(PinHolder::SecurityOfficer, so_pin), (PinHolder::User, user_pin)] {
        pin.map_or(Ok(()), |pin| prove(module, slot, holder, pin))?;
    }
    Ok(())
}

pub(super) fn prove<M: Module>(module: &M, slot: M::Slot, holder: PinHolder, pin: &Pin) -> CallResult<()> {
    let session = module.open(slot)?;
    session.login(holder, pin)?;
    session.logout()
}

/// The token as it is afterwards; `user_pin` is the one that was set, if any was.
pub(super) fn settled<S>(place: TokenSlot<S>, user_pin: Option<&Pin>) -> CallResult<TokenIdentity> {
    if user_pin.is_some() && !place.info.user_pin_set {
        return Err(Fault::new(
            "C_GetTokenInfo",
            "the token does not show that it has a user PIN",
            "observe the token, then execute again",
        ));
    }
    Ok(place.info.identity)
}

/// A label under which a token is to be initialised is another token's.
pub(super) fn label_taken<S>(other: &TokenSlot<S>) -> Fault {
    let TokenIdentity { serial, label, .. } = &other.info.identity;
    Fault::new(
        "C_InitToken",
        format!(
            "another token, with serial {serial}, has the label \"{label}\" already; no PIN was presented to it"
        ),
        &format!(
            "take the token with serial {serial} out, or give it another label; or, if it is the one that this ceremony initialised, \
             close the ceremony with 'quorate execute --give-up' and recover it with a plan of kind \"recover\""
        ),
    )
}

fn not_given(pin: &str) -> Fault {
    Fault::new("open", format!("no {pin} was given"), "give every PIN that this operation needs")
}
