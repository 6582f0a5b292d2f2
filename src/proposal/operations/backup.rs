//! Exports what can be exported, wrapped under the backup key.

use serde::{Deserialize, Serialize};

use super::{
    record::{Claims, Listed, OnRecord, are_of},
    rules::{Difference, Facts, Payload, Planned, same},
};
use crate::{
    encoding::{bounds, output_path::OutputPath, text::Name},
    proposal::{
        capability::Ability,
        identity::is_same_set,
        plan::{PlanTable, simple_plan},
        sections::{Section, token},
        target::{ObjectClass, ObjectRecord, TokenIdentity},
    },
};

pub(super) const FACTS: Facts = Facts {
    only_reads: true,
    looks_afterwards: false,
    abilities: &[Ability::LogIn, Ability::Backup],
    ..Facts::LOGS_IN
};

simple_plan! {
    /// `kind = "backup"`.
    BackupPlan {
        target: Name,
        /// The file to write, outside the ledger; it must not exist.
        output: OutputPath,
        /// Whether to complete although some objects cannot be exported.
        allow_partial: bool,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}

/// Exports what can be exported.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    #[serde(deserialize_with = "bounds::objects")]
    pub objects: Vec<ObjectRecord>,
    pub output: OutputPath,
    /// Whether it completes although some objects cannot be exported.
    pub allow_partial: bool,
}

impl PlanTable for BackupPlan {
    fn keeps_pins(&self) -> bool {
        self.keep_pins
    }
}

impl Payload for BackupOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn outputs(&self) -> Vec<&OutputPath> {
        vec![&self.output]
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        record.has_all(&self.objects)
    }

    fn may_list(&self, claims: &Claims<'_>) -> bool {
        claims.lists_only(&[Listed::LeftOut, Listed::Unkept, Listed::Backup])
            && are_of(claims.unkept, &self.objects)
    }

    fn is_completed_by(&self, claims: &Claims<'_>, _: &[ObjectRecord]) -> bool {
        let Some((target, entries)) = &claims.backup else { return false };
        // No inventory has objects of other classes.
        let left_out = claims.left_out.iter().map(|left| &left.object);
        let left_out = left_out.filter(|object| object.class != ObjectClass::Other);
        !entries.is_empty()
            && **target == self.target
            && is_same_set(entries.iter().copied().chain(left_out), &self.objects)
            && (self.allow_partial || claims.left_out.is_empty())
    }
}

impl Planned for BackupOperation {
    type Plan = BackupPlan;

    fn agrees_with(&self, plan: &BackupPlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        same(plan.output == self.output, "output")?;
        same(plan.allow_partial == self.allow_partial, "allow_partial")
    }

    fn briefing(&self, _: &BackupPlan) -> Vec<Section> {
        let output = &self.output;
        let lines = token(
            self.target.as_str(),
            &self.identity,
            [
                format!("its keys will leave it, wrapped under the backup key, in the file {output}"),
                if self.allow_partial {
                    "it completes although some objects cannot be exported".into()
                } else {
                    "it completes only if every object can be exported".into()
                },
            ],
        );
        vec![
            Section::new("The target", lines),
            Section::of_objects("What is known to be in it", &self.objects),
        ]
    }
}
