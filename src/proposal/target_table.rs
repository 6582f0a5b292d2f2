//! What a plan says of a target that joins: in a genesis, or in an adoption.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    joining::{GenesisTarget, StartKind},
    place::Place,
    plan_error::PlanError,
    plan_rules::{absolute, label_fits},
    target::{Custody, Role},
};
use crate::{
    encoding::{
        digest::Digest,
        text::{Line, Name},
    },
    sealing::recipient::X25519Recipient,
};

/// `[[targets]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetTable {
    /// Identifier.
    pub name: Name,
    /// What kind.
    pub kind: TargetKind,
    /// `pkcs11`: the module's file, absolute.
    pub module: Option<String>,
    /// `practice`: the token's file, absolute.
    pub path: Option<String>,
    /// `command`: the program's file, absolute.
    pub program: Option<String>,
    /// `command`: SHA-256 of the program's file.
    pub sha256: Option<Digest>,
    /// Tokens: empty, or in use.
    pub start: Option<StartKind>,
    /// Tokens: the label to give to an empty token, or the one that the token in use has.
    pub label: Option<Line>,
    /// The serial number of a token in use.
    pub serial: Option<Line>,
    /// `pkcs11`: which slot, where several are empty.
    pub slot: Option<u64>,
    /// Which credentials the quorum keeps, and how.
    pub credentials: BTreeMap<Role, CredentialTable>,
}

impl TargetTable {
    /// Empty or in use; there is nothing to begin with a program.
    pub fn start(&self) -> StartKind {
        self.start.unwrap_or(StartKind::TakeOver)
    }

    /// The label afterwards; a program is called as its target.
    pub fn label(&self) -> Line {
        self.label.clone().unwrap_or_else(|| Line::lossy(self.name.as_str()))
    }
}

/// `kind` of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A token behind a PKCS#11 module.
    Pkcs11,
    /// The built-in token for rehearsals.
    Practice,
    /// A program that is handed credentials.
    Command,
}

/// `credentials.ROLE`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialTable {
    /// Which authority it belongs to.
    pub authority: Name,
    /// How it is kept.
    pub custody: Custody,
    /// `reissued`: the application's age recipient (X25519), to which each new PIN is sealed.
    pub recipient: Option<X25519Recipient>,
    /// The most characters of each PIN that is made: 4 to 255.
    pub pin_length: Option<u32>,
    /// `command`: where it comes from, if the quorum holds it.
    #[serde(default)]
    pub source: CredentialSource,
}

/// `credentials.ROLE.source`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialSource {
    /// Random, made when it is proposed.
    #[default]
    Generated,
    /// Its owner hands it over when it is proposed.
    HandedOver,
}

impl TargetTable {
    pub(super) fn check(&self, known: &dyn Fn(&Name) -> bool) -> Result<(), PlanError> {
        let fail = |message: String| Err(PlanError::new(format!("target {}: {message}", self.name)));
        for (role, rule) in &self.credentials {
            if !known(&rule.authority) {
                return fail(format!("credentials.{role}: there is no authority {}", rule.authority));
            }
        }
        if self.kind == TargetKind::Command {
            return self.check_program();
        }
        if self.program.is_some() || self.sha256.is_some() {
            return fail("'program' and 'sha256' are of targets of kind \"command\"".into());
        }
        if let Some(role) = self.credentials.keys().find(|role| role.is_for_programs()) {
            return fail(format!("credentials.{role}: that is of targets of kind \"command\""));
        }
        if self.credentials.values().any(|rule| rule.source != CredentialSource::Generated) {
            return fail("only a credential of a target of kind \"command\" is handed over".into());
        }
        let (Some(start), Some(label)) = (self.start, &self.label) else {
            return fail("a token has 'start' and 'label'".into());
        };
        match (self.kind, &self.module, &self.path) {
            (TargetKind::Pkcs11, Some(module), None) => absolute("module", module)?,
            (TargetKind::Practice, None, Some(path)) if self.slot.is_none() => absolute("path", path)?,
            (TargetKind::Practice, ..) => {
                return fail("a practice target has 'path', no 'module' and no 'slot'".into());
            }
            _ => return fail("a pkcs11 target has 'module' and no 'path'".into()),
        }
        match (start, &self.serial) {
            (StartKind::TakeOver, None) => {
                return fail("a token in use is named by its 'serial' as well".into());
            }
            (StartKind::Initialise, Some(_)) => return fail("an empty token has no 'serial' yet".into()),
            _ => {}
        }
        label_fits(label)?;
        if self.credentials.is_empty() {
            return fail("credentials is empty: the quorum would keep nothing".into());
        }
        for (role, rule) in &self.credentials {
            if *role == Role::BackupKey && rule.custody != Custody::Held {
                return fail("credentials.backup-key: a backup key is 'held'".into());
            }
            if let Err(message) =
                self.check_recipient(*role, rule).and_then(|()| rule.check_pin_length(*role))
            {
                return fail(format!("credentials.{role}: {message}"));
            }
        }
        let has = |role| self.credentials.contains_key(&role);
        if start == StartKind::Initialise && !(has(Role::SoPin) && has(Role::UserPin)) {
            return fail("an empty token needs credentials.so-pin and credentials.user-pin".into());
        }
        if start == StartKind::Initialise
            && self.credentials.get(&Role::SoPin).is_some_and(|r| r.custody != Custody::Held)
        {
            return fail("credentials.so-pin of an empty token is 'held'".into());
        }
        if !has(Role::UserPin) {
            return fail("credentials.user-pin is missing: without it the objects cannot be read".into());
        }
        Ok(())
    }
}

