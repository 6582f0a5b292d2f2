//! Logging in: finding which of the PINs that may be in force is.
//!
//! The quorum has one PIN for a role, unless a change of it was cut off. Then there are two, or more after several such
//! interruptions, and each is tried once. The token refuses to spend its last try.

use super::{
    Error,
    acting::{Acting, Credentials, PresentPin},
    pin_marks::NewPin,
};
use crate::{
    approval::{authorization::PinAuthorization, quorum::Authorities},
    memory::Pin,
    ports::{
        cause::Cause,
        token::{Attempt, Effect, PinChange, Token, TokenError},
    },
    proposal::{
        credential,
        joining::USER_PIN_LENGTH,
        target::{Inventory, Role, TokenIdentity},
    },
    transcript::ledger::{Ceremony, TargetInForce},
};

/// How an operation comes to log in as the user.
pub(super) enum LoginAs {
    User(Vec<PresentPin>),
    /// With a temporary user PIN, which the SO sets: an application's PIN is not the quorum's.
    Officer(Vec<PresentPin>),
}

/// The PINs that logged in.
pub(super) struct LoggedIn {
    /// The user's; a temporary one has no version.
    pub(super) user: PresentPin,
    /// The SO's, where that set the user's.
    pub(super) officer: Option<PresentPin>,
}

impl Acting<'_, '_> {
    /// The PINs that a ceremony logs in with.
    pub(super) fn access(
        &self,
        ceremony: &Ceremony,
        target: &TargetInForce,
        authorities: &Authorities,
    ) -> Result<LoginAs, Error> {
        match target.target.reissued() {
            Some(_) => self.present_pins(ceremony, target, Role::SoPin, authorities).map(LoginAs::Officer),
            None => self.present_pins(ceremony, target, Role::UserPin, authorities).map(LoginAs::User),
        }
    }

    /// The PINs of a role that may be in force, in the order in which they are tried. After a run that was cut off, the one that
    /// was in force before comes first: most runs break before they change it, and then no try is lost. The new one is tried only
    /// if a run came to set it, or where that cannot be known: a ceremony that is recovered had another station.
    pub(super) fn present_pins(
        &self,
        ceremony: &Ceremony,
        target: &TargetInForce,
        role: Role,
        authorities: &Authorities,
    ) -> Result<Vec<PresentPin>, Error> {
        let name = &target.target.name;
        let proposal = &ceremony.proposal;
        let own = ceremony.number() == self.ceremony.number();
        let never_set = own && self.new_pin(name, role)? == NewPin::NeverSet;
        let may_be_set = self.run == Attempt::Resumed && !proposal.operation.facts().sets_pins && !never_set;
        let set = proposal
            .credentials
            .iter()
            .filter(|c| may_be_set && c.target == *name && c.role == role && target.keeps(c));
        let mut pins = Vec::new();
        let kept = target.credentials.get(&role).into_iter().flatten();
        let kept = kept.map(|kept| (kept.dealing, &kept.sealed));
        for (dealing, sealed) in kept.chain(set.map(|sealed| (ceremony.dealing(), sealed))) {
            let pin = self.open((dealing, sealed), authorities)?.to_pin()?;
            pins.push(PresentPin { version: Some(sealed.version), pin });
        }
        if pins.is_empty() {
            pins.push(PresentPin { version: None, pin: self.pin(&Credentials::new(), name, role)? });
        }
        Ok(pins)
    }
}

/// Logs the user in, trying each PIN once until one is right, and reads all objects. None if the token is another
/// one than `identity`.
pub(super) fn log_in(
    token: &mut dyn Token,
    access: LoginAs,
    identity: &TokenIdentity,
    pins: &PinAuthorization,
) -> Result<Option<(LoggedIn, Inventory)>, TokenError> {
    let (logged_in, inventory) = match access {
        LoginAs::User(candidates) => {
            let (user, inventory) = first_accepted(candidates, |pin| token.inventory(pin))?;
            (LoggedIn { user, officer: None }, inventory)
        }
        LoginAs::Officer(candidates) => {
            let seen = token.observe()?;
            if seen.identity != *identity {
                return Ok(None);
            }
            let user = PresentPin { version: None, pin: temporary(seen.pin_length)? };
            let (officer, ()) = first_accepted(candidates, |present| {
                token.change_pins(pins, &PinChange::ByOfficer { present, new: None, user_pin: &user.pin })
            })?;
            let inventory = token.inventory(&user.pin).map_err(locked_out)?;
            if inventory.identity != *identity {
                let hint = "find the right token";
                let other =
                    TokenError::before("C_GetTokenInfo", Cause::Unnamed, "another token answers", hint);
                return Err(locked_out(other));
            }
            (LoggedIn { user, officer: Some(officer) }, inventory)
        }
    };
    Ok((inventory.identity == *identity).then_some((logged_in, inventory)))
}

/// The temporary PIN is set, and the run ends here: the application's own is no longer valid.
fn locked_out(error: TokenError) -> TokenError {
    let message = format!("the application cannot log in until this ceremony ends: {}", error.message);
    TokenError { effect: Effect::Unknown, message, ..error }
}

/// A user PIN for one run. It is kept nowhere: with the SO PIN another one can always be set.
fn temporary((shortest, longest): (usize, usize)) -> Result<Pin, TokenError> {
    let longest = if longest == 0 { USER_PIN_LENGTH } else { USER_PIN_LENGTH.min(longest) }.max(shortest);
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let made = credential::fresh_pin(shortest, longest, &mut rng).and_then(|fresh| fresh.secret.to_pin());
    made.map_err(|error| TokenError::before("temporary PIN", Cause::Unnamed, error.to_string(), error.hint()))
}

/// Tries each PIN once, until one is right.
pub(super) fn first_accepted<T>(
    candidates: Vec<PresentPin>,
    mut attempt: impl FnMut(&Pin) -> Result<T, TokenError>,
) -> Result<(PresentPin, T), TokenError> {
    let mut wrong = None;
    for candidate in candidates {
        match attempt(&candidate.pin) {
            Ok(value) => return Ok((candidate, value)),
            Err(error) if error.cause == Cause::PinIncorrect => wrong = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(wrong.unwrap_or_else(|| {
        TokenError::before(
            "C_Login",
            Cause::Unnamed,
            "there is no PIN to try",
            "audit the ledger and its copies",
        )
    }))
}
