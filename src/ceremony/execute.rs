//! Execution: verify approvals and releases, count, look, write the intent, reconstitute, act, look again, write the outcome.
//!
//! Each step can be cut off by a crash. The last line of the transcript tells what was done, and running
//! it again goes on from there.

use std::collections::BTreeMap;

use super::{
    Code, Error, World,
    acting::{Acted, Acting},
    clearing,
    collect::{self, Collected},
    conclude::{self, Persistence, Report},
    copies, giving_up,
    handed::SetAside,
    heard,
    keyring::{self, Keyring, Scope},
    present::{self, PresentPins},
    readback,
    said::Said,
    sign::LineWriter,
    standing::Missing,
};
use crate::{
    account::listed,
    approval::{
        intent::DurableIntent,
        quorum::{Quorum, Tally, Voices},
        statement::{Rejection, Signed},
    },
    encoding::{
        digest::Digest,
        text::{Name, Summary},
        time::Timestamp,
    },
    memory::Pin,
    ports::{store::Inbox, token::Attempt},
    proposal::target::Role,
    roster::requirement::Shares,
    transcript::{
        event::{Attempted, Intended, Rejected},
        ledger::{Ceremony, LedgerState},
    },
};

/// What an operator brings to an execution besides the ledger.
pub struct ExecuteRequest<'a> {
    /// The station's keys, opened with the cards that it takes.
    pub keyring: Keyring,
    /// Files of approvals and releases.
    pub inbox: &'a mut dyn Inbox,
    /// PINs that are in force and are not the quorum's, tried once and never stored.
    pub present: BTreeMap<(Name, Role), Pin>,
    /// What to do with an intent that cannot be brought to its end.
    pub persistence: Persistence,
}

/// The open ceremony, or why there is nothing to do; `what` is what was asked for: `execute`.
pub fn open_ceremony<'s>(state: &'s LedgerState, what: &str) -> Result<&'s Ceremony, Error> {
    state.open().ok_or_else(|| match state.ceremonies.last() {
        Some(last) => Error::refused(
            format!(
                "nothing to {what}: ceremony {} ({}) ended: {}",
                last.number(),
                last.kind(),
                last.standing()
            ),
            "see 'quorate status'; propose the next one with 'quorate propose PLAN'",
        )
        .coded(Code::NothingOpen),
        None => Error::refused("the ledger is empty", "begin it with a plan of kind \"genesis\"")
            .coded(Code::NothingOpen),
    })
}

/// Refuses where the open proposal is not the one that was reviewed.
pub fn check_proposal(open: &Ceremony, reviewed: Option<Digest>) -> Result<(), Error> {
    match reviewed {
        Some(reviewed) if reviewed != open.digest => Err(Error::refused(
            format!("the open proposal, ceremony {}, is not the one of --proposal", open.number()),
            "review the open one with 'quorate show': it is not the one that was reviewed before",
        )
        .coded(Code::OtherProposal)
        .with(vec![format!("--proposal: {reviewed}"), format!("open: {}", open.digest)])),
        _ => Ok(()),
    }
}

/// The PINs that an execution asks for because they are not the quorum's.
pub fn present_pins_needed(state: &LedgerState) -> Vec<(Name, Role, String)> {
    let open = state.open();
    open.map(|open| present::needed(Some(state), &open.proposal.operation)).unwrap_or_default()
}

/// Refuses PINs that were given beforehand for a target that is not known.
pub fn check_given<'p>(
    state: &LedgerState,
    given: impl IntoIterator<Item = &'p (Name, Role)>,
) -> Result<(), Error> {
    let open = open_ceremony(state, "execute")?;
    present::check_given(Some(state), &open.proposal.operation, given)
}

