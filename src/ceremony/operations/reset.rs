//! A reset: everything goes, label and PINs are new.

use crate::{
    approval::authorization::Authorization,
    ceremony::{
        Error, World,
        access::first_accepted,
        acting::{Acted, Acting, Credentials, Granted, PresentPin},
        fresh_pins::{self, FreshPins, held_pin, seal_credential},
        operations::performed::{Performed, Pinned, Proposing},
        pin_marks::NewPin,
        pinning,
    },
    encoding::text::Name,
    memory::{CredentialSecret, Pin},
    ports::{
        cause::Cause,
        token::{Attempt, Effect, PinHolder, Reset, Token, TokenError, Wanted},
    },
    proposal::{
        joining::CredentialRule,
        operations::{ResetOperation, ResetPlan},
        sealed::SealedCredential,
        target::{Custody, Observation, Role},
        token_label::TokenLabel,
    },
    roster::Roster,
    transcript::{event::TargetState, ledger::TargetInForce, outcome::Outcome},
};

/// Both new PINs are made and sealed here.
pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &ResetPlan) -> Pinned<ResetOperation> {
    let (state, roster) = (proposing.state, &*proposing.roster);
    let target = pinning::token(state, &plan.target)?;
    let observation = pinning::observe(proposing.world.tokens, &plan.target, target)?;
    let identity = observation.identity;
    if pinning::label_is_taken(proposing.world, &plan.target, target, plan.new_label.as_str()) {
        return Err(Error::refused(
            format!("a token with the label \"{}\" already exists there", plan.new_label),
            "choose another new_label, one that tells the reset token from every other",
        ));
    }
    if identity.serial != plan.serial || identity.label != plan.label {
        return Err(Error::refused(
            format!(
                "the plan names serial {} and label \"{}\", the token has {} and \"{}\"",
                plan.serial, plan.label, identity.serial, identity.label
            ),
            "a reset destroys everything: name the token exactly",
        ));
    }
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let mut fresh = FreshPins::default();
    for role in [Role::SoPin, Role::UserPin] {
        let rule =
            target.target.rule(role).filter(|rule| rule.custody != Custody::Borrowed).ok_or_else(|| {
                Error::refused(
                    format!(
                        "a reset sets a new {role}, and the quorum does not have that of {}",
                        plan.target
                    ),
                    "only a target whose so-pin is 'held', and whose user-pin is 'held' or 'reissued', can be reset",
                )
            })?;
        let (secret, bits) = held_pin(&plan.target, rule, observation.pin_length, roster.policy(), &mut rng)?;
        let version = state.next_version(&plan.target, role);
        fresh.credentials.push(seal_credential(roster, &plan.target, rule, version, bits, &secret)?);
        fresh.handovers.extend(fresh_pins::handover(&plan.target, rule, version, &secret)?);
        if role == Role::UserPin {
            fresh.credentials.extend(twin_for_reset(roster, target, rule, version, bits, &secret)?);
        }
    }
    let operation = ResetOperation {
        target: plan.target.clone(),
        identity,
        objects: pinning::recorded(target),
        new_label: plan.new_label.clone(),
    };
    Ok((operation, fresh))
}

/// The authority of the SO PIN sets the user PIN at a reset, and must open the new one. That gives the authority nothing that the
/// SO PIN does not: an SO can set a user PIN at any time.
fn twin_for_reset(
    roster: &Roster,
    target: &TargetInForce,
    rule: &CredentialRule,
    version: u32,
    bits: u32,
    secret: &CredentialSecret,
) -> Result<Option<SealedCredential>, Error> {
    match target.target.rule(Role::SoPin) {
        Some(so) if so.authority != rule.authority => {
            let twin = CredentialRule { authority: so.authority.clone(), ..rule.clone() };
            seal_credential(roster, &target.target.name, &twin, version, bits, secret).map(Some)
        }
        _ => Ok(None),
    }
}

impl Performed for ResetOperation {
    fn check_ready(
        &self,
        world: &mut World<'_>,
        target: &TargetInForce,
        _: &Observation,
    ) -> Result<(), Error> {
        if pinning::label_is_taken(world, &self.target, target, self.new_label.as_str()) {
            return Err(pinning::changed(&self.target));
        }
        Ok(())
    }

    fn perform(&self, acting: &mut Acting<'_, '_>, mut granted: Granted) -> Result<Acted, Error> {
        let credentials = acting.open_credentials(acting.ceremony, &granted.authorities)?;
        let grant = granted.one()?;
        let target = pinning::target(acting.state, &self.target)?;
        let so_pins = acting.present_pins(acting.ceremony, target, Role::SoPin, &granted.authorities)?;
        drop(granted);
        let mut acted = acting.reset(&self.target, target, &self.new_label, so_pins, &credentials, grant)?;
        acted.hand_over(acting.ceremony);
        Ok(acted)
    }
}

