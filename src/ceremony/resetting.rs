//! A reset in the act: everything goes, label and PINs are new.

use super::{
    Error,
    access::{PresentPin, first_that_holds},
    act::{Acted, Acting},
    credentials::Credentials,
};
use crate::{
    approval::authorization::Authorization,
    encoding::text::{Line, Name},
    memory::Pin,
    ports::{
        cause::Cause,
        token::{PinHolder, Reset, Run, Token, TokenError, Wanted},
    },
    proposal::target::Role,
    transcript::{event::TargetState, ledger::TargetInForce, outcome::Outcome},
};

impl Acting<'_, '_> {
    /// Resets a target and proves it by a login with the new user PIN.
    pub(super) fn reset(
        &mut self,
        name: &Name,
        target: &TargetInForce,
        new_label: &Line,
        so_pins: Vec<PresentPin>,
        credentials: &Credentials,
        grant: Authorization,
    ) -> Result<Acted, Error> {
        let what = format!("reset of {name}");
        let new_so_pin = self.pin(credentials, name, Role::SoPin)?;
        let new_user_pin = self.pin(credentials, name, Role::UserPin)?;
        let result = self.token_to_reset(name, target, new_label).and_then(|mut token| {
            let so_pin = self.which_holds(token.as_mut(), so_pins, (new_label, &new_so_pin))?;
            let reset = Reset {
                run: self.run,
                so_pin: &so_pin.pin,
                new_label: new_label.as_str(),
                new_so_pin: &new_so_pin,
                new_user_pin: &new_user_pin,
            };
            token.reset(grant, &reset, self.world.progress)
        });
        let (place, pinned) = (&target.target.place, target.identity.module_sha256);
        let labelled = Wanted::Labelled(new_label.as_str());
        let looked = self
            .world
            .tokens
            .open(name, place, labelled, pinned)
            .and_then(|mut token| token.inventory(&new_user_pin));
        Ok(match (looked, result) {
            (Ok(after), Ok(()))
                if after.objects.is_empty() && after.identity.is_same_device(&target.identity) =>
            {
                let summary = format!("all objects are gone, its label is \"{new_label}\", its PINs are new");
                let mut acted = Acted::new(Outcome::Completed, format!("{what}: {summary}"));
                acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
                acted
            }
            (Ok(_), Ok(())) => Acted::new(
                Outcome::Indeterminate,
                format!("{what}: what answers afterwards is not a reset token"),
            ),
            // The user PIN holds already; whether the SO PIN does, only another run tells.
            (Ok(_), Err(error)) => Acted::after_error(&what, &error),
            (Err(_), Err(error)) => Acted::from_error(&what, &error),
            (Err(error), Ok(())) => Acted::after_error(&what, &error),
        })
    }

    /// The token as it was, or, after a crash and only if that is gone, the one that has the new label already.
    fn token_to_reset(
        &mut self,
        name: &Name,
        target: &TargetInForce,
        new_label: &Line,
    ) -> Result<Box<dyn Token>, TokenError> {
        let (place, pinned) = (&target.target.place, target.identity.module_sha256);
        let (serial, label) = (target.identity.serial.as_str(), target.identity.label.as_str());
        let before = Wanted::Token { serial, label };
        let mut token = self.world.tokens.open(name, place, before, pinned);
        if self.run == Run::First || token.as_mut().is_ok_and(|t| t.observe().is_ok()) {
            return token;
        }
        let mut relabelled =
            self.world.tokens.open(name, place, Wanted::Labelled(new_label.as_str()), pinned)?;
        match relabelled.observe() {
            Ok(seen) if seen.identity.is_same_device(&target.identity) => Ok(relabelled),
            _ => token,
        }
    }

    /// The SO PIN that holds. Where only one can, the reset itself tries it, and the new one on a token that an earlier run
    /// has given its new label.
    fn which_holds(
        &self,
        token: &mut dyn Token,
        mut so_pins: Vec<PresentPin>,
        (new_label, new_so_pin): (&Line, &Pin),
    ) -> Result<PresentPin, TokenError> {
        if so_pins.len() == 1
            && let Some(only) = so_pins.pop()
        {
            return Ok(only);
        }
        if self.run == Run::Resumed && token.observe()?.identity.label == *new_label {
            let pin = Pin::copy_of(new_so_pin.expose()).map_err(|error| {
                TokenError::before("C_Login", Cause::Unnamed, error.to_string(), "run the same command again")
            })?;
            so_pins.insert(0, PresentPin { version: None, pin });
        }
        let holds = first_that_holds(so_pins, |pin| token.prove_pin(PinHolder::SecurityOfficer, pin))?;
        Ok(holds.0)
    }
}
