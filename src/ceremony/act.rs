//! The act itself: open what the operation needs, do it, and look at the target afterwards.
//!
//! What counts is what is seen afterwards, never a return value alone.

use std::collections::BTreeMap;

use super::{Error, ErrorKind, World, collect::SetAside, genesis::roles_for};
use crate::{
    approval::{
        authorization::Authorization,
        intent::DurableIntent,
        quorum::{Authorities, Quorum},
    },
    encoding::text::{Line, Name},
    memory::{CredentialSecret, Pin},
    ports::token::{Effect, Installation, Reset, Run, Start as TokenStart, Token, TokenError, Wanted},
    proposal::{
        credential::CredentialName,
        operation::{GenesisTarget, Operation, SealedCredential, Start},
        target::{Custody, Inventory, LeftOut, ObjectRecord, Role, TokenIdentity},
    },
    roster::OperationKind,
    sharing::identity,
    transcript::{
        event::{BackupRecord, Concluded, TargetState},
        ledger::{Ceremony, LedgerState, TargetInForce},
        outcome::Outcome,
    },
};

/// PINs that hold now and are not the quorum's.
pub type PresentPins = BTreeMap<(Name, Role), Pin>;

/// What an act came to, as it was seen.
pub struct Acted {
    pub(super) outcome: Outcome,
    pub(super) summary: String,
    pub(super) hint: String,
    pub(super) targets: Vec<TargetState>,
    pub(super) deleted: Vec<ObjectRecord>,
    pub(super) restored: Vec<ObjectRecord>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) backup: Option<BackupRecord>,
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
            backup: None,
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
        acted.hint = format!("{}; then run 'quorate execute' again: the same approvals serve", error.hint);
        acted
    }

    /// Whether all of it was seen to be done.
    pub fn is_completed(&self) -> bool {
        self.outcome == Outcome::Completed
    }

    /// What is said when the ceremony stays open.
    pub fn into_error(self, set_aside: Vec<SetAside>) -> Error {
        let kind = match self.outcome {
            Outcome::Failed => ErrorKind::Failed,
            _ => ErrorKind::Indeterminate,
        };
        let mut error = Error::problem(self.summary, self.hint);
        error.kind = kind;
        error.details.extend(self.left_out.iter().map(|l| format!("{}: {}", l.object, l.reason)));
        error.details.extend(set_aside.iter().map(|s| format!("does not count: {}: {}", s.file, s.reason)));
        error
    }

    /// What is recorded.
    pub fn into_concluded(self) -> Concluded {
        Concluded {
            outcome: self.outcome,
            summary: Line::lossy(&self.summary),
            targets: self.targets,
            deleted: self.deleted,
            restored: self.restored,
            left_out: self.left_out,
            backup: self.backup,
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
}

/// The credentials that an act uses, opened.
pub(super) type Credentials = BTreeMap<(Name, Role), CredentialSecret>;

impl Acting<'_, '_> {
    /// Reconstitutes, opens, wipes, acts, looks.
    pub fn act(&mut self, quorum: Quorum, intent: &DurableIntent) -> Result<Acted, Error> {
        let (authorities, grants) = quorum.authorize(intent).map_err(|error| {
            Error::refused(error.to_string(), "nothing was touched; have the roster and its shares audited")
        })?;
        let mut grants = grants.into_iter();
        let operation = &self.ceremony.proposal.operation;
        if let Operation::Recover { ceremony, intended, .. } = operation {
            return self.recover(*ceremony, *intended, &authorities, &mut grants);
        }
        let credentials = self.open_credentials(self.ceremony, &authorities)?;
        if let Operation::Genesis { targets } = operation {
            drop(authorities);
            return Ok(self.genesis(targets, &credentials, &mut grants));
        }
        let backup_identity = match operation {
            Operation::Backup { .. } | Operation::Restore { .. } => Some(self.backup_identity(&authorities)?),
            _ => None,
        };
        let present_so_pin = self.present_so_pin(self.ceremony, &authorities)?;
        drop(authorities);
        self.one_target(&credentials, &mut grants, backup_identity, present_so_pin)
    }

    /// The SO PIN that holds before a reset.
    fn present_so_pin(&self, ceremony: &Ceremony, authorities: &Authorities) -> Result<Option<Pin>, Error> {
        let Operation::Reset { target, .. } = &ceremony.proposal.operation else { return Ok(None) };
        let sealed = super::pinning::target(self.state, target)?.credentials.get(&Role::SoPin);
        let sealed = sealed.ok_or_else(|| {
            Error::refused(format!("the quorum holds no so-pin of {target}"), "audit the ledger")
        })?;
        Ok(Some(self.open(sealed, authorities)?.to_pin()?))
    }

    /// The target whose backup key wraps: the one that is backed up, or of which the backup is.
    fn backup_source(&self) -> Result<&TargetInForce, Error> {
        let name = match &self.ceremony.proposal.operation {
            Operation::Restore { backup, .. } => self.state.backups.get(backup).map(|record| &record.target),
            operation => operation.target().map(|(name, _)| name),
        };
        name.and_then(|name| self.state.targets.get(name)).ok_or_else(|| {
            Error::refused("the backup is of no target of this quorum", "see 'quorate status'")
        })
    }

    fn backup_identity(&self, authorities: &Authorities) -> Result<age::x25519::Identity, Error> {
        let rule = self.backup_source()?.target.rule(Role::BackupKey).ok_or_else(|| {
            Error::refused("the quorum holds no backup key of this target", "see 'quorate status'")
        })?;
        let secret = authorities.secret(&rule.authority).ok_or_else(|| no_authority(&rule.authority))?;
        Ok(identity::age_identity(secret)?)
    }

    /// Opens the held credentials that an operation needs, each under the name that the ledger expects.
    fn open_credentials(&self, ceremony: &Ceremony, authorities: &Authorities) -> Result<Credentials, Error> {
        let mut sealed: Vec<&SealedCredential> = ceremony.proposal.credentials.iter().collect();
        let mut opened = Credentials::new();
        if let Some((name, _)) = ceremony.proposal.operation.target()
            && let Some(target) = self.state.targets.get(name)
            && ceremony.kind() != OperationKind::Reset
        {
            let roles = roles_for(ceremony.kind());
            sealed.extend(roles.iter().filter_map(|role| target.credentials.get(role)));
        }
        if matches!(ceremony.kind(), OperationKind::Backup | OperationKind::Restore) {
            sealed.extend(self.backup_source()?.credentials.get(&Role::BackupKey));
        }
        for credential in sealed {
            // A reset seals the new user PIN to the SO's authority as well, which need not hold the first one.
            let twin = ceremony.proposal.credentials.iter().any(|c| {
                c.target == credential.target
                    && c.role == credential.role
                    && c.authority != credential.authority
                    && authorities.secret(&c.authority).is_some()
            });
            if twin && authorities.secret(&credential.authority).is_none() {
                continue;
            }
            let secret = self.open(credential, authorities)?;
            opened.insert((credential.target.clone(), credential.role), secret);
        }
        Ok(opened)
    }

    /// Opens one sealed credential.
    pub(super) fn open(
        &self,
        credential: &SealedCredential,
        authorities: &Authorities,
    ) -> Result<CredentialSecret, Error> {
        let secret =
            authorities.secret(&credential.authority).ok_or_else(|| no_authority(&credential.authority))?;
        let name = CredentialName {
            ledger: self.state.nonce,
            authority: credential.authority.clone(),
            target: credential.target.clone(),
            role: credential.role,
            version: credential.version,
        };
        name.open(&identity::age_identity(secret)?, &credential.file.0).map_err(|error| {
            Error::refused(error.to_string(), "nothing was touched; audit the ledger and its copies")
        })
    }

    /// A PIN: the quorum's, or the one that its owner handed over.
    pub(super) fn pin(&self, credentials: &Credentials, target: &Name, role: Role) -> Result<Pin, Error> {
        let key = (target.clone(), role);
        match (credentials.get(&key), self.present.get(&key)) {
            (Some(secret), _) => Ok(secret.to_pin()?),
            (None, Some(pin)) => Ok(Pin::copy_of(pin.expose())?),
            (None, None) => Err(Error::refused(
                format!("no {role} of {target} is at hand"),
                "hand it over with --present-pin",
            )),
        }
    }

    fn genesis(
        &mut self,
        targets: &[GenesisTarget],
        credentials: &Credentials,
        grants: &mut dyn Iterator<Item = Authorization>,
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
            "{} now {} to the quorum",
            names(targets),
            if targets.len() == 1 { "belongs" } else { "belong" }
        );
        let mut acted = Acted::new(Outcome::Completed, summary);
        acted.targets = states;
        acted
    }

    /// Installs the PINs on one target and proves them by a login.
    #[allow(clippy::result_large_err, reason = "the error is the outcome, made once a ceremony")]
    fn install(
        &mut self,
        target: &GenesisTarget,
        credentials: &Credentials,
        grants: &mut dyn Iterator<Item = Authorization>,
    ) -> Result<Inventory, Acted> {
        let what = format!("genesis of {}", target.name);
        let failed = |error: Error| Acted::new(Outcome::Failed, format!("{what}: {}", error.message));
        let custody = |role| target.rule(role).map(|rule| rule.custody);
        let user_pin = self.pin(credentials, &target.name, Role::UserPin).map_err(failed)?;
        let held_so = match custody(Role::SoPin) {
            Some(Custody::Held) => Some(self.pin(credentials, &target.name, Role::SoPin).map_err(failed)?),
            _ => None,
        };
        let sets_user = custody(Role::UserPin) == Some(Custody::Held) || target.start == Start::Initialise;
        let grant =
            grants.next().ok_or_else(|| Acted::new(Outcome::Failed, format!("{what}: not authorized")))?;
        if held_so.is_some() || sets_user {
            let present = self.present.get(&(target.name.clone(), Role::SoPin));
            let installation = Installation {
                run: self.run,
                start: match target.start {
                    Start::Initialise => TokenStart::Empty { label: target.label.as_str() },
                    Start::TakeOver => TokenStart::InUse { present_so_pin: present },
                },
                new_so_pin: held_so.as_ref(),
                new_user_pin: sets_user.then_some(&user_pin),
            };
            let mut token = self.start_token(target).map_err(|e| Acted::from_error(&what, &e))?;
            let done = token.install(grant, &installation, self.world.progress);
            done.map_err(|e| Acted::from_error(&what, &e))?;
        }
        let mut token = self.installed_token(target).map_err(|e| after_error(&what, &e))?;
        let inventory = token.inventory(&user_pin).map_err(|e| after_error(&what, &e))?;
        let (found, before) = (&inventory.identity, &target.identity);
        let same = found.label == target.label
            && (target.start == Start::Initialise || found == before)
            && found.module_sha256 == before.module_sha256;
        if same {
            Ok(inventory)
        } else {
            Err(Acted::new(Outcome::Indeterminate, format!("{what}: afterwards another token answers")))
        }
    }

    fn start_token(&mut self, target: &GenesisTarget) -> Result<Box<dyn Token>, TokenError> {
        let pinned = target.identity.module_sha256;
        match (target.start, self.run) {
            (Start::TakeOver, _) => self.installed_token(target),
            (Start::Initialise, Run::First) => {
                self.world.tokens.open(&target.name, &target.place, Wanted::Empty, pinned)
            }
            (Start::Initialise, Run::Resumed) => {
                let label = target.label.as_str();
                if let Ok(mut token) =
                    self.world.tokens.open(&target.name, &target.place, Wanted::Labelled(label), pinned)
                    && token.observe().is_ok_and(|o| o.initialised)
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
            Start::Initialise => Wanted::Labelled(label),
            Start::TakeOver => Wanted::Token { serial: target.identity.serial.as_str(), label },
        };
        self.world.tokens.open(&target.name, &target.place, wanted, target.identity.module_sha256)
    }

    /// Everything that acts on one target of the quorum.
    fn one_target(
        &mut self,
        credentials: &Credentials,
        grants: &mut dyn Iterator<Item = Authorization>,
        backup_identity: Option<age::x25519::Identity>,
        present_so_pin: Option<Pin>,
    ) -> Result<Acted, Error> {
        let operation = &self.ceremony.proposal.operation;
        let Some((name, identity)) = operation.target() else {
            return Err(Error::refused("the proposal names no target", "audit the ledger"));
        };
        let target = super::pinning::target(self.state, name)?;
        let wanted = Wanted::Token { serial: identity.serial.as_str(), label: identity.label.as_str() };
        let grant =
            grants.next().ok_or_else(|| Error::refused("the intent names no target", "audit the ledger"))?;
        if let Operation::Reset { new_label, .. } = operation {
            return self.reset(name, target, new_label, present_so_pin, credentials, grant);
        }
        let user_pin = self.pin(credentials, name, Role::UserPin)?;
        let what = format!("{} on {name}", operation.kind());
        let opened = self.world.tokens.open(name, &target.target.place, wanted, identity.module_sha256);
        let mut token = match opened {
            Ok(token) => token,
            Err(error) => return Ok(Acted::from_error(&what, &error)),
        };
        let before = match token.inventory(&user_pin) {
            Ok(inventory) if inventory.identity == *identity => inventory,
            Ok(_) => {
                return Ok(Acted::new(
                    Outcome::Failed,
                    format!("{what}: another token answers; nothing was changed"),
                ));
            }
            Err(error) => return Ok(Acted::from_error(&what, &error)),
        };
        match operation {
            Operation::Delete { objects, .. } => {
                Ok(self.delete(token.as_mut(), name, &user_pin, objects, &before, grant))
            }
            Operation::Inventory { .. } => {
                let summary = format!("{name} holds {} objects", before.objects.len());
                let mut acted = Acted::new(Outcome::Completed, summary);
                acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before) }];
                Ok(acted)
            }
            Operation::Backup { .. } | Operation::Restore { .. } => {
                let identity = backup_identity
                    .ok_or_else(|| Error::refused("no backup key is at hand", "audit the ledger"))?;
                let key = credentials.get(&(self.backup_source()?.target.name.clone(), Role::BackupKey));
                let key =
                    key.ok_or_else(|| Error::refused("no backup key is at hand", "audit the ledger"))?;
                super::backup::act(self, token.as_mut(), name, &user_pin, key, &identity, grant)
            }
            _ => Err(Error::refused("the proposal's operation is not on one target", "audit the ledger")),
        }
    }

    fn delete(
        &mut self,
        token: &mut dyn Token,
        name: &Name,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        before: &Inventory,
        grant: Authorization,
    ) -> Acted {
        let what = format!("delete on {name}");
        let result = token.delete(grant, user_pin, objects, self.run, self.world.progress);
        let after = match token.inventory(user_pin) {
            Ok(after) if after.identity == before.identity => after,
            Ok(_) => {
                return Acted::new(
                    Outcome::Indeterminate,
                    format!("{what}: afterwards another token answers"),
                );
            }
            Err(error) => {
                let mut acted = after_error(&what, &error);
                if let Err(first) = &result {
                    acted.summary = format!("{what}: {first}; and it cannot be looked at: {error}");
                }
                return acted;
            }
        };
        let (gone, there): (Vec<_>, Vec<_>) =
            objects.iter().cloned().partition(|o| !after.objects.contains(o));
        let vanished: Vec<&ObjectRecord> =
            before.objects.iter().filter(|o| !after.objects.contains(o) && !objects.contains(o)).collect();
        let reason = result.as_ref().err().map(|e| format!(": {e}")).unwrap_or_default();
        let mut acted = if !vanished.is_empty() {
            let list = vanished.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Acted::new(Outcome::Indeterminate, format!("{what}: objects that were to stay are gone: {list}"))
        } else if there.is_empty() {
            let summary = format!(
                "{} of {} objects are gone, {} others are still there",
                gone.len(),
                objects.len(),
                after.objects.len()
            );
            Acted::new(Outcome::Completed, format!("{what}: {summary}"))
        } else {
            let summary = format!("{} of {} objects are still there{reason}", there.len(), objects.len());
            Acted::new(Outcome::Failed, format!("{what}: {summary}"))
        };
        if let Ok(deletion) = result {
            acted.left_out = deletion.remaining;
        } else if let Err(error) = result
            && !acted.is_completed()
        {
            acted.hint =
                format!("{}; then run 'quorate execute' again: the same approvals serve", error.hint);
        }
        acted.deleted = gone;
        acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
        acted
    }

    fn reset(
        &mut self,
        name: &Name,
        target: &TargetInForce,
        new_label: &Line,
        present_so_pin: Option<Pin>,
        credentials: &Credentials,
        grant: Authorization,
    ) -> Result<Acted, Error> {
        let what = format!("reset of {name}");
        let so_pin = present_so_pin
            .ok_or_else(|| Error::refused(format!("no so-pin of {name} is at hand"), "audit the ledger"))?;
        let new_so_pin = self.pin(credentials, name, Role::SoPin)?;
        let new_user_pin = self.pin(credentials, name, Role::UserPin)?;
        let (place, pinned) = (&target.target.place, target.identity.module_sha256);
        let wanted =
            Wanted::Token { serial: target.identity.serial.as_str(), label: target.identity.label.as_str() };
        let labelled = Wanted::Labelled(new_label.as_str());
        let opened = match self.run {
            Run::First => self.world.tokens.open(name, place, wanted, pinned),
            Run::Resumed => self
                .world
                .tokens
                .open(name, place, labelled, pinned)
                .or_else(|_| self.world.tokens.open(name, place, wanted, pinned)),
        };
        let result = opened.and_then(|mut token| {
            let reset = Reset {
                run: self.run,
                so_pin: &so_pin,
                new_label: new_label.as_str(),
                new_so_pin: &new_so_pin,
                new_user_pin: &new_user_pin,
            };
            token.reset(grant, &reset, self.world.progress)
        });
        let looked = self
            .world
            .tokens
            .open(name, place, labelled, pinned)
            .and_then(|mut token| token.inventory(&new_user_pin));
        Ok(match (looked, result) {
            (Ok(after), _) if after.objects.is_empty() => {
                let summary =
                    format!("{what}: all objects are gone, its label is \"{new_label}\", its PINs are new");
                let mut acted = Acted::new(Outcome::Completed, summary);
                acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
                acted
            }
            (Ok(_), _) => Acted::new(Outcome::Indeterminate, format!("{what}: objects are there afterwards")),
            (Err(_), Err(error)) => Acted::from_error(&what, &error),
            (Err(error), Ok(())) => after_error(&what, &error),
        })
    }

    /// Closes a ceremony whose station was lost. What must not stay half-done, PINs, is brought to its end.
    fn recover(
        &mut self,
        number: u32,
        intended: bool,
        authorities: &Authorities,
        grants: &mut dyn Iterator<Item = Authorization>,
    ) -> Result<Acted, Error> {
        let lost = self.state.ceremonies.iter().find(|c| c.number() == number).cloned();
        let lost =
            lost.ok_or_else(|| Error::refused("the lost ceremony is not in the ledger", "audit the ledger"))?;
        let closes = format!("ceremony {number} ({})", lost.kind());
        if let Some(concluded) = &lost.concluded {
            let outcome = concluded.outcome;
            return Ok(Acted::new(
                Outcome::Completed,
                format!("{closes} is closed with its outcome: {outcome}"),
            ));
        }
        if !intended {
            let summary = format!("{closes} is closed as refused: nothing had been tried");
            return Ok(Acted::new(Outcome::Completed, summary));
        }
        if lost.kind() == OperationKind::Recover {
            let summary = format!(
                "{closes} is closed as indeterminate; what it was to recover is to be recovered again"
            );
            return Ok(Acted::new(Outcome::Completed, summary));
        }
        self.run = Run::Resumed;
        if let Operation::Genesis { targets } = &lost.proposal.operation {
            let credentials = self.open_credentials(&lost, authorities)?;
            let mut acted = self.genesis(targets, &credentials, grants);
            acted.summary = format!("{closes} is closed; {}", acted.summary);
            return Ok(acted);
        }
        let Some((name, identity)) = lost.proposal.operation.target() else {
            return Err(Error::refused("the lost ceremony names no target", "audit the ledger"));
        };
        let target = super::pinning::target(self.state, name)?;
        let mut credentials = self.open_credentials(&lost, authorities)?;
        if let Operation::Reset { new_label, .. } = &lost.proposal.operation {
            let grant = grants
                .next()
                .ok_or_else(|| Error::refused("the intent names no target", "audit the ledger"))?;
            let present_so_pin = self.present_so_pin(&lost, authorities)?;
            let mut acted = self.reset(name, target, new_label, present_so_pin, &credentials, grant)?;
            acted.summary = format!("{closes} is closed; {}", acted.summary);
            return Ok(acted);
        }
        if let Some(sealed) = target.credentials.get(&Role::UserPin) {
            credentials.insert((name.clone(), Role::UserPin), self.open(sealed, authorities)?);
        }
        let user_pin = self.pin(&credentials, name, Role::UserPin)?;
        let wanted = Wanted::Token { serial: identity.serial.as_str(), label: identity.label.as_str() };
        let seen = self
            .world
            .tokens
            .open(name, &target.target.place, wanted, identity.module_sha256)
            .and_then(|mut t| t.inventory(&user_pin));
        let mut acted = Acted::new(Outcome::Completed, String::new());
        acted.summary = match &seen {
            Ok(inventory) => format!(
                "{closes} is closed as indeterminate; {}",
                observed(&lost.proposal.operation, inventory, identity)
            ),
            Err(error) => format!("{closes} is closed as indeterminate; {name} cannot be looked at: {error}"),
        };
        acted.targets = vec![TargetState { name: name.clone(), inventory: seen.ok() }];
        Ok(acted)
    }
}