/// Finds without a card what would end an execution once its PIN was given: the clock, the proposal's end, and too few
/// approvals or releases, unless `more` of them are to come. Releases are opened only later. Gives what of the station that takes.
pub fn foresee(
    world: &mut World<'_>,
    state: &LedgerState,
    open: &Ceremony,
    inbox: &mut dyn Inbox,
    more: Approvals,
) -> Result<Scope, Error> {
    let now = world.now(Some(state))?;
    keyring::check_station(world.station, open)?;
    // The act is over and on record: what is left to do needs no shares.
    if open.concluded.is_some() {
        return Ok(Scope::Lines);
    }
    let scope = match open.shares {
        Shares::None => Scope::Lines,
        Shares::Confirmed | Shares::Released => Scope::Releases,
    };
    if open.intended.is_some() {
        return Ok(scope);
    }
    let mut heard = heard::heard(open, world.mode, world.station)?;
    heard.hear(open, world.mode, inbox);
    let voices = heard.voices();
    let tally = voices.acts(&open.requirement());
    // What can no longer be approved is recorded and closed, whenever that is.
    if !tally.reachable {
        return Ok(Scope::Lines);
    }
    check_expiry(open, now)?;
    match more {
        Approvals::Complete if !tally.is_quorum() => Err(too_few(open, &tally, &voices, &heard.set_aside)),
        Approvals::Complete | Approvals::ToCome => Ok(scope),
    }
}

/// Whether all approvals and releases are there that there will be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Approvals {
    Complete,
    ToCome,
}

/// Refuses copies with which an open ceremony could not act.
pub fn check_copies(world: &mut World<'_>, open: &Ceremony) -> Result<(), Error> {
    match open.concluded {
        Some(_) => Ok(()),
        None => copies::check(world.ledger, world.mode, open.roster.policy()).map(drop),
    }
}

fn check_expiry(open: &Ceremony, now: Timestamp) -> Result<(), Error> {
    if now <= open.proposal.expires {
        return Ok(());
    }
    Err(Error::refused(
        format!("the proposal expired at {}", open.proposal.expires),
        "give it up with 'quorate abort' and propose it again",
    )
    .coded(Code::Expired))
}

/// Executes the open ceremony, or goes on with one that was cut off.
pub fn execute(world: &mut World<'_>, request: ExecuteRequest<'_>) -> Result<Report, Error> {
    let state = world.load()?;
    let ceremony = open_ceremony(&state, "execute")?.clone();
    world.now(Some(&state))?;
    world.sweep(&state)?;
    let (signing, identity) = request.keyring.into_secrets(&ceremony)?;
    let mut lines = LineWriter::resume(world.mode, &signing, &ceremony)?;
    let persistence = request.persistence;
    check_keeping(&ceremony, persistence)?;
    // The act is over and on record: what is left to do needs no shares and no PINs.
    if ceremony.concluded.is_some() {
        return conclude::close(world, &ceremony, &mut lines, request.inbox, persistence);
    }
    check_present(&state, &ceremony, &request.present)?;
    if ceremony.intended.is_none() {
        // Only while a refusal costs nothing: once the target may have been touched, the outcome comes first.
        clearing::check(&ceremony, request.inbox)?;
    }
    present::check_lengths(world.tokens, &state, &ceremony, &request.present)?;
    let collected = collect::collect(&ceremony, world.mode, identity.as_ref(), world.station, request.inbox)?;
    let (quorum, intent, run, set_aside) = match &ceremony.intended {
        Some((intended, line)) => {
            let quorum = establish(&ceremony, collected)?;
            // A copy may have been taken away since the intent was written: it is proven again on each before the target is touched.
            let targets = intended.targets.iter().map(|t| t.name.clone()).collect();
            copies::check(world.ledger, world.mode, ceremony.roster.policy())?;
            check_room(world, &ceremony, 0)?;
            let intent = world.ledger.prove_intent(&ceremony.directory, *line, targets)?;
            (quorum.0, intent, Attempt::Resumed, quorum.1)
        }
        None => match begin(world, &state, &ceremony, collected, &mut lines)? {
            Begun::Intended(quorum, intent, set_aside) => (quorum, intent, Attempt::First, set_aside),
            Begun::Unreachable(summary) => {
                conclude::conclude(world, &ceremony, &mut lines, Acted::refused(&summary))?;
                return conclude::close(world, &ceremony, &mut lines, request.inbox, persistence);
            }
        },
    };
    let mut acted = {
        let mut acting = Acting {
            world,
            state: &state,
            ceremony: &ceremony,
            present: &request.present,
            run,
            gives_up: request.persistence.gives_up(),
            pins_touched: false,
        };
        acting.act(quorum, &intent)?
    };
    let gives_up = request.persistence.gives_up();
    if gives_up && !acted.is_completed() {
        giving_up::check(world, &state, &ceremony, &acted)?;
    }
    if !acted.is_completed() && !gives_up {
        let attempted = Attempted { outcome: acted.outcome, summary: Summary::lossy(&acted.summary) };
        let line = lines.line(world.clock.now(), attempted);
        world.append(&ceremony.directory, &[line])?;
        // A ceremony that may have set PINs cannot be given up while its target answers, so that way out is not offered.
        if !giving_up::may_have_changed_pins(&state, &ceremony) {
            acted.offer_giving_up();
        }
        return Err(acted.into_error(set_aside));
    }
    let ended = format!("how it ended, until that is recorded: {}. {}", acted.outcome, acted.summary);
    let (noticed, said) = (acted.noticed.clone(), acted.said.clone());
    conclude::conclude(world, &ceremony, &mut lines, acted).map_err(|error| error.with(vec![ended]))?;
    let report = conclude::close(world, &ceremony, &mut lines, request.inbox, persistence)?;
    Ok(Report { noticed, said, set_aside, ..report })
}

