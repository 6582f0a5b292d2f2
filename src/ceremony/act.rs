//! The act itself: open what the operation needs, do it, and look at the target afterwards.
//!
//! What counts is what is seen afterwards, never a return value alone.

use super::{
    Code, Error, ErrorKind, World,
    access::{self, Access},
    backup,
    collect::SetAside,
    credentials::Credentials,
    news, pinning,
    present::PresentPins,
    renewal,
};
use crate::{
    approval::{authorization::Authorization, intent::DurableIntent, quorum::Quorum},
    encoding::text::{Name, Summary},
    memory::Pin,
    ports::token::{Effect, Run, Token, TokenError, Wanted},
    proposal::{
        operations::{DeleteOperation, Operation, RecoverOperation, ResetOperation, RetireOperation},
        program::ProgramRecord,
        target::{Inventory, LeftOut, ObjectRecord, Role},
    },
    transcript::{
        event::{BackupRecord, Concluded, HandedOver, PinInForce, TargetState},
        ledger::{Ceremony, LedgerState, TargetInForce},
        outcome::Outcome,
    },
};

/// What an act came to, as it was seen.
pub struct Acted {
    pub(super) outcome: Outcome,
    pub(super) summary: String,
    pub(super) hint: String,
    pub(super) targets: Vec<TargetState>,
    pub(super) deleted: Vec<ObjectRecord>,
    pub(super) restored: Vec<ObjectRecord>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) unkept: Vec<LeftOut>,
    pub(super) backup: Option<BackupRecord>,
    pub(super) program: Option<ProgramRecord>,
    /// What a program complained of: for the operator only.
    pub(super) said: Vec<String>,
    /// What changed about the target since it was last recorded: for the room.
    pub(super) noticed: Vec<String>,
    pub(super) pins: Vec<PinInForce>,
    pub(super) handovers: Vec<HandedOver>,
    /// Whether this run ended before its first changing call; earlier runs may have come further.
    pub(super) untouched: bool,
}

impl Acted {
    pub(super) fn new(outcome: Outcome, summary: impl Into<String>) -> Self {
        Self {
            outcome,
            summary: summary.into(),
            hint: "look at the target, then run 'quorate execute' again: the same approvals serve".into(),
            targets: Vec::new(),
            deleted: Vec::new(),
            restored: Vec::new(),
            left_out: Vec::new(),
            unkept: Vec::new(),
            backup: None,
            program: None,
            said: Vec::new(),
            noticed: Vec::new(),
            pins: Vec::new(),
            handovers: Vec::new(),
            untouched: false,
        }
    }

    /// Nothing was tried.
    pub fn refused(summary: &str) -> Self {
        Self::new(Outcome::Refused, summary)
    }

    /// From an error of the token: seen not to have happened only if nothing can have changed.
    pub(super) fn from_error(what: &str, error: &TokenError) -> Self {
        let outcome = match error.effect {
            Effect::None => Outcome::Failed,
            Effect::Unknown => Outcome::Indeterminate,
        };
        let mut acted = Self::new(outcome, format!("{what}: {error}"));
        acted.advise(&error.hint);
        acted.untouched = error.effect == Effect::None;
        acted
    }

    /// An error after the target was changed, or may have been.
    pub(super) fn after_error(what: &str, error: &TokenError) -> Self {
        let mut acted = Self::from_error(what, error);
        acted.outcome = Outcome::Indeterminate;
        acted.untouched = false;
        acted.summary =
            format!("{what}: done as far as known, but when it was looked at afterwards: {error}");
        acted
    }

    /// Once all of it is done, the reissued PINs hold: each has logged in.
    pub(super) fn hand_over(&mut self, ceremony: &Ceremony) {
        if self.is_completed() {
            self.handovers = renewal::handed_over(ceremony);
        }
    }

    /// What to do before the next run.
    pub(super) fn advise(&mut self, hint: &str) {
        self.hint = format!("{hint}; then run 'quorate execute' again: the same approvals serve");
    }

    /// Whether all of it was seen to be done.
    pub fn is_completed(&self) -> bool {
        self.outcome == Outcome::Completed
    }

