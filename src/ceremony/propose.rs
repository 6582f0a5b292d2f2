//! From a plan to a proposal that an administrator has signed.

use std::sync::Arc;

pub use super::dealing::Members;
use super::{
    Code, Error, World, ability, copies,
    fresh_pins::FreshPins,
    genesis, medium,
    mistakes::Mistakes,
    not_before,
    operations::{self, Proposing},
    present,
    program_proposal::HandedCredentials,
    recognition, residence,
    sign::{self, LineWriter},
    station::{Entrusted, StationSecrets},
};
use crate::{
    account::acts::ProposalMade,
    encoding::{
        digest::Digest,
        strict,
        text::{Line, Name},
        time::Timestamp,
    },
    ports::{
        card::{CardDescription, UnlockedCard},
        store::LedgerStore,
    },
    proposal::{
        document::{Proposal, Station},
        operations::{GenesisOperation, GenesisPlan, Operation, Plan},
        target::Role,
    },
    roster::{Policy, Roster, RosterDocument},
    transcript::{
        event::Proposed,
        ledger::{Ceremony, LedgerState},
    },
};

/// What is to be proposed.
pub struct Request<'a> {
    pub plan_text: &'a str,
    pub plan: &'a Plan,
    /// At genesis: the people whose enrolments the plan names.
    pub members: Members,
    /// What is wrong with the plan, and with the enrolments that it names.
    pub mistakes: Mistakes,
    /// At genesis: the credentials that must be handed over.
    pub handed_over: HandedCredentials,
    /// The PINs that were given for its execution.
    pub present: Vec<(Name, Role)>,
}

/// What a plan will ask for, as far as can be said before it is proposed.
pub struct Foreseen {
    /// The ceremony that is open and comes first.
    pub open: Option<String>,
    /// PINs that its execution will ask for, since the quorum does not have them, with the reason.
    pub present: Vec<(Name, Role, String)>,
}

/// A proposal that is not signed yet, with the station's new secrets.
pub struct Draft {
    pub proposal: Proposal,
    pub plan: Plan,
    /// The roster whose people act.
    pub roster: Arc<Roster>,
    station: Entrusted,
}

/// A plan that can be proposed.
struct Prepared {
    now: Timestamp,
    ledger: Digest,
    nonce: Digest,
    secrets: StationSecrets,
    substance: Substance,
}

/// Everything that a proposal adds to its common frame.
struct Substance {
    operation: Operation,
    pins: FreshPins,
    new_roster: Option<RosterDocument>,
    roster: Arc<Roster>,
}

impl Substance {
    /// Bytes in a proposal, about.
    fn length(&self) -> usize {
        let FreshPins { credentials, handovers } = &self.pins;
        let parts = [
            strict::write(&self.operation),
            strict::write(credentials),
            strict::write(handovers),
            self.new_roster.as_ref().map(strict::write).unwrap_or_default(),
        ];
        parts.iter().map(Vec::len).sum()
    }
}

/// Reports everything that is in the way of a plan at once, and what it will ask for. It needs no card, and writes
/// nothing but a file that is created and removed where a backup will be; an open ceremony is not an obstacle, since the plan
/// may be meant for after it.
pub fn check(
    world: &mut World<'_>,
    state: Option<&LedgerState>,
    mut request: Request<'_>,
) -> Result<Foreseen, Error> {
    let open = state.and_then(LedgerState::pending).filter(|_| !matches!(request.plan, Plan::Recover(_)));
    let mut mistakes = std::mem::take(&mut request.mistakes);
    let prepared = prepare(world, state, &request, &mut mistakes);
    if open.is_none() {
        mistakes.note(check_open(state, request.plan));
    }
    mistakes.settle()?;
    let present = prepared.map(|prepared| present::needed(state, &prepared.substance.operation));
    Ok(Foreseen { open: open.map(|open| open.directory.clone()), present: present.unwrap_or_default() })
}

/// Makes a proposal: reads the target, pins its objects, makes what credentials are needed, and at genesis deals.
/// Nothing is written. Everything that is in the way is reported at once.
pub fn draft(
    world: &mut World<'_>,
    state: Option<&LedgerState>,
    mut request: Request<'_>,
    card: &CardDescription,
) -> Result<Draft, Error> {
    let mut mistakes = std::mem::take(&mut request.mistakes);
    let prepared = prepare(world, state, &request, &mut mistakes);
    mistakes.note(check_open(state, request.plan));
    let proposer = prepared.as_ref().and_then(|prepared| {
        mistakes.note(recognition::administrator(&prepared.substance.roster, card, "propose"))
    });
    let proposer = proposer.map(|proposer| proposer.name.clone());
    mistakes.settle()?;
    let (Some(Prepared { now, ledger, nonce, secrets, substance }), Some(proposer)) = (prepared, proposer)
    else {
        return Err(Error::defect("a proposal was not made, and no reason was noted"));
    };
    if let Some(state) = state {
        world.sweep(state)?;
    }
    let heading = request.plan.heading();
    let ceremony = state.map_or(0, |s| u32::try_from(s.ceremonies.len()).unwrap_or(u32::MAX));
    let keys = secrets.keys().clone();
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    // From here on nothing in memory opens a release.
    let station = secrets.entrust(&substance.roster, (ledger, ceremony), &mut rng)?;
    let proposal = Proposal {
        ledger,
        ceremony,
        predecessor: state.and_then(|s| s.ceremonies.last()).map(|c| c.last_line),
        nonce,
        title: heading.title.clone(),
        proposer,
        created: now,
        expires: now.plus(u64::from(heading.expires_in_hours).saturating_mul(3600)),
        station: Station {
            keys,
            host: world.environment.hostname.clone().unwrap_or_else(|| Line::lossy("unknown")),
            keepers: station.keepers.clone(),
        },
        plan: request.plan_text.to_owned(),
        roster: substance.roster.digest(),
        new_roster: substance.new_roster,
        operation: substance.operation,
        credentials: substance.pins.credentials,
        handovers: substance.pins.handovers,
    };
    Ok(Draft { proposal, plan: request.plan.clone(), roster: substance.roster, station })
}

