//! What a plan says about a target that joins: in a genesis, or in an adoption. Its keys are those of its kind of target once it
//! is read: nothing else asks which of them are there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    joining::{CredentialRule, GenesisTarget, StartKind},
    place::Place,
    target::{Custody, Role},
    token_label::TokenLabel,
};
use crate::{
    encoding::{
        absolute_path::AbsolutePath,
        digest::Digest,
        text::{Line, Name},
    },
    sealing::application::ApplicationRecipient,
};

/// A target that a plan lets join.
#[derive(Clone, Debug)]
pub struct TargetTable {
    pub name: Name,
    pub place: Place,
    pub start: JoiningAs,
    /// Which credentials the quorum keeps, and how, in the order of their roles.
    pub credentials: Vec<CredentialRule>,
    /// Those that their owners hand over when it is proposed; the others are made.
    pub handed_over: BTreeSet<Role>,
}

/// In what state a target joins.
#[derive(Clone, Debug)]
pub enum JoiningAs {
    Empty {
        label: TokenLabel,
    },
    /// A token in use, with the label and serial number that it reports.
    InUse {
        label: TokenLabel,
        serial: Line,
    },
    /// A program, with which nothing is done when it joins.
    Program {
        sha256: Digest,
    },
}

impl TargetTable {
    pub fn start(&self) -> StartKind {
        match self.start {
            JoiningAs::Empty { .. } => StartKind::Initialise,
            JoiningAs::InUse { .. } | JoiningAs::Program { .. } => StartKind::TakeOver,
        }
    }

    /// The label afterwards; a program is called as its target.
    pub fn label(&self) -> Line {
        match &self.start {
            JoiningAs::Empty { label } | JoiningAs::InUse { label, .. } => label.line().clone(),
            JoiningAs::Program { .. } => Line::lossy(self.name.as_str()),
        }
    }

    /// Whether this is what the plan says of a target that joins.
    pub(super) fn is_of(&self, target: &GenesisTarget) -> bool {
        let identity = &target.identity;
        let is_found = match &self.start {
            JoiningAs::Empty { .. } => true,
            JoiningAs::InUse { label, serial } => *serial == identity.serial && identity.label == *label,
            JoiningAs::Program { sha256 } => Some(*sha256) == identity.module_sha256,
        };
        is_found
            && self.name == target.name
            && self.place == target.place
            && self.start() == target.start
            && self.label() == target.label
            && self.credentials == target.credentials
    }

    /// The authorities to which its credentials are sealed, with the places that name them.
    pub(super) fn named_authorities(&self) -> impl Iterator<Item = (String, &Name)> {
        let place = |role| format!("target {}: credentials.{role}", self.name);
        self.credentials.iter().map(move |rule| (place(rule.role), &rule.authority))
    }
}

impl<'de> Deserialize<'de> for TargetTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = TargetKeys::deserialize(deserializer)?;
        let name = table.name.clone();
        table.planned().map_err(|message| D::Error::custom(format!("target {name}: {message}")))
    }
}

/// `[[targets]]`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetKeys {
    name: Name,
    kind: TargetKind,
    /// `pkcs11`: the module's file.
    module: Option<AbsolutePath>,
    /// `practice`: the token's file.
    path: Option<AbsolutePath>,
    /// `command`: the program's file.
    program: Option<AbsolutePath>,
    /// `command`: SHA-256 of the program's file.
    sha256: Option<Digest>,
    /// Tokens: empty, or in use.
    start: Option<StartKind>,
    /// Tokens: the label to give to an empty token, or the one that the token in use has.
    label: Option<TokenLabel>,
    /// The serial number of a token in use.
    serial: Option<Line>,
    /// `pkcs11`: which slot, where several are empty.
    slot: Option<u64>,
    /// Which credentials the quorum keeps, and how.
    credentials: BTreeMap<Role, CredentialTable>,
}

/// `kind` of a target.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TargetKind {
    /// A token behind a PKCS#11 module.
    Pkcs11,
    /// The built-in token for rehearsals.
    Practice,
    /// A program that is handed credentials.
    Command,
}

/// `credentials.ROLE`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialTable {
    authority: Name,
    custody: Custody,
    /// `reissued`: the application's age recipient, to which each new PIN is sealed.
    recipient: Option<ApplicationRecipient>,
    /// The most characters of each PIN that is made: 4 to 255.
    pin_length: Option<u32>,
    /// `command`: where it comes from, if its custody is `held`.
    #[serde(default)]
    source: CredentialSource,
}

/// `credentials.ROLE.source`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CredentialSource {
    /// Random, made when it is proposed.
    #[default]
    Generated,
    /// Its owner hands it over when it is proposed.
    HandedOver,
}

impl TargetKeys {
    /// What it says, with the keys of its kind and no other; else what is wrong.
    fn planned(self) -> Result<TargetTable, String> {
        if self.credentials.is_empty() {
            return Err("credentials is empty: the quorum would keep nothing".into());
        }
        let (place, start) = match self.kind {
            TargetKind::Command => self.program()?,
            TargetKind::Pkcs11 | TargetKind::Practice => self.token()?,
        };
        match &start {
            JoiningAs::Program { .. } => check_credentials_of_program(&self.credentials)?,
            _ => check_credentials_of_token(&self.credentials, &start)?,
        }
        let from_owner =
            self.credentials.iter().filter(|(_, rule)| rule.source == CredentialSource::HandedOver);
        let handed_over = from_owner.map(|(role, _)| *role).collect();
        let credentials = self.credentials.into_iter().map(|(role, rule)| rule.of(role)).collect();
        Ok(TargetTable { name: self.name, place, start, credentials, handed_over })
    }

