//! An inventory: the token is read, nothing is changed.

use crate::{
    approval::{authorization::Authorization, quorum::Authorities},
    ceremony::{
        Error,
        acting::{Acted, Acting},
        fresh_pins::{self, FreshPins},
        operations::performed::{Performed, Proposing},
        pinning,
        session::Session,
    },
    proposal::operations::{InventoryOperation, InventoryPlan},
    transcript::{event::TargetState, outcome::Outcome},
};

pub(super) fn propose(
    proposing: &mut Proposing<'_, '_>,
    plan: &InventoryPlan,
) -> Result<(InventoryOperation, FreshPins), Error> {
    let target = pinning::token(proposing.state, &plan.target)?;
    let (seen, module) = pinning::observe_for_inventory(proposing.world.tokens, target, plan)?;
    let pins = fresh_pins::renewal(proposing.state, &proposing.roster, target, &seen, plan.keep_pins)?;
    Ok((InventoryOperation { target: plan.target.clone(), identity: seen.identity, module }, pins))
}

impl Performed for InventoryOperation {
    fn perform(
        &self,
        acting: &mut Acting<'_, '_>,
        authorities: Authorities,
        grants: &mut dyn Iterator<Item = Authorization>,
    ) -> Result<Acted, Error> {
        acting.logged_in(authorities, grants, |_, session| {
            let Session { name, before, .. } = session;
            let summary = format!("{name} has {} objects", before.objects.len());
            let mut acted = Acted::new(Outcome::Completed, summary);
            acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before) }];
            Ok(acted)
        })
    }
}
