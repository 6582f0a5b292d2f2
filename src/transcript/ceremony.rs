//! One ceremony's transcript: what may follow what, and what each line must prove.

use std::collections::BTreeSet;

use super::{
    event::{AnyEvent, Approved, Concluded, Intended, Proposed, Rejected},
    finding::{Finding, Severity},
    ledger::{Ceremony, CeremonyFiles, End, LedgerState},
    line::{self, Link, ParsedLine},
    outcome::Outcome,
    verification::check_directory,
};
use crate::{
    approval::{
        quorum::Tally,
        statement::{self, Approval, Attestation, Rejection, Signed, StatementError},
    },
    encoding::{digest::Digest, dsse::Mode, text::Name},
    proposal::{
        document::Proposal,
        operation::{CredentialRule, Operation, SealedCredential},
        plan::Plan,
        target::{Custody, Role},
    },
    roster::{Roster, deal::Authority},
    sealing::single,
};

/// What a ceremony connects to.
pub struct Context<'a> {
    /// The ledger's mode.
    pub mode: Mode,
    /// The number that the ceremony must have.
    pub number: u32,
    /// The ceremonies before it; none at genesis.
    pub state: Option<&'a LedgerState>,
}

/// Verifies one ceremony. The first line that does not hold ends it.
pub fn verify(files: &CeremonyFiles, context: &Context<'_>) -> Result<(Ceremony, Vec<Finding>), Finding> {
    let lines = line::split(&files.transcript)?;
    let (first, rest) = lines
        .split_first()
        .ok_or_else(|| Finding::error("transcript-empty", "the transcript has no line"))?;
    let first = line::parse(first, context.mode, 1)?;
    let mut ceremony =
        begin(files, &first, context).map_err(|f| Finding { line: f.line.or(Some(1)), ..f })?;
    for (at, bytes) in (2_usize..).zip(rest) {
        let parsed = line::parse(bytes, context.mode, at)?;
        let link =
            Link { seq: ceremony.lines, prev: Some(ceremony.last_line), not_before: Some(ceremony.times.1) };
        line::verify(&parsed, &link, &ceremony.proposal.station.keys.signing_key, at)?;
        advance(&mut ceremony, &parsed, context).map_err(|f| Finding { line: Some(at), ..f })?;
        ceremony.lines = ceremony.lines.saturating_add(1);
        ceremony.last_line = parsed.digest;
        ceremony.times.1 = parsed.entry.time;
    }
    let findings = attestations(files, &mut ceremony, context.mode);
    Ok((ceremony, findings))
}

/// The authorities that a ceremony's operation needs.
pub fn authorities(ceremony: &Ceremony) -> Vec<&Authority> {
    ceremony.roster.authorities_for(ceremony.kind())
}

fn begin(files: &CeremonyFiles, first: &ParsedLine, context: &Context<'_>) -> Result<Ceremony, Finding> {
    let AnyEvent::Proposed(proposed) = &first.entry.event else {
        return Err(Finding::error(
            "line-order",
            format!("it begins with {}, not with proposed", first.entry.event.name()),
        ));
    };
    let claimed: Proposal =
        statement::read(&proposed.proposal, context.mode).map_err(|e| refused_statement(&e))?;
    check_chain(proposed, &claimed, context)?;
    let roster = applicable_roster(&claimed, context)?;
    let signed = Signed::<Proposal>::verify(proposed.proposal.clone(), context.mode, &roster)
        .map_err(|e| refused_statement(&e))?;
    let proposal = signed.statement().clone();
    let link = Link { seq: 0, prev: None, not_before: context.state.and_then(LedgerState::last_time) };
    line::verify(first, &link, &proposal.station.keys.signing_key, 1)?;
    check_directory(files, &proposal)?;
    check_plan(files, &proposal)?;
    check_operation(&proposal, &roster, context)?;
    check_credentials(&proposal, &roster, context)?;
    if proposal.expires <= proposal.created {
        return Err(Finding::error("proposal-expiry", "it expires before it was made"));
    }
    Ok(Ceremony {
        directory: files.directory.clone(),
        digest: signed.digest(),
        proposer_card: signed.card(),
        proposal,
        roster,
        lines: 1,
        last_line: first.digest,
        times: (first.entry.time, first.entry.time),
        approvals: Vec::new(),
        rejections: Vec::new(),
        intended: None,
        attempts: Vec::new(),
        concluded: None,
        end: None,
        attestations: Vec::new(),
    })
}

