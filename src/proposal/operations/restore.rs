//! Makes the objects of a backup again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    record::{Claims, Listed, OnRecord, are_of},
    rules::{Difference, Facts, Payload, Planned, same},
};
use crate::{
    encoding::{absolute_path::AbsolutePath, bounds, digest::Digest, text::Name},
    proposal::{
        capability::Ability,
        identity::{made_again, matching},
        plan::{PlanTable, simple_plan},
        sections::{Section, token},
        target::{ObjectRecord, TokenIdentity},
    },
};

pub(super) const FACTS: Facts = Facts { abilities: &[Ability::LogIn, Ability::Restore], ..Facts::LOGS_IN };

simple_plan! {
    /// `kind = "restore"`.
    RestorePlan {
        target: Name,
        /// Number of the ceremony that made the backup.
        backup: u32,
        input: AbsolutePath,
        /// Whether to complete although some objects cannot be restored.
        #[serde(default)]
        allow_partial: bool,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}

/// Makes objects again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    /// The ceremony that made the backup.
    pub backup: u32,
    pub sha256: Digest,
    pub input: AbsolutePath,
    /// Its contents, as that ceremony recorded them.
    #[serde(deserialize_with = "bounds::objects")]
    pub objects: Vec<ObjectRecord>,
    /// Whether it completes although some of them cannot be restored.
    pub allow_partial: bool,
}

impl PlanTable for RestorePlan {
    fn keeps_pins(&self) -> bool {
        self.keep_pins
    }
}

impl Payload for RestoreOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        if (record.has_backup)(self.backup, self.sha256, &self.objects) {
            return Ok(());
        }
        Err(format!("ceremony {} recorded another backup, or none", self.backup))
    }

    fn may_list(&self, claims: &Claims<'_>) -> bool {
        let names: BTreeSet<_> = self.objects.iter().map(ObjectRecord::name).collect();
        claims.lists_only(&[Listed::Restored, Listed::LeftOut, Listed::Unkept])
            && claims.restored.iter().all(|object| names.contains(&object.name()))
            && are_of(claims.left_out, &self.objects)
            && are_of(claims.unkept, claims.restored)
    }

    fn is_completed_by(&self, claims: &Claims<'_>, _: &[ObjectRecord]) -> bool {
        let Some(after) = claims.seen(&self.target) else { return false };
        let left_out = claims.left_out.iter().map(|left| &left.object);
        let missing = made_again(&self.objects, &after.objects).gone;
        matching(missing, left_out).gone.is_empty()
            && (claims.left_out.is_empty()
                || (self.allow_partial && claims.left_out.len() < self.objects.len()))
    }
}

impl Planned for RestoreOperation {
    type Plan = RestorePlan;

    fn agrees_with(&self, plan: &RestorePlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        same(plan.backup == self.backup, "backup")?;
        same(plan.input == self.input, "input")?;
        same(plan.allow_partial == self.allow_partial, "allow_partial")
    }

    fn briefing(&self, _: &RestorePlan) -> Vec<Section> {
        let lines = token(
            self.target.as_str(),
            &self.identity,
            [
                format!("it receives the backup of ceremony {}, {}", self.backup, self.input),
                format!("SHA-256 {}", self.sha256),
                if self.allow_partial {
                    "it completes although some objects cannot be restored".into()
                } else {
                    "it completes only if every object is restored".into()
                },
            ],
        );
        vec![Section::new("The target", lines), Section::of_objects("What will be in it", &self.objects)]
    }
}