impl Acting<'_, '_> {
    /// Resets a target and proves it by a login with the new user PIN.
    pub(super) fn reset(
        &mut self,
        name: &Name,
        target: &TargetInForce,
        new_label: &TokenLabel,
        so_pins: Vec<PresentPin>,
        credentials: &Credentials,
        grant: Authorization,
    ) -> Result<Acted, Error> {
        let what = format!("reset of {name}");
        let new_so_pin = self.pin(credentials, name, Role::SoPin)?;
        let new_user_pin = self.pin(credentials, name, Role::UserPin)?;
        let known = self.new_pin(name, Role::SoPin)?;
        let found = self.token_to_reset(name, target, new_label, known).and_then(|(mut token, run)| {
            let so_pin = which_holds(token.as_mut(), so_pins, run, (new_label, &new_so_pin))?;
            Ok((token, run, so_pin.pin))
        });
        let done = match found {
            Ok((mut token, run, so_pin)) => {
                self.mark_pin(name, Role::SoPin, NewPin::MayBeSet)?;
                let (so_pin, new_so_pin, new_user_pin) = (&so_pin, &new_so_pin, &new_user_pin);
                let done = token.reset(grant, &Reset { run, so_pin, new_label, new_so_pin, new_user_pin });
                let untouched = done.as_ref().is_err_and(|error| error.effect == Effect::None);
                if untouched && run == Attempt::First {
                    self.mark_pin(name, Role::SoPin, known)?;
                }
                done
            }
            Err(error) => Err(error),
        };
        match done {
            // What has the new label without this run having changed anything may be another token: it is not presented the new PIN.
            Err(error) if error.effect == Effect::None => Ok(Acted::from_error(&what, &error)),
            done => Ok(self.look_at_reset(&what, (name, target), new_label, &new_user_pin, done)),
        }
    }

    /// What the token with the new label shows after a reset that changed something, or may have.
    fn look_at_reset(
        &mut self,
        what: &str,
        (name, target): (&Name, &TargetInForce),
        new_label: &TokenLabel,
        new_user_pin: &Pin,
        result: Result<(), TokenError>,
    ) -> Acted {
        let (place, pinned) = (&target.target.place, target.identity.module_sha256);
        let labelled = Wanted::Labelled(new_label.as_str());
        let looked = self
            .world
            .tokens
            .open(name, place, labelled, pinned)
            .and_then(|mut token| token.inventory(new_user_pin));
        match (looked, result) {
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
            // The user PIN is in force; only another run can tell whether the SO PIN is.
            (Ok(_), Err(error)) => Acted::after_error(what, &error),
            (Err(_), Err(error)) => Acted::from_error(what, &error),
            (Err(error), Ok(())) => Acted::after_error(what, &error),
        }
    }

    /// The token as it was, or, after a crash and only if that is gone, the one that has the new label already; and whether this is the
    /// first run that changes it. Where no run is known to have come as far as initialising, only the pinned serial tells the
    /// token from a stranger that has the new label: the mark was lost then.
    fn token_to_reset(
        &mut self,
        name: &Name,
        target: &TargetInForce,
        new_label: &TokenLabel,
        known: NewPin,
    ) -> Result<(Box<dyn Token>, Attempt), TokenError> {
        let (place, pinned) = (&target.target.place, target.identity.module_sha256);
        let (serial, label) = (target.identity.serial.as_str(), target.identity.label.as_str());
        let before = Wanted::Token { serial, label };
        let mut token = self.world.tokens.open(name, place, before, pinned);
        let run = if known == NewPin::NeverSet { Attempt::First } else { self.run };
        if self.run == Attempt::First || token.as_mut().is_ok_and(|t| t.observe().is_ok()) {
            return Ok((token?, run));
        }
        let label = new_label.as_str();
        let after = match known {
            NewPin::NeverSet => Wanted::Token { serial, label },
            NewPin::MayBeSet | NewPin::Set => Wanted::Labelled(label),
        };
        let mut relabelled = self.world.tokens.open(name, place, after, pinned)?;
        match relabelled.observe() {
            Ok(seen) if seen.identity.is_same_device(&target.identity) => Ok((relabelled, Attempt::Resumed)),
            _ => Ok((token?, run)),
        }
    }
}

/// The SO PIN that is in force. If there is only one candidate, the reset itself tries it, and the new one on a token that an earlier run
/// has given its new label.
fn which_holds(
    token: &mut dyn Token,
    mut so_pins: Vec<PresentPin>,
    run: Attempt,
    (new_label, new_so_pin): (&TokenLabel, &Pin),
) -> Result<PresentPin, TokenError> {
    if so_pins.len() == 1
        && let Some(only) = so_pins.pop()
    {
        return Ok(only);
    }
    if run == Attempt::Resumed && token.observe()?.identity.label == *new_label {
        let pin = Pin::copy_of(new_so_pin.expose()).map_err(|error| {
            TokenError::before("C_Login", Cause::Unnamed, error.to_string(), "run the same command again")
        })?;
        so_pins.insert(0, PresentPin { version: None, pin });
    }
    let accepted = first_accepted(so_pins, |pin| token.prove_pin(PinHolder::SecurityOfficer, pin))?;
    Ok(accepted.0)
}
