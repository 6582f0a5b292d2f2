//! A program that works with a token: it is handed the user PIN that the quorum holds, and the token is looked at before and
//! after.

use super::{
    Error,
    act::{Acted, Acting},
    commanding::{Known, describe},
};
use crate::{
    approval::authorization::Authorization,
    encoding::{strict, text::Name},
    memory::Pin,
    ports::token::Token,
    proposal::{
        operations::{Operation, UseOperation},
        program::ProgramRecord,
        target::Inventory,
    },
    transcript::{event::TargetState, outcome::Outcome},
};

impl Acting<'_, '_> {
    /// Runs the program of a use, and looks.
    pub(super) fn use_token(
        &mut self,
        token: &mut dyn Token,
        name: &Name,
        user_pin: &Pin,
        before: &Inventory,
        grant: Authorization,
    ) -> Result<Acted, Error> {
        let Operation::Use(UseOperation { run, may_change_objects, .. }) = &self.ceremony.proposal.operation
        else {
            return Err(Error::refused("the proposal uses no token", "audit the ledger"));
        };
        let what = format!("use of {name}");
        let secrets = [Pin::copy_of(user_pin.expose())?];
        // After the program has run, what is there now is not what was there before it.
        let kept = self.kept_before()?;
        let before = kept.as_ref().unwrap_or(before);
        let known = self.run_once(run, &secrets, &strict::write(before), grant)?;
        let record = ProgramRecord { run: known.record().cloned(), check_exit_code: None };
        if let Known::NotStarted(error) = &known {
            let mut acted = Acted::from_error(&what, error);
            acted.targets = vec![TargetState { name: name.clone(), inventory: Some(before.clone()) }];
            acted.program = Some(record);
            return Ok(acted);
        }
        let after = token.inventory(user_pin);
        let (seen, objects) = match &after {
            Ok(after) if after.identity != before.identity => (false, "; afterwards another token answers"),
            Ok(after) if after.objects != before.objects => {
                (*may_change_objects, "; the token's objects are others than before")
            }
            Ok(_) => (true, ""),
            Err(_) => (false, "; the token cannot be looked at afterwards"),
        };
        let success = known.record().is_some_and(|record| record.is_success(run));
        let published = if success { self.publish(run, &known) } else { Ok(()) };
        let mut summary = format!("{what}: {}{objects}", describe(run, &known));
        if let Err(error) = &published {
            summary.push_str(&format!("; {}", error.message));
        }
        let completed = success && seen && published.is_ok();
        let outcome = if completed { Outcome::Completed } else { Outcome::Indeterminate };
        let mut acted = Acted::new(outcome, summary);
        self.tell_more(&mut acted, &known, published.err().map(|error| error.hint));
        self.tell_leavings(&mut acted, run, &known, &secrets);
        drop(secrets);
        let inventory = after.ok().filter(|after| after.identity == before.identity);
        acted.targets = vec![TargetState { name: name.clone(), inventory }];
        acted.program = Some(record);
        Ok(acted)
    }
}
