//! Whether a proposal does what its plan says, field by field. Both are signed; a reader should not have to compare them.

use super::{
    document::Proposal,
    operations::{
        Plan,
        rules::{Difference, same},
    },
};

pub fn check(plan: &Plan, proposal: &Proposal) -> Result<(), Difference> {
    let heading = plan.heading();
    same(*heading.title == proposal.title, "title")?;
    let seconds = u64::from(heading.expires_in_hours).saturating_mul(3600);
    same(proposal.expires == proposal.created.plus(seconds), "expiry")?;
    if let Plan::Genesis(plan) = plan {
        plan.agrees_with_roster(proposal.new_roster.as_ref().ok_or("roster")?)?;
    }
    plan.agrees_with(&proposal.operation)
}
