//! A command: the program of a target is handed its credentials.

use crate::{
    ceremony::{
        Error, World,
        acting::{Acted, Acting, Granted},
        commanding::{RunFate, describe},
        fresh_pins::FreshPins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
        program_proposal::{check_run, digest_of, digests},
    },
    encoding::digest::Digest,
    proposal::{
        operations::{CommandOperation, CommandPlan},
        place::Place,
        program::{ProgramCheck, ProgramRecord, ProgramRun},
        target::{Custody, Inventory, Observation},
    },
    roster::{OperationKind, Roster},
    transcript::{event::TargetState, ledger::TargetInForce, outcome::Outcome},
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &CommandPlan) -> Pinned<CommandOperation> {
    let mut target = pinning::target(proposing.state, &plan.target)?.clone();
    let Place::Command { program } = target.target.place.clone() else {
        return Err(Error::refused(
            format!("{} is a token: a plan of kind \"command\" is for a program", plan.target),
            "for a program that works with a token, write a plan of kind \"use\"",
        ));
    };
    check_credentials(&target, &proposing.roster, plan)?;
    if plan.sha256.is_some() {
        target.identity.module_sha256 = plan.sha256;
    }
    let identity = pinning::observe(proposing.world.tokens, &plan.target, &target)?.identity;
    let inputs = digests(proposing.world, &plan.inputs)?;
    let sha256 = identity.module_sha256.unwrap_or(Digest::from_bytes([0; 32]));
    let run = plan.run(&program, sha256, &|table| digest_of(&inputs, table));
    check_run(proposing.world, &run, plan.check.as_ref())?;
    let (check, repeatable) = (plan.check.clone(), plan.repeatable);
    let operation = CommandOperation { target: plan.target.clone(), identity, run, check, repeatable };
    Ok((operation, FreshPins::default()))
}

/// What is handed to the program is there, and can be opened by those who decide.
fn check_credentials(target: &TargetInForce, roster: &Roster, plan: &CommandPlan) -> Result<(), Error> {
    let reached = roster.requirement(OperationKind::Command);
    for credential in &plan.credentials {
        let (role, name) = (credential.role, &plan.target);
        let rule = target.target.rule(role).ok_or_else(|| {
            Error::refused(format!("the quorum keeps no {role} of {name}"), "see 'quorate show LEDGER 0'")
        })?;
        if rule.custody == Custody::Held && !reached.has(&rule.authority) {
            return Err(Error::refused(
                format!(
                    "a command cannot open the {role} of {name}: the roster does not require {} for it",
                    rule.authority
                ),
                "only a genesis can name it under operations.command",
            ));
        }
    }
    Ok(())
}

impl Performed for CommandOperation {
    fn check_ready(&self, world: &mut World<'_>, _: &TargetInForce, _: &Observation) -> Result<(), Error> {
        check_run(world, &self.run, self.check.as_ref())
    }

    fn perform(&self, acting: &mut Acting<'_, '_>, mut granted: Granted) -> Result<Acted, Error> {
        let target = pinning::target(acting.state, &self.target)?;
        let credentials = acting.open_credentials(acting.ceremony, &granted.authorities)?;
        let grant = granted.one()?;
        let secrets = acting.program_secrets(target, &credentials, &granted.authorities)?;
        drop(granted);
        let known = acting.run_once(&self.run, &secrets, b"{}", grant)?;
        let what = format!("command on {}", self.target);
        let mut acted = match &known {
            RunFate::NotStarted(error) => {
                let mut acted = Acted::from_error(&what, error);
                acted.program = Some(ProgramRecord::default());
                acted
            }
            _ => {
                let code = self.check.as_ref().map(|check| acting.look_by_check(check));
                acting.judge_command(&what, &self.run, &known, code)
            }
        };
        acting.tell_leavings(&mut acted, &self.run, &known, &secrets);
        let inventory = Inventory { identity: self.identity.clone(), objects: Vec::new() };
        let completed = acted.is_completed();
        acted.targets =
            vec![TargetState { name: self.target.clone(), inventory: completed.then_some(inventory) }];
        Ok(acted)
    }
}

impl Acting<'_, '_> {
    fn look_by_check(&mut self, check: &ProgramCheck) -> Option<u8> {
        let room = self.room();
        self.world.programs.check(&room, check).unwrap_or(None)
    }

    /// `checked` is none where the plan has no check; its code is none where it did not end by itself.
    fn judge_command(
        &mut self,
        what: &str,
        run: &ProgramRun,
        known: &RunFate,
        checked: Option<Option<u8>>,
    ) -> Acted {
        let success = known.record().is_some_and(|record| record.is_success(run));
        let published = if success { self.publish(run, known) } else { Ok(()) };
        let written = known.record().is_some_and(|record| record.credential_written);
        let nothing_missing = success || (run.outputs.is_empty() && !written);
        let (mut outcome, seen) = match checked {
            None if success => (Outcome::Completed, ""),
            None => {
                (Outcome::Indeterminate, "; there is no check that could tell whether it was carried out")
            }
            Some(Some(0)) if nothing_missing => {
                (Outcome::Completed, "; the check sees that it was carried out")
            }
            Some(Some(0)) => (Outcome::Indeterminate, "; the check sees that it was carried out"),
            Some(Some(1)) if success => {
                (Outcome::Indeterminate, "; but the check sees that it was not carried out")
            }
            Some(Some(1)) => (Outcome::Failed, "; the check sees that it was not carried out"),
            Some(_) => (Outcome::Indeterminate, "; the check could not tell whether it was carried out"),
        };
        let mut summary = format!("{what}: {}{seen}", describe(run, known));
        let mut hint = None;
        if let Err(error) = published {
            outcome = Outcome::Indeterminate;
            summary.push_str(&format!("; {}", error.message));
            hint = Some(error.hint);
        }
        let mut acted = Acted::new(outcome, summary);
        self.tell_more(&mut acted, known, hint);
        acted.program =
            Some(ProgramRecord { run: known.record().cloned(), check_exit_code: checked.flatten() });
        acted
    }
}
