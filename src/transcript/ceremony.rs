//! One ceremony's transcript: what may follow what, and what each line must prove.

use std::sync::Arc;

use super::{
    attested,
    ceremonies::RecordedRelease,
    context::Context,
    event::{AnyEvent, Approved, Confirmed, Event as _, Rejected, Released},
    executed,
    finding::Finding,
    ledger::{Ceremony, CeremonyFiles, End},
    line::{self, LinePlace, ParsedLine},
    outcome::Outcome,
    proposed, recovery, released, times,
};
use crate::{
    approval::{
        quorum::Tally,
        statement::{self, Approval, Claimed, Rejection, Signed, Statement, StatementError},
    },
    encoding::{bounds, dsse::Envelope, text::Name},
    proposal::{document::ProposalStatement, operations::Plan},
    roster::requirement::{Requirement, Shares},
};

/// Verifies one ceremony. The first line that is not valid ends it.
pub fn verify(files: &CeremonyFiles, context: &Context<'_>) -> Result<(Ceremony, Vec<Finding>), Finding> {
    let mut lines = line::split(&files.transcript)?;
    let first =
        lines.next().ok_or_else(|| Finding::error("transcript-empty", "the transcript has no line"))?;
    let first = line::parse(first, context.mode, 1)?;
    let mut ceremony =
        begin(files, &first, context).map_err(|f| Finding { line: f.line.or(Some(1)), ..f })?;
    proposed::check_plan_file(files, &ceremony.proposal)?;
    for (at, bytes) in (2_usize..).zip(lines) {
        let parsed = line::parse(bytes, context.mode, at)?;
        let link = LinePlace {
            seq: ceremony.lines,
            prev: Some(ceremony.last_line),
            not_before: Some(ceremony.times.1),
        };
        line::verify(&parsed, &link, &ceremony.proposal.station.keys.signing_key, context.signatures, at)?;
        advance(&mut ceremony, &parsed, context).map_err(|f| Finding { line: Some(at), ..f })?;
        ceremony.lines = ceremony.lines.saturating_add(1);
        ceremony.last_line = parsed.digest;
        ceremony.times.1 = parsed.entry.time;
    }
    let findings = attested::read(files, &mut ceremony, context);
    Ok((ceremony, findings))
}

fn begin(files: &CeremonyFiles, first: &ParsedLine, context: &Context<'_>) -> Result<Ceremony, Finding> {
    let AnyEvent::Proposed(event) = &first.entry.event else {
        return Err(Finding::error(
            "line-order",
            format!("it begins with {}, not with proposed", first.entry.event.name()),
        ));
    };
    let claimed = Claimed::<ProposalStatement>::read(event.proposal.clone(), context.mode)
        .map_err(|e| refused_statement(&e))?;
    let proposal = event.body.clone();
    if *claimed.statement() != proposal.statement() {
        let message = "the statement that was signed is not that of the proposal beside it";
        return Err(Finding::error("proposal-frame", message));
    }
    proposed::check_chain(&proposal, context)?;
    let roster = proposed::applicable_roster(&proposal, context)?;
    let signed = claimed.verify(&roster, context.signatures).map_err(|e| refused_statement(&e))?;
    let (digest, proposer_card) = (signed.digest(), signed.card());
    let plan = Plan::parse(proposal.plan.as_bytes());
    let disputes = plan.as_ref().ok().and_then(|plan| plan.heading().disputed_times.cloned());
    let floor = context.state.and_then(|state| state.floor(disputes.as_ref()));
    let link = LinePlace { seq: 0, prev: None, not_before: floor.map(|c| c.times.1) };
    line::verify(first, &link, &proposal.station.keys.signing_key, context.signatures, 1)?;
    if first.entry.time != proposal.created {
        return Err(Finding::error("proposal-frame", "its line was not written when the proposal was made"));
    }
    let plan = plan.map_err(|error| Finding::error("plan", format!("its plan is not valid: {error}")));
    let plan = proposed::check(files, &proposal, plan, &roster, context)?;
    if let (Some(disputed), Some(state)) = (&disputes, context.state) {
        let checked = state.check_disputed(disputed, proposal.created);
        checked.map_err(|message| Finding::error("disputed-times", message))?;
    }
    let shares = recovery::requirement(context.state, &proposal.operation, &roster).shares();
    Ok(Ceremony {
        directory: files.directory.clone(),
        digest,
        proposer_card,
        proposal,
        plan: Arc::new(plan),
        roster,
        lines: 1,
        last_line: first.digest,
        times: (first.entry.time, first.entry.time),
        shares,
        approvals: Vec::new(),
        releases: Vec::new(),
        confirmations: Vec::new(),
        rejections: Vec::new(),
        intended: None,
        had_quorum: false,
        disputes,
        attempts: Vec::new(),
        concluded: None,
        end: None,
        finished_by: None,
        unrecorded: Vec::new(),
        unrecorded_approvals: Vec::new(),
        unrecorded_releases: Vec::new(),
        unrecorded_confirmations: Vec::new(),
        attestations: Vec::new(),
        other_heads: Vec::new(),
        unread: files.unread.clone(),
        drills: Vec::new(),
        bad_drills: Vec::new(),
    })
}

