//! Tokens on which a PIN that the SO has set must be changed by its user before anything else (CKF_USER_PIN_TO_BE_CHANGED).

use super::{
    calls::Session,
    fault::{CallResult, Fault},
};
use crate::{memory::Pin, ports::token::PinHolder, proposal::credential::fresh_pin};

/// After C_InitPIN: where the token requires a change of the new PIN, the SO sets another one, and the user changes that into
/// the new one. After a crash the SO sets the user PIN again. Leaves somebody logged in.
pub(super) fn satisfy(session: &impl Session, so_pin: &Pin, new: &Pin) -> CallResult<()> {
    if !session.info()?.user_pin_to_be_changed {
        return Ok(());
    }
    let length = new.expose().len();
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let passing = fresh_pin(length, length, &mut rng)
        .and_then(|fresh| Pin::copy_of(fresh.secret.expose()))
        .map_err(|e| Fault::new("worker", e.to_string(), "run the same command again"))?;
    session.logout()?;
    session.login(PinHolder::SecurityOfficer, so_pin)?;
    session.init_pin(&passing)?;
    session.logout()?;
    session.login(PinHolder::User, &passing)?;
    session.set_pin(&passing, new)?;
    if session.info()?.user_pin_to_be_changed {
        return Err(Fault::new(
            "C_SetPIN",
            "the user PIN was changed by its user, and the token still requires a change",
            "have the vendor's forced change of PINs switched off, then execute again",
        ));
    }
    Ok(())
}
