//! A PIN that the token has seen is changed by its holder: C_SetPIN.

use super::{
    calls::{Module, Session as _},
    fault::CallResult,
    installation::{prove, take_over},
};
use crate::{
    memory::Pin,
    ports::token::{Attempt, Condition, Installation, PinChange, PinHolder},
};

/// Changes PINs of a token in use, each old one presented once.
pub fn change_pins(module: &impl Module, change: &PinChange<'_>) -> CallResult<()> {
    match *change {
        PinChange::ByUser { present, new } => change_user_pin(module, present, new),
        PinChange::ByOfficer { present, new, user_pin } => {
            let condition = Condition::InUse { present_so_pin: Some(present) };
            let installation = Installation {
                run: Attempt::First,
                condition,
                new_so_pin: new,
                new_user_pin: Some(user_pin),
            };
            take_over(module, &installation, Some(present)).map(drop)
        }
    }
}

fn change_user_pin(module: &impl Module, present: &Pin, new: &Pin) -> CallResult<()> {
    let place = module.selected()?;
    place.info.check_length(new)?;
    let session = module.open(place.slot)?;
    // With nobody logged in, C_SetPIN would change the user PIN, too; but a wrong one would be found out too late.
    session.login(PinHolder::User, present)?;
    session.set_pin(present, new)?;
    session.logout()
}

/// Logs in with one PIN, and out again.
pub fn prove_pin(module: &impl Module, holder: PinHolder, pin: &Pin) -> CallResult<()> {
    prove(module, module.selected()?.slot, holder, pin)
}
