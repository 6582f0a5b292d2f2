//! Closes a ceremony whose station was lost, and completes its change of PINs.

use serde::{Deserialize, Serialize};

use super::rules::{Difference, Facts, Payload, Planned, same};
use crate::{
    encoding::{digest::Digest, text::Line},
    proposal::{
        plan::{PlanTable, simple_plan},
        sections::Section,
    },
    roster::OperationKind,
};

pub(super) const FACTS: Facts = Facts { looks_afterwards: false, ..Facts::WITHOUT_LOGIN };

simple_plan! {
    /// `kind = "recover"`.
    RecoverPlan {
        /// Number of the open ceremony whose station was lost.
        ceremony: u32,
    }
}

/// Closes a ceremony whose station was lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverOperation {
    /// Its number.
    pub ceremony: u32,
    /// SHA-256 of its last line: the predecessor of this ceremony.
    pub last_line: Digest,
    pub interrupted: OperationKind,
    /// Whether its intent had been written: then its outcome is unknown.
    pub intended: bool,
}

impl PlanTable for RecoverPlan {}

impl Payload for RecoverOperation {}

impl Planned for RecoverOperation {
    type Plan = RecoverPlan;

    fn agrees_with(&self, plan: &RecoverPlan) -> Result<(), Difference> {
        same(plan.ceremony == self.ceremony, "ceremony")
    }

    // What it recovers is in another proposal: see `words`.
    fn briefing(&self, _: &RecoverPlan) -> Vec<Section> {
        Vec::new()
    }
}

/// The ceremony that a recovery names, as far as its briefing tells of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::proposal) struct Lost<'a> {
    /// What it was for; none where it is not known.
    pub(in crate::proposal) title: Option<&'a Line>,
    /// Whether it had ended before, and only its PINs are taken up again.
    pub(in crate::proposal) has_ended: bool,
    /// Whether setting PINs is what it was to do.
    pub(in crate::proposal) sets_pins: bool,
}

impl RecoverOperation {
    /// What is recovered, and how it ends.
    pub(in crate::proposal) fn words(&self, lost: Lost<'_>) -> Section {
        let Self { ceremony, last_line, interrupted, intended } = self;
        let again = lost.has_ended && lost.sets_pins;
        let mut lines: Vec<String> = lost.title.iter().map(ToString::to_string).collect();
        lines.push(if again {
            format!("ceremony {ceremony} ({interrupted}) had ended, and it is not known which PINs are in force: it is taken up again")
        } else {
            format!("ceremony {ceremony} ({interrupted}) is closed: its station is lost")
        });
        lines.push(format!("its last line is {last_line}"));
        lines.push(
            match (intended, lost.sets_pins) {
                _ if again => "what was not done yet is DONE HERE, and its change of PINs is completed",
                (false, _) => "nothing had been tried: it ends as refused",
                (true, true) => {
                    "it had begun: it ends as indeterminate; what of it is not done yet is DONE HERE, and its PINs are \
                     brought to their end"
                }
                (true, false) => "it had begun: it ends as indeterminate, with the target as it is seen then",
            }
            .into(),
        );
        Section::new("What is recovered", lines)
    }
}