fn refused_statement(error: &StatementError) -> Finding {
    let code = match error {
        StatementError::Type { .. } => "statement-type",
        StatementError::Document { .. } => "statement-document",
        StatementError::Author { .. } => "statement-author",
        StatementError::Card { .. } => "statement-card",
        StatementError::Signature { .. } => "statement-signature",
    };
    Finding::error(code, error.to_string())
}

/// Ledger, number and predecessor, in the line and in the proposal.
fn check_chain(proposed: &Proposed, proposal: &Proposal, context: &Context<'_>) -> Result<(), Finding> {
    let fail = |code, message: &str| Err(Finding::error(code, message));
    if (proposed.ledger, proposed.ceremony, proposed.predecessor)
        != (proposal.ledger, proposal.ceremony, proposal.predecessor)
    {
        return fail(
            "proposal-frame",
            "the line names another ledger, number or predecessor than the proposal in it",
        );
    }
    if proposal.ceremony != context.number {
        let message =
            format!("it is ceremony {}, in the place of ceremony {}", proposal.ceremony, context.number);
        return Err(Finding::error("ceremony-number", message));
    }
    let Some(state) = context.state else {
        return match proposal.predecessor {
            None => Ok(()),
            Some(_) => fail("predecessor", "the first ceremony cannot have a predecessor"),
        };
    };
    if proposal.ledger != state.nonce {
        return fail("ledger-nonce", "it belongs to another ledger");
    }
    let last = state.ceremonies.last();
    if proposal.predecessor != last.map(|c| c.last_line) {
        return fail("predecessor", "it does not follow the head of the ceremony before it");
    }
    match (last.filter(|c| c.end.is_none()), &proposal.operation) {
        (None, Operation::Recover { .. }) => fail("recover", "the ceremony that it recovers is not open"),
        (None, _) => Ok(()),
        (Some(open), Operation::Recover { ceremony, last_line, interrupted, intended })
            if *ceremony == open.number()
                && *last_line == open.last_line
                && *interrupted == open.kind()
                && *intended == open.intended.is_some() =>
        {
            Ok(())
        }
        (Some(_), _) => fail("ceremony-open", "the ceremony before it was still open"),
    }
}

/// The people who may act: those of the roster in force, never of one that the proposal carries, except at
/// genesis, and when a genesis is recovered whose intent every custodian had approved.
fn applicable_roster(proposal: &Proposal, context: &Context<'_>) -> Result<Roster, Finding> {
    let in_force = context.state.and_then(|s| s.roster.clone());
    let roster = match (&proposal.operation, &proposal.new_roster, in_force) {
        (Operation::Genesis { .. }, Some(document), None) if context.number == 0 => {
            let roster = Roster::validate(document.clone())
                .map_err(|error| Finding::error("roster", error.to_string()))?;
            let deal = roster.deal();
            if deal.mode != context.mode || deal.ledger != proposal.ledger {
                return Err(Finding::error(
                    "roster-deal",
                    "its shares were dealt for another ledger, or in the other mode",
                ));
            }
            if deal.station != proposal.station.keys {
                return Err(Finding::error(
                    "station-keys",
                    "its shares were dealt by another station than the one that is signed",
                ));
            }
            roster
        }
        (Operation::Genesis { .. }, _, _) => {
            return Err(Finding::error("genesis", "a genesis is the first ceremony and carries its roster"));
        }
        (_, Some(_), _) => return Err(Finding::error("roster", "it carries a roster of its own")),
        (_, None, Some(roster)) => roster,
        (Operation::Recover { intended: true, .. }, None, None) => {
            let lost = context.state.and_then(|s| s.ceremonies.last());
            lost.map(|c| c.roster.clone()).ok_or_else(|| Finding::error("roster", "there is no roster"))?
        }
        (_, None, None) => {
            return Err(Finding::error("roster", "no genesis has completed: no roster is in force"));
        }
    };
    if roster.digest() != proposal.roster {
        return Err(Finding::error("roster-digest", "it names another roster than the one in force"));
    }
    Ok(roster)
}

