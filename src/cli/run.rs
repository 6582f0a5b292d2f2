//! `quorate run`: a whole ceremony at one station, guided.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Done,
    args::{CardPlace, Global, Run},
    execute::{report_json, tell, tell_next},
    propose,
    stage::{Dealt, Stage},
    terminal::Terminal,
    unlocking, wiring,
};
use crate::{
    ceremony::Error,
    encoding::{
        digest::Digest,
        text::{self, Name},
    },
    ports::card::FinalTry,
    transcript::outcome::Outcome,
};

/// The cards, as they are given or asked for.
struct Table<'a> {
    terminal: Terminal,
    places: std::slice::Iter<'a, CardPlace>,
    pin_files: std::slice::Iter<'a, PathBuf>,
    asks: bool,
    final_try: FinalTry,
}

impl Table<'_> {
    /// The administrator's card. Nothing is begun yet, so that another card may be given.
    fn first(&mut self) -> Result<Option<Dealt>, Error> {
        loop {
            let tried = self.next("Administrator's card (yubikey:SERIAL, soft:FILE)");
            if let Some(first) = self.forgives(tried)? {
                return Ok(first);
            }
        }
    }

    /// The next card; none when there are no more.
    fn next(&mut self, whose: &str) -> Result<Option<Dealt>, Error> {
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
        let pin = self.pin_files.next().map(|file| unlocking::pin_from_file(file)).transpose()?;
        Dealt::new(self.terminal, &place, pin, self.final_try).map(Some)
    }

    /// Whether those who are there stop before there is a quorum. Who said `done` too early may go on.
    fn stops(&self) -> Result<bool, Error> {
        let question = "That is too few. Stop here, and leave the ceremony open for those who are missing?";
        if self.asks { self.terminal.answer(question) } else { Ok(true) }
    }

    /// Waits until this card is in a reader again: where there is one reader, each takes his card out after his turn.
    fn wait_for(&self, dealt: &mut Dealt, whose: &str) -> Result<(), Error> {
        while self.forgives(dealt.look())?.is_none() {
            self.terminal.ask(&format!("Put the card of {whose} in and type yes"))?;
        }
        Ok(())
    }

    /// Whether the person at the table is given another try. A wrong PIN or a wrong card must not end a ceremony.
    fn forgives<T>(&self, tried: Result<T, Error>) -> Result<Option<T>, Error> {
        match tried {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.asks => {
                self.terminal.complain(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Leads through a plan.
pub fn run(args: &Run, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let head = wiring::paper("--head", args.head.as_ref())?;
    let present = wiring::present_pins(&args.present)?;
    let handed_over = wiring::handed_over(&args.handed_over)?;
    let (_, plan) = propose::read_plan(&args.plan)?;
    let mut table = Table {
        terminal,
        places: args.cards.iter(),
        pin_files: args.pin_files.iter(),
        asks: args.cards.is_empty() && terminal.is_interactive(),
        final_try: if args.final_try { FinalTry::Spend } else { FinalTry::Keep },
    };
    let mut admin = table.first()?.ok_or_else(|| {
        Error::usage("no card is given", "give --card and --pin-file for each card, or run it in a terminal")
    })?;
    propose::make_ledger(&plan, &args.ledger)?;
    let mut stage = Stage::open(terminal, global, &args.ledger, &args.copies.copies)?;
    let submitted = stage.propose(&args.plan, &mut admin, handed_over)?;
    propose::tell(terminal, &submitted, &plan, &args.ledger);

    terminal.heading("Approvals");
    let (approved, mut people) = approvals(&mut stage, &mut table, head, &args.ledger)?;

    terminal.heading("Execution");
    table.wait_for(&mut admin, "the administrator")?;
    let (report, spent) = stage.execute(&mut admin, present)?;
    tell(terminal, &report);

    if report.outcome == Outcome::Completed {
        terminal.heading("Attestation");
        terminal.confirm("Do all who approved attest this head?")?;
        for (who, dealt) in &mut people {
            table.wait_for(dealt, who.as_str())?;
            let attested = stage.attest(dealt)?;
            terminal.tell(&format!("{} attested the head.", attested.person));
        }
    }
    tell_next(terminal, &report, &args.ledger);
    let json = json!({ "proposed": propose::submitted_json(&submitted), "approved": approved, "executed": report_json(&report, spent) });
    Ok(Done::new(report.outcome.into(), json))
}

/// Custodians approve, one card after the other, until there is a quorum. If no card is left before, the ceremony stays
/// open: the administrator's card is not asked for what cannot be done yet.
fn approvals(
    stage: &mut Stage,
    table: &mut Table<'_>,
    head: Option<Digest>,
    ledger: &Path,
) -> Result<(BTreeSet<Name>, Vec<(Name, Dealt)>), Error> {
    let needed = stage.needed()?;
    let mut people = Vec::new();
    let mut approved = BTreeSet::new();
    while !needed.is_met(&approved) {
        let missing: Vec<&str> =
            needed.custodians.iter().filter(|n| !approved.contains(*n)).map(|n| n.as_str()).collect();
        let standing = format!("{} of {} have approved", approved.len(), needed.count);
        stage.terminal.tell(&format!("{standing}. Not yet: {}.", missing.join(", ")));
        let next = table.next("Next card (yubikey:SERIAL, soft:FILE, done)");
        let Some(next) = table.forgives(next)? else { continue };
        let Some(mut dealt) = next else {
            if table.stops()? {
                return Err(left_open(&standing, &missing, ledger));
            }
            continue;
        };
        let tried = stage.approve(&mut dealt, head);
        let Some(who) = table.forgives(tried)? else { continue };
        stage.terminal.tell(&format!("{who} approved."));
        if approved.insert(who.clone()) {
            people.push((who, dealt));
        }
    }
    Ok((approved, people))
}

fn left_open(standing: &str, missing: &[&str], ledger: &Path) -> Error {
    let ledger = text::printable(&ledger.to_string_lossy());
    Error::incomplete(
        format!("{standing}: the ceremony stays open, and nothing was tried"),
        format!(
            "those who are missing run 'quorate approve {ledger} --card CARD', then you 'quorate execute {ledger} --card \
             CARD' with the copies as before; 'quorate abort {ledger}' gives it up"
        ),
    )
    .with(vec![format!("not yet: {}", missing.join(", "))])
}
