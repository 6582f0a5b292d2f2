//! `quorate run`: a whole ceremony at one station, guided.

mod paper;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    args::{Global, Run},
    done::Done,
    execute::{Execution, executed, tell, tell_next},
    invocation::Invocation,
    propose::{self, Brought, PlanFile},
    spent::Spent,
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring,
};
use crate::{
    account::acts::Led,
    ceremony::{self, Code, Error, Persistence, Report, attest::Opinion},
    encoding::text::Name,
    memory::Pin,
    ports::card::FinalTry,
    proposal::target::Role,
    storage,
    transcript::{known::Known, ledger::LedgerState, outcome::Outcome, verification::Pins},
};
use table::{GIVE, TRY, Table, Waited, instead};

/// Leads through a plan, or goes on with its ceremony where it is open already.
pub fn run(args: &Run, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let paper = Pins {
        genesis: wiring::paper("--genesis", args.genesis.as_ref())?,
        head: wiring::paper("--head", args.head.as_ref())?,
    };
    let present = wiring::present_pins(&args.present)?;
    let handed_over = wiring::handed_over(&args.handed_over)?;
    let plan = PlanFile::read(&args.plan)?;
    let mut known = Known::default();
    let state = state(global, &args.ledger, &mut known)?;
    paper::check_paper(state.as_ref(), paper)?;
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
    let _made = propose::make_ledger(&plan.plan, &args.ledger)?;
    let mut stage = stage(terminal, global, (&args.ledger, &args.copies.copies), known)?;
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
    terminal.heading("Approvals");
    let (approved, mut people) = approvals(&mut stage, table, paper)?;

    terminal.heading("Execution");
    let (report, spent) = execute(&mut stage, table, &mut admin, present)?;
    let number = report.number;
    let executed = executed(report, spent);
    tell(terminal, number, &executed, &table.next);

    if executed.outcome == Outcome::Completed {
        terminal.heading("Attestation");
        if let Err(mut error) = attest(&mut stage, table, &mut people, &approved) {
            // The same command would begin another ceremony.
            error.hint =
                "the ceremony has ended all the same; 'quorate attest' takes attestations later".into();
            terminal.complain(&table.next.explain(error));
        }
    }
    tell_next(terminal, executed.outcome, &table.next);
    let approved = approved.into_iter().collect();
    Ok(Done::new(executed.outcome.into(), Led { proposed, approved, executed }))
}

/// The station with its ledger and copies, of which `known` was verified before they were locked.
fn stage(
    terminal: Terminal,
    global: &Global,
    (ledger, copies): (&Path, &[PathBuf]),
    known: Known,
) -> Result<Stage, Error> {
    let mut stage = Stage::open(terminal, Lead::Run, global, ledger, copies)?;
    stage.wiring.known = known;
    Ok(stage)
}

/// The ledger as it is; none where a genesis has yet to make it.
fn state(global: &Global, ledger: &Path, known: &mut Known) -> Result<Option<LedgerState>, Error> {
    if !ledger.exists() {
        return Ok(None);
    }
    let files = storage::ledger::files(ledger)?;
    if files.directories().is_empty() {
        Ok(None)
    } else {
        ceremony::check_keeping(known, &*files, wiring::mode(global)).map(Some)
    }
}

/// Executes; where somebody is asked, as often as they wish: an administrator who did not touch their card in time must
/// not lose the approvals.
fn execute(
    stage: &mut Stage,
    table: &Table<'_>,
    admin: &mut PresentedCard,
    mut present: BTreeMap<(Name, Role), Pin>,
) -> Result<(Report, Spent), Error> {
    loop {
        let tried = match table.wait_for(admin, "the administrator")? {
            Waited::There => stage.execute(
                admin,
                Execution {
                    reviewed: None,
                    files: &[],
                    present: std::mem::take(&mut present),
                    persistence: Persistence::GoOn,
                },
            ),
            Waited::Skipped => Err(Error::problem("the administrator's card is not in", "")),
        };
        let kind = tried.as_ref().err().map(|error| error.kind);
        match (table.forgives(tried, TRY)?, kind) {
            (Some(report), _) => return Ok(report),
            // It may have been a PIN that was wrong.
            (None, kind) if !table.terminal.person_says_yes_unseen("Try the execution again?")? => {
                let mut error = Error::problem(
                    "the ceremony was not executed to its end",
                    "'quorate status' says what is known of it; 'quorate execute' or the same command again goes on",
                );
                error.kind = kind.unwrap_or(error.kind);
                error.code = Code::of_kind(error.kind);
                return Err(error);
            }
            (None, _) => {}
        }
    }
}

