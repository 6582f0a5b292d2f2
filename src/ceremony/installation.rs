//! A genesis or an adoption in the act: the quorum's PINs go onto its targets.

use super::{
    Error,
    acting::{Acted, Acting, Credentials, Granted, Grants},
    pin_marks::NewPin,
};
use crate::{
    ports::token::{Attempt, Condition, Effect, Installation, Token, TokenError, Wanted},
    proposal::{
        joining::{GenesisTarget, StartKind},
        place::Place,
        target::{Custody, Inventory, Role},
    },
    transcript::{event::TargetState, outcome::Outcome},
};

impl Acting<'_, '_> {
    /// What a genesis or an adoption does: it opens the new credentials, installs them, and hands over what goes to others.
    pub(super) fn let_join(&mut self, targets: &[GenesisTarget], granted: Granted) -> Result<Acted, Error> {
        let Granted { authorities, mut grants } = granted;
        let credentials = self.open_credentials(self.ceremony, &authorities)?;
        drop(authorities);
        let mut acted = self.install_all(targets, &credentials, &mut grants);
        acted.hand_over(self.ceremony);
        Ok(acted)
    }

    /// Installs the quorum's PINs on every target of a genesis or an adoption.
    pub(super) fn install_all(
        &mut self,
        targets: &[GenesisTarget],
        credentials: &Credentials,
        grants: &mut Grants,
    ) -> Acted {
        let mut states = Vec::new();
        for target in targets {
            match self.install(target, credentials, grants) {
                Ok(inventory) => {
                    states.push(TargetState { name: target.name.clone(), inventory: Some(inventory) });
                }
                Err(mut acted) => {
                    if !states.is_empty() {
                        acted.outcome = Outcome::Indeterminate;
                    }
                    acted.targets = states;
                    return acted;
                }
            }
        }
        let summary = format!(
            "{} now {} to the quorum{}",
            names(targets),
            if targets.len() == 1 { "belongs" } else { "belong" },
            self.lengths_of_handed_over()
        );
        let mut acted = Acted::new(Outcome::Completed, summary);
        acted.targets = states;
        acted
    }

    /// The lengths of the credentials that their owners handed over, which they can compare with what they have.
    fn lengths_of_handed_over(&self) -> String {
        let handed_over = self.ceremony.proposal.credentials.iter().filter(|c| c.bits == 0);
        handed_over.map(|c| format!("; {} of {}: {} bytes", c.role, c.target, c.bytes)).collect()
    }

