//! `quorate card drill`.

use std::path::Path;

use super::{
    args::{CardArgs, CardDrill, CardPlace, Global},
    deciding::check_continuity,
    done::Done,
    invocation::{Invocation, shell},
    output_file::{check_free, write_new_for},
    reading,
    stage::ask_new_copies,
    terminal::Terminal,
    unlocking::{self, PresentedCard},
    wiring,
};
use crate::{
    account::{
        acts::{DrillImported, Drilled, DrillsImported},
        counted,
    },
    ceremony::{
        self, Error,
        drill::{self, Subject},
        recognition,
    },
    encoding::text::{self, Name},
    ports::{card::CardDescription, store::LedgerStore as _},
    storage::{LedgerDirectory, SystemClock},
    transcript::{drilled, ledger::LedgerState},
};

/// Drills a card, or imports what was signed elsewhere.
pub fn run(args: &CardDrill, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    match &args.card {
        Some(place) => drill(args, place, global, terminal),
        None => import(args, global, terminal),
    }
}

fn drill(args: &CardDrill, place: &CardPlace, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let head = wiring::paper("--head", args.head.as_ref())?;
    let given = CardArgs { card: place.clone(), pin: args.pin.clone() };
    let mut card = PresentedCard::once(terminal, &given)?;
    let seen = reading::files(&args.ledger, global)?;
    let mut ledger = open(args, terminal)?;
    let state = match &mut ledger {
        Some(ledger) => ceremony::load(ledger, wiring::mode(global))?,
        None => ceremony::check(&*seen, wiring::mode(global))?,
    };
    let description = card.describe(&recognition::enrolled(&state))?;
    let memory = wiring::memory(global, &[&args.ledger])?;
    let subject = drill::subject(&state, &memory, &description, head, &SystemClock)?;
    if let Some(ledger) = &mut ledger {
        ledger.check_writable(&subject.last.directory)?;
    }
    brief(terminal, &subject, &description);
    check_continuity(terminal, &state, &subject.continuity)?;
    terminal.confirm("Try this card?")?;
    let (roster, uses) = (Some(subject.roster), drill::uses(&subject));
    let signed = card.unlocked(terminal, &description, roster, uses, |card| {
        drill::drill(&subject, &description, card, &SystemClock)
    })?;
    let bytes = drill::to_file(signed.envelope());
    let kept = match (&mut ledger, &args.output) {
        (Some(ledger), _) => drill::keep(ledger, &state, &[("the drill".into(), bytes)], &SystemClock)?,
        (None, Some(path)) => {
            write_new_for(&args.ledger, path, &bytes)?;
            Vec::new()
        }
        (None, None) => Vec::new(),
    };
    let file = kept.first().map(|kept| kept.file.clone());
    let shown = args.output.as_ref().map(|path| text::printable(&path.to_string_lossy()));
    let next = Invocation::at(global, &args.ledger, &args.copies.copies);
    tell_done(terminal, &subject, args.output.as_deref(), &next);
    let said = signed.statement();
    Ok(Done::ok(Drilled {
        person: said.person.clone(),
        serial: said.serial.clone(),
        ceremony: subject.last.directory.clone(),
        head: said.head,
        epoch: said.epoch,
        authorities: subject.authorities.clone(),
        time: said.time,
        file: file.or(shown),
    }))
}

/// The ledger, locked for writing, unless the statement goes to a file. What would be in the way of writing it is
/// found before a PIN is asked for.
fn open(args: &CardDrill, terminal: Terminal) -> Result<Option<LedgerDirectory>, Error> {
    let Some(path) = &args.output else {
        ask_new_copies(terminal, &args.copies.copies)?;
        return Ok(Some(LedgerDirectory::open(&args.ledger, args.copies.copies.clone())?));
    };
    check_free(path)?;
    Ok(None)
}

fn brief(terminal: Terminal, subject: &Subject<'_>, card: &CardDescription) {
    let deal = subject.roster.deal();
    terminal.heading(&format!("A drill of {}", unlocking::whose(card, Some(subject.roster))));
    terminal.item(&format!(
        "{} of the {} ledger {}, epoch {}",
        subject.person.standing,
        deal.mode,
        subject.state.nonce.short(),
        deal.epoch
    ));
    let names = subject.authorities.iter().map(Name::as_str).collect::<Vec<_>>().join(" and ");
    if names.is_empty() {
        terminal.item("it holds no share: it signs, nothing else");
    } else {
        terminal.item(&format!("it opens its share of {names}; each is compared with the roster, and wiped"));
    }
    terminal.item("then it signs that it did, with the date; nothing else is written");
}

fn tell_done(terminal: Terminal, subject: &Subject<'_>, file: Option<&Path>, next: &Invocation) {
    let person = subject.person;
    let did = match subject.authorities.len() {
        0 => "signs".to_owned(),
        n => format!("opens {}, as dealt", counted(n, "share", "shares")),
    };
    terminal.tell(&format!("The card of {} ({}) {did}.", person.full_name, person.name));
    match file {
        Some(path) => {
            let shown = text::printable(&path.to_string_lossy());
            terminal.tell(&format!("Next: bring {shown} to the administrator, for:"));
            let file = shell(path.as_os_str());
            terminal.command(&next.elsewhere(&format!("quorate card drill --ledger LEDGER --import {file}")));
        }
        None => {
            next.tell(terminal, &"The statement is beside the ledger; 'quorate status' counts it.".into())
        }
    }
}

fn import(args: &CardDrill, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let mut files = Vec::new();
    for path in &args.import {
        let bytes = wiring::read_file(path, drilled::MAX_DRILL)?;
        files.push((text::printable(&path.to_string_lossy()), bytes));
    }
    reading::files(&args.ledger, global)?;
    ask_new_copies(terminal, &args.copies.copies)?;
    let mut ledger = LedgerDirectory::open(&args.ledger, args.copies.copies.clone())?;
    let state: LedgerState = ceremony::load(&mut ledger, wiring::mode(global))?;
    let kept = drill::keep(&mut ledger, &state, &files, &SystemClock)?;
    for kept in &kept {
        let said = &kept.said;
        terminal.item(&format!("{}: card {}, drilled {}", said.person, said.serial, said.time));
    }
    terminal.tell(&format!("{} beside the ledger.", counted(kept.len(), "drill is", "drills are")));
    let imported = kept.into_iter().map(|kept| DrillImported {
        person: kept.said.person,
        serial: kept.said.serial,
        time: kept.said.time,
        file: kept.file,
    });
    Ok(Done::ok(DrillsImported { imported: imported.collect() }))
}
