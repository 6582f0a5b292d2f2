//! An inventory: the token is read, nothing is changed.

use crate::{
    ceremony::{
        Error,
        acting::{Acted, Acting, Granted},
        fresh_pins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
        session::Session,
    },
    proposal::operations::{InventoryOperation, InventoryPlan},
    transcript::{event::TargetState, outcome::Outcome},
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &InventoryPlan) -> Pinned<InventoryOperation> {
    let target = pinning::token(proposing.state, &plan.target)?;
    let (seen, module) = pinning::observe_for_inventory(proposing.world.tokens, target, plan)?;
    let pins = fresh_pins::renewal(proposing.state, &proposing.roster, target, &seen, plan.keep_pins)?;
    Ok((InventoryOperation { target: plan.target.clone(), identity: seen.identity, module }, pins))
}

impl Performed for InventoryOperation {
    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        acting.logged_in(granted, |_, session| {
            let Session { name, before, .. } = session;
            let summary = format!("{name} has {} objects", before.objects.len());
            let mut acted = Acted::new(Outcome::Completed, summary);
            acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before) }];
            Ok(acted)
        })
    }
}
