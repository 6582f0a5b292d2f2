//! `quorate propose`.

use std::path::{Path, PathBuf};

use super::{
    args::{CardArgs, Global, Propose},
    done::Done,
    invocation::Invocation,
    members, reading,
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring::{self, Wiring},
};
use crate::{
    account::{
        acts::{PlanChecked, ProposalMade},
        advice::Command,
    },
    ceremony::{
        Code, Error, HandedCredentials, Mistakes, handed_over_needed,
        propose::{self, Draft, Foreseen, Members, Request},
        recognition,
    },
    encoding::{
        bounds, spelling,
        text::{self, Name},
    },
    memory::CredentialSecret,
    ports::{
        card::{CardDescription, EnrolledKeys, Uses},
        store::StationStore as _,
    },
    proposal::{briefing::briefing, operations::Plan, plan_error::PlanError, target::Role},
    roster::card::EnrolledCard,
    storage::{
        LedgerDirectory,
        ledger::{Made, not_begun},
    },
    transcript::{
        ledger::{Ceremony, LedgerState},
        recovery::requirement,
    },
};

pub fn run(args: &Propose, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let Some(card) = &args.card else { return check(args, global, terminal) };
    let given = CardArgs { card: card.clone(), pin: args.pin.clone() };
    let mut card = PresentedCard::once(terminal, &given)?;
    let handed_over = wiring::handed_over(&args.handed_over)?;
    let plan = PlanFile::read(&args.plan)?;
    let opened = open(&plan.plan, terminal, Lead::Verb, global, &args.ledger, &args.copies.copies);
    let (_made, mut stage) = match opened {
        Ok(opened) => opened,
        // It may not be the only thing that is in the way.
        Err(error) if error.code == Code::Storage => {
            return Err(look(args, global, &plan, handed_over).err().unwrap_or(error));
        }
        Err(error) => return Err(error),
    };
    let brought = Brought { handed_over, present: Vec::new() };
    let proposed = stage.propose(&plan, &mut card, brought)?;
    tell(terminal, &proposed, &plan.plan, &args.ledger);
    let next = Invocation::at(global, &args.ledger, &args.copies.copies);
    tell_next(terminal, &proposed, &next);
    Ok(Done::ok(proposed))
}

impl Stage {
    /// Proposes a plan: what is missing is asked for, the draft made and briefed, and then the administrator's card signs it.
    pub fn propose(
        &mut self,
        plan: &PlanFile<'_>,
        card: &mut PresentedCard,
        brought: Brought,
    ) -> Result<ProposalMade, Error> {
        let terminal = self.terminal;
        let mut request = plan.request(brought);
        if request.mistakes.is_empty() {
            ask_handed_over(terminal, &plan.plan, &mut request.handed_over)?;
        }
        let draft = self.draft(request, card)?;
        let description = card.describe(&recognition::enrolled_in(&draft.roster))?;
        terminal.confirm("Sign this proposal?")?;
        let roster = draft.roster.clone();
        let wiring = &mut self.wiring;
        card.unlocked(terminal, &description, Some(&roster), Uses::SIGNATURE, |card| {
            propose::submit(&mut wiring.world(), draft, &description, card)
        })
    }

    fn draft(&mut self, request: Request<'_>, card: &mut PresentedCard) -> Result<Draft, Error> {
        let is_empty = propose::is_empty(self.wiring.ledger.as_mut())?;
        let state = if is_empty { None } else { Some(self.state_of_last()?) };
        let mut enrolled = request.members.enrolled();
        enrolled.extend(state.iter().flat_map(recognition::enrolled));
        let description = card.describe(&enrolled)?;
        if let Some(state) = &state {
            self.ask_clock(state)?;
        }
        let draft = propose::draft(&mut self.wiring.world(), state.as_ref(), request, &description)?;
        let digest = draft.proposal.digest();
        let lost = state.as_ref().and_then(|state| state.recovered_by(&draft.proposal));
        let requirement = requirement(state.as_ref(), &draft.proposal.operation, &draft.roster);
        self.terminal.briefing(&briefing((&draft.proposal, &draft.plan), digest, &requirement, lost))?;
        self.remark_on_media(&draft.proposal.operation)?;
        Ok(draft)
    }

