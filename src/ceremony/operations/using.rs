//! A program that works with a token: it is handed the user PIN of the quorum, and the token is looked at before and
//! after.

use crate::{
    ceremony::{
        Error, World,
        acting::{Acted, Acting, Granted},
        commanding::{RunFate, describe},
        fresh_pins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
        program_proposal::{check_run, digest_of, digests},
        session::Session,
    },
    encoding::strict,
    memory::Pin,
    proposal::{
        operations::{UseOperation, UsePlan},
        program::ProgramRecord,
        target::{Custody, Observation, Role},
    },
    transcript::{event::TargetState, ledger::TargetInForce, outcome::Outcome},
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &UsePlan) -> Pinned<UseOperation> {
    let target = pinning::token(proposing.state, &plan.target)?;
    if target.target.rule(Role::UserPin).is_none_or(|rule| rule.custody != Custody::Held) {
        return Err(Error::refused(
            format!("the quorum does not have the user-pin of {}", plan.target),
            "a program is handed only a PIN with custody 'held'; the owner of another PIN can run the program themselves",
        ));
    }
    let seen = pinning::observe(proposing.world.tokens, &plan.target, target)?;
    let fresh = fresh_pins::renewal(proposing.state, &proposing.roster, target, &seen, plan.keep_pins)?;
    let identity = seen.identity;
    let inputs = digests(proposing.world, &plan.inputs)?;
    let run = plan.run(&|table| digest_of(&inputs, table));
    check_run(proposing.world, &run, None)?;
    let operation = UseOperation {
        target: plan.target.clone(),
        identity,
        run,
        repeatable: plan.repeatable,
        may_change_objects: plan.may_change_objects,
    };
    Ok((operation, fresh))
}

impl Performed for UseOperation {
    fn check_ready(&self, world: &mut World<'_>, _: &TargetInForce, _: &Observation) -> Result<(), Error> {
        check_run(world, &self.run, None)
    }

    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        acting.logged_in(granted, |acting, session| run_in(self, acting, session))
    }
}

/// Runs the program of a use, and looks.
fn run_in(
    operation: &UseOperation,
    acting: &mut Acting<'_, '_>,
    session: Session<'_>,
) -> Result<Acted, Error> {
    let Session { token, name, user_pin, before, grant, .. } = session;
    let before = &before;
    let what = format!("use of {name}");
    let secrets = [Pin::copy_of(user_pin.expose())?];
    // After the program has run, what is there now is not what was there before it.
    let kept = acting.kept_before()?;
    let before = kept.as_ref().unwrap_or(before);
    let known = acting.run_once(&operation.run, &secrets, &strict::write(before), grant)?;
    let record = ProgramRecord { run: known.record().cloned(), check_exit_code: None };
    if let RunFate::NotStarted(error) = &known {
        let mut acted = Acted::from_error(&what, error);
        acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before.clone()) }];
        acted.program = Some(record);
        return Ok(acted);
    }
    let after = token.inventory(user_pin);
    let (seen, objects) = match &after {
        Ok(after) if after.identity != before.identity => (false, "; afterwards another token answers"),
        Ok(after) if after.objects != before.objects => {
            (operation.may_change_objects, "; the token's objects are not the same as before")
        }
        Ok(_) => (true, ""),
        Err(_) => (false, "; the token could not be read afterwards"),
    };
    let success = known.record().is_some_and(|record| record.is_success(&operation.run));
    let published = if success { acting.publish(&operation.run, &known) } else { Ok(()) };
    let mut summary = format!("{what}: {}{objects}", describe(&operation.run, &known));
    if let Err(error) = &published {
        summary.push_str(&format!("; {}", error.message));
    }
    let completed = success && seen && published.is_ok();
    let outcome = if completed { Outcome::Completed } else { Outcome::Indeterminate };
    let mut acted = Acted::new(outcome, summary);
    acting.tell_more(&mut acted, &known, published.err().map(|error| error.hint));
    acting.tell_leavings(&mut acted, &operation.run, &known, &secrets);
    drop(secrets);
    let inventory = after.ok().filter(|after| after.identity == before.identity);
    acted.targets = vec![TargetState { name: name.clone(), inventory }];
    acted.program = Some(record);
    Ok(acted)
}