/// Only a program leaves something that can be kept.
fn check_keeping(ceremony: &Ceremony, persistence: Persistence) -> Result<(), Error> {
    if persistence == Persistence::GiveUpAndKeep && ceremony.proposal.operation.program().is_none() {
        return Err(Error::refused(
            format!(
                "ceremony {} ({}) runs no program: there is nothing to keep",
                ceremony.number(),
                ceremony.kind()
            ),
            "leave out --keep-room",
        ));
    }
    Ok(())
}

fn check_present(state: &LedgerState, ceremony: &Ceremony, present: &PresentPins) -> Result<(), Error> {
    let missing: Vec<String> = present::needed(Some(state), &ceremony.proposal.operation)
        .into_iter()
        .filter(|(target, role, _)| !present.contains_key(&(target.clone(), *role)))
        .map(|(target, role, why)| format!("{target}:{role}: {why}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let error = Error::problem(
        "PINs are needed that the quorum does not have",
        "their owners hand them over now: --present-pin TARGET:ROLE=FILE for each, or run it in a terminal",
    )
    .coded(Code::PinMissing);
    Err(error.with(missing))
}

/// Counts, and names those who are missing.
fn establish(ceremony: &Ceremony, collected: Collected) -> Result<(Quorum, Vec<SetAside>), Error> {
    let voices = collected.voices();
    let Collected { participants, set_aside, .. } = collected;
    let requirement = ceremony.requirement();
    match Quorum::establish(&requirement, participants, &voices.rejected) {
        Ok(quorum) => Ok((quorum, set_aside)),
        Err(tally) => Err(too_few(ceremony, &tally, &voices, &set_aside)),
    }
}

/// Too few approvals or releases yet, and who is missing for each; but a file that was given and cannot be a statement about this
/// proposal is an error of its own.
fn too_few(ceremony: &Ceremony, tally: &Tally, voices: &Voices, set_aside: &[SetAside]) -> Error {
    let requirement = ceremony.requirement();
    let approvals = voices.approvals(&requirement);
    let (approving, acting) = (voices.approving(), voices.acting(&requirement));
    let releases = requirement.shares() == Shares::Released;
    let Missing { unreleased, unheard } = Missing::of(ceremony, voices);
    let mut details = vec![format!("counted: {}", list(&acting))];
    if releases {
        details.push(format!("approved, and not released: {}", list(approving.difference(&acting))));
    }
    if !voices.rejected.is_empty() {
        details.push(format!("rejected: {}", list(&voices.rejected)));
    }
    if !unreleased.is_empty() {
        details.push(format!("signed, but the release is not here: {}", list(&unreleased)));
    }
    if !unheard.is_empty() {
        details.push(format!("not heard of: {}", list(&unheard)));
    }
    details.extend(set_aside.iter().map(|s| format!("does not count: {}: {}", s.file, s.reason)));
    let message = if approvals.is_quorum() && releases {
        format!("too few releases yet: {}", tally.describe())
    } else {
        format!("too few approvals yet: {}", approvals.describe())
    };
    let error = match set_aside.iter().find(|aside| aside.is_foreign) {
        Some(foreign) => {
            details.insert(0, message);
            Error::problem(
                format!("{}: {}", foreign.file, foreign.reason),
                "bring the files of the open proposal, then run 'quorate execute' again with all of them",
            )
            .coded(Code::File)
        }
        None if approvals.is_quorum() && releases => Error::incomplete(
            message,
            "those who approved release their shares with 'quorate release'; then run 'quorate execute' again with all the files",
        ),
        None => Error::incomplete(
            message,
            "collect the missing approvals, then run 'quorate execute' again with all the files",
        ),
    };
    error.with(details)
}

fn list<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    Some(listed(names)).filter(|names| !names.is_empty()).unwrap_or_else(|| "nobody".into())
}