fn check_plan(files: &CeremonyFiles, proposal: &Proposal) -> Result<(), Finding> {
    if files.plan != proposal.plan.as_bytes() {
        return Err(Finding::error("plan-mismatch", "plan.toml is not the plan that was proposed"));
    }
    let plan = Plan::parse(proposal.plan.as_bytes())
        .map_err(|error| Finding::error("plan", format!("its plan is not valid: {error}")))?;
    if plan.kind() != proposal.operation.kind() || *plan.heading().0 != proposal.title {
        return Err(Finding::error("plan-mismatch", "its plan says something else than the proposal"));
    }
    Ok(())
}

/// The operation is on targets of the quorum, and every pinned object was on record.
fn check_operation(proposal: &Proposal, roster: &Roster, context: &Context<'_>) -> Result<(), Finding> {
    let fail = |message: String| Err(Finding::error("operation", message));
    if let Operation::Genesis { targets } = &proposal.operation {
        for target in targets {
            if context.mode == Mode::Production
                && target.place.is_practice()
                && !roster.policy().allow_soft_cards
            {
                return fail(format!(
                    "{}: a practice token in production, which the policy refuses",
                    target.name
                ));
            }
            if let Some(rule) =
                target.credentials.iter().find(|r| roster.deal().authority(&r.authority).is_none())
            {
                return fail(format!("{}: there is no authority {}", target.name, rule.authority));
            }
        }
        return Ok(());
    }
    let Some((name, _)) = proposal.operation.target() else { return Ok(()) };
    let Some(target) = context.state.and_then(|s| s.targets.get(name)) else {
        return fail(format!("{name} is no target of this quorum"));
    };
    let known = target.inventory.as_ref().map(|i| i.objects.as_slice()).unwrap_or_default();
    let pinned: &[_] = match &proposal.operation {
        Operation::Delete { objects, .. } => objects,
        _ => &[],
    };
    match pinned.iter().find(|object| !known.contains(object)) {
        Some(object) => fail(format!("{object} was not on record in {name}")),
        None => Ok(()),
    }
}

fn check_credentials(proposal: &Proposal, roster: &Roster, context: &Context<'_>) -> Result<(), Finding> {
    for credential in &proposal.credentials {
        let fail = |message: String| Err(Finding::error("credential", message));
        let SealedCredential { authority, target, role, version, file, .. } = credential;
        let taken_in = match &proposal.operation {
            Operation::Genesis { targets } => targets.iter().find(|t| t.name == *target),
            _ => context.state.and_then(|s| s.targets.get(target)).map(|t| &t.target),
        };
        // At a reset the authority of the SO PIN gets the new user PIN too: it sets it.
        let twin = |rule: &CredentialRule| {
            matches!(proposal.operation, Operation::Reset { .. })
                && rule.role == Role::UserPin
                && taken_in.and_then(|t| t.rule(Role::SoPin)).is_some_and(|so| so.authority == *authority)
        };
        match taken_in.and_then(|t| t.rule(*role)) {
            Some(rule) if rule.custody == Custody::Held && (rule.authority == *authority || twin(rule)) => {}
            _ => return fail(format!("the {role} of {target} is not one that {authority} holds")),
        }
        let wanted = context.state.map_or(1, |s| s.next_version(target, *role));
        if *version != wanted {
            return fail(format!("the {role} of {target} has version {version}, the next one is {wanted}"));
        }
        match single::count_stanzas(&file.0) {
            Ok(1) => {}
            Ok(count) => return fail(format!("the sealed {role} of {target} has {count} recipients")),
            Err(error) => return fail(format!("the sealed {role} of {target}: {error}")),
        }
        if roster.deal().authority(authority).is_none() {
            return fail(format!("there is no authority {authority}"));
        }
    }
    Ok(())
}

