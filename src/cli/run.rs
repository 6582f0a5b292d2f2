//! `quorate run`: a whole ceremony at one station, guided.

mod again;
mod attestation;
mod decisions;
mod paper;
pub mod table;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    args::{Global, KeeperArgs, Run},
    done::Done,
    execute::{Execution, executed, tell, tell_next},
    invocation::Invocation,
    keeper,
    propose::{self, Brought, PlanFile},
    spent::Spent,
    stage::{Lead, Stage, ask_new_copies},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring::{self, Wiring},
};
use crate::{
    account::acts::Led,
    ceremony::{self, Code, Error, ErrorKind, Persistence, Report, attest::Shown, execute::Approvals},
    encoding::text::Name,
    memory::{CredentialSecret, Pin},
    ports::card::FinalTry,
    proposal::{operations::Plan, target::Role},
    storage::{FileInbox, ledger::Made},
    transcript::{known::Known, ledger::LedgerState, outcome::Outcome, verification::Pins},
};
use decisions::decisions;
use table::{TRY, Table};

/// Leads through a plan, or goes on with its ceremony where it is open already.
pub fn run(args: &Run, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let paper = Pins {
        genesis: wiring::paper("--genesis", args.genesis.as_ref())?,
        head: wiring::paper("--head", args.head.as_ref())?,
    };
    let present = wiring::present_pins(&args.present)?;
    let handed_over = wiring::handed_over(&args.handed_over)?;
    let plan = PlanFile::read(&args.plan)?;
    let copies = &args.copies.copies;
    let (mut looking, state) = propose::looking(&plan.plan, global, &args.ledger, copies)?;
    paper::check_paper(state.as_ref(), paper)?;
    if let Some(state) = &state {
        again::check_ended(state, &plan, terminal)?;
    }
    check(&mut looking, state.as_ref(), &plan, (&handed_over, &present))?;
    if let Some(policy) = ceremony::propose::policy(state.as_ref(), &plan.plan) {
        keeper::check_given(terminal, &policy, args.keeper.keeper.as_ref())?;
    }
    if state.is_some() {
        ask_new_copies(terminal, copies)?;
    }
    let known = looking.known;
    let mut table = Table {
        terminal,
        next: Invocation::at(global, &args.ledger, &args.copies.copies)
            .with_plan(&args.plan)
            .by(args.cards.first()),
        places: args.cards.iter(),
        pin_files: args.pin_files.iter(),
        asks: args.cards.is_empty() && terminal.is_interactive(),
        final_try: if args.final_try { FinalTry::Spend } else { FinalTry::Keep },
    };
    let admin = table
        .administrator(&|card| propose::check_administrator(&plan, state.as_ref(), card))?
        .ok_or_else(|| {
            let hint = "give --card and --pin-file for each card, or run it in a terminal";
            Error::usage("no card is given", hint)
        })?;
    let given = Given { known, state, paper, present, handed_over };
    let done = lead(args, global, &mut table, admin, &plan, given);
    done.map_err(|error| table.next.explain(error))
}

/// Finds what is in the way before anybody is asked for a card: no card would help.
fn check(
    looking: &mut Wiring,
    state: Option<&LedgerState>,
    plan: &PlanFile<'_>,
    (handed_over, present): (&ceremony::HandedCredentials, &BTreeMap<(Name, Role), Pin>),
) -> Result<(), Error> {
    if let Some(state) = state
        && let Some(open) = propose::resumable(state, plan, looking)?
    {
        check_places(looking)?;
        let mut world = looking.world();
        let brought = &mut FileInbox::default();
        ceremony::execute::foresee(&mut world, state, open, brought, Approvals::ToCome)?;
        return ceremony::execute::check_copies(&mut world, open);
    }
    if let Err(error) = ceremony::propose::check_open(state, &plan.plan) {
        // What is open in an old copy of the ledger may have ended long ago.
        check_places(looking)?;
        return Err(error);
    }
    let copied = handed_over
        .iter()
        .map(|(key, secret)| Ok::<_, Error>((key.clone(), CredentialSecret::copy_of(secret.expose())?)));
    let handed_over = copied.collect::<Result<_, _>>()?;
    let brought = Brought { handed_over, present: present.keys().cloned().collect() };
    propose::foresee(looking, state, plan, brought).map(drop)
}