fn observed(operation: &Operation, inventory: &Inventory, identity: &TokenIdentity) -> String {
    if inventory.identity != *identity {
        return "another token answers now".into();
    }
    match operation {
        Operation::Delete { objects, .. } => {
            let gone = objects.iter().filter(|o| !inventory.objects.contains(o)).count();
            format!("{gone} of {} objects that were to be deleted are gone", objects.len())
        }
        _ => format!("the token holds {} objects", inventory.objects.len()),
    }
}

fn no_authority(name: &Name) -> Error {
    Error::refused(
        format!("authority {name} was not reconstituted for this operation"),
        "audit the roster's operations",
    )
}

/// An error after the target was changed.
fn after_error(what: &str, error: &TokenError) -> Acted {
    let mut acted = Acted::from_error(what, error);
    acted.outcome = Outcome::Indeterminate;
    acted.summary = format!("{what}: done as far as known, but it cannot be looked at: {error}");
    acted
}

fn names(targets: &[GenesisTarget]) -> String {
    targets.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The PINs that the quorum does not hold and an execution needs, each with the reason.
pub fn present_pins_needed(state: &LedgerState, ceremony: &Ceremony) -> Vec<(Name, Role, String)> {
    match &ceremony.proposal.operation {
        Operation::Genesis { targets } => targets.iter().flat_map(present_at_genesis).collect(),
        Operation::Recover { ceremony: number, intended: true, .. } => {
            let lost = state.ceremonies.iter().find(|c| c.number() == *number);
            match lost.map(|c| (&c.proposal.operation, c)) {
                Some((Operation::Genesis { targets }, _)) => {
                    targets.iter().flat_map(present_at_genesis).collect()
                }
                Some((operation, lost)) => borrowed(state, operation, lost.kind()),
                None => Vec::new(),
            }
        }
        operation => borrowed(state, operation, operation.kind()),
    }
}

fn borrowed(state: &LedgerState, operation: &Operation, kind: OperationKind) -> Vec<(Name, Role, String)> {
    let Some((name, _)) = operation.target() else { return Vec::new() };
    let Some(target) = state.targets.get(name) else { return Vec::new() };
    roles_for(kind)
        .iter()
        .filter(|role| target.target.rule(**role).is_some_and(|rule| rule.custody == Custody::Borrowed))
        .map(|role| {
            (name.clone(), *role, "borrowed: its owner hands it over; it is tried once and not stored".into())
        })
        .collect()
}

fn present_at_genesis(target: &GenesisTarget) -> Vec<(Name, Role, String)> {
    let custody = |role| target.rule(role).map(|rule| rule.custody);
    let mut needed = Vec::new();
    let changes =
        custody(Role::SoPin) == Some(Custody::Held) || custody(Role::UserPin) == Some(Custody::Held);
    if target.start == Start::TakeOver && changes {
        needed.push((
            target.name.clone(),
            Role::SoPin,
            "the SO PIN that holds now; tried once, and not stored".into(),
        ));
    }
    if custody(Role::UserPin) == Some(Custody::Borrowed) {
        let why = match target.start {
            Start::Initialise => {
                "borrowed: its owner chooses the user PIN of the new token; it is not stored"
            }
            Start::TakeOver => "borrowed: its owner hands over the user PIN; it is tried once and not stored",
        };
        needed.push((target.name.clone(), Role::UserPin, why.into()));
    }
    needed
}
