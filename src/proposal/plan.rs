//! Plans: the one strict file that says everything a ceremony will do.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    plan_rules::{absolute, label_fits},
    program_plan::{CommandPlan, UsePlan},
    target::{Custody, ObjectClass, Role},
};
use crate::{
    encoding::{
        digest::Digest,
        text::{self, Line, Name},
    },
    roster::{AttestationPolicy, OperationKind, Policy, attestation::Firmware},
};

/// Longest plan: 1 MiB.
pub const MAX_PLAN: usize = 1024 * 1024;

/// A plan, parsed; names of files are not opened here.
#[derive(Clone, Debug)]
pub enum Plan {
    /// The first ceremony of a ledger.
    Genesis(Box<GenesisPlan>),
    /// Reads and records a target's objects.
    Inventory(InventoryPlan),
    /// Destroys objects.
    Delete(DeletePlan),
    /// Destroys everything in a token.
    Reset(ResetPlan),
    /// Exports what can be exported.
    Backup(BackupPlan),
    /// Makes the objects of a backup again.
    Restore(RestorePlan),
    /// Closes a ceremony whose station was lost.
    Recover(RecoverPlan),
    /// Makes another target the quorum's.
    Adopt(Box<AdoptPlan>),
    /// Lets a target go.
    Retire(RetirePlan),
    /// Runs a target's program.
    Command(Box<CommandPlan>),
    /// Runs a program with a token's user PIN.
    Use(Box<UsePlan>),
}

/// Why a plan was refused, with the place in the file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}{message}", self.place())]
pub struct PlanError {
    /// Line, from 1, where one is known.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// One sentence.
    pub message: String,
}

impl PlanError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { line: None, column: None, message: message.into() }
    }

    fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}: "),
            _ => String::new(),
        }
    }
}

/// `kind = "genesis"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisPlan {
    #[serde(rename = "kind")]
    _kind: OperationKind,
    /// What it is for.
    pub title: Line,
    /// Hours from the proposal until approvals are no longer taken.
    pub expires_in_hours: u32,
    /// Demands and deviations.
    #[serde(default)]
    pub policy: PolicyTable,
    /// Who holds shares.
    pub custodians: Vec<MemberTable>,
    /// Who proposes and runs stations.
    pub administrators: Vec<MemberTable>,
    /// Who signs what was seen.
    #[serde(default)]
    pub witnesses: Vec<MemberTable>,
    /// What is split.
    pub authorities: Vec<AuthorityTable>,
    /// The authorities that each operation needs.
    pub operations: BTreeMap<OperationKind, Vec<Name>>,
    /// What is administered.
    pub targets: Vec<TargetTable>,
}

/// `[policy]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyTable {
    allow_soft_cards: bool,
    copies: u8,
    allow_same_medium: bool,
    allow_short_pins: bool,
    drill_every_days: Option<u32>,
    require_attestation: bool,
    min_firmware: Firmware,
    attestation_roots: Vec<Digest>,
    attestation_certificates: Option<String>,
}

impl Default for PolicyTable {
    fn default() -> Self {
        Self {
            allow_soft_cards: false,
            copies: 2,
            allow_same_medium: false,
            allow_short_pins: false,
            drill_every_days: None,
            require_attestation: true,
            min_firmware: Firmware::WITHOUT_EUCLEAK,
            attestation_roots: Vec::new(),
            attestation_certificates: None,
        }
    }
}

impl PolicyTable {
    /// The file with the certificates of authorities, relative to the plan.
    pub fn attestation_certificates(&self) -> Option<&str> {
        self.attestation_certificates.as_deref()
    }

    /// As the roster has it, but for the certificates of authorities, which stand in a file of their own.
    pub fn policy(&self) -> Policy {
        Policy {
            allow_soft_cards: self.allow_soft_cards,
            copies: self.copies,
            allow_same_medium: self.allow_same_medium,
            allow_short_pins: self.allow_short_pins,
            drill_every_days: self.drill_every_days,
            attestation: AttestationPolicy {
                required: self.require_attestation,
                min_firmware: self.min_firmware,
                roots: self.attestation_roots.clone(),
                certificates: Vec::new(),
            },
        }
    }
}

/// `[[custodians]]`, `[[administrators]]`, `[[witnesses]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberTable {
    /// Identifier.
    pub name: Name,
    /// As it is read aloud.
    pub full_name: Line,
    /// Enrolment files, relative to the plan.
    pub enrolments: Vec<String>,
}

