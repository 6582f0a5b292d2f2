//! A PIN that the token has seen is changed by its holder: C_SetPIN.

use super::{
    fault::Outcome,
    installation::prove,
    link::Secrets,
    module::Module,
    protocol::SecretRole,
    session::{Session, Who},
    settings::Select,
    slots,
};
use crate::ports::token::PinHolder;

/// Logs the user in with the PIN that holds and sets the new one, each once.
pub(super) fn change_user_pin(module: &Module<'_>, select: &Select, secrets: &Secrets) -> Outcome<()> {
    let present = secrets.need(SecretRole::UserPin)?;
    let new = secrets.need(SecretRole::NewUserPin)?;
    let place = slots::find(module, select)?;
    place.check_length(new)?;
    let session = Session::to_write(module, place.slot)?;
    // With nobody logged in, C_SetPIN would change the user PIN, too; but a wrong one would be found out too late.
    session.login(Who::User, present)?;
    session.set_pin(present, new)?;
    session.logout()
}

/// Logs in with the one PIN that was given.
pub(super) fn prove_pin(
    module: &Module<'_>,
    select: &Select,
    holder: PinHolder,
    secrets: &Secrets,
) -> Outcome<()> {
    let place = slots::find(module, select)?;
    match holder {
        PinHolder::SecurityOfficer => {
            prove(module, place.slot, Some(secrets.need(SecretRole::PresentSoPin)?), None)
        }
        PinHolder::User => prove(module, place.slot, None, Some(secrets.need(SecretRole::UserPin)?)),
    }
}
