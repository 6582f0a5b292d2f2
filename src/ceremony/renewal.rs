//! The end of an operation: the held PIN that the target has seen is changed, an application's user PIN is replaced, and
//! each is proven by a login.
//!
//! The new PINs are in the proposal, sealed. An error may follow a completed change, so what counts is which PIN
//! logs in.

use super::{
    Error,
    access::LoggedIn,
    acting::{Acted, Acting, Credentials, PresentPin, handed_over},
    pin_marks::NewPin,
};
use crate::{
    account::advice::Advice,
    approval::authorization::PinAuthorization,
    ports::{
        cause::Cause,
        token::{Effect, PinChange, PinHolder, Token, TokenError},
    },
    proposal::target::Role,
    transcript::{
        event::{HandedOver, PinInForce},
        ledger::{Ceremony, TargetInForce},
        outcome::Outcome,
    },
};

/// What a ceremony sets on one target at its end.
pub(super) struct Renewed {
    /// The user's PIN: a held one, or the application's.
    user: Option<PresentPin>,
    /// The SO's, if that was handed to the target.
    officer: Option<PresentPin>,
    /// What is recorded once the application's PIN is in force.
    handovers: Vec<HandedOver>,
}

impl Acting<'_, '_> {
    /// The PINs that a ceremony sets on one target at its end; not those that it keeps.
    pub(super) fn renewed(
        &self,
        ceremony: &Ceremony,
        target: &TargetInForce,
        credentials: &Credentials,
    ) -> Result<Renewed, Error> {
        let name = &target.target.name;
        let fresh = |role| -> Result<Option<PresentPin>, Error> {
            let mut proposed = ceremony.proposal.credentials.iter();
            let proposed = proposed.find(|c| c.target == *name && c.role == role);
            let Some((sealed, secret)) = proposed.zip(credentials.get(&(name.clone(), role))) else {
                return Ok(None);
            };
            Ok(Some(PresentPin { version: Some(sealed.version), pin: secret.to_pin()? }))
        };
        let handovers = handed_over(ceremony);
        Ok(Renewed { user: fresh(Role::UserPin)?, officer: fresh(Role::SoPin)?, handovers })
    }

    /// Sets the new PINs once the operation is at its end: done, or given up.
    pub(super) fn renew(
        &mut self,
        token: &mut dyn Token,
        target: &TargetInForce,
        present: &LoggedIn,
        renewed: Renewed,
        pins: &PinAuthorization,
        mut acted: Acted,
    ) -> Acted {
        let Some(user) = &renewed.user else { return acted };
        if !acted.is_completed() && !self.gives_up && user.version != present.user.version {
            if present.officer.is_some() {
                acted.hint =
                    Advice::from("the application cannot log in until this ceremony ends; ").and(acted.hint);
            }
            return acted;
        }
        for role in [Role::UserPin, Role::SoPin] {
            if let Err(error) = self.mark_pin(&target.target.name, role, NewPin::MayBeSet) {
                acted.summary = format!("{}; but its PIN was not changed: {}", acted.summary, error.message);
                acted.outcome = Outcome::Indeterminate;
                acted.advise(error.hint);
                return acted;
            }
        }
        self.pins_touched = true;
        let mut ending = Ending { token, target, pins, acted };
        match &present.officer {
            Some(officer) => ending.reissue(officer, &renewed, user),
            // An earlier run came this far.
            None if user.version == present.user.version => ending.know(Role::UserPin, user),
            None => {
                let change = PinChange::ByUser { present: &present.user.pin, new: &user.pin };
                match ending.change(&change, Role::UserPin, &present.user, user) {
                    Changed::Proven(_) => ending.tell("its user PIN is new"),
                    Changed::Not(error) => ending.fail(&error, "its user PIN was not changed"),
                }
            }
        }
        ending.acted
    }

    /// The PINs that this run has certainly left as they were.
    pub(super) fn untouched_pins(&self) -> Vec<PinInForce> {
        let proposal = &self.ceremony.proposal;
        let mut untouched = Vec::new();
        for proposed in proposal.credentials.iter().filter(|_| !proposal.operation.facts().sets_pins) {
            let target = self.state.targets.get(&proposed.target).filter(|t| t.keeps(proposed));
            let held = target.and_then(|t| t.credentials.get(&proposed.role)).map(Vec::as_slice);
            if let Some([only]) = held {
                let (target, role) = (proposed.target.clone(), proposed.role);
                untouched.push(PinInForce { target, role, version: only.sealed.version });
            }
        }
        untouched
    }
}