enum Begun {
    Intended(Quorum, DurableIntent, Vec<SetAside>),
    Unreachable(String),
}

/// Everything before the intent; a refusal here leaves ledger and approvals as they are.
fn begin(
    world: &mut World<'_>,
    state: &LedgerState,
    ceremony: &Ceremony,
    collected: Collected,
    lines: &mut LineWriter,
) -> Result<Begun, Error> {
    let now = world.now(Some(state))?;
    let said = Said::of(&collected);
    let rejections = collected.rejections.clone();
    if let Some(summary) = unreachable(ceremony, &collected.voices()) {
        // Approvals of what nobody may do any more are of no use but to releases, which stay known to whoever has them.
        let mut batch = if said.releases() { said.lines(ceremony, lines, now) } else { Vec::new() };
        batch.extend(rejected(&rejections, lines, now));
        world.append(&ceremony.directory, &batch)?;
        return Ok(Begun::Unreachable(summary));
    }
    // Not before the rejections were looked at: how it ended is what people said, not what the clock says.
    check_expiry(ceremony, now)?;
    let (quorum, set_aside) = establish(ceremony, collected)?;
    // After the count: no target is asked for anything on behalf of too few.
    let targets = readback::look(world, state, ceremony)?;
    let copies = copies::check(world.ledger, world.mode, ceremony.roster.policy())?;
    check_room(world, ceremony, said.bytes())?;
    // The releases must survive a crash after the intent: without them the same quorum could not go on.
    said.keep(world, ceremony)?;
    let mut batch = said.lines(ceremony, lines, now);
    batch.extend(rejected(&rejections, lines, now));
    let names = targets.iter().map(|t| t.name.clone()).collect();
    batch.push(lines.line(
        now,
        Intended {
            quorum: quorum.people().to_vec(),
            targets,
            copies: copies.count,
            same_medium: copies.same_medium,
            environment: world.environment.clone(),
        },
    ));
    world.append(&ceremony.directory, &batch)?;
    let line = lines.last().unwrap_or(ceremony.last_line);
    let intent = world.ledger.prove_intent(&ceremony.directory, line, names)?;
    Ok(Begun::Intended(quorum, intent, set_aside))
}

fn rejected(rejections: &[Signed<Rejection>], lines: &mut LineWriter, now: Timestamp) -> Vec<Vec<u8>> {
    let line =
        |signed: &Signed<Rejection>| lines.line(now, Rejected { rejection: signed.envelope().clone() });
    rejections.iter().map(line).collect()
}

/// Whether the rejections leave no way to a quorum.
fn unreachable(ceremony: &Ceremony, voices: &Voices) -> Option<String> {
    if voices.acts(&ceremony.requirement()).reachable {
        return None;
    }
    Some(format!("{} rejected: a quorum cannot be reached any more", list(&voices.rejected)))
}

/// Room for the lines that are still to come: the approvals, the outcome and the last line. A disk that is full after the act would leave it without its outcome.
pub(super) fn check_room(world: &mut World<'_>, ceremony: &Ceremony, approvals: usize) -> Result<(), Error> {
    let bytes = approvals.saturating_add(copies::LAST_LINES);
    Ok(world.ledger.check_room(&ceremony.directory, u64::try_from(bytes).unwrap_or(u64::MAX))?)
}
