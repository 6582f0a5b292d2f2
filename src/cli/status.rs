//! `quorate status`.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Done,
    args::{Global, LedgerArgs},
    invocation::Invocation,
    terminal::{Terminal, counted},
    wiring,
};
use crate::{
    ceremony::{self, Error, propose::awaited},
    encoding::{
        text::{self, Name},
        time::Timestamp,
    },
    ports::{clock::Clock as _, store::StationStore as _},
    proposal::place::Place,
    storage::{self, SystemClock},
    transcript::{
        drilled,
        ledger::{Ceremony, LedgerState, TargetInForce},
    },
};

/// Says where a ledger stands.
pub fn run(args: &LedgerArgs, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let state = ceremony::check(&storage::ledger::read(&args.ledger)?, wiring::mode(global))?;
    let shown = text::printable(&args.ledger.to_string_lossy());
    let next = Invocation::at(global, &args.ledger, &[]);
    terminal.tell(&format!(
        "{shown}: a {} ledger, {}",
        state.mode,
        counted(state.ceremonies.len(), "ceremony", "ceremonies")
    ));
    for ceremony in &state.ceremonies {
        terminal.item(&format!(
            "{} \"{}\": {}",
            ceremony.directory,
            ceremony.proposal.title,
            ceremony.standing()
        ));
    }
    let ahead = state.ahead(SystemClock.now());
    terminal.findings(&ahead);
    people(terminal, &state);
    let drills = drills(terminal, &state, SystemClock.now());
    targets(terminal, &state);
    let open = match state.open() {
        Some(open) => Some(tell_open(terminal, open, global, &next)?),
        None => {
            if let Some(head) = state.head() {
                terminal.digest("Head", head);
            }
            for left in state.ceremonies.iter().filter(|c| state.is_unsettled(c)) {
                terminal.tell(&format!(
                    "{} ended while nobody knew which PINs hold. When its target is back, a plan of kind \"recover\" \
                     brings it to its end.",
                    left.directory
                ));
            }
            next.tell(
                terminal,
                "No ceremony is open. Next: 'quorate propose PLAN' for whatever is to be done.",
            );
            None
        }
    };
    Ok(Done::ok(json!({
        "mode": state.mode,
        "genesis": state.genesis,
        "head": state.head(),
        "ceremonies": state.ceremonies.iter().map(|c| json!({
            "directory": c.directory, "kind": c.kind(), "title": c.proposal.title, "standing": c.standing(),
            "outcome": c.outcome(), "last_line": c.last_line,
        })).collect::<Vec<_>>(),
        "targets": state.targets.values().map(|t| json!({
            "name": t.target.name, "identity": t.identity, "inventory": t.inventory,
        })).collect::<Vec<_>>(),
        "retired": state.retired.iter().map(|(name, retired)| json!({
            "name": name, "identity": retired.target.identity, "by": retired.by,
        })).collect::<Vec<_>>(),
        "ahead": ahead,
        "drills": drills,
        "open": open,
    })))
}

fn people(terminal: Terminal, state: &LedgerState) {
    let Some(roster) = &state.roster else { return };
    terminal.heading("Quorum");
    let n = roster.custodians().count();
    for authority in &roster.deal().authorities {
        terminal.item(&format!("authority {}: {} of {n}", authority.name, authority.threshold));
    }
    for person in roster.people() {
        let cards = person.cards.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        terminal.item(&format!("{} {} ({}): {cards}", person.standing, person.name, person.full_name));
    }
}

/// Which card was last seen to work, and which is to be drilled.
fn drills(terminal: Terminal, state: &LedgerState, now: Timestamp) -> serde_json::Value {
    let drills = drilled::standing(state, now);
    if !drills.cards.is_empty() {
        terminal.heading("Drills");
    }
    let policy = state.roster.as_ref().and_then(|r| r.policy().drill_every_days);
    if let Some(days) = policy {
        terminal.item(&format!("each card is to be drilled every {days} days"));
    }
    for known in &drills.cards {
        let last = match known.last {
            Some((time, proof)) => format!("{time} ({proof})"),
            None => "never".into(),
        };
        let overdue = match known.due {
            Some(due) if known.is_overdue => format!("; OVERDUE since {due}"),
            _ => String::new(),
        };
        let person = known.person;
        terminal.item(&format!("{} {}, {}: {last}{overdue}", person.standing, person.name, known.card));
    }
    for reason in &drills.set_aside {
        terminal.item(&format!("not counted: {reason}"));
    }
    if drills.cards.iter().any(|known| known.is_overdue) {
        terminal.tell("Next: their holders drill the cards that are overdue: 'quorate card drill'.");
    }
    let cards = drills.cards.iter().map(|known| {
        json!({
            "person": known.person.name, "standing": known.person.standing.to_string(),
            "serial": known.card.enrolment().serial, "keyid": known.card.keyid(),
            "last": known.last.map(|(time, _)| time), "by": known.last.map(|(_, proof)| proof),
            "due": known.due, "overdue": known.is_overdue,
        })
    });
    json!({
        "every_days": policy, "cards": cards.collect::<Vec<_>>(), "set_aside": drills.set_aside,
    })
}