/// Those who approved attest the head. The ceremony has ended: anyone who cannot, or does not wish to, ends nothing.
fn attest(
    stage: &mut Stage,
    table: &Table<'_>,
    people: &mut [(Name, PresentedCard)],
    approved: &BTreeSet<Name>,
) -> Result<(), Error> {
    let terminal = table.terminal;
    let here: Vec<&str> = people.iter().map(|(who, _)| who.as_str()).collect();
    let before: Vec<&str> = approved.iter().map(Name::as_str).filter(|who| !here.contains(who)).collect();
    if !before.is_empty() {
        terminal.tell(&format!(
            "Approved before, so that the card is not at hand here: {}. Each attests with 'quorate attest'.",
            before.join(", ")
        ));
    }
    let question = match (here.as_slice(), before.as_slice()) {
        ([], _) => return Ok(()),
        (_, []) => "Do all who approved attest this head?".to_owned(),
        (here, _) => format!("Is this head attested now by {}?", here.join(" and ")),
    };
    if !terminal.answer(&question)? {
        return Ok(());
    }
    for (who, card) in people {
        loop {
            if table.asks && matches!(table.wait_for(card, who.as_str())?, Waited::Skipped) {
                break;
            }
            match stage.attest(card, Opinion::agreement()) {
                Ok(attested) => {
                    terminal.tell(&format!("{} attested the head.", attested.person));
                    break;
                }
                Err(error) if error.code == Code::NoAnswer => return Err(error),
                Err(error) => terminal.complain(&table.next.explain(instead(error, TRY))),
            }
            if !table.asks
                || !terminal.person_says_yes_unseen(&format!("{who} has not attested. Try again?"))?
            {
                break;
            }
        }
    }
    Ok(())
}

/// Custodians approve, one card after the other, until there is a quorum. If no card is left before, the ceremony stays
/// open: the administrator's card is not asked for what cannot be done yet.
fn approvals(
    stage: &mut Stage,
    table: &mut Table<'_>,
    paper: Pins,
) -> Result<(BTreeSet<Name>, Vec<(Name, PresentedCard)>), Error> {
    let needed = stage.needed()?;
    let mut people = Vec::new();
    let mut approved = needed.approved.clone();
    while !needed.has_begun && !needed.is_met(&approved) {
        let missing: Vec<&str> =
            needed.custodians.iter().filter(|n| !approved.contains(*n)).map(|n| n.as_str()).collect();
        let standing = format!("{} of {} have approved", approved.len(), needed.count);
        stage.terminal.tell(&format!("{standing}. Not yet: {}.", missing.join(", ")));
        let next = table.next("Next card (yubikey:SERIAL, soft:FILE, done)");
        let Some(next) = table.forgives(next, GIVE)? else { continue };
        let Some(mut card) = next else {
            if table.stops()? {
                return Err(left_open(&standing, &missing));
            }
            continue;
        };
        let tried = stage.approve(&mut card, paper);
        let Some(who) = table.forgives(tried, GIVE)? else { continue };
        stage.terminal.tell(&format!("{who} approved."));
        if approved.insert(who.clone()) {
            people.push((who, card));
        }
    }
    Ok((approved, people))
}

fn left_open(standing: &str, missing: &[&str]) -> Error {
    Error::incomplete(
        format!("{standing}: the ceremony stays open, and nothing was tried"),
        "those who are missing run 'quorate approve', then you 'quorate execute', or the same command again; \
         'quorate abort' gives it up",
    )
    .with(vec![format!("not yet: {}", missing.join(", "))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::tests::lines;

    #[test]
    fn what_was_verified_for_the_first_card_is_not_verified_again_at_the_station() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger");
        std::fs::create_dir(&ledger).unwrap();
        lines::honest().write(&ledger);
        let global = Global {
            json: false,
            rehearsal: false,
            yes: true,
            color: clap::ColorChoice::Never,
            state_dir: Some(dir.path().join("state")),
            module_timeout: 1,
        };
        let mut known = Known::default();
        let first = state(&global, &ledger, &mut known).unwrap().unwrap();
        let mut stage = stage(Terminal::new(false, true), &global, (&ledger, &[]), known).unwrap();
        let second = stage.state().unwrap();
        let genesis = |state: &LedgerState| std::ptr::from_ref(state.ceremonies.number(0).unwrap());
        assert_eq!(genesis(&first), genesis(&second));
    }
}