/// `[[authorities]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityTable {
    /// Identifier.
    pub name: Name,
    /// M.
    pub threshold: u8,
}

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

/// `start` of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartKind {
    /// An empty token, to be initialised.
    Initialise,
    /// A token in use, whose present PINs are asked for at execute.
    TakeOver,
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
    pub recipient: Option<String>,
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

macro_rules! simple_plan {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            #[serde(rename = "kind")]
            _kind: OperationKind,
            /// What it is for.
            pub title: Line,
            /// Hours from the proposal until approvals are no longer taken.
            pub expires_in_hours: u32,
            $($(#[$fdoc])* pub $field: $type,)*
        }
    };
}

simple_plan! {
    /// `kind = "inventory"`.
    InventoryPlan {
        /// Which target.
        target: Name,
        /// After an update of the module: SHA-256 of the file that the quorum takes for its module from now on.
        module_sha256: Option<Digest>,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}
simple_plan! {
    /// `kind = "delete"`.
    DeletePlan {
        /// Which target.
        target: Name,
        /// What to destroy; each entry must match exactly one object of the last inventory.
        objects: Vec<ObjectSelector>,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}
simple_plan! {
    /// `kind = "reset"`.
    ResetPlan {
        /// Which target.
        target: Name,
        /// Its serial number, once more.
        serial: Line,
        /// Its label, once more.
        label: Line,
        /// The label afterwards; it must differ, so that a reset can be seen.
        new_label: Line,
    }
}
simple_plan! {
    /// `kind = "backup"`.
    BackupPlan {
        /// Which target.
        target: Name,
        /// The file to write, absolute, outside the ledger; it must not exist.
        output: String,
        /// Whether to complete although some objects cannot be exported.
        allow_partial: bool,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}
simple_plan! {
    /// `kind = "restore"`.
    RestorePlan {
        /// Which target receives the objects.
        target: Name,
        /// Number of the ceremony that made the backup.
        backup: u32,
        /// The backup file, absolute.
        input: String,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}
simple_plan! {
    /// `kind = "recover"`.
    RecoverPlan {
        /// Number of the open ceremony whose station was lost.
        ceremony: u32,
    }
}

simple_plan! {
    /// `kind = "adopt"`.
    AdoptPlan {
        /// As in a genesis: `[target]`.
        target: TargetTable,
    }
}
simple_plan! {
    /// `kind = "retire"`.
    RetirePlan {
        /// Which target.
        target: Name,
        /// Its serial number, once more.
        serial: Line,
        /// Its label, once more.
        label: Line,
    }
}

/// Picks one object of the last inventory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSelector {
    /// CKA_CLASS.
    pub class: ObjectClass,
    /// CKA_ID in hex.
    pub id: Option<String>,
    /// CKA_LABEL.
    pub label: Option<Line>,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub public_key_sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct KindOnly {
    kind: OperationKind,
}

impl Plan {
    /// Parses a plan. Unknown fields, missing ones and wrong types are errors with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        if bytes.len() > MAX_PLAN {
            return Err(PlanError::new(format!(
                "{} bytes, more than the {MAX_PLAN} of the longest plan",
                bytes.len()
            )));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| PlanError::new("not UTF-8 text"))?;
        let KindOnly { kind } = from_toml(text)?;
        let plan = match kind {
            OperationKind::Genesis => Self::Genesis(from_toml(text)?),
            OperationKind::Inventory => Self::Inventory(from_toml(text)?),
            OperationKind::Delete => Self::Delete(from_toml(text)?),
            OperationKind::Reset => Self::Reset(from_toml(text)?),
            OperationKind::Backup => Self::Backup(from_toml(text)?),
            OperationKind::Restore => Self::Restore(from_toml(text)?),
            OperationKind::Recover => Self::Recover(from_toml(text)?),
            OperationKind::Adopt => Self::Adopt(from_toml(text)?),
            OperationKind::Retire => Self::Retire(from_toml(text)?),
            OperationKind::Command => Self::Command(from_toml(text)?),
            OperationKind::Use => Self::Use(from_toml(text)?),
        };
        plan.check()?;
        Ok(plan)
    }

    /// What the plan does.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Genesis(_) => OperationKind::Genesis,
            Self::Inventory(_) => OperationKind::Inventory,
            Self::Delete(_) => OperationKind::Delete,
            Self::Reset(_) => OperationKind::Reset,
            Self::Backup(_) => OperationKind::Backup,
            Self::Restore(_) => OperationKind::Restore,
            Self::Recover(_) => OperationKind::Recover,
            Self::Adopt(_) => OperationKind::Adopt,
            Self::Retire(_) => OperationKind::Retire,
            Self::Command(_) => OperationKind::Command,
            Self::Use(_) => OperationKind::Use,
        }
    }

    /// Title, and hours until it expires.
    pub fn heading(&self) -> (&Line, u32) {
        match self {
            Self::Genesis(p) => (&p.title, p.expires_in_hours),
            Self::Inventory(p) => (&p.title, p.expires_in_hours),
            Self::Delete(p) => (&p.title, p.expires_in_hours),
            Self::Reset(p) => (&p.title, p.expires_in_hours),
            Self::Backup(p) => (&p.title, p.expires_in_hours),
            Self::Restore(p) => (&p.title, p.expires_in_hours),
            Self::Recover(p) => (&p.title, p.expires_in_hours),
            Self::Adopt(p) => (&p.title, p.expires_in_hours),
            Self::Retire(p) => (&p.title, p.expires_in_hours),
            Self::Command(p) => (&p.title, p.expires_in_hours),
            Self::Use(p) => (&p.title, p.expires_in_hours),
        }
    }

    /// Whether it leaves a held user PIN as it is, although its target has seen it.
    pub fn keeps_pins(&self) -> bool {
        match self {
            Self::Inventory(p) => p.keep_pins,
            Self::Delete(p) => p.keep_pins,
            Self::Backup(p) => p.keep_pins,
            Self::Restore(p) => p.keep_pins,
            Self::Use(p) => p.keep_pins,
            Self::Genesis(_)
            | Self::Reset(_)
            | Self::Recover(_)
            | Self::Adopt(_)
            | Self::Retire(_)
            | Self::Command(_) => false,
        }
    }

    fn check(&self) -> Result<(), PlanError> {
        let (title, hours) = self.heading();
        if title.as_str().trim().is_empty() {
            return Err(PlanError::new("title is empty: say what the ceremony is for"));
        }
        if !(1..=8760).contains(&hours) {
            return Err(PlanError::new(format!(
                "expires_in_hours is {hours}: 1 to 8760 (a year) are possible"
            )));
        }
        match self {
            Self::Genesis(plan) => plan.check(),
            Self::Delete(plan) => plan.check(),
            Self::Backup(plan) => absolute("output", &plan.output),
            Self::Restore(plan) => absolute("input", &plan.input),
            Self::Reset(plan) if plan.label == plan.new_label => {
                Err(PlanError::new("new_label is the present label: a reset is recognised by a new one"))
            }
            Self::Reset(plan) => label_fits(&plan.new_label),
            Self::Adopt(plan) if plan.target.kind == TargetKind::Command => {
                Err(PlanError::new("a program becomes a target in a genesis only: an adoption takes a token"))
            }
            // Whether its authorities exist is for the roster in force to say.
            Self::Adopt(plan) => plan.target.check(&|_| true),
            Self::Inventory(_) | Self::Recover(_) | Self::Retire(_) => Ok(()),
            Self::Command(plan) => plan.check(),
            Self::Use(plan) => plan.check(),
        }
    }
}

fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, PlanError> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|b| b.matches('\n').count().saturating_add(1));
        let column =
            before.map(|b| b.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1));
        PlanError { line, column, message: text::printable(error.message()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELETE: &str = "kind = \"delete\"\ntitle = \"t\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";

    #[test]
    fn an_unknown_field_is_named_with_its_place() {
        let text = format!("{DELETE}colour = 1\n[[objects]]\nclass = \"data\"\nlabel = \"x\"\n");
        let error = Plan::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.column), (Some(5), Some(1)));
        assert!(error.message.contains("colour"), "{error}");
    }

    #[test]
    fn empty_lists_are_refused() {
        let error = Plan::parse(format!("{DELETE}objects = []\n").as_bytes()).unwrap_err();
        assert!(error.message.contains("objects is empty"));
    }

    #[test]
    fn a_deeply_nested_plan_is_an_error_and_no_crash() {
        let text = format!("{DELETE}objects = {}\n", "[".repeat(100_000));
        assert!(Plan::parse(text.as_bytes()).is_err());
        let text = format!("{DELETE}{} = 1\n", vec!["a"; 100_000].join("."));
        assert!(Plan::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn names_are_no_paths() {
        let text = DELETE.replace("\"hsm\"", "\"../../etc/passwd\"")
            + "[[objects]]\nclass = \"data\"\nlabel = \"x\"\n";
        assert!(Plan::parse(text.as_bytes()).unwrap_err().message.contains("is no name"));
    }
}