    /// What is said when the ceremony stays open.
    pub fn into_error(mut self, operation: &Operation, set_aside: Vec<SetAside>) -> Error {
        // What may have set PINs is not given up while its target answers: there is no such way out to name.
        let may_give_up = !operation.facts().sets_pins && !matches!(operation, Operation::Recover(_));
        if may_give_up && !self.hint.contains("--give-up") {
            self.hint.push_str(
                "; if it cannot complete, 'quorate execute --give-up' records what is known and closes it",
            );
        }
        let kind = match self.outcome {
            Outcome::Failed => ErrorKind::Failed,
            _ => ErrorKind::Indeterminate,
        };
        let mut error = Error::problem(self.summary, self.hint);
        (error.kind, error.code) = (kind, Code::of_kind(kind));
        error.details.extend(self.said);
        error.details.extend(self.restored.iter().map(|object| format!("restored and proven: {object}")));
        error.details.extend(self.noticed);
        error.details.extend(self.left_out.iter().map(|l| format!("{}: {}", l.object, l.reason)));
        error.details.extend(self.unkept.iter().map(|l| format!("{}: {}", l.object, l.reason)));
        error.details.extend(set_aside.iter().map(|s| format!("does not count: {}: {}", s.file, s.reason)));
        error
    }

    /// What is recorded.
    pub fn into_concluded(self) -> Concluded {
        Concluded {
            outcome: self.outcome,
            summary: Summary::lossy(&self.summary),
            targets: self.targets,
            deleted: self.deleted,
            restored: self.restored,
            left_out: self.left_out,
            unkept: self.unkept,
            backup: self.backup,
            program: self.program,
            pins: self.pins,
            handovers: self.handovers,
        }
    }
}

/// An act about to happen.
pub struct Acting<'a, 'w> {
    pub(super) world: &'a mut World<'w>,
    pub(super) state: &'a LedgerState,
    pub(super) ceremony: &'a Ceremony,
    pub(super) present: &'a PresentPins,
    pub(super) run: Run,
    /// Whether this is the last run, however it ends.
    pub(super) gives_up: bool,
    /// Whether this run came to change a PIN.
    pub(super) pins_touched: bool,
}

impl Acting<'_, '_> {
    /// Acts, and says what came of it. An error on the way is an outcome too: the intent stands in the ledger.
    pub fn act(&mut self, quorum: Quorum, intent: &DurableIntent) -> Acted {
        let mut acted = self.try_act(quorum, intent).unwrap_or_else(|error| {
            let mut acted = Acted::new(Outcome::Failed, error.message);
            acted.advise(&error.hint);
            acted
        });
        // An earlier run may have done what this one could not: without a look nothing is known.
        let operation = &self.ceremony.proposal.operation;
        let only_reads = matches!(operation, Operation::Inventory(_) | Operation::Backup(_));
        let unseen = acted.outcome == Outcome::Failed && acted.targets.is_empty();
        if self.run == Run::Resumed && unseen && !only_reads {
            acted.outcome = Outcome::Indeterminate;
        }
        if self.run == Run::First && !self.pins_touched && acted.pins.is_empty() {
            acted.pins = self.untouched_pins();
        }
        acted
    }

    /// Reconstitutes, opens, wipes, acts, looks.
    fn try_act(&mut self, quorum: Quorum, intent: &DurableIntent) -> Result<Acted, Error> {
        let (authorities, grants) = quorum.authorize(intent).map_err(|error| {
            Error::refused(
                error.to_string(),
                "have the roster and its shares audited; this run touched nothing",
            )
        })?;
        let mut grants = grants.into_iter();
        let operation = &self.ceremony.proposal.operation;
        if let Operation::Recover(RecoverOperation { ceremony, .. }) = operation {
            return self.recover(*ceremony, &authorities, &mut grants);
        }
        if let Operation::Retire(RetireOperation { target, .. }) = operation {
            let summary = format!("{target} no longer belongs to the quorum; it was not touched");
            return Ok(Acted::new(Outcome::Completed, summary));
        }
        let credentials = self.open_credentials(self.ceremony, &authorities)?;
        if !operation.installs().is_empty() {
            drop(authorities);
            let mut acted = self.genesis(operation.installs(), &credentials, &mut grants);
            acted.hand_over(self.ceremony);
            return Ok(acted);
        }
        let backup_identity = match operation {
            Operation::Backup(_) | Operation::Restore(_) => Some(self.backup_identity(&authorities)?),
            _ => None,
        };
        let missing = || Error::refused("the proposal names no target", "audit the ledger");
        let grant =
            grants.next().ok_or_else(|| Error::refused("the intent names no target", "audit the ledger"))?;
        let (name, _) = operation.target().ok_or_else(missing)?;
        let target = pinning::target(self.state, name)?;
        if let Operation::Reset(ResetOperation { new_label, .. }) = operation {
            let so_pins = self.present_so_pins(self.ceremony, &authorities)?;
            drop(authorities);
            let mut acted = self.reset(name, target, new_label, so_pins, &credentials, grant)?;
            acted.hand_over(self.ceremony);
            return Ok(acted);
        }
        if matches!(operation, Operation::Command(_)) {
            let secrets = self.program_secrets(target, &credentials, &authorities)?;
            drop(authorities);
            return self.command(&secrets, grant);
        }
        let access = self.access(self.ceremony, target, &authorities)?;
        drop(authorities);
        self.one_target(target, &credentials, access, grant, backup_identity)
    }

