//! `quorate run`: a whole ceremony at one station, guided.

use std::{collections::BTreeSet, path::PathBuf};

use serde_json::json;

use super::{
    Done,
    args::{CardPlace, Global, PinArgs, Run},
    execute::{report_json, tell},
    propose,
    stage::{Briefing, Dealt, Stage},
    terminal::Terminal,
    wiring,
};
use crate::{ceremony::Error, transcript::outcome::Outcome};

/// The cards, as they are given or asked for.
struct Table<'a> {
    terminal: Terminal,
    places: std::slice::Iter<'a, CardPlace>,
    pin_files: std::slice::Iter<'a, PathBuf>,
    asks: bool,
}

impl Table<'_> {
    /// The next card; none when there are no more.
    fn next(&mut self, whose: &str) -> Result<Option<Dealt>, Error> {
        let place = match self.places.next() {
            Some(place) => place.clone(),
            None if self.asks => {
                let typed = self.terminal.ask(&format!("{whose} (soft:FILE, or 'done')"))?;
                if typed.trim() == "done" {
                    return Ok(None);
                }
                typed.trim().parse().map_err(|e: String| Error::usage(e, "for example soft:alice.card"))?
            }
            None => return Ok(None),
        };
        let pin = match self.pin_files.next() {
            Some(file) => wiring::pin_from_file(file)?,
            None => {
                let mut card = wiring::card(&place)?;
                let description = card.describe()?;
                let tries = description.tries_left.map(|n| format!(" ({n} tries left)")).unwrap_or_default();
                wiring::read_pin(&PinArgs::default())?
                    .map_or_else(|| self.terminal.pin(&format!("PIN of {place}{tries}")), Ok)?
            }
        };
        Dealt::new(&place, pin).map(Some)
    }
}

/// Leads through a plan.
pub fn run(args: &Run, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let head = wiring::paper("--head", args.head.as_ref())?;
    let present = wiring::present_pins(&args.present)?;
    let mut table = Table {
        terminal,
        places: args.cards.iter(),
        pin_files: args.pin_files.iter(),
        asks: args.cards.is_empty() && terminal.is_interactive(),
    };
    let mut admin = table.next("The administrator's card")?.ok_or_else(|| {
        Error::usage("no card is given", "give --card and --pin-file for each card, or run it in a terminal")
    })?;
    let (_, plan) = propose::read_plan(&args.plan)?;
    propose::make_ledger(&plan, &args.ledger)?;
    let mut stage = Stage::open(terminal, global, &args.ledger, &args.copies.copies)?;
    let submitted = stage.propose(&args.plan, &mut admin)?;
    propose::tell(terminal, &submitted, &plan, &args.ledger);

    terminal.heading("Approvals");
    let needed = stage.needed()?;
    let mut present_people = Vec::new();
    let mut approved = BTreeSet::new();
    while !needed.is_met(&approved) {
        let missing: Vec<&str> =
            needed.custodians.iter().filter(|n| !approved.contains(*n)).map(|n| n.as_str()).collect();
        terminal.tell(&format!(
            "{} of {} have approved; not yet: {}",
            approved.len(),
            needed.count,
            missing.join(", ")
        ));
        let Some(mut dealt) = table.next("The next custodian's card")? else { break };
        let who = stage.approve(&mut dealt, head, Briefing::Skipped)?;
        terminal.tell(&format!("{who} approved."));
        if approved.insert(who) {
            present_people.push(dealt);
        }
    }

    terminal.heading("Execution");
    let report = stage.execute(&mut admin, present)?;
    tell(terminal, &report, &args.ledger);

    if report.outcome == Outcome::Completed {
        terminal.heading("Attestation");
        terminal.confirm("Do all who approved attest this head?")?;
        for dealt in &mut present_people {
            let attested = stage.attest(dealt)?;
            terminal.tell(&format!("{} attested the head.", attested.person));
        }
    }
    let json = json!({ "proposed": propose::submitted_json(&submitted), "approved": approved, "executed": report_json(&report) });
    Ok(Done::new(report.outcome.into(), json))
}
