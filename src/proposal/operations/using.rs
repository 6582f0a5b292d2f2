//! Runs a program with the user PIN of a token: `kind = "use"`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    record::OnRecord,
    rules::{Difference, Facts, Payload, Planned, same},
};
use crate::{
    encoding::{absolute_path::AbsolutePath, bounds, digest::Digest, text::Name},
    proposal::{
        plan::{PlanTable, simple_plan},
        plan_error::PlanError,
        program::{HandedCredential, OutputFile, ProgramRun},
        program_briefing,
        program_plan::{InputTable, UNPINNED, is_run, pinned},
        sections::{Section, token},
        target::{Custody, Role, TokenIdentity},
    },
};

pub(super) const FACTS: Facts = Facts { abilities: &[], ..Facts::LOGS_IN };

simple_plan! {
    /// `kind = "use"`.
    UsePlan {
        target: Name,
        program: AbsolutePath,
        sha256: Digest,
        #[serde(deserialize_with = "bounds::arguments")]
        arguments: Vec<String>,
        #[serde(default)]
        #[serde(deserialize_with = "bounds::variables")]
        environment: BTreeMap<String, String>,
        /// How it is handed the user PIN.
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
        /// Whether it completes although the token's objects changed.
        #[serde(default)]
        may_change_objects: bool,
        /// Whether the user PIN stays although the program has seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}

/// Runs a program with the user PIN of a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    pub run: ProgramRun,
    /// Whether it may be run again where it is not known how an earlier run ended.
    pub repeatable: bool,
    /// Whether it completes although the token's objects changed.
    pub may_change_objects: bool,
}

impl UsePlan {
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

impl PlanTable for UsePlan {
    fn check(&self) -> Result<(), PlanError> {
        self.run(&|input| input.sha256.unwrap_or(UNPINNED)).check().map_err(PlanError::new)?;
        match self.credentials.as_slice() {
            [one] if one.role == Role::UserPin => Ok(()),
            _ => Err(PlanError::new("credentials: a use hands over the user-pin, once, and nothing else")),
        }
    }

    fn keeps_pins(&self) -> bool {
        self.keep_pins
    }
}

impl Payload for UseOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn program(&self) -> Option<&ProgramRun> {
        Some(&self.run)
    }

    fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        match record.target.rule(Role::UserPin) {
            Some(rule) if rule.custody == Custody::Held => Ok(()),
            _ => Err("a use hands over the held user-pin, and nothing else".into()),
        }
    }
}

impl Planned for UseOperation {
    type Plan = UsePlan;

    fn agrees_with(&self, plan: &UsePlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        same(is_run(&self.run, |of| plan.run(of)), "what is run")?;
        same(plan.repeatable == self.repeatable, "repeatable")?;
        same(plan.may_change_objects == self.may_change_objects, "may_change_objects")
    }

    fn briefing(&self, _: &UsePlan) -> Vec<Section> {
        let objects = if self.may_change_objects {
            "it completes even if the token's OBJECTS ARE DIFFERENT afterwards"
        } else {
            "it completes only if the token's objects are the same before and after"
        };
        let lines = token(
            self.target.as_str(),
            &self.identity,
            [
                "a program logs in to it with the user PIN, and can do all that this PIN can: use, make and DELETE keys"
                    .into(),
                objects.into(),
            ],
        );
        let mut sections = vec![Section::new("The target", lines)];
        sections.extend(program_briefing::of_run(&self.run, self.repeatable));
        sections
    }
}