/// Takes the next line in, if it may stand here.
fn advance(ceremony: &mut Ceremony, line: &ParsedLine, context: &Context<'_>) -> Result<(), Finding> {
    let before_intent = ceremony.intended.is_none() && ceremony.concluded.is_none() && ceremony.end.is_none();
    match &line.entry.event {
        AnyEvent::Approved(Approved { approval }) if before_intent => {
            let signed = Signed::<Approval>::verify(approval.clone(), context.mode, &ceremony.roster)
                .map_err(|e| refused_statement(&e))?;
            check_approval(ceremony, signed.statement())?;
            let who = &signed.statement().custodian;
            if ceremony.approvals.iter().any(|a| a.statement().custodian == *who) {
                let message = format!("{who} approved already: a custodian counts once");
                return Err(Finding::error("approval-twice", message));
            }
            ceremony.approvals.push(signed);
            Ok(())
        }
        AnyEvent::Rejected(Rejected { rejection }) if before_intent => {
            let signed = Signed::<Rejection>::verify(rejection.clone(), context.mode, &ceremony.roster)
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
            check_intended(ceremony, intended)?;
            if line.entry.time > ceremony.proposal.expires {
                return Err(Finding::error("proposal-expired", "it was executed after it had expired"));
            }
            ceremony.intended = Some(((**intended).clone(), line.digest));
            Ok(())
        }
        AnyEvent::Attempted(attempted)
            if ceremony.intended.is_some() && ceremony.concluded.is_none() && ceremony.end.is_none() =>
        {
            if matches!(attempted.outcome, Outcome::Completed | Outcome::Refused) {
                return Err(Finding::error("outcome", "an attempt that completed is a conclusion"));
            }
            ceremony.attempts.push(attempted.clone());
            Ok(())
        }
        AnyEvent::Concluded(concluded) if ceremony.concluded.is_none() && ceremony.end.is_none() => {
            check_concluded(ceremony, concluded)?;
            ceremony.concluded = Some((**concluded).clone());
            Ok(())
        }
        AnyEvent::Closed(_) if ceremony.concluded.is_some() && ceremony.end.is_none() => {
            ceremony.end = Some(End::Closed);
            Ok(())
        }
        AnyEvent::Aborted(aborted) if before_intent => {
            let signed = Signed::verify(aborted.abort.clone(), context.mode, &ceremony.roster)
                .map_err(|e| refused_statement(&e))?;
            let said: &statement::Abort = signed.statement();
            if said.proposal != ceremony.digest {
                return Err(Finding::error("other-proposal", "the abort is of another proposal"));
            }
            ceremony.end = Some(End::Aborted(Box::new(signed)));
            Ok(())
        }
        other => Err(Finding::error("line-order", format!("{} cannot stand here", other.name()))),
    }
}

/// What makes an approval good for this ceremony, besides its signature.
pub fn check_approval(ceremony: &Ceremony, approval: &Approval) -> Result<(), Finding> {
    let who = &approval.custodian;
    if approval.proposal != ceremony.digest {
        return Err(Finding::error("other-proposal", format!("{who} approved another proposal")));
    }
    if approval.roster != ceremony.roster.digest() {
        return Err(Finding::error("other-roster", format!("{who} verified another roster")));
    }
    if approval.time > ceremony.proposal.expires {
        return Err(Finding::error(
            "approval-late",
            format!("{who} approved after the proposal had expired"),
        ));
    }
    Ok(())
}

