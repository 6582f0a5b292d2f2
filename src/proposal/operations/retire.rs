//! Retires a target, which is not touched.

use serde::{Deserialize, Serialize};

use super::rules::{Difference, Facts, Payload, Planned, same};
use crate::{
    encoding::text::{Line, Name},
    proposal::{
        plan::{PlanTable, simple_plan},
        sections::{Section, token},
        target::TokenIdentity,
    },
};

pub(super) const FACTS: Facts = Facts { touches_target: false, ..Facts::WITHOUT_LOGIN };

simple_plan! {
    /// `kind = "retire"`.
    RetirePlan {
        target: Name,
        /// Its serial number, once more.
        serial: Line,
        /// Its label, once more.
        label: Line,
    }
}

/// Retires a target, which is not touched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetireOperation {
    pub target: Name,
    /// Its identity when it was last recorded.
    pub identity: TokenIdentity,
}

impl PlanTable for RetirePlan {}

impl Payload for RetireOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }
}

impl Planned for RetireOperation {
    type Plan = RetirePlan;

    fn agrees_with(&self, plan: &RetirePlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        same(plan.serial == self.identity.serial && plan.label == self.identity.label, "serial or label")
    }

    fn briefing(&self, _: &RetirePlan) -> Vec<Section> {
        let lines = token(
            self.target.as_str(),
            &self.identity,
            [
                "it is NOT touched; from then on no plan can name it, and its name is not used again".into(),
                "its credentials stay in this ledger: a quorum that opens them still opens the token".into(),
                "only a reset before this makes them worthless".into(),
            ],
        );
        vec![Section::new("The target that leaves the quorum", lines)]
    }
}