    /// Installs the PINs on one target and proves them by a login.
    #[allow(clippy::result_large_err, reason = "the error is the outcome, made once a ceremony")]
    fn install(
        &mut self,
        target: &GenesisTarget,
        credentials: &Credentials,
        grants: &mut Grants,
    ) -> Result<Inventory, Acted> {
        let what = format!("{} of {}", self.ceremony.kind(), target.name);
        if matches!(target.place, Place::Command { .. }) {
            // Its credentials are sealed; nothing is done with the program before a command is approved.
            let wanted = Wanted::Token { serial: "", label: target.label.as_str() };
            let pinned = target.identity.module_sha256;
            let opened = self.world.tokens.target(&target.name, &target.place, wanted, pinned);
            let seen = opened.and_then(|mut program| program.observe());
            let seen = seen.map_err(|e| Acted::from_error(&what, &e))?;
            return match grants.next() {
                Some(_) if seen.identity == target.identity => {
                    Ok(Inventory { identity: seen.identity, objects: Vec::new() })
                }
                _ => Err(Acted::new(Outcome::Failed, format!("{what}: its program is another one"))),
            };
        }
        let failed = |error: Error| Acted::new(Outcome::Failed, format!("{what}: {}", error.message));
        let custody = |role| target.rule(role).map(|rule| rule.custody);
        let user_pin = self.pin(credentials, &target.name, Role::UserPin).map_err(failed)?;
        let held_so = match custody(Role::SoPin) {
            Some(Custody::Held) => Some(self.pin(credentials, &target.name, Role::SoPin).map_err(failed)?),
            _ => None,
        };
        let sets_user =
            custody(Role::UserPin) != Some(Custody::Borrowed) || target.start == StartKind::Initialise;
        let grant =
            grants.next().ok_or_else(|| Acted::new(Outcome::Failed, format!("{what}: not authorized")))?;
        if held_so.is_some() || sets_user {
            let present = self.present.get(&(target.name.clone(), Role::SoPin));
            let known = self.new_pin(&target.name, Role::SoPin).map_err(failed)?;
            let (run, present) = match (target.start, known) {
                // Nothing was initialised yet: a token that has the label is another one.
                (_, NewPin::NeverSet) => (Attempt::First, present),
                (StartKind::Initialise, _) => (self.run, present),
                (StartKind::TakeOver, NewPin::MayBeSet) => (Attempt::Resumed, present),
                // The one that was handed over is known to be no longer in force.
                (StartKind::TakeOver, NewPin::Set) => {
                    (Attempt::Resumed, present.filter(|_| held_so.is_none()))
                }
            };
            let label = target.token_label();
            let installation = Installation {
                run,
                condition: match target.start {
                    StartKind::Initialise => Condition::Empty {
                        label: label
                            .as_ref()
                            .map_err(|e| Acted::new(Outcome::Failed, format!("{what}: {e}")))?,
                    },
                    StartKind::TakeOver => Condition::InUse { present_so_pin: present },
                },
                new_so_pin: held_so.as_ref(),
                new_user_pin: sets_user.then_some(&user_pin),
            };
            let mut token = self.start_token(target, run).map_err(|e| Acted::from_error(&what, &e))?;
            if known == NewPin::NeverSet {
                self.mark_pin(&target.name, Role::SoPin, NewPin::MayBeSet).map_err(failed)?;
            }
            let done = token.install(grant, &installation);
            // If the mark cannot be kept, a later run does not know, which costs one try at most.
            let _ = match &done {
                Ok(()) => self.mark_pin(&target.name, Role::SoPin, NewPin::Set),
                Err(error) if error.effect == Effect::None => self.mark_pin(&target.name, Role::SoPin, known),
                Err(_) => Ok(()),
            };
            done.map_err(|e| Acted::from_error(&what, &e))?;
        }
        let mut token = self.installed_token(target).map_err(|e| Acted::after_error(&what, &e))?;
        let inventory = token.inventory(&user_pin).map_err(|e| Acted::after_error(&what, &e))?;
        let (found, before) = (&inventory.identity, &target.identity);
        let same = found.label == target.label
            && found.is_same_device(before)
            && (target.start == StartKind::Initialise || found == before);
        if same {
            Ok(inventory)
        } else {
            Err(Acted::new(Outcome::Indeterminate, format!("{what}: afterwards another token answers")))
        }
    }

    fn start_token(&mut self, target: &GenesisTarget, run: Attempt) -> Result<Box<dyn Token>, TokenError> {
        let pinned = target.identity.module_sha256;
        match (target.start, run) {
            (StartKind::TakeOver, _) => self.installed_token(target),
            (StartKind::Initialise, Attempt::First) => {
                self.world.tokens.open(&target.name, &target.place, Wanted::Empty, pinned)
            }
            (StartKind::Initialise, Attempt::Resumed) => {
                let label = target.label.as_str();
                if let Ok(mut token) =
                    self.world.tokens.open(&target.name, &target.place, Wanted::Labelled(label), pinned)
                    && token
                        .observe()
                        .is_ok_and(|seen| seen.initialised && seen.identity.is_same_device(&target.identity))
                {
                    return Ok(token);
                }
                self.world.tokens.open(&target.name, &target.place, Wanted::Empty, pinned)
            }
        }
    }

    fn installed_token(&mut self, target: &GenesisTarget) -> Result<Box<dyn Token>, TokenError> {
        let label = target.label.as_str();
        let wanted = match target.start {
            StartKind::Initialise => Wanted::Labelled(label),
            StartKind::TakeOver => Wanted::Token { serial: target.identity.serial.as_str(), label },
        };
        self.world.tokens.open(&target.name, &target.place, wanted, target.identity.module_sha256)
    }
}

fn names(targets: &[GenesisTarget]) -> String {
    targets.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ")
}