    /// The ceremony of this very plan, if it is open and this is its station.
    pub fn resume(&mut self, plan: &PlanFile<'_>) -> Result<Option<ProposalMade>, Error> {
        let mut world = self.wiring.world();
        if propose::is_empty(world.ledger)? {
            return Ok(None);
        }
        let state = world.load()?;
        let Some(open) = resumable(&state, plan, &self.wiring)? else { return Ok(None) };
        self.terminal.tell(&format!("{} is this plan's and open: going on with it.", open.directory));
        let lost = state.recovered_by(&open.proposal);
        let sections = briefing((&open.proposal, &open.plan), open.digest, &open.requirement(), lost);
        self.terminal.briefing(&sections)?;
        self.remark_on_media(&open.proposal.operation)?;
        Ok(Some(ProposalMade {
            ceremony: open.directory.clone(),
            proposal: open.digest,
            station: open.proposal.station.keys.fingerprint(),
            expires: open.proposal.expires,
        }))
    }
}

/// The open ceremony, if it is this plan's. It goes on at its station only.
pub fn resumable<'s>(
    state: &'s LedgerState,
    plan: &PlanFile<'_>,
    wiring: &Wiring,
) -> Result<Option<&'s Ceremony>, Error> {
    let Some(open) = state.open().filter(|open| open.proposal.plan == plan.text) else { return Ok(None) };
    if !wiring.station.is_station(state.nonce, open.number()) {
        return Err(Error::refused(
            format!("{} is open already, and this machine is not its station", open.directory),
            "go on at its station, or with its state directory: --state-dir DIR",
        )
        .coded(Code::NotStation));
    }
    Ok(Some(open))
}

/// A plan that somebody named.
pub struct PlanFile<'a> {
    /// Where it is: the files that it names are beside it.
    pub path: &'a Path,
    /// Its text, which will be signed.
    pub text: String,
    pub plan: Plan,
}

impl<'a> PlanFile<'a> {
    /// Reads it.
    pub fn read(path: &'a Path) -> Result<Self, Error> {
        if path.is_dir() {
            let shown = text::printable(&path.to_string_lossy());
            let what = format!("{shown} is a directory, not a plan");
            return Err(Error::usage(what, "name the plan first, then the ledger"));
        }
        let bytes = wiring::read_file(path, bounds::PLAN)?;
        let (plan, text) = Plan::proposed(&bytes).map_err(|error| mistaken(path, error))?;
        Ok(Self { path, text: text.to_owned(), plan })
    }

    /// What is wrong with it, whatever it names.
    pub fn mistakes(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        for error in self.plan.mistakes() {
            mistakes.note::<()>(Err(mistaken(self.path, error)));
        }
        mistakes
    }

