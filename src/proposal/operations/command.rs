//! Runs the program of a target with its credentials.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    record::OnRecord,
    rules::{Difference, Facts, Payload, Planned, same},
};
use crate::{
    encoding::{absolute_path::AbsolutePath, bounds, digest::Digest, text::Name},
    proposal::{
        place::Place,
        plan::{PlanTable, simple_plan},
        plan_error::PlanError,
        program::{HandedCredential, OutputFile, ProgramCheck, ProgramRun},
        program_briefing,
        program_plan::{InputTable, UNPINNED, is_run, pinned},
        sections::Section,
        target::{Role, TokenIdentity},
    },
};

pub(super) const FACTS: Facts = Facts {
    is_for_programs: true,
    roles: &[Role::Secret, Role::SecondSecret, Role::ThirdSecret, Role::FourthSecret],
    ..Facts::WITHOUT_LOGIN
};

simple_plan! {
    /// `kind = "command"`.
    CommandPlan {
        target: Name,
        /// After an update of its program: SHA-256 of the file that the quorum takes for it from now on.
        sha256: Option<Digest>,
        #[serde(deserialize_with = "bounds::arguments")]
        arguments: Vec<String>,
        #[serde(default)]
        #[serde(deserialize_with = "bounds::variables")]
        environment: BTreeMap<String, String>,
        #[serde(deserialize_with = "bounds::handed")]
        credentials: Vec<HandedCredential>,
        #[serde(default)]
        #[serde(deserialize_with = "bounds::files")]
        inputs: Vec<InputTable>,
        #[serde(default)]
        #[serde(deserialize_with = "bounds::files")]
        outputs: Vec<OutputFile>,
        /// It is killed after this many seconds.
        time_limit_seconds: u32,
        /// Whether it may be run again where it is not known how an earlier run ended.
        #[serde(default)]
        repeatable: bool,
        /// What looks afterwards whether it was carried out.
        check: Option<ProgramCheck>,
    }
}

/// Runs a target's program with its credentials.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    pub run: ProgramRun,
    /// What looks afterwards whether it was carried out.
    pub check: Option<ProgramCheck>,
    /// Whether it may be run again where it is not known how an earlier run ended.
    pub repeatable: bool,
}

impl CommandPlan {
    /// The run, where `program` with this digest is the target's, and inputs have these digests.
    pub fn run(
        &self,
        program: &AbsolutePath,
        sha256: Digest,
        of: &dyn Fn(&InputTable) -> Digest,
    ) -> ProgramRun {
        ProgramRun {
            program: program.clone(),
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

impl PlanTable for CommandPlan {
    fn check(&self) -> Result<(), PlanError> {
        let pinned = self.sha256.unwrap_or(UNPINNED);
        let checked =
            self.run(&AbsolutePath::root(), pinned, &|input| input.sha256.unwrap_or(UNPINNED)).check();
        checked
            .and_then(|()| self.check.as_ref().map_or(Ok(()), ProgramCheck::check))
            .map_err(PlanError::new)?;
        match self.credentials.iter().find(|c| !c.role.is_for_programs()) {
            Some(other) => Err(PlanError::new(format!(
                "credentials: {} is for a token; those of a program are secret, second-secret, …",
                other.role
            ))),
            None => Ok(()),
        }
    }
}

impl Payload for CommandOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn program(&self) -> Option<&ProgramRun> {
        Some(&self.run)
    }

    fn program_check(&self) -> Option<&ProgramCheck> {
        self.check.as_ref()
    }

    fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        let kept = |role: Role| record.target.rule(role).is_some();
        match &record.target.place {
            Place::Command { program }
                if self.run.program == *program
                    && Some(self.run.sha256) == self.identity.module_sha256
                    && self.run.roles().into_iter().all(kept) =>
            {
                Ok(())
            }
            _ => Err("it is not the program of its target".into()),
        }
    }
}

impl Planned for CommandOperation {
    type Plan = CommandPlan;

    fn agrees_with(&self, plan: &CommandPlan) -> Result<(), Difference> {
        let run = &self.run;
        same(plan.target == self.target, "target")?;
        same(plan.sha256.is_none() || plan.sha256 == self.identity.module_sha256, "sha256")?;
        // Which file that is, is the target's to say: see `check_record`.
        same(is_run(run, |of| plan.run(&run.program, run.sha256, of)), "what is run")?;
        same(plan.check == self.check, "check")?;
        same(plan.repeatable == self.repeatable, "repeatable")
    }

    fn replaces_module(&self, plan: &CommandPlan) -> bool {
        plan.sha256.is_some()
    }

    fn briefing(&self, plan: &CommandPlan) -> Vec<Section> {
        let mut lines = vec![format!("{}: the program {}", self.target, self.run.program)];
        if plan.sha256.is_some() {
            lines.push(
                "ANOTHER FILE IS TAKEN FOR ITS PROGRAM from then on, and is given its credentials".into(),
            );
        }
        let mut sections = vec![Section::new("The target", lines)];
        sections.extend(program_briefing::of_run(&self.run, self.repeatable));
        sections.push(program_briefing::of_check(self.check.as_ref()));
        sections
    }
}
