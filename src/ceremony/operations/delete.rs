//! A deletion in the act. What counts is what is seen afterwards, and that the key is nowhere under another name.

use crate::{
    approval::authorization::Authorization,
    ceremony::{
        Error, World,
        acting::{Acted, Acting, Granted},
        fresh_pins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
    },
    encoding::text::Name,
    memory::Pin,
    ports::token::{Attempt, Deletion, Effect, Token, TokenError},
    proposal::{
        choice,
        identity::matching,
        operations::{DeleteOperation, DeletePlan},
        target::{Inventory, ObjectClass, ObjectRecord, Observation},
    },
    transcript::{event::TargetState, ledger::TargetInForce, outcome::Outcome},
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &DeletePlan) -> Pinned<DeleteOperation> {
    let target = pinning::token(proposing.state, &plan.target)?;
    let seen = pinning::observe(proposing.world.tokens, &plan.target, target)?;
    let objects = pinning::select(&plan.target, target, &plan.objects)?;
    let pins = fresh_pins::renewal(proposing.state, &proposing.roster, target, &seen, plan.keep_pins)?;
    Ok((DeleteOperation { target: plan.target.clone(), identity: seen.identity, objects }, pins))
}

impl Performed for DeleteOperation {
    fn check_ready(&self, _: &mut World<'_>, _: &TargetInForce, seen: &Observation) -> Result<(), Error> {
        check_public_objects(&self.target, &self.objects, &seen.public_objects)
    }

    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        acting.logged_in(granted, |acting, session| {
            let (name, user_pin, before) = (session.name, session.user_pin, &session.before);
            Ok(acting.delete(session.token, name, user_pin, &self.objects, before, session.grant))
        })
    }
}

/// What is visible without login is compared before the intent; the rest after login, by the deletion itself. Other objects
/// than the approved ones may have come or gone.
fn check_public_objects(name: &Name, objects: &[ObjectRecord], public: &[ObjectRecord]) -> Result<(), Error> {
    let visible = |o: &&ObjectRecord| matches!(o.class, ObjectClass::PublicKey | ObjectClass::Certificate);
    let pinned: Vec<ObjectRecord> = objects.iter().filter(visible).cloned().collect();
    let refuse = |message: String| {
        Error::refused(
            format!("target {name}: {message}"),
            "the objects changed since the proposal: record them with an \"inventory\", then propose again",
        )
    };
    let choice = choice::choose(public, &pinned).map_err(|doubt| refuse(doubt.to_string()))?;
    let Some(missing) = choice.missing.first() else { return Ok(()) };
    let alike = public.iter().filter(|o| o.resembles(missing)).map(ToString::to_string);
    Err(refuse(format!("the token no longer shows {missing}")).with(alike.collect()))
}

impl Acting<'_, '_> {
    /// Deletes the pinned objects and looks.
    fn delete(
        &mut self,
        token: &mut dyn Token,
        name: &Name,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        before: &Inventory,
        grant: Authorization,
    ) -> Acted {
        let what = format!("delete on {name}");
        let result = token.delete(grant, user_pin, objects, self.run, self.world.progress);
        let after = match token.inventory(user_pin) {
            Ok(after) if after.identity == before.identity => after,
            Ok(_) => {
                return Acted::new(
                    Outcome::Indeterminate,
                    format!("{what}: afterwards another token answers"),
                );
            }
            Err(error) => {
                let mut acted = Acted::after_error(&what, &error);
                if let Err(first) = &result {
                    acted.summary =
                        format!("{what}: {first}; and afterwards the token could not be read: {error}");
                }
                return acted;
            }
        };
        let recorded = self.state.recorded(name);
        let mut acted = judge(&what, &result, objects, (recorded, before, &after), self.run);
        match result {
            Ok(deletion) => acted.left_out = deletion.remaining,
            Err(error) if !acted.is_completed() => acted.advise(error.hint),
            Err(_) => {}
        }
        acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
        acted
    }
}

/// Completed only if the token said so and the look agrees: each pinned object was there, is not there now, nor is its key
/// under a name that was not on record, and nothing else is missing.
fn judge(
    what: &str,
    result: &Result<Deletion, TokenError>,
    objects: &[ObjectRecord],
    (recorded, before, after): (&[ObjectRecord], &Inventory, &Inventory),
    run: Attempt,
) -> Acted {
    let untouched = matches!(result, Err(error) if error.effect == Effect::None) && run == Attempt::First;
    let left = choice::survivors(recorded, objects, &after.objects);
    let mut gone = if untouched { Vec::new() } else { matching(objects, left).gone };
    if run == Attempt::First {
        gone = matching(gone, &before.objects).same.into_iter().map(|(pinned, _)| pinned).collect();
    }
    let found = matching(objects, &after.objects).same;
    let contradicted = found.iter().find(|(pinned, now)| pinned.is_contradicted_by(now)).map(|(_, now)| now);
    let others = matching(&before.objects, objects).gone;
    let vanished = matching(others, &after.objects).gone;
    let (have, total) = (gone.len(), objects.len());
    let reason = result.as_ref().err().map(|e| format!(": {e}")).unwrap_or_default();
    let clean = result.as_ref().is_ok_and(|deletion| deletion.remaining.is_empty());
    let mut acted = if !vanished.is_empty() {
        let list = vanished.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Acted::new(Outcome::Indeterminate, format!("{what}: objects that were to stay are gone: {list}"))
    } else if clean && have == total {
        let others = after.objects.len();
        let earlier = match result.as_ref().map(|deletion| deletion.already_gone.len()) {
            Ok(0) | Err(_) => String::new(),
            Ok(found) => {
                format!(" ({found} found gone already, {} deleted by this run)", total.saturating_sub(found))
            }
        };
        let summary = format!("gone: {have} of {total} objects{earlier}; not touched: {others}");
        Acted::new(Outcome::Completed, format!("{what}: {summary}"))
    } else if have == total {
        let summary = format!("all {total} objects are gone, but the token reported{reason}");
        Acted::new(Outcome::Indeterminate, format!("{what}: {summary}"))
    } else if let Some(doubtful) = contradicted.filter(|_| run == Attempt::Resumed) {
        let summary = format!("whether {doubtful} is the one that was approved is not known{reason}");
        Acted::new(Outcome::Indeterminate, format!("{what}: {summary}"))
    } else if have == 0 {
        Acted::new(Outcome::Failed, format!("{what}: none of {total} objects was deleted{reason}"))
    } else {
        let summary = format!("{have} of {total} objects are gone, the others are not{reason}");
        Acted::new(Outcome::Indeterminate, format!("{what}: {summary}"))
    };
    acted.deleted = gone.into_iter().cloned().collect();
    acted
}