    /// With the enrolments that lie beside it.
    fn request(&self, brought: Brought) -> Request<'_> {
        let mut mistakes = self.mistakes();
        let members = match &self.plan {
            Plan::Genesis(genesis) => members::read(genesis, self.base(), &mut mistakes),
            _ => Members::default(),
        };
        let Brought { handed_over, present } = brought;
        Request { plan_text: &self.text, plan: &self.plan, members, mistakes, handed_over, present }
    }

    /// The directory from which its enrolments are named.
    fn base(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

fn mistaken(plan: &Path, error: PlanError) -> Error {
    let shown = text::printable(&plan.to_string_lossy());
    Error::refused(format!("{shown}: {error}"), "see quorate-plan(5), and the examples in ceremonies/")
        .coded(Code::Plan)
        .with(error.excerpt)
}

/// What comes with a plan.
#[derive(Default)]
pub struct Brought {
    /// Credentials that go over to the quorum.
    pub handed_over: HandedCredentials,
    /// The PINs that are at hand for its execution.
    pub present: Vec<(Name, Role)>,
}

/// Says what is in the way of a plan, and what it will ask for.
fn check(args: &Propose, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let plan = PlanFile::read(&args.plan)?;
    let handed_over = wiring::handed_over(&args.handed_over)?;
    let wanted = check_handed_over(&plan.plan, &handed_over)?;
    let Foreseen { open, present } = look(args, global, &plan, handed_over)?;
    terminal.tell("Nothing is in the way of this plan.");
    if let Some(open) = &open {
        terminal.item(&format!("it can be proposed when {open} has ended"));
    }
    let new_copies: Vec<String> = not_begun(&args.copies.copies).collect();
    for copy in &new_copies {
        terminal.item(&format!("a new copy of the ledger begins in {copy}"));
    }
    for (target, role) in &wanted {
        terminal.item(&format!("to propose it, bring the {role} of {target}: its owner hands it over"));
    }
    for (target, role, why) in &present {
        terminal.item(&format!("to execute it, bring the {role} of {target}: {why}"));
    }
    let shown = |target: &Name, role: &Role| format!("{target}:{role}");
    Ok(Done::ok(PlanChecked {
        open,
        new_copies,
        hand_over: wanted.iter().map(|(target, role)| shown(target, role)).collect(),
        present: present.iter().map(|(target, role, _)| shown(target, role)).collect(),
    }))
}

/// All that is in the way of a plan, without a card and without writing.
fn look(
    args: &Propose,
    global: &Global,
    plan: &PlanFile<'_>,
    handed_over: HandedCredentials,
) -> Result<Foreseen, Error> {
    let (mut wiring, state) = looking(&plan.plan, global, &args.ledger, &args.copies.copies)?;
    foresee(&mut wiring, state.as_ref(), plan, Brought { handed_over, present: Vec::new() })
}

/// The ledger as it is, without a lock; no state where a genesis is yet to make it.
pub fn looking(
    plan: &Plan,
    global: &Global,
    ledger: &Path,
    copies: &[PathBuf],
) -> Result<(Wiring, Option<LedgerState>), Error> {
    if !matches!(plan, Plan::Genesis(_)) {
        reading::files(ledger, global)?;
    }
    let mut wiring = Wiring::looking(global, ledger, copies)?;
    let mut world = wiring.world();
    let state = if propose::is_empty(world.ledger)? { None } else { Some(world.load()?) };
    Ok((wiring, state))
}

/// All that is in the way of a plan, as far as it can be said without the credentials that their owners hand over.
pub fn foresee(
    wiring: &mut Wiring,
    state: Option<&LedgerState>,
    plan: &PlanFile<'_>,
    mut brought: Brought,
) -> Result<Foreseen, Error> {
    for key in check_handed_over(&plan.plan, &brought.handed_over)? {
        // It is for its owner to bring when the plan is proposed. Nothing that is made here is kept.
        brought.handed_over.insert(key, CredentialSecret::copy_of(b"?")?);
    }
    propose::check(&mut wiring.world(), state, plan.request(brought))
}

/// The station, for a plan that is to be proposed. A genesis makes its ledger's directory, which stays if something is written to it.
pub fn open(
    plan: &Plan,
    terminal: Terminal,
    lead: Lead,
    global: &Global,
    ledger: &Path,
    copies: &[PathBuf],
) -> Result<(Option<Made>, Stage), Error> {
    if !matches!(plan, Plan::Genesis(_)) {
        return Ok((None, Stage::open(terminal, lead, global, ledger, copies)?));
    }
    let made = if ledger.exists() { None } else { LedgerDirectory::create(ledger)? };
    Ok((made, Stage::begin(terminal, lead, global, ledger, copies)?))
}

/// Refuses a card that is not an administrator's: of the roster that acts, or of a genesis's plan.
pub fn check_administrator(
    file: &PlanFile<'_>,
    state: Option<&LedgerState>,
    card: &mut PresentedCard,
) -> Result<(), Error> {
    let roster = match state {
        Some(state) => match state.open() {
            Some(open) => open.roster.clone(),
            None => propose::acting_roster(state, &file.plan)?,
        },
        None => {
            let Plan::Genesis(genesis) = &file.plan else { return Ok(()) };
            let cards: Vec<EnrolledCard> =
                genesis.administrators.iter().flat_map(|table| members::cards(table, file.base())).collect();
            let keys: Vec<EnrolledKeys> = cards.iter().map(EnrolledKeys::from).collect();
            let card = card.describe(&keys)?;
            let keyid = card.signing_key.keyid();
            let is_theirs = cards.iter().any(|theirs| theirs.enrolment().signing_key.keyid() == keyid);
            return if is_theirs { Ok(()) } else { Err(foreign(&card)) };
        }
    };
    let card = card.describe(&recognition::enrolled_in(&roster))?;
    recognition::administrator(&roster, &card, "propose").map(drop)
}

fn foreign(card: &CardDescription) -> Error {
    Error::refused(
        format!("card {} is not an administrator's in this plan", card.serial),
        "give the card of an administrator whom the plan names",
    )
    .coded(Code::ForeignCard)
}

/// The credentials that are handed over with this plan and were not given. What it does not ask for is refused.
fn check_handed_over(plan: &Plan, given: &HandedCredentials) -> Result<Vec<(Name, Role)>, Error> {
    let mut needed = handed_over_needed(plan);
    if let Some((target, role)) = given.keys().find(|key| !needed.contains(key)) {
        let asked: Vec<String> = needed.iter().map(|(target, role)| format!("{target}:{role}")).collect();
        let name = format!("{target}:{role}");
        let otherwise = "in the plan of a genesis, the credential has source = \"handed-over\"";
        let hint = spelling::did_you_mean(&name, asked.iter().map(String::as_str), otherwise);
        return Err(Error::usage(format!("--hand-over {name}: the plan does not ask for it"), hint));
    }
    needed.retain(|key| !given.contains_key(key));
    Ok(needed)
}

/// Asks for the credentials that are handed over to the quorum and were not given.
fn ask_handed_over(terminal: Terminal, plan: &Plan, given: &mut HandedCredentials) -> Result<(), Error> {
    let missing = check_handed_over(plan, given)?;
    for ((target, role), secret) in given.iter() {
        // Binary is binary: nothing is trimmed. But most files of text end like this, and most passphrases do not.
        if secret.expose().ends_with(b"\n") {
            terminal.confirm(&format!(
                "The {role} of {target} has {} bytes, the last of which is a line feed. Does it belong to it?",
                secret.expose().len()
            ))?;
        }
    }
    for (target, role) in missing {
        if terminal.is_interactive() {
            terminal.tell(&format!("{target}, {role}: its owner hands it over to the quorum"));
            let typed = terminal.new_pin(&format!("{role} of {target}"), |_| Ok(()))?;
            given.insert((target, role), CredentialSecret::copy_of(typed.expose())?);
        }
    }
    Ok(())
}

/// Says what was proposed, and what of it goes on paper.
pub fn tell(terminal: Terminal, proposed: &ProposalMade, plan: &Plan, ledger: &Path) {
    let ledger = text::printable(&ledger.to_string_lossy());
    terminal.tell(&format!("Proposed: {ledger}/{}", proposed.ceremony));
    if matches!(plan, Plan::Genesis(_)) {
        terminal.digest(
            "Genesis fingerprint (write it down: later audits are given it with --genesis)",
            proposed.proposal,
        );
        terminal.digest("Station fingerprint (each custodian compares it in person)", proposed.station);
    }
}

/// Says what comes after a proposal that is to be approved one by one.
fn tell_next(terminal: Terminal, proposed: &ProposalMade, next: &Invocation) {
    terminal.tell(&format!("Next, before {}: each custodian who agrees:", proposed.expires));
    next.command(terminal, &Command::new("quorate approve"));
    terminal.tell("or on a machine of their own, with a copy of the ledger:");
    terminal.command(&next.elsewhere("quorate approve COPY --card CARD -o FILE"));
}