/// Everything but the proposer. None only if a mistake was noted.
fn prepare(
    world: &mut World<'_>,
    state: Option<&LedgerState>,
    request: &Request<'_>,
    mistakes: &mut Mistakes,
) -> Option<Prepared> {
    let policy = policy(state, request.plan);
    let now = moment(world, state, request.plan);
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let mut nonce = || {
        let mut bytes = [0; 32];
        rand_core::Rng::fill_bytes(&mut rng, &mut bytes);
        Digest::from_bytes(bytes)
    };
    let ledger = state.map_or_else(&mut nonce, |s| s.nonce);
    let nonce = nonce();
    let secrets = mistakes.note(StationSecrets::fresh(&mut rng))?;
    let at = now.as_ref().map_or_else(|_| world.clock.now(), |now| *now);
    let substance = match (request.plan, state) {
        (Plan::Genesis(_), Some(_)) => mistakes.note(Err(Error::refused(
            "this ledger already has a genesis",
            "begin another ledger: name a directory that does not exist yet",
        ))),
        (Plan::Genesis(plan), None) => begin(world, (plan, request), ledger, (&secrets, at), mistakes),
        (_, None) => mistakes.note(Err(Error::refused(
            "there is no ledger there",
            "begin one with a plan of kind \"genesis\"",
        ))),
        (plan, Some(state)) if mistakes.is_empty() => mistakes.note(substance(world, state, plan)),
        (_, Some(_)) => None,
    };
    let now = mistakes.note(now);
    if let Some(policy) = &policy {
        mistakes.note(residence::check(world.mode, policy));
    }
    let bytes = request.plan_text.len().saturating_add(substance.as_ref().map_or(0, Substance::length));
    copies::check_new(world.ledger, world.mode, policy.as_ref(), bytes, mistakes);
    let substance = substance?;
    mistakes.note(ability::check(world, state, &substance.operation));
    mistakes.note(present::check_given(state, &substance.operation, &request.present));
    Some(Prepared { now: now?, ledger, nonce, secrets, substance })
}

/// A genesis: it deals, unless something is wrong with its plan.
fn begin(
    world: &mut World<'_>,
    (plan, request): (&GenesisPlan, &Request<'_>),
    ledger: Digest,
    (secrets, now): (&StationSecrets, Timestamp),
    mistakes: &mut Mistakes,
) -> Option<Substance> {
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let is_sound = mistakes.is_empty();
    let targets = genesis::targets(plan, world.mode, world.tokens, mistakes);
    if !is_sound {
        return None;
    }
    let members = request.members.clone();
    let roster = mistakes.note(genesis::deal(plan, members, world.mode, ledger, secrets, &mut rng))?;
    let dated = roster.check_attestation_dates(now);
    mistakes.note(dated.map_err(|error| Error::refused(error.to_string(), error.hint())));
    let targets = targets?;
    let pins = genesis::credentials(plan, &targets, &request.handed_over, &roster, &mut rng);
    let pins = mistakes.note(pins)?;
    let targets = targets.into_iter().map(|(target, _)| target).collect();
    Some(Substance {
        operation: Operation::Genesis(GenesisOperation { targets }),
        pins,
        new_roster: Some(roster.document().clone()),
        roster: Arc::new(roster),
    })
}

/// What can be done about an open ceremony in its present state.
fn way_on(state: Option<&LedgerState>, pending: &Ceremony) -> &'static str {
    let is_open = state.and_then(LedgerState::open).is_some_and(|open| open.number() == pending.number());
    match (is_open, &pending.concluded, &pending.intended) {
        (false, _, _) => "its station was lost: propose a plan of kind \"recover\" that names it",
        (true, Some(_), _) => "close it with 'quorate execute', or recover it if its station is lost",
        (true, None, Some(_)) => {
            "it has begun to act: finish it with 'quorate execute', record what is known and close it with \
             'quorate execute --give-up', or recover it if its station is lost"
        }
        (true, None, None) => {
            "finish it with 'quorate execute', give it up with 'quorate abort', or recover it if its station is lost"
        }
    }
}

