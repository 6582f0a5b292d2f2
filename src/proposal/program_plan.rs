//! Plans that run programs.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    disputed_times::DisputedTimes,
    plan::PlanError,
    program::{HandedCredential, OutputFile, PinnedInput, ProgramCheck, ProgramRun},
    target::Role,
};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        text::{Line, Name},
    },
    roster::OperationKind,
};

/// `kind = "command"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandPlan {
    #[serde(rename = "kind")]
    _kind: OperationKind,
    /// What it is for.
    pub title: Line,
    /// Hours from the proposal until approvals are no longer taken.
    pub expires_in_hours: u32,
    /// Times in the ledger that cannot be.
    pub disputed_times: Option<DisputedTimes>,
    /// Which target.
    pub target: Name,
    /// After an update of its program: SHA-256 of the file that the quorum takes for it from now on.
    pub sha256: Option<Digest>,
    /// Its arguments.
    #[serde(deserialize_with = "bounds::arguments")]
    pub arguments: Vec<String>,
    /// Its environment.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::variables")]
    pub environment: BTreeMap<String, String>,
    /// What it is handed.
    #[serde(deserialize_with = "bounds::handed")]
    pub credentials: Vec<HandedCredential>,
    /// What it reads.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::files")]
    pub inputs: Vec<InputTable>,
    /// What it writes.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::files")]
    pub outputs: Vec<OutputFile>,
    /// It is killed after so many seconds.
    pub time_limit_seconds: u32,
    /// Whether it may be run again where it is not known how an earlier run ended.
    #[serde(default)]
    pub repeatable: bool,
    /// What looks afterwards whether it was carried out.
    pub check: Option<ProgramCheck>,
}

/// `kind = "use"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsePlan {
    #[serde(rename = "kind")]
    _kind: OperationKind,
    /// What it is for.
    pub title: Line,
    /// Hours from the proposal until approvals are no longer taken.
    pub expires_in_hours: u32,
    /// Times in the ledger that cannot be.
    pub disputed_times: Option<DisputedTimes>,
    /// Which target.
    pub target: Name,
    /// The program's file, absolute.
    pub program: String,
    /// SHA-256 of the program's file.
    pub sha256: Digest,
    /// Its arguments.
    #[serde(deserialize_with = "bounds::arguments")]
    pub arguments: Vec<String>,
    /// Its environment.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::variables")]
    pub environment: BTreeMap<String, String>,
    /// How it is handed the user PIN.
    #[serde(deserialize_with = "bounds::handed")]
    pub credentials: Vec<HandedCredential>,
    /// What it reads.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::files")]
    pub inputs: Vec<InputTable>,
    /// What it writes.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::files")]
    pub outputs: Vec<OutputFile>,
    /// It is killed after so many seconds.
    pub time_limit_seconds: u32,
    /// Whether it may be run again where it is not known how an earlier run ended.
    #[serde(default)]
    pub repeatable: bool,
    /// Whether it completes although the token's objects changed.
    #[serde(default)]
    pub may_change_objects: bool,
    /// Whether the user PIN stays although the program has seen it.
    #[serde(default)]
    pub keep_pins: bool,
}

/// `[[inputs]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputTable {
    /// What it is called in the working directory.
    pub name: Name,
    /// Where it lies, absolute.
    pub path: String,
    /// Its SHA-256; without it, that of the file as it lies there when it is proposed.
    pub sha256: Option<Digest>,
}

impl CommandPlan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let pinned = self.sha256.unwrap_or(UNPINNED);
        let checked = self.run("/", pinned, &|input| input.sha256.unwrap_or(UNPINNED)).check();
        checked
            .and_then(|()| self.check.as_ref().map_or(Ok(()), ProgramCheck::check))
            .map_err(PlanError::new)?;
        match self.credentials.iter().find(|c| !c.role.is_for_programs()) {
            Some(other) => Err(PlanError::new(format!(
                "credentials: {} is of a token; a program's are secret, second-secret, …",
                other.role
            ))),
            None => Ok(()),
        }
    }

    /// The run, where `program` with this digest is the target's, and inputs have these digests.
    pub fn run(&self, program: &str, sha256: Digest, of: &dyn Fn(&InputTable) -> Digest) -> ProgramRun {
        ProgramRun {
            program: program.to_owned(),
            sha256,
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            credentials: self.credentials.clone(),
            inputs: pinned(&self.inputs, of),
            outputs: self.outputs.clone(),
            time_limit_seconds: self.time_limit_seconds,
        }
    }
}

impl UsePlan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        self.run(&|input| input.sha256.unwrap_or(UNPINNED)).check().map_err(PlanError::new)?;
        match self.credentials.as_slice() {
            [one] if one.role == Role::UserPin => Ok(()),
            _ => Err(PlanError::new("credentials: a use hands over the user-pin, once, and nothing else")),
        }
    }

    /// The run, where inputs have these digests.
    pub fn run(&self, of: &dyn Fn(&InputTable) -> Digest) -> ProgramRun {
        ProgramRun {
            program: self.program.clone(),
            sha256: self.sha256,
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            credentials: self.credentials.clone(),
            inputs: pinned(&self.inputs, of),
            outputs: self.outputs.clone(),
            time_limit_seconds: self.time_limit_seconds,
        }
    }
}

/// Stands where a digest is not known yet, and is never compared.
const UNPINNED: Digest = Digest::from_bytes([0; 32]);

fn pinned(tables: &[InputTable], of: &dyn Fn(&InputTable) -> Digest) -> Vec<PinnedInput> {
    let pin = |t: &InputTable| PinnedInput { name: t.name.clone(), path: t.path.clone(), sha256: of(t) };
    tables.iter().map(pin).collect()
}

/// Whether a run is the one that a plan means: each digest that the plan gives is the run's.
pub fn is_run(found: &ProgramRun, meant: impl Fn(&dyn Fn(&InputTable) -> Digest) -> ProgramRun) -> bool {
    let of = |table: &InputTable| {
        let proposed = found.inputs.iter().find(|input| input.name == table.name).map(|input| input.sha256);
        table.sha256.or(proposed).unwrap_or(UNPINNED)
    };
    meant(&of) == *found
}