/// The result of changing a held PIN.
enum Changed {
    /// The new one logs in, whatever the call returned.
    Proven(Result<(), TokenError>),
    /// The new one does not log in, as far as is known.
    Not(TokenError),
}

/// A target at the end of an operation.
struct Ending<'a> {
    token: &'a mut dyn Token,
    target: &'a TargetInForce,
    pins: &'a PinAuthorization,
    acted: Acted,
}

impl Ending<'_> {
    /// The SO sets their own new PIN and the application's, which is handed over when it logs in.
    fn reissue(&mut self, present: &PresentPin, renewed: &Renewed, user: &PresentPin) {
        let user_pin = &user.pin;
        let by_officer = |new| PinChange::ByOfficer { present: &present.pin, new, user_pin };
        let changed = match &renewed.officer {
            Some(fresh) if fresh.version != present.version => {
                self.change(&by_officer(Some(&fresh.pin)), Role::SoPin, present, fresh)
            }
            kept_or_set => {
                if let Some(set) = kept_or_set {
                    self.know(Role::SoPin, set);
                }
                Changed::Proven(self.token.change_pins(self.pins, &by_officer(None)))
            }
        };
        let (officer_done, error) = match changed {
            Changed::Proven(result) => (true, result.err()),
            Changed::Not(error) => (false, Some(error)),
        };
        let untouched = error.as_ref().is_some_and(|error| error.effect == Effect::None);
        let in_force = match error {
            Some(error) if untouched => Err(error),
            error => self.token.prove_pin(PinHolder::User, user_pin).map_err(|e| error.unwrap_or(e)),
        };
        match in_force {
            Ok(()) if officer_done => {
                self.acted.handovers.clone_from(&renewed.handovers);
                self.tell("the application's user PIN is new");
            }
            Ok(()) => {
                self.acted.handovers.clone_from(&renewed.handovers);
                let error = TokenError::unclear("C_SetPIN", Cause::Unnamed, "the SO PIN was not changed", "");
                self.fail(&error, "the application's user PIN is new");
            }
            Err(error) => self.fail(&error, "THE APPLICATION HAS NO USER PIN"),
        }
    }

    /// Changes one held PIN, and finds out which one is in force.
    fn change(&mut self, change: &PinChange<'_>, role: Role, old: &PresentPin, new: &PresentPin) -> Changed {
        let holder = if role == Role::SoPin { PinHolder::SecurityOfficer } else { PinHolder::User };
        let changed = match self.token.change_pins(self.pins, change) {
            Err(error) if error.effect == Effect::None => {
                // Nothing was changed: a login with the new PIN would only cost a try.
                self.know(role, old);
                return Changed::Not(error);
            }
            changed => changed,
        };
        let Err(unproven) = self.token.prove_pin(holder, &new.pin) else {
            self.know(role, new);
            return Changed::Proven(changed);
        };
        let old_in_force =
            unproven.cause == Cause::PinIncorrect && self.token.prove_pin(holder, &old.pin).is_ok();
        let error = changed.err().unwrap_or(unproven);
        // A call that did not return may still be at work: then both PINs stay on record.
        if old_in_force && error.cause != Cause::Unnamed {
            self.know(role, old);
        }
        let which =
            if old_in_force { "the old one is still in force" } else { "which one is in force is unknown" };
        Changed::Not(TokenError { message: format!("{which}: {}", error.message), ..error })
    }

    /// Records the version of a PIN that is in force.
    fn know(&mut self, role: Role, pin: &PresentPin) {
        let target = &self.target.target.name;
        let known = pin.version.map(|version| PinInForce { target: target.clone(), role, version });
        self.acted.pins.extend(known);
    }

    fn tell(&mut self, what: &str) {
        self.acted.summary = format!("{}; {what}", self.acted.summary);
    }

    fn fail(&mut self, error: &TokenError, what: &str) {
        self.tell(&format!("but {what}: {error}"));
        if !self.acted.is_completed() {
            return;
        }
        self.acted.outcome = Outcome::Indeterminate;
        if error.cause == Cause::FunctionNotSupported {
            self.acted.hint =
                "the module cannot change PINs: end it with 'quorate execute --give-up', and propose \
                               with keep_pins = true from now on"
                    .into();
        } else {
            self.acted.advise(error.hint.clone());
        }
    }
}
