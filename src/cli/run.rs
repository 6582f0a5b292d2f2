//! `quorate run`: a whole ceremony at one station, guided.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    approve::unproven,
    args::{CardPlace, Global, PinArgs, Run},
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
    ceremony::{
        self, Code, Error, Persistence, Report,
        approve::{self, Continuity},
        attest::Opinion,
        recognition,
    },
    encoding::text::Name,
    memory::Pin,
    ports::{card::FinalTry, store::CustodianMemory},
    proposal::target::Role,
    roster::{Roster, Standing},
    storage,
    transcript::{known::Known, ledger::LedgerState, outcome::Outcome, verification::Pins},
};

/// What came of waiting for a card.
enum Waited {
    /// It is in.
    There,
    /// Its holder goes without.
    Skipped,
}

/// The cards, as they are given or asked for.
struct Table<'a> {
    terminal: Terminal,
    next: Invocation,
    places: std::slice::Iter<'a, CardPlace>,
    pin_files: std::slice::Iter<'a, PathBuf>,
    asks: bool,
    final_try: FinalTry,
}

impl Table<'_> {
    /// The administrator's card. Nothing is begun yet: where another person's card is in, another may be given.
    fn administrator(
        &mut self,
        check: &dyn Fn(&mut PresentedCard) -> Result<(), Error>,
    ) -> Result<Option<PresentedCard>, Error> {
        loop {
            let tried = self.next("Administrator's card (yubikey:SERIAL, soft:FILE)").and_then(|card| {
                let Some(mut card) = card else { return Ok(None) };
                check(&mut card)?;
                Ok(Some(card))
            });
            if let Some(first) = self.forgives(tried, GIVE)? {
                if let Some(admin) = &first {
                    self.next = self.next.clone().by(Some(admin.place()));
                }
                return Ok(first);
            }
        }
    }

    /// The next card; none when there are no more.
    fn next(&mut self, whose: &str) -> Result<Option<PresentedCard>, Error> {
        let place = match self.places.next() {
            Some(place) => place.clone(),
            None if self.asks => {
                let typed = self.terminal.ask_or(whose, "yubikey")?;
                if typed.trim() == "done" {
                    return Ok(None);
                }
                typed.trim().parse().map_err(|e: String| {
                    Error::usage(e, "for example yubikey, yubikey:12345678 or soft:alice.card")
                })?
            }
            None => return Ok(None),
        };
        let pin = PinArgs { pin_file: self.pin_files.next().cloned(), ..PinArgs::default() };
        PresentedCard::kept(self.terminal, &place, pin, self.final_try).map(Some)
    }

    /// Where nobody can be asked, a custodian whose card was given and who could not know that the ledger is whole ends the
    /// command before anything is proposed. A card that is not in yet is looked at when it is its turn.
    fn check_continuity(
        &self,
        state: &LedgerState,
        roster: &Roster,
        memory: &dyn CustodianMemory,
        paper: Pins,
    ) -> Result<(), Error> {
        if self.terminal.is_interactive() {
            return Ok(());
        }
        let enrolled = recognition::enrolled_in(roster);
        for place in self.places.clone() {
            let mut card = PresentedCard::kept(self.terminal, place, PinArgs::default(), FinalTry::Keep)?;
            let Ok(card) = card.describe(&enrolled) else { continue };
            let Ok(person) = recognition::holder(roster, &card) else { continue };
            if person.standing == Standing::Custodian
                && approve::foresee(state, memory, &person.name, paper)? == Continuity::Unknown
            {
                return Err(unproven());
            }
        }
        Ok(())
    }

    /// Whether those who are there stop before there is a quorum. Anyone who said `done` too early may go on.
    fn stops(&self) -> Result<bool, Error> {
        let question = "That is too few. Stop here, and leave the ceremony open?";
        if self.asks { self.terminal.person_says_yes(question) } else { Ok(true) }
    }

    /// Waits until this card is in a reader again: where there is one reader, each takes their card out after their turn.
    fn wait_for(&self, card: &mut PresentedCard, whose: &str) -> Result<Waited, Error> {
        while self.forgives(card.look(), GIVE)?.is_none() {
            let answer = self.terminal.ask(&format!("Put the card of {whose} in and type yes, or skip"))?;
            if answer.trim().eq_ignore_ascii_case("skip") {
                return Ok(Waited::Skipped);
            }
        }
        Ok(Waited::There)
    }

    /// Whether the person at the table is given another try. A wrong PIN or a wrong card must not end a ceremony. `again`: what
    /// they do for it, since it was no command that failed.
    fn forgives<T>(&self, tried: Result<T, Error>, again: &str) -> Result<Option<T>, Error> {
        match tried {
            Ok(value) => Ok(Some(value)),
            // Where the input has ended, asking again would never end.
            Err(error) if self.asks && error.code != Code::NoAnswer => {
                let code = error.code;
                self.terminal.complain(&self.next.explain(instead(error, again)));
                if code.is_about_a_pin() {
                    self.terminal.settle()?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What a person does who is given another try, where a hint speaks of the whole command.
const GIVE: &str = "give the card again";
const TRY: &str = "try again";

/// The ceremony goes on: a hint that says to run the command again says this.
fn instead(mut error: Error, again: &str) -> Error {
    error.hint = error.hint.replacing("run the same command again", again);
    error
}

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
    check_paper(state.as_ref(), paper)?;
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

/// Compares the ledger with what is on paper before anybody is asked for anything. A genesis has no paper yet.
fn check_paper(state: Option<&LedgerState>, paper: Pins) -> Result<(), Error> {
    match state {
        Some(state) => approve::check_paper(state, paper),
        None if paper.genesis.is_some() || paper.head.is_some() => Err(Error::refused(
            "no ledger is there yet that could be compared with your paper",
            "look at the ledger's path; to begin a ledger, leave out --genesis and --head",
        )),
        None => Ok(()),
    }
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
                table.check_continuity(state, &roster, &stage.wiring.memory, paper)?;
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
