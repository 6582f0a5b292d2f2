//! The command was given again, and its ceremony has ended: that is said before anything else, since it may have been given to
//! go on.

use crate::{
    account::{advice::Advice, listed},
    ceremony::{Code, Error},
    cli::{propose::PlanFile, terminal::Terminal},
    proposal::operations::Plan,
    transcript::ledger::{Ceremony, LedgerState},
};

/// Where the last ceremony was of this plan and has ended, another one begins only if somebody says so; a genesis has no other.
pub fn check_ended(state: &LedgerState, plan: &PlanFile<'_>, terminal: Terminal) -> Result<(), Error> {
    let last = state.ceremonies.last().filter(|last| last.concluded.is_some() && last.end.is_some());
    let Some(last) = last.filter(|last| last.proposal.plan == plan.text) else { return Ok(()) };
    let ended = format!("{} was this very plan, and ended: {}", last.directory, last.standing());
    let attestations = missing(last);
    if matches!(plan.plan, Plan::Genesis(_)) {
        let hint = match attestations {
            _ if state.roster().is_none() => {
                "begin another ledger: name a directory that does not exist yet".into()
            }
            Some(attestations) => attestations,
            None => "'quorate propose PLAN' proposes what is to be done next".into(),
        };
        return Err(Error::refused(ended, hint));
    }
    terminal.notice(&format!("{ended}."));
    terminal.confirm("Begin another ceremony of it?").map_err(|error| match attestations {
        Some(hint) if error.code == Code::NotConfirmed => Error { hint, ..error },
        _ => error,
    })
}

/// The custodians who acted and have not attested.
fn missing(last: &Ceremony) -> Option<Advice> {
    let mut missing = last.attesting()?.missing;
    missing.retain(|name| last.roster.custodian(name).is_some());
    if missing.is_empty() {
        return None;
    }
    let whose = format!("not attested yet by {}: ", listed(&missing));
    Some(Advice::from(whose).and("each attests with 'quorate attest'"))
}