    /// Everything that logs in to one target of the quorum: look, act, and change the PIN that it has seen.
    fn one_target(
        &mut self,
        target: &TargetInForce,
        credentials: &Credentials,
        access: Access,
        grant: Authorization,
        backup_identity: Option<crate::sealing::x25519::X25519Identity>,
    ) -> Result<Acted, Error> {
        let operation = &self.ceremony.proposal.operation;
        let Some((name, identity)) = operation.target() else {
            return Err(Error::refused("the proposal names no target", "audit the ledger"));
        };
        let renewed = self.renewed(self.ceremony, target, credentials)?;
        let what = format!("{} on {name}", operation.kind());
        let wanted = Wanted::Token { serial: identity.serial.as_str(), label: identity.label.as_str() };
        let place = target.as_approved(operation).target.place;
        let opened = self.world.tokens.open(name, &place, wanted, identity.module_sha256);
        let mut token = match opened {
            Ok(token) => token,
            Err(error) => return Ok(Acted::from_error(&what, &error)),
        };
        let pins = grant.for_pins();
        let (present, before) = match access::log_in(token.as_mut(), access, identity, &pins) {
            Ok(Some(logged_in)) => logged_in,
            Ok(None) => {
                let summary = format!("{what}: another token answers; this run changed nothing");
                return Ok(Acted::new(Outcome::Failed, summary));
            }
            Err(error) => return Ok(Acted::from_error(&what, &error)),
        };
        let at_hand = AtHand { user_pin: &present.user.pin, credentials, backup_identity };
        let news = news::since(self.state.recorded(name), &before.objects, operation, self.run);
        let mut acted = self.logged_in(token.as_mut(), name, before, &at_hand, grant)?;
        news.tell(&mut acted);
        Ok(self.renew(token.as_mut(), target, &present, renewed, &pins, acted))
    }

    /// The operation itself, with the user PIN that holds.
    fn logged_in(
        &mut self,
        token: &mut dyn Token,
        name: &Name,
        before: Inventory,
        at_hand: &AtHand<'_>,
        grant: Authorization,
    ) -> Result<Acted, Error> {
        let operation = &self.ceremony.proposal.operation;
        match operation {
            Operation::Delete(DeleteOperation { objects, .. }) => {
                Ok(self.delete(token, name, at_hand.user_pin, objects, &before, grant))
            }
            Operation::Use(_) => self.use_token(token, name, at_hand.user_pin, &before, grant),
            Operation::Inventory(_) => {
                let summary = format!("{name} holds {} objects", before.objects.len());
                let mut acted = Acted::new(Outcome::Completed, summary);
                acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before) }];
                Ok(acted)
            }
            Operation::Backup(_) | Operation::Restore(_) => {
                if let Some(why) = backup::uncertain(operation, &before.objects) {
                    let mut acted =
                        Acted::new(Outcome::Failed, format!("{} on {name}: {why}", operation.kind()));
                    acted.advise(
                        "record them with an \"inventory\" and propose again, or find out who changed them",
                    );
                    acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before) }];
                    return Ok(acted);
                }
                let missing = || Error::refused("no backup key is at hand", "audit the ledger");
                let identity = at_hand.backup_identity.as_ref().ok_or_else(missing)?;
                let source = self.backup_source(self.ceremony)?.target.name.clone();
                let key = at_hand.credentials.get(&(source, Role::BackupKey)).ok_or_else(missing)?;
                let keys = backup::Keys { user_pin: at_hand.user_pin, backup_key: key, identity };
                backup::act(self, token, name, keys, grant)
            }
            _ => Err(Error::refused("the proposal's operation is not on one target", "audit the ledger")),
        }
    }
}

/// What an operation on one target has at hand.
struct AtHand<'a> {
    /// Has logged in.
    user_pin: &'a Pin,
    /// What the proposal carries, and the backup key.
    credentials: &'a Credentials,
    /// Opens the backup's file.
    backup_identity: Option<crate::sealing::x25519::X25519Identity>,
}