/// The time that the proposal will have. Times that its plan disputes do not bind it, and must be as the plan says.
fn moment(world: &World<'_>, state: Option<&LedgerState>, plan: &Plan) -> Result<Timestamp, Error> {
    let now = world.clock.now();
    let disputed = plan.heading().disputed_times;
    if let (Some(disputed), Some(state)) = (disputed, state) {
        state.check_disputed(disputed, now).map_err(|message| {
            Error::refused(message, "'quorate audit' lists the times that are ahead of this machine's clock")
        })?;
    }
    not_before(now, state.and_then(|state| state.floor(disputed)))
}

/// One ceremony is open at a time; only a recovery follows an open one, or one that left PINs half set.
pub fn check_open(state: Option<&LedgerState>, plan: &Plan) -> Result<(), Error> {
    if let (Some(state), Plan::Recover(plan)) = (state, plan)
        && state.recoverable(plan.ceremony).is_some()
    {
        return Ok(());
    }
    match (state.and_then(LedgerState::pending), plan) {
        (Some(open), _) => Err(Error::refused(
            format!("ceremony {} ({}) is still {}", open.number(), open.kind(), open.standing()),
            way_on(state, open),
        )
        .coded(Code::CeremonyOpen)),
        (None, Plan::Recover(recover)) => Err(Error::refused(
            format!(
                "ceremony {} is not open, and it is known which PINs are in force since",
                recover.ceremony
            ),
            "there is nothing to recover",
        )),
        (None, _) => Ok(()),
    }
}

fn substance(world: &mut World<'_>, state: &LedgerState, plan: &Plan) -> Result<Substance, Error> {
    let roster = acting_roster(state, plan)?;
    let mut proposing = Proposing { world, state, roster: Arc::clone(&roster) };
    let (operation, pins) = operations::propose(&mut proposing, plan)?;
    Ok(Substance { operation, pins, new_roster: None, roster })
}

/// What a plan's ceremony is held to; none where no roster is in force.
pub fn policy(state: Option<&LedgerState>, plan: &Plan) -> Option<Policy> {
    match (plan, state.and_then(LedgerState::roster)) {
        (Plan::Genesis(plan), _) => Some(plan.policy()),
        (_, roster) => roster.map(|roster| roster.policy().clone()),
    }
}

/// The roster whose people act on a plan.
pub fn acting_roster(state: &LedgerState, plan: &Plan) -> Result<Arc<Roster>, Error> {
    match (state.roster(), plan) {
        (Some(roster), _) => Ok(Arc::clone(roster)),
        (None, Plan::Recover(plan)) => {
            let lost = state.recoverable(plan.ceremony).filter(|lost| lost.can_lend_its_roster());
            lost.map(|lost| Arc::clone(&lost.roster)).ok_or_else(|| {
                Error::refused(
                    "the genesis never touched its targets, so there is nothing to recover",
                    "keep this directory as a record and begin another ledger",
                )
            })
        }
        (None, _) => Err(Error::refused(
            "no genesis of this ledger has completed: there is no roster in force",
            "begin another ledger with a plan of kind \"genesis\"",
        )),
    }
}

/// Has the administrator's card sign the draft, keeps the station's secrets, and makes the ceremony appear in the
/// ledger. The proposal is read back and verified as every reader will.
pub fn submit(
    world: &mut World<'_>,
    draft: Draft,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
) -> Result<ProposalMade, Error> {
    let Draft { proposal, station, .. } = draft;
    let envelope = sign::statement(card, &description.signing_key, world.mode, &proposal.statement())?;
    let digest = envelope.payload_digest();
    let fingerprint = proposal.station.keys.fingerprint();
    let event =
        Proposed { proposal: envelope, body: proposal.clone(), environment: world.environment.clone() };
    let line = LineWriter::begin(world.mode, &station.signing)?.line(proposal.created, event);
    station.keep(world.station, (proposal.ledger, proposal.ceremony), digest)?;
    medium::remember(world, &proposal)?;
    let directory = proposal.directory();
    let created = world.create(&directory, proposal.plan.as_bytes(), &line);
    created.map_err(|error| {
        world.in_spite_of(error, |state| {
            let open = state.open().filter(|open| open.digest == digest)?;
            Some(format!("{} is proposed and open", open.directory))
        })
    })?;
    let state = world.reload_last()?;
    match state.open() {
        Some(open) if open.digest == digest => {}
        _ => {
            return Err(Error::problem(
                "the proposal cannot be read back from the ledger",
                "run 'quorate audit' on it",
            ));
        }
    }
    Ok(ProposalMade {
        ceremony: directory,
        proposal: digest,
        station: fingerprint,
        expires: proposal.expires,
    })
}

/// Whether the ledger was never written to, which tells a genesis from everything else.
pub fn is_empty(ledger: &mut dyn LedgerStore) -> Result<bool, Error> {
    Ok(ledger.is_empty()?)
}
