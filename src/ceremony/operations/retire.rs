//! A target leaves the quorum. It is not touched, and need not be there any more.

use crate::{
    ceremony::{
        Error,
        acting::{Acted, Acting, Granted},
        fresh_pins::FreshPins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
    },
    proposal::operations::{RetireOperation, RetirePlan},
    transcript::outcome::Outcome,
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &RetirePlan) -> Pinned<RetireOperation> {
    let identity = &pinning::target(proposing.state, &plan.target)?.identity;
    if identity.serial != plan.serial || identity.label != plan.label {
        return Err(Error::refused(
            format!(
                "the plan names serial {} and label \"{}\", the ledger has {} and \"{}\"",
                plan.serial, plan.label, identity.serial, identity.label
            ),
            "a retired target cannot come back under its name: write serial and label exactly as 'quorate status' shows them",
        ));
    }
    let operation = RetireOperation { target: plan.target.clone(), identity: identity.clone() };
    Ok((operation, FreshPins::default()))
}

impl Performed for RetireOperation {
    fn perform(&self, _: &mut Acting<'_, '_>, _: Granted) -> Result<Acted, Error> {
        let summary = format!("{} no longer belongs to the quorum; it was not touched", self.target);
        Ok(Acted::new(Outcome::Completed, summary))
    }
}