    fn token(&self) -> Result<(Place, JoiningAs), String> {
        if self.program.is_some() || self.sha256.is_some() {
            return Err("'program' and 'sha256' are for targets of kind \"command\"".into());
        }
        let place = match (self.kind, &self.module, &self.path, self.slot) {
            (TargetKind::Pkcs11, Some(module), None, slot) => Place::Pkcs11 { module: module.clone(), slot },
            (TargetKind::Practice, None, Some(path), None) => Place::Practice { path: path.clone() },
            (TargetKind::Practice, ..) => {
                return Err("a practice target has a 'path', but no 'module' or 'slot'".into());
            }
            _ => return Err("a pkcs11 target has a 'module', but no 'path'".into()),
        };
        let (Some(start), Some(label)) = (self.start, self.label.clone()) else {
            return Err("a token needs 'start' and 'label'".into());
        };
        let start = match (start, self.serial.clone()) {
            (StartKind::TakeOver, Some(serial)) => JoiningAs::InUse { label, serial },
            (StartKind::Initialise, None) => JoiningAs::Empty { label },
            (StartKind::TakeOver, None) => {
                return Err("a token in use also needs its 'serial'".into());
            }
            (StartKind::Initialise, Some(_)) => {
                return Err("an empty token does not have a 'serial' yet".into());
            }
        };
        Ok((place, start))
    }

    fn program(&self) -> Result<(Place, JoiningAs), String> {
        let of_tokens = self.module.is_some()
            || self.path.is_some()
            || self.slot.is_some()
            || self.serial.is_some()
            || self.start.is_some()
            || self.label.is_some();
        let (Some(program), Some(sha256), false) = (&self.program, self.sha256, of_tokens) else {
            return Err(
                "a command target needs 'program', 'sha256' and 'credentials', and nothing else".into()
            );
        };
        Ok((Place::Command { program: program.clone() }, JoiningAs::Program { sha256 }))
    }
}

type Credentials = BTreeMap<Role, CredentialTable>;

fn check_credentials_of_token(credentials: &Credentials, start: &JoiningAs) -> Result<(), String> {
    for (role, rule) in credentials {
        let wrong = if role.is_for_programs() {
            Err("that is for targets of kind \"command\"".into())
        } else if rule.source != CredentialSource::Generated {
            Err("only a credential of a target of kind \"command\" is handed over".into())
        } else if *role == Role::BackupKey && rule.custody != Custody::Held {
            Err("a backup key must be 'held'".into())
        } else {
            rule.check_recipient(*role, credentials).and_then(|()| rule.check_pin_length(*role))
        };
        wrong.map_err(|message: String| format!("credentials.{role}: {message}"))?;
    }
    let so_pin = credentials.get(&Role::SoPin);
    let has_user_pin = credentials.contains_key(&Role::UserPin);
    if matches!(start, JoiningAs::Empty { .. }) {
        if so_pin.is_none() || !has_user_pin {
            return Err("an empty token needs credentials.so-pin and credentials.user-pin".into());
        }
        if so_pin.is_some_and(|rule| rule.custody != Custody::Held) {
            return Err("credentials.so-pin of an empty token must be 'held'".into());
        }
    }
    if !has_user_pin {
        return Err("credentials.user-pin is missing: without it the objects cannot be read".into());
    }
    Ok(())
}

/// A program has credentials of its own kind, and nothing of a token.
fn check_credentials_of_program(credentials: &Credentials) -> Result<(), String> {
    for (role, rule) in credentials {
        let wrong = if !role.is_for_programs() {
            "those of a program are secret, second-secret, …"
        } else if rule.pin_length.is_some() {
            "'pin_length' is for the PINs of tokens"
        } else if rule.custody == Custody::Reissued || rule.recipient.is_some() {
            "that of a program must be 'held' or 'borrowed'"
        } else if rule.custody != Custody::Held && rule.source != CredentialSource::Generated {
            "only a held one is handed over when it is proposed"
        } else {
            continue;
        };
        return Err(format!("credentials.{role}: {wrong}"));
    }
    Ok(())
}

impl CredentialTable {
    fn of(self, role: Role) -> CredentialRule {
        let Self { authority, custody, recipient, pin_length, .. } = self;
        CredentialRule { role, authority, custody, recipient, pin_length }
    }

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

    /// A reissued PIN is the user's, is set by the quorum's SO PIN, and goes to somebody.
    fn check_recipient(&self, role: Role, credentials: &Credentials) -> Result<(), String> {
        match (self.custody, &self.recipient) {
            (Custody::Reissued, _) if role != Role::UserPin => {
                Err("only a user-pin can be 'reissued': the SO sets it".into())
            }
            (Custody::Reissued, None) => {
                Err("a reissued PIN is sealed to its application's 'recipient' (age1pq1…)".into())
            }
            (Custody::Reissued, Some(_)) => match credentials.get(&Role::SoPin) {
                Some(so) if so.custody == Custody::Held && so.authority == self.authority => Ok(()),
                Some(so) if so.custody == Custody::Held => Err(format!(
                    "the SO PIN sets it: its authority is that of credentials.so-pin, {}",
                    so.authority
                )),
                _ => Err("the SO PIN sets it: credentials.so-pin must be 'held'".into()),
            },
            (_, Some(_)) => Err(format!("'recipient' is for a reissued PIN, this one is '{}'", self.custody)),
            (_, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