/// A target in words: a program has neither label nor serial.
fn what(target: &TargetInForce) -> String {
    match &target.target.place {
        Place::Command { program } => format!("program {}", text::printable(program)),
        Place::Pkcs11 { .. } | Place::Practice { .. } => {
            format!("token \"{}\", serial {}", target.identity.label, target.identity.serial)
        }
    }
}

fn targets(terminal: Terminal, state: &LedgerState) {
    if state.targets.is_empty() && state.retired.is_empty() {
        return;
    }
    terminal.heading("Targets");
    for (name, target) in &state.targets {
        terminal.item(&format!("{name}: {}", what(target)));
        for object in target.inventory.iter().flat_map(|i| &i.objects) {
            terminal.item(&format!("  {object}"));
        }
    }
    for (name, retired) in &state.retired {
        let what = what(&retired.target);
        terminal.item(&format!("{name}: let go by ceremony {}; it was {what}", retired.by));
    }
    for (ceremony, backup) in &state.backups {
        terminal.item(&format!(
            "backup of {} made by ceremony {ceremony}: SHA-256 {}",
            backup.target, backup.sha256
        ));
    }
}

fn tell_open(
    terminal: Terminal,
    open: &Ceremony,
    global: &Global,
    next: &Invocation,
) -> Result<serde_json::Value, Error> {
    terminal.heading(&format!("Open: {}", open.directory));
    terminal.item(&format!("{}: {}", open.kind(), open.proposal.title));
    terminal.item(&format!(
        "proposed by {} at {}; approvals count until {}",
        open.proposal.proposer, open.proposal.created, open.proposal.expires
    ));
    let (mut approved, mut rejected) = (open.approving(), open.rejecting());
    let root = wiring::state_root(global, &[])?;
    let station = storage::StationDirectory::new(&root)?;
    let here = station.is_station(open.proposal.ledger, open.number());
    if here {
        for name in station.names(open.proposal.ledger, open.number())? {
            if let Some(Ok(who)) = name.strip_prefix("approval-of-").map(Name::new) {
                approved.insert(who);
            } else if let Some(Ok(who)) = name.strip_prefix("rejection-of-").map(Name::new) {
                rejected.insert(who);
            }
        }
    }
    // A rejection cancels the approval, whichever came first.
    approved.retain(|who| !rejected.contains(who));
    let heard: BTreeSet<Name> = approved.union(&rejected).cloned().collect();
    let missing = awaited(&open.roster, &heard);
    let list = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    for (what, names) in [
        ("approved", approved.iter().cloned().collect()),
        ("rejected", rejected.iter().cloned().collect()),
        ("not heard of here (files may be on their way)", missing.clone()),
    ] {
        if !names.is_empty() {
            terminal.item(&format!("{what}: {}", list(&names)));
        }
    }
    next.tell(terminal, "Read what is proposed: 'quorate show'.");
    for attempt in &open.attempts {
        terminal.item(&format!("attempt: {}: {}", attempt.outcome, attempt.summary));
    }
    let way = match (&open.concluded, &open.intended, here) {
        (_, _, false) => {
            "This machine is not its station. Next: 'quorate execute' at the station; if that is lost, a plan of kind \
             \"recover\"."
        }
        (Some(_), _, _) => "Its outcome is recorded. Next: 'quorate execute' closes it.",
        (None, Some(_), _) if !open.attempts.is_empty() => {
            "It began to act and did not complete, as above. Next: 'quorate execute' tries again; 'quorate execute \
             --give-up' records what is known and closes it."
        }
        (None, Some(_), _) => {
            "It was cut off while it acted. Next: 'quorate execute' goes on; 'quorate execute --give-up' records what is \
             known and closes it."
        }
        (None, None, _) if SystemClock.now() > open.proposal.expires => {
            "It has expired. Next: 'quorate abort' gives it up, then it can be proposed again."
        }
        (None, None, _) => "Next: approvals, then 'quorate execute', with the files that were brought.",
    };
    next.tell(terminal, way);
    Ok(json!({
        "directory": open.directory, "proposal": open.digest, "expires": open.proposal.expires,
        "approved": approved, "rejected": rejected, "missing": missing,
        "intended": open.intended.is_some(), "concluded": open.concluded.is_some(),
        "station_here": here,
        "attempts": open.attempts,
    }))
}