fn refused_statement(error: &StatementError) -> Finding {
    let code = match error {
        StatementError::Type { .. } => "statement-type",
        StatementError::Document { .. } | StatementError::Long { .. } => "statement-document",
        StatementError::Author { .. } => "statement-author",
        StatementError::Card { .. } => "statement-card",
        StatementError::Signature { .. } => "statement-signature",
    };
    Finding::error(code, error.to_string())
}

/// Adds the next line, if it is allowed here.
fn advance(ceremony: &mut Ceremony, line: &ParsedLine, context: &Context<'_>) -> Result<(), Finding> {
    let before_intent = ceremony.intended.is_none() && ceremony.concluded.is_none() && ceremony.end.is_none();
    match &line.entry.event {
        AnyEvent::Approved(line) if before_intent => approved(ceremony, line, context),
        AnyEvent::Released(line) if before_intent => released(ceremony, line, context),
        AnyEvent::Confirmed(line) if before_intent => confirmed(ceremony, line, context),
        AnyEvent::Rejected(Rejected { rejection }) if before_intent => {
            let signed = context
                .statement::<Rejection>(rejection.clone(), &ceremony.roster)
                .map_err(|e| refused_statement(&e))?;
            let said = signed.statement();
            if said.proposal != ceremony.digest {
                return Err(Finding::error(
                    "other-proposal",
                    format!("{} rejected another proposal", said.person),
                ));
            }
            check_needed(ceremony, &said.person)?;
            ceremony.rejections.push(signed);
            Ok(())
        }
        AnyEvent::Intended(intended) if before_intent => {
            executed::check_intended(ceremony, intended, context.state)?;
            if line.entry.time > ceremony.proposal.expires {
                return Err(Finding::error("proposal-expired", "it was executed after it had expired"));
            }
            ceremony.intended = Some(((**intended).clone(), line.digest));
            Ok(())
        }
        AnyEvent::Attempted(attempted) if ceremony.intended.is_some() && ceremony.concluded.is_none() => {
            if matches!(attempted.outcome, Outcome::Completed | Outcome::Refused) {
                return Err(Finding::error("outcome", "an attempt that completed is a conclusion"));
            }
            ceremony.attempts.push(attempted.clone());
            Ok(())
        }
        AnyEvent::Concluded(concluded) if ceremony.concluded.is_none() && ceremony.end.is_none() => {
            executed::check_concluded(ceremony, concluded, context.state)?;
            ceremony.concluded = Some((**concluded).clone());
            Ok(())
        }
        AnyEvent::Closed(_) if ceremony.concluded.is_some() && ceremony.end.is_none() => {
            ceremony.end = Some(End::Closed);
            Ok(())
        }
        AnyEvent::Aborted(aborted) if before_intent => {
            let signed = context
                .statement(aborted.abort.clone(), &ceremony.roster)
                .map_err(|e| refused_statement(&e))?;
            let said: &statement::Abort = signed.statement();
            if said.proposal != ceremony.digest {
                return Err(Finding::error("other-proposal", "the abort is of another proposal"));
            }
            ceremony.end = Some(End::Aborted(Box::new(signed)));
            Ok(())
        }
        other => Err(Finding::error("line-order", format!("{} is not allowed here", other.name()))),
    }
}

fn statement<S: Statement>(
    ceremony: &Ceremony,
    envelope: &Envelope,
    context: &Context<'_>,
) -> Result<Signed<S>, Finding> {
    context.statement::<S>(envelope.clone(), &ceremony.roster).map_err(|e| refused_statement(&e))
}