/// The count of a ceremony's recorded statements.
pub fn tally(ceremony: &Ceremony) -> Tally {
    let approving: BTreeSet<Name> =
        ceremony.approvals.iter().map(|a| a.statement().custodian.clone()).collect();
    let rejecting: BTreeSet<Name> =
        ceremony.rejections.iter().map(|r| r.statement().custodian.clone()).collect();
    Tally::count(&ceremony.roster, ceremony.kind(), &authorities(ceremony), &approving, &rejecting)
}

fn check_intended(ceremony: &Ceremony, intended: &Intended) -> Result<(), Finding> {
    let tally = tally(ceremony);
    if !tally.is_quorum() {
        return Err(Finding::error(
            "quorum-missing",
            format!("it was executed without a quorum: {}", tally.describe()),
        ));
    }
    let named: BTreeSet<&Name> = intended.quorum.iter().collect();
    let approved = |name: &Name| ceremony.approvals.iter().any(|a| a.statement().custodian == *name);
    if named.len() != intended.quorum.len() || !intended.quorum.iter().all(approved) {
        return Err(Finding::error("quorum-names", "it names custodians who did not approve, or one twice"));
    }
    if intended.copies < ceremony.roster.policy().copies {
        let message = format!(
            "{} copies of the ledger, the policy wants {}",
            intended.copies,
            ceremony.roster.policy().copies
        );
        return Err(Finding::error("copies", message));
    }
    Ok(())
}

fn check_concluded(ceremony: &Ceremony, concluded: &Concluded) -> Result<(), Finding> {
    let refused = concluded.outcome == Outcome::Refused;
    if refused == ceremony.intended.is_some() {
        let message =
            if refused { "refused, although the intent was written" } else { "an outcome without an intent" };
        return Err(Finding::error("outcome", message));
    }
    if concluded.outcome != Outcome::Completed {
        return Ok(());
    }
    let complete = match &ceremony.proposal.operation {
        Operation::Delete { objects, .. } => objects.iter().all(|o| concluded.deleted.contains(o)),
        Operation::Backup { allow_partial, .. } => {
            concluded.backup.as_ref().is_some_and(|b| !b.entries.is_empty())
                && (*allow_partial || concluded.left_out.is_empty())
        }
        Operation::Genesis { targets } => {
            targets.iter().all(|t| concluded.targets.iter().any(|s| s.name == t.name))
        }
        _ => true,
    };
    if complete { Ok(()) } else { Err(Finding::error("outcome", "completed, but not all of it was done")) }
}

/// Attestations lie beside the transcript: a bad one does not break it.
fn attestations(files: &CeremonyFiles, ceremony: &mut Ceremony, mode: Mode) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeSet<(Name, bool)> = BTreeSet::new();
    for (name, bytes) in &files.attestations {
        match attestation(bytes, ceremony, mode) {
            Ok(signed) => {
                let said = signed.statement();
                if seen.insert((said.person.clone(), said.agrees)) {
                    ceremony.attestations.push(signed);
                }
            }
            Err(reason) => {
                let message = format!("{name}: {reason}");
                let finding = Finding::new(
                    Severity::Warning,
                    "attestation-bad",
                    crate::encoding::text::printable(&message),
                );
                findings.push(finding.of(&ceremony.directory));
            }
        }
    }
    findings
}

fn attestation(bytes: &[u8], ceremony: &Ceremony, mode: Mode) -> Result<Signed<Attestation>, String> {
    use crate::encoding::dsse::Envelope;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let envelope = Envelope::parse(bytes).map_err(|e| e.to_string())?;
    let signed =
        Signed::<Attestation>::verify(envelope, mode, &ceremony.roster).map_err(|e| e.to_string())?;
    let said = signed.statement();
    let same: (Digest, u32, Digest) = (said.ledger, said.ceremony, said.head);
    if same != (ceremony.proposal.ledger, ceremony.number(), ceremony.last_line) {
        return Err("it attests another head".into());
    }
    Ok(signed)
}
