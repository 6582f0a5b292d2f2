//! Makes another target the quorum's.

use serde::{Deserialize, Serialize};

use super::rules::{Difference, Facts, Payload, Planned, same};
use crate::proposal::{
    joining::GenesisTarget,
    plan::{PlanTable, simple_plan},
    plan_error::PlanError,
    sections::Section,
    target_table::TargetTable,
};

pub(super) const FACTS: Facts = Facts { sets_pins: true, ..Facts::WITHOUT_LOGIN };

simple_plan! {
    /// `kind = "adopt"`.
    AdoptPlan {
        /// As in a genesis: `[target]`.
        target: TargetTable,
    }
}

/// Makes another target the quorum's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptOperation {
    pub target: Box<GenesisTarget>,
}

impl PlanTable for AdoptPlan {
    fn check(&self) -> Result<(), PlanError> {
        if self.target.place.is_program() {
            return Err(PlanError::new(
                "a program becomes a target in a genesis only: an adoption takes a token",
            ));
        }
        // Whether its authorities exist depends on the roster in force.
        Ok(())
    }
}

impl Payload for AdoptOperation {
    fn installs(&self) -> &[GenesisTarget] {
        std::slice::from_ref(&self.target)
    }
}

impl Planned for AdoptOperation {
    type Plan = AdoptPlan;

    fn agrees_with(&self, plan: &AdoptPlan) -> Result<(), Difference> {
        same(plan.target.is_of(&self.target), "target")
    }

    fn briefing(&self, _: &AdoptPlan) -> Vec<Section> {
        vec![Section::new("The target that joins the quorum", self.target.words())]
    }
}
