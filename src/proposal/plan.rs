//! Plans: the one strict file that says everything a ceremony will do.

use std::num::NonZeroU32;

use serde::{Deserialize, de::DeserializeOwned};

pub use super::genesis_plan::{
    AuthorityTable, CredentialSource, CredentialTable, GenesisPlan, MemberTable, PolicyTable, StartKind,
    TargetKind, TargetTable,
};
use super::{
    disputed_times::DisputedTimes,
    plan_rules::{absolute, label_fits, whole_file},
    program_plan::{CommandPlan, UsePlan},
    target::ObjectClass,
};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        text::{self, Line, Name},
    },
    roster::OperationKind,
};

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
            /// Times in the ledger that cannot be.
            pub disputed_times: Option<DisputedTimes>,
            $($(#[$fdoc])* pub $field: $type,)*
        }
    };
}

simple_plan! {
    /// `kind = "inventory"`.
    InventoryPlan {
        /// Which target.
        target: Name,
        /// Where the module moved to, absolute.
        module: Option<String>,
        /// SHA-256 of the file that the quorum takes for its module from now on; with `module` alone, that of the file as it
        /// lies there when it is proposed.
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
        #[serde(deserialize_with = "bounds::objects")]
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
        /// Whether to complete although some objects cannot be restored.
        #[serde(default)]
        allow_partial: bool,
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

/// Picks objects of the last inventory: one, or several that nothing on record tells apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSelector {
    /// CKA_CLASS.
    pub class: ObjectClass,
    /// CKA_ID in hex; empty for an object without one.
    pub id: Option<String>,
    /// CKA_LABEL, all of it; empty for an object without one.
    pub label: Option<String>,
    /// SHA-256 of CKA_LABEL, where that cannot be written.
    pub label_sha256: Option<Digest>,
    /// Algorithm and size, as in the inventory.
    pub key_type: Option<String>,
    /// SHA-256 of the SubjectPublicKeyInfo, of the object or beside it.
    pub public_key_sha256: Option<Digest>,
    /// CKA_CHECK_VALUE in hex.
    pub check_value: Option<String>,
    /// CKA_UNIQUE_ID.
    pub unique_id: Option<String>,
    /// SHA-256 of CKA_VALUE.
    pub value_sha256: Option<Digest>,
    /// CKA_EXTRACTABLE.
    pub extractable: Option<bool>,
    /// So many objects, all that it fits, which nothing on record tells apart.
    pub count: Option<NonZeroU32>,
}

#[derive(Deserialize)]
struct KindOnly {
    kind: OperationKind,
}

impl Plan {
    /// Parses a plan. Unknown fields, missing ones and wrong types are errors with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        if bytes.len() > bounds::PLAN {
            return Err(PlanError::new(format!(
                "{} bytes, more than the {} of the longest plan",
                bytes.len(),
                bounds::PLAN
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

    /// The times in the ledger that it disputes.
    pub fn disputed_times(&self) -> Option<&DisputedTimes> {
        match self {
            // Nothing is before it.
            Self::Genesis(_) => None,
            Self::Inventory(p) => p.disputed_times.as_ref(),
            Self::Delete(p) => p.disputed_times.as_ref(),
            Self::Reset(p) => p.disputed_times.as_ref(),
            Self::Backup(p) => p.disputed_times.as_ref(),
            Self::Restore(p) => p.disputed_times.as_ref(),
            Self::Recover(p) => p.disputed_times.as_ref(),
            Self::Adopt(p) => p.disputed_times.as_ref(),
            Self::Retire(p) => p.disputed_times.as_ref(),
            Self::Command(p) => p.disputed_times.as_ref(),
            Self::Use(p) => p.disputed_times.as_ref(),
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
        self.disputed_times().map_or(Ok(()), DisputedTimes::check)?;
        match self {
            Self::Genesis(plan) => plan.check(),
            Self::Delete(plan) => plan.check(),
            Self::Backup(plan) => whole_file("output", &plan.output),
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
            Self::Inventory(plan) => plan.module.as_deref().map_or(Ok(()), |path| absolute("module", path)),
            Self::Recover(_) | Self::Retire(_) => Ok(()),
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
