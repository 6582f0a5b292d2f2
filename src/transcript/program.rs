//! What must be on record about a program.

use super::{event::Concluded, finding::Finding, outcome::Outcome};
use crate::proposal::{
    operations::{CommandOperation, Operation},
    program::ProgramRecord,
};

fn outcome_error(message: &str) -> Result<(), Finding> {
    Err(Finding::error("outcome", message))
}

/// A program is on record exactly if one was to run, and the outcome follows from what was seen of it.
pub(super) fn check(operation: &Operation, concluded: &Concluded) -> Result<(), Finding> {
    let (Some(run), Some(record)) = (operation.program(), &concluded.program) else {
        return match (operation.program(), &concluded.program, concluded.outcome) {
            (None, Some(_), _) => outcome_error("it reports a program, and none was to be run"),
            (Some(_), None, Outcome::Completed | Outcome::Failed) => {
                outcome_error("it does not report what was seen of its program")
            }
            _ => Ok(()),
        };
    };
    if let Some(seen) = &record.run {
        let named = seen.outputs.iter().all(|file| run.outputs.iter().any(|output| output.name == file.name));
        let ends = usize::from(seen.stopped.is_some())
            + usize::from(seen.signal.is_some())
            + usize::from(seen.exit_code.is_some());
        let hides = !seen.credential_written
            || (seen.stdout.is_none() && seen.stderr.is_none() && seen.outputs.is_empty());
        let handed = usize::try_from(seen.handed).is_ok_and(|handed| handed <= run.credentials.len());
        if !named || ends > 1 || !hides || !handed {
            return outcome_error("what it reports about its program cannot have been seen");
        }
    }
    if record.check_exit_code.is_some() && !has_check(operation) {
        return outcome_error("it reports a check, and none was to be run");
    }
    match concluded.outcome {
        Outcome::Completed if !is_done(operation, record) => {
            outcome_error("completed, but what was seen of its program does not say so")
        }
        Outcome::Failed if !is_undone(operation, record) => {
            outcome_error("failed, but its program ran, and nothing saw that it was not carried out")
        }
        _ => Ok(()),
    }
}

fn has_check(operation: &Operation) -> bool {
    matches!(operation, Operation::Command(CommandOperation { check: Some(_), .. }))
}

fn is_done(operation: &Operation, record: &ProgramRecord) -> bool {
    let Some(run) = operation.program() else { return false };
    let success = record.run.as_ref().is_some_and(|seen| seen.is_success(run));
    let leaks = record.run.as_ref().is_some_and(|seen| seen.credential_written);
    if has_check(operation) {
        record.check_exit_code == Some(0) && !leaks && (success || run.outputs.is_empty())
    } else {
        success
    }
}

fn is_undone(operation: &Operation, record: &ProgramRecord) -> bool {
    let Some(run) = operation.program() else { return false };
    let success = record.run.as_ref().is_some_and(|seen| seen.is_success(run));
    let looked = record.check_exit_code == Some(1) && !success;
    (record.run.is_none() && record.check_exit_code.is_none()) || looked
}