/// Refuses a ledger or a copy that cannot be written to, and a ledger that is older than its copy.
fn check_places(looking: &mut Wiring) -> Result<(), Error> {
    looking.ledger.obstacles(0).into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

/// What was given beforehand, and what was verified of the ledger.
struct Given {
    known: Known,
    state: Option<LedgerState>,
    paper: Pins,
    present: BTreeMap<(Name, Role), Pin>,
    handed_over: ceremony::HandedCredentials,
}

/// From the administrator's card on.
fn lead(
    args: &Run,
    global: &Global,
    table: &mut Table<'_>,
    mut admin: PresentedCard,
    plan: &PlanFile<'_>,
    given: Given,
) -> Result<Done, Error> {
    let Given { known, state, paper, present, handed_over } = given;
    let terminal = table.terminal;
    let places = (args.ledger.as_path(), args.copies.copies.as_slice());
    let (_made, mut stage) = open(&plan.plan, terminal, global, places, known)?;
    let proposed = match stage.resume(plan)? {
        Some(open) => open,
        None => {
            if let Some(state) = &state {
                let roster = ceremony::propose::acting_roster(state, &plan.plan)?;
                paper::check_memory(table, state, &roster, &stage.wiring.memory, paper)?;
            }
            let proposed = stage.propose(
                plan,
                &mut admin,
                Brought { handed_over, present: present.keys().cloned().collect() },
            )?;
            propose::tell(terminal, &proposed, &plan.plan, &args.ledger);
            proposed
        }
    };
    terminal.heading("Approvals and releases");
    let mut people = decisions(&mut stage, table, paper)?;

    terminal.heading("Execution");
    let (report, spent) = execute(&mut stage, table, (&mut admin, &args.keeper), present)?;
    let number = report.number;
    let executed = executed(report, spent);
    tell(terminal, number, &executed, &table.next);

    if executed.outcome == Outcome::Completed {
        terminal.heading("Attestation");
        let shown = Shown { ceremony: &executed.ceremony, head: executed.head };
        if let Err(mut error) = attestation::attest(&mut stage, table, &mut people, shown) {
            if error.code == Code::LedgerInvalid {
                return Err(error);
            }
            // The same command would begin another ceremony.
            error.hint =
                "the ceremony has ended all the same; 'quorate attest' takes attestations later".into();
            if error.kind == ErrorKind::Interrupted {
                return Err(error);
            }
            terminal.complain(&table.next.explain(error));
        }
    }
    tell_next(terminal, executed.outcome, &table.next);
    let approved = people.into_iter().map(|person| person.who).collect();
    Ok(Done::new(stage.ended(executed.outcome.into()), Led { proposed, approved, executed }))
}

/// The station with its ledger and copies, of which `known` was verified before they were locked.
fn open(
    plan: &Plan,
    terminal: Terminal,
    global: &Global,
    (ledger, copies): (&Path, &[PathBuf]),
    known: Known,
) -> Result<(Option<Made>, Stage), Error> {
    let (made, mut stage) = propose::open(plan, terminal, Lead::Run, global, ledger, copies)?;
    stage.wiring.known = known.before_lock();
    Ok((made, stage))
}

/// Executes; where somebody is asked, as often as they wish: an administrator who did not touch their card in time must
/// not lose the approvals.
fn execute(
    stage: &mut Stage,
    table: &Table<'_>,
    (admin, given): (&mut PresentedCard, &KeeperArgs),
    mut present: BTreeMap<(Name, Role), Pin>,
) -> Result<(Report, Spent), Error> {
    loop {
        let mut keeper = keeper::given(table.terminal, given, table.final_try)?;
        let tried = if table.wait_for(admin, "the administrator").map_err(unfinished)? {
            stage.execute(
                admin,
                Execution {
                    reviewed: None,
                    files: &[],
                    keeper: keeper.as_mut(),
                    present: std::mem::take(&mut present),
                    persistence: Persistence::GoOn,
                },
            )
        } else {
            Err(Error::problem("the administrator's card is not in", ""))
        };
        if let Err(Error { code: Code::Copies, .. }) = tried {
            // The copies stay those of this command.
            return tried;
        }
        let kind = tried.as_ref().err().map(|error| error.kind);
        match table.forgives(tried, TRY).map_err(unfinished)? {
            Some(report) => return Ok(report),
            None if !table.terminal.person_says_yes("Try the execution again?").map_err(unfinished)? => {
                let kind = kind.unwrap_or(ErrorKind::Problem);
                return Err(unfinished(Error {
                    kind,
                    code: Code::of_kind(kind),
                    ..Error::problem("the ceremony was not executed to its end", "")
                }));
            }
            None => {}
        }
    }
}

/// The execution may have begun.
fn unfinished(mut error: Error) -> Error {
    if error.ends_questions() || error.hint.is_empty() {
        error.hint =
            "'quorate status' says what is known of it; 'quorate execute' or the same command again goes on"
                .into();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ceremony::{execute, keyring::Keyring},
        cli::deciding::Ask,
        encoding::digest::Digest,
        softcard::SoftCard,
        storage::FileInbox,
        transcript::tests::lines,
    };

    fn global(dir: &Path) -> Global {
        Global {
            json: false,
            rehearsal: false,
            yes: true,
            color: clap::ColorChoice::Never,
            state_dir: Some(dir.join("state")),
            module_timeout: 1,
        }
    }

    /// A ledger in a folder, and its station.
    fn at_station(dir: &Path) -> (PathBuf, LedgerState, Stage) {
        let (ledger, global) = (dir.join("ledger"), global(dir));
        std::fs::create_dir(&ledger).unwrap();
        lines::honest().write(&ledger);
        let plan = Plan::parse(include_bytes!("../../ceremonies/inventory.toml")).unwrap();
        let (looking, first) = propose::looking(&plan, &global, &ledger, &[]).unwrap();
        let terminal = Terminal::new(false, true);
        let (_, stage) = open(&plan, terminal, &global, (&ledger, &[]), looking.known).unwrap();
        (ledger, first.unwrap(), stage)
    }

    #[test]
    fn what_was_verified_for_the_first_card_is_not_verified_again_at_the_station() {
        let dir = tempfile::tempdir().unwrap();
        let (_, first, mut stage) = at_station(dir.path());
        let second = stage.state().unwrap();
        let genesis = |state: &LedgerState| std::ptr::from_ref(state.ceremonies.number(0).unwrap());
        assert_eq!(genesis(&first), genesis(&second));
    }

    #[test]
    fn what_was_verified_before_the_lock_is_compared_once_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, _, mut stage) = at_station(dir.path());
        std::fs::write(ledger.join("0000-genesis/plan.toml"), b"#").unwrap();
        assert_eq!(stage.state_of_last().unwrap_err().code, Code::LedgerInvalid);
    }

    /// Somebody who does not heed the lock changes files. Each step sees it in the last ceremony; in an earlier one, whoever approves,
    /// and the quorum before it acts.
    #[test]
    fn a_file_that_changes_at_the_station_is_seen_before_anybody_approves_and_before_a_quorum_acts() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, first, mut stage) = at_station(dir.path());
        let pin = Pin::copy_of(b"123456").unwrap();
        let path = dir.path().join("a.card");
        let soft = SoftCard::create(&path, &pin, first.ceremonies.last().unwrap().times.1).unwrap();
        let mut presented = PresentedCard::rehearsed(soft, path.clone(), pin);
        let last = first.ceremonies.last().unwrap().directory.clone();
        for directory in ["0000-genesis", &last] {
            stage.state().unwrap();
            let plan = ledger.join(directory).join("plan.toml");
            let honest = std::fs::read(&plan).unwrap();
            std::fs::write(&plan, [&honest[..], b"#"].concat()).unwrap();
            assert_eq!(stage.state_of_last().is_err(), directory == last, "{directory}");
            let approved = stage.decide(&mut presented, Ask::Approve, Pins::default());
            assert_eq!(approved.unwrap_err().code, Code::LedgerInvalid, "{directory}");
            std::fs::write(&plan, &honest).unwrap();
            stage.state().unwrap();
            std::fs::write(&plan, b"#").unwrap();
            let request = execute::ExecuteRequest {
                keyring: Keyring::of(Digest::of(b"proposal")),
                inbox: &mut FileInbox::default(),
                present: BTreeMap::new(),
                persistence: Persistence::GoOn,
            };
            let executed = execute::execute(&mut stage.wiring.world(), request);
            assert_eq!(executed.err().unwrap().code, Code::LedgerInvalid, "{directory}");
            std::fs::write(&plan, honest).unwrap();
        }
    }
}
