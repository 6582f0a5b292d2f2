//! Destroys everything in a token, and replaces its label and its PINs.

use serde::{Deserialize, Serialize};

use super::{
    record::{Claims, OnRecord},
    rules::{Difference, Facts, Payload, Planned, Recorded, same},
};
use crate::{
    encoding::{
        bounds,
        text::{Line, Name},
    },
    proposal::{
        capability::Ability,
        joining::GenesisTarget,
        plan::{PlanTable, simple_plan},
        plan_error::PlanError,
        sections::{Section, token},
        target::{ObjectRecord, Role, TokenIdentity},
        token_label::TokenLabel,
    },
};

pub(super) const FACTS: Facts =
    Facts { sets_pins: true, roles: &[Role::SoPin], abilities: &[Ability::Reset], ..Facts::WITHOUT_LOGIN };

simple_plan! {
    /// `kind = "reset"`.
    ResetPlan {
        target: Name,
        /// Its serial number, once more.
        serial: Line,
        /// Its label, once more.
        label: Line,
        /// The label afterwards; it must differ, so that a reset can be seen.
        new_label: TokenLabel,
    }
}

/// Destroys everything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    /// Everything that is known to be destroyed.
    #[serde(deserialize_with = "bounds::objects")]
    pub objects: Vec<ObjectRecord>,
    pub new_label: TokenLabel,
}

impl PlanTable for ResetPlan {
    fn check(&self) -> Result<(), PlanError> {
        if self.label == self.new_label {
            return Err(PlanError::new("new_label is the present label: a reset is recognised by a new one"));
        }
        Ok(())
    }
}

impl Payload for ResetOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        record.has_all(&self.objects)
    }

    /// Both PINs, and the user PIN also for the authority of the SO PIN, which sets it.
    fn sets(&self, target: Option<&GenesisTarget>) -> Vec<(Name, Name, Role)> {
        let authority = |role| target.and_then(|t| t.rule(role)).map(|rule| rule.authority.clone());
        let made = [(Role::SoPin, Role::SoPin), (Role::UserPin, Role::UserPin), (Role::SoPin, Role::UserPin)];
        let made = made.into_iter().filter_map(|(holder, role)| Some((authority(holder)?, role)));
        made.map(|(authority, role)| (authority, self.target.clone(), role)).collect()
    }

    /// A reset that completed gave it a new label, and may have given it another serial number.
    fn may_be(&self, _: &Name, found: &TokenIdentity, end: Recorded) -> bool {
        match end {
            Recorded::Completed => found.label == self.new_label && found.is_same_device(&self.identity),
            Recorded::Other => *found == self.identity,
        }
    }

    fn is_completed_by(&self, claims: &Claims<'_>, _: &[ObjectRecord]) -> bool {
        claims.seen(&self.target).is_some_and(|after| after.objects.is_empty())
    }
}

impl Planned for ResetOperation {
    type Plan = ResetPlan;

    fn agrees_with(&self, plan: &ResetPlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        same(plan.serial == self.identity.serial && plan.label == self.identity.label, "serial or label")?;
        same(plan.new_label == self.new_label, "new_label")
    }

    fn briefing(&self, _: &ResetPlan) -> Vec<Section> {
        let lines = token(
            self.target.as_str(),
            &self.identity,
            [
                "EVERYTHING in it will be destroyed, for ever".into(),
                format!("afterwards its label is \"{}\", and both PINs are new", self.new_label),
            ],
        );
        let known = "What is known to be in it, and will be destroyed";
        vec![Section::new("The target", lines), Section::of_objects(known, &self.objects)]
    }
}