/// A person may have approved more than once, say on a spare card when a file was lost, and others' releases may rest on either:
/// they count once.
fn approved(ceremony: &mut Ceremony, line: &Approved, context: &Context<'_>) -> Result<(), Finding> {
    released::check_kind(ceremony, Approved::NAME, &[Shares::Released, Shares::None])?;
    let signed = statement::<Approval>(ceremony, &line.approval, context)?;
    check_approval(ceremony, signed.statement())?;
    let who = &signed.statement().person;
    let known = || ceremony.approvals.iter().filter(|known| known.statement().person == *who);
    if known().any(|known| known.digest() == signed.digest()) {
        return Err(Finding::error("approval-twice", format!("this approval by {who} is on record already")));
    }
    if known().count() >= bounds::APPROVALS_OF_ONE {
        let message = format!("{who} approved more than {} times", bounds::APPROVALS_OF_ONE);
        return Err(Finding::error("approval-twice", message));
    }
    ceremony.approvals.push(signed);
    // A later rejection does not undo that they agreed about the time.
    ceremony.had_quorum |= executed::is_agreed(ceremony);
    Ok(())
}

fn released(ceremony: &mut Ceremony, line: &Released, context: &Context<'_>) -> Result<(), Finding> {
    released::check_kind(ceremony, Released::NAME, &[Shares::Released])?;
    let signed = statement(ceremony, &line.release, context)?;
    released::check_release(ceremony, &ceremony.approvals, &signed, &line.basis)?;
    let who = &signed.statement().custodian;
    if ceremony.releases.iter().any(|r| r.signed.statement().custodian == *who) {
        let message = format!("{who} has already released shares: a custodian counts once");
        return Err(Finding::error("release-twice", message));
    }
    ceremony.releases.push(RecordedRelease { signed, basis: line.basis.clone() });
    Ok(())
}

fn confirmed(ceremony: &mut Ceremony, line: &Confirmed, context: &Context<'_>) -> Result<(), Finding> {
    released::check_kind(ceremony, Confirmed::NAME, &[Shares::Confirmed])?;
    let signed = statement(ceremony, &line.confirmation, context)?;
    let confirmation = released::check_confirmation(ceremony, signed, &line.drills, context)?;
    let who = &confirmation.signed.statement().person;
    if ceremony.confirmations.iter().any(|c| c.signed.statement().person == *who) {
        let message = format!("{who} has already confirmed: a custodian counts once");
        return Err(Finding::error("confirmation-twice", message));
    }
    ceremony.confirmations.push(confirmation);
    ceremony.had_quorum |= executed::is_agreed(ceremony);
    Ok(())
}

/// What makes an approval valid for this ceremony, besides its signature.
pub fn check_approval(ceremony: &Ceremony, approval: &Approval) -> Result<(), Finding> {
    let who = &approval.person;
    if approval.proposal != ceremony.digest {
        return Err(Finding::error("other-proposal", format!("{who} approved another proposal")));
    }
    if approval.roster != ceremony.roster.digest() {
        return Err(Finding::error("other-roster", format!("{who} verified another roster")));
    }
    check_needed(ceremony, who)?;
    times::check(ceremony, who, approval.time, times::Deed::Approval)
}

/// Custodians decide on everything, approvers on what needs them.
pub fn check_needed(ceremony: &Ceremony, who: &Name) -> Result<(), Finding> {
    if ceremony.requirement().takes(who) {
        return Ok(());
    }
    let message = format!("{who} is an approver whose approval {} does not need", ceremony.kind());
    Err(Finding::error("approver-unneeded", message))
}

impl Ceremony {
    /// What its operation requires of its roster's people.
    pub fn requirement(&self) -> Requirement<'_> {
        let requirement = self.roster.requirement(self.kind());
        if self.shares == Shares::None { requirement.signatures_only() } else { requirement }
    }

    /// Approvals beside the transcript that could be recorded.
    pub fn approvals_beside(&self) -> impl Iterator<Item = &Signed<Approval>> {
        self.unrecorded_approvals.iter().filter(|signed| check_approval(self, signed.statement()).is_ok())
    }

    /// The count of those who, on record, approved and released what is to be released.
    pub fn tally(&self) -> Tally {
        self.voices().acts(&self.requirement())
    }

    /// The count of the approvals on record.
    pub fn approvals_tally(&self) -> Tally {
        self.voices().approvals(&self.requirement())
    }
}