impl CredentialTable {
    /// Of a PIN that the quorum makes, and long enough to be one.
    fn check_pin_length(&self, role: Role) -> Result<(), String> {
        match self.pin_length {
            None => Ok(()),
            Some(_) if role == Role::BackupKey || self.custody == Custody::Borrowed => {
                Err("'pin_length' is for a PIN that the quorum makes".into())
            }
            Some(4..=255) => Ok(()),
            Some(length) => Err(format!("pin_length is {length}: 4 to 255 are possible")),
        }
    }
}

impl TargetTable {
    /// A program has credentials of its own kind, and nothing of a token.
    fn check_program(&self) -> Result<(), PlanError> {
        let fail = |message: String| Err(PlanError::new(format!("target {}: {message}", self.name)));
        let of_tokens = self.module.is_some()
            || self.path.is_some()
            || self.slot.is_some()
            || self.serial.is_some()
            || self.start.is_some()
            || self.label.is_some();
        let (Some(program), Some(_), false) = (&self.program, &self.sha256, of_tokens) else {
            return fail(
                "a command target has 'program', 'sha256' and 'credentials', and nothing else".into(),
            );
        };
        absolute("program", program)?;
        if self.credentials.is_empty() {
            return fail("credentials is empty: the quorum would keep nothing".into());
        }
        for (role, rule) in &self.credentials {
            if !role.is_for_programs() {
                return fail(format!("credentials.{role}: a program's are secret, second-secret, …"));
            }
            if rule.pin_length.is_some() {
                return fail(format!("credentials.{role}: 'pin_length' is for the PINs of tokens"));
            }
            if rule.custody == Custody::Reissued || rule.recipient.is_some() {
                return fail(format!("credentials.{role}: a program's is 'held' or 'borrowed'"));
            }
            if rule.custody != Custody::Held && rule.source != CredentialSource::Generated {
                return fail(format!(
                    "credentials.{role}: only a held one is handed over when it is proposed"
                ));
            }
        }
        Ok(())
    }

    /// A reissued PIN is the user's, is set by the quorum's SO PIN, and goes to somebody.
    fn check_recipient(&self, role: Role, rule: &CredentialTable) -> Result<(), String> {
        let so_pin = self.credentials.get(&Role::SoPin);
        match (rule.custody, &rule.recipient) {
            (Custody::Reissued, _) if role != Role::UserPin => {
                Err("only a user-pin can be 'reissued': the SO sets it".into())
            }
            (Custody::Reissued, None) => {
                Err("a reissued PIN is sealed to its application's 'recipient' (age1…)".into())
            }
            (Custody::Reissued, Some(_)) => match so_pin {
                Some(so) if so.custody == Custody::Held && so.authority == rule.authority => Ok(()),
                Some(so) if so.custody == Custody::Held => Err(format!(
                    "the SO PIN sets it: its authority is that of credentials.so-pin, {}",
                    so.authority
                )),
                _ => Err("the SO PIN sets it: credentials.so-pin must be 'held'".into()),
            },
            (_, Some(_)) => Err(format!("'recipient' is for a reissued PIN, this one is '{}'", rule.custody)),
            (_, None) => Ok(()),
        }
    }
}

impl TargetTable {
    /// Whether this is what the plan says of a target that joins.
    pub(super) fn is_of(&self, target: &GenesisTarget) -> bool {
        let place = match (&target.place, self.kind) {
            (Place::Pkcs11 { module, slot }, TargetKind::Pkcs11) => {
                self.module.as_ref() == Some(module) && self.slot == *slot
            }
            (Place::Practice { path }, TargetKind::Practice) => self.path.as_ref() == Some(path),
            (Place::Command { program }, TargetKind::Command) => {
                let named =
                    self.program.as_ref() == Some(program) && self.sha256 == target.identity.module_sha256;
                return named
                    && target.start == StartKind::TakeOver
                    && self.has_rules_of(target)
                    && self.name == target.name;
            }
            _ => false,
        };
        let start = self.start() == target.start
            && (target.start == StartKind::Initialise
                || (self.serial.as_ref() == Some(&target.identity.serial)
                    && self.label() == target.identity.label));
        let rules = self.has_rules_of(target);
        place && start && rules && self.name == target.name && self.label() == target.label
    }

    fn has_rules_of(&self, target: &GenesisTarget) -> bool {
        self.credentials.len() == target.credentials.len()
            && self.credentials.iter().zip(&target.credentials).all(|((role, rule), found)| {
                found.role == *role
                    && found.authority == rule.authority
                    && found.custody == rule.custody
                    && found.recipient == rule.recipient
                    && found.pin_length == rule.pin_length
            })
    }
}
