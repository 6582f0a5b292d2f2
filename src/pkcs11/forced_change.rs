//! Tokens on which a PIN that the SO has set must be changed by its user before anything else (CKF_USER_PIN_TO_BE_CHANGED).

use super::{
    fault::{Fault, Outcome},
    session::{Session, Who},
};
use crate::{memory::Pin, proposal::credential::fresh_pin};

/// After C_InitPIN: where the token wants the new PIN changed, the SO sets another one, and the user changes that into the
/// new one. It is worth nothing after a crash: the SO sets the user PIN again. Leaves somebody logged in.
pub(super) fn satisfy(session: &Session<'_>, so_pin: &Pin, new: &Pin) -> Outcome<()> {
    if !is_forced(session)? {
        return Ok(());
    }
    let length = new.expose().len();
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let passing = fresh_pin(length, length, &mut rng)
        .and_then(|fresh| Pin::copy_of(fresh.secret.expose()))
        .map_err(|e| Fault::new("worker", e.to_string(), "run the same command again"))?;
    session.logout()?;
    session.login(Who::SecurityOfficer, so_pin)?;
    session.init_pin(&passing)?;
    session.logout()?;
    session.login(Who::User, &passing)?;
    session.set_pin(&passing, new)?;
    if is_forced(session)? {
        return Err(Fault::new(
            "C_SetPIN",
            "the user PIN was changed by its user, and the token still wants it changed",
            "have the vendor's forced change of PINs switched off, then execute again",
        ));
    }
    Ok(())
}

fn is_forced(session: &Session<'_>) -> Outcome<bool> {
    Ok(session.module().token_info(session.slot())?.user_pin_to_be_changed())
}
