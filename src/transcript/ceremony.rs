//! One ceremony's transcript: what may follow what, and what each line must prove.

use std::sync::Arc;

use super::{
    attested,
    context::Context,
    event::{AnyEvent, Approved, Rejected},
    executed,
    finding::Finding,
    ledger::{Ceremony, CeremonyFiles, End},
    line::{self, LinePlace, ParsedLine},
    outcome::Outcome,
    proposed, times,
};
use crate::{
    approval::{
        quorum::Tally,
        statement::{self, Approval, Claimed, Rejection, StatementError},
    },
    proposal::{document::ProposalStatement, operations::Plan},
    roster::requirement::Requirement,
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
        approvals: Vec::new(),
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
        AnyEvent::Approved(Approved { approval }) if before_intent => {
            let signed = context
                .statement::<Approval>(approval.clone(), &ceremony.roster)
                .map_err(|e| refused_statement(&e))?;
            check_approval(ceremony, signed.statement())?;
            let who = &signed.statement().custodian;
            if ceremony.approvals.iter().any(|a| a.statement().custodian == *who) {
                let message = format!("{who} has already approved: a custodian counts once");
                return Err(Finding::error("approval-twice", message));
            }
            ceremony.approvals.push(signed);
            // A later rejection does not undo that they agreed about the time.
            ceremony.had_quorum = executed::is_agreed(ceremony);
            Ok(())
        }
        AnyEvent::Rejected(Rejected { rejection }) if before_intent => {
            let signed = context
                .statement::<Rejection>(rejection.clone(), &ceremony.roster)
                .map_err(|e| refused_statement(&e))?;
            let said = signed.statement();
            if said.proposal != ceremony.digest {
                return Err(Finding::error(
                    "other-proposal",
                    format!("{} rejected another proposal", said.custodian),
                ));
            }
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

/// What makes an approval valid for this ceremony, besides its signature.
pub fn check_approval(ceremony: &Ceremony, approval: &Approval) -> Result<(), Finding> {
    let who = &approval.custodian;
    if approval.proposal != ceremony.digest {
        return Err(Finding::error("other-proposal", format!("{who} approved another proposal")));
    }
    if approval.roster != ceremony.roster.digest() {
        return Err(Finding::error("other-roster", format!("{who} verified another roster")));
    }
    times::check_approval(ceremony, approval)
}

impl Ceremony {
    /// What its operation requires of its roster's people.
    pub fn requirement(&self) -> Requirement<'_> {
        self.roster.requirement(self.kind())
    }

    /// The count of the recorded statements.
    pub fn tally(&self) -> Tally {
        let approving = self.approvals.iter().map(|a| a.statement().custodian.clone()).collect();
        let rejecting = self.rejections.iter().map(|r| r.statement().custodian.clone()).collect();
        Tally::count(&self.requirement(), &approving, &rejecting)
    }
}
