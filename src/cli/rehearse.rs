//! `quorate rehearse`: plans played by soft cards on practice tokens.
//!
//! The plans, the built-in ones from `ceremonies/` or the operator's own, are rewritten where they name hardware: each
//! person gets soft cards, each target becomes a practice token with sample keys, files go into the rehearsal's
//! folder. Everything else runs as in earnest, by the same code.

mod cast;
mod plans;
mod script;

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    account,
    args::{Global, Rehearse},
    deciding::Ask,
    done::Done,
    execute::{self, Execution},
    invocation::{Invocation, shell},
    propose::{Brought, PlanFile},
    spent::Spent,
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
};
use crate::{
    account::{acts::Rehearsed, verdict::Verdict},
    ceremony::{
        Error, Persistence,
        attest::{Opinion, Shown},
        audit,
    },
    encoding::{
        digest::Digest,
        dsse::Mode,
        text::{self, Name},
    },
    roster::{OperationKind, requirement::Shares},
    storage::{self, LedgerDirectory},
    transcript::{outcome::Outcome, verification::Pins},
};
use cast::Cast;

pub fn run(args: &Rehearse, global: &Global) -> Result<Done, Error> {
    let started = std::time::Instant::now();
    let dir = folder(args)?;
    let plans = plans::plans(&args.plans)?;
    let global = Global { rehearsal: true, state_dir: Some(dir.join("state")), ..global.clone() };
    let terminal = Terminal::new(global.json, true);
    terminal.heading("A rehearsal");
    terminal.tell(
        "Everything here is played: the cards are files, the HSM is a practice token. The cryptography, the ledger \
         and the rules are the real ones. What is signed here is worth nothing in production.",
    );
    let mut cast = Cast::assemble(&dir, &plans, terminal)?;
    let ledger = dir.join("ledger");
    let _made = LedgerDirectory::create(&ledger)?;
    let copies = [dir.join("second-medium")];
    let mut genesis = None;
    let mut head = None;
    let mut played = Vec::new();
    let told = |verdict, head, genesis, ceremonies| {
        let shown = |path: &std::path::Path| path.to_string_lossy().into_owned();
        Rehearsed { dir: shown(&dir), ledger: shown(&ledger), genesis, head, verdict, ceremonies }
    };
    for (number, plan) in (0_u32..).zip(&plans) {
        let mut stage = Stage::begin(terminal, Lead::Run, &global, &ledger, &copies)?;
        let state = if number == 0 { None } else { Some(stage.state()?) };
        let path = script::rewrite(plan, &dir, number, state.as_ref(), &cast)?;
        let act = play(&mut stage, &path, &mut cast, number, plan.kind())?;
        terminal.tell(&format!("Outcome: {}. {}.", act.report.outcome, act.report.concluded.summary));
        for object in &act.report.concluded.deleted {
            terminal.item(&format!("gone: {object}"));
        }
        terminal.digest("Head of this ceremony, to be written on paper", act.report.head);
        terminal.tell(&format!("{} attest it.", act.attested.join(", ")));
        if number == 0 {
            genesis = Some(act.proposal);
        }
        head = Some(act.report.head);
        let outcome = act.report.outcome;
        played.push(execute::executed(act.report, act.spent));
        if outcome != Outcome::Completed {
            return Ok(Done::new(outcome.into(), told(None, head, genesis, played)));
        }
    }
    let verdict = verdict(terminal, &global, &ledger, &copies, Pins { genesis, head })?;
    let shown = text::printable(&ledger.to_string_lossy());
    terminal.tell(&format!("The ledger is in {shown}. It took {:.1} s.", started.elapsed().as_secs_f32()));
    terminal.tell("Audit it yourself, with the two numbers as they are on your paper:");
    let pin = |digest: Option<Digest>| digest.map(|d| d.to_string()).unwrap_or_default();
    terminal.command(&format!(
        "quorate audit --rehearsal {} --genesis {} --head {}",
        shell(ledger.as_os_str()),
        pin(genesis),
        pin(head)
    ));
    Ok(Done::new(verdict.into(), told(Some(verdict), head, genesis, played)))
}

fn folder(args: &Rehearse) -> Result<PathBuf, Error> {
    let dir = match &args.dir {
        Some(dir) => std::path::absolute(dir)
            .map_err(|e| Error::problem(format!("--dir: {e}"), "name a folder that can be made"))?,
        None => {
            use crate::ports::clock::Clock as _;
            let now = storage::SystemClock.now().unix();
            temporary_directory(std::env::var_os("TMPDIR"))
                .map_err(|e| {
                    Error::problem(format!("TMPDIR: {e}"), "name a folder that can be made, with --dir")
                })?
                .join(format!("quorate-rehearsal-{now}-{}", std::process::id()))
        }
    };
    crate::durable::create_directory(crate::durable::Access::PRIVATE, &dir).map_err(|e| {
        Error::problem(
            format!("{}: {}", text::printable(&dir.to_string_lossy()), crate::durable::reason(&e)),
            "name a folder that can be made and does not exist, with --dir; TMPDIR says where it is made otherwise",
        )
    })?;
    Ok(dir)
}

/// An empty TMPDIR is none, as for other programs; a relative one is meant from the working directory, and the plans need
/// absolute paths.
fn temporary_directory(named: Option<std::ffi::OsString>) -> std::io::Result<PathBuf> {
    match named.filter(|name| !name.is_empty()) {
        Some(name) => std::path::absolute(name),
        None => Ok(PathBuf::from("/tmp")),
    }
}

struct Act {
    proposal: Digest,
    report: crate::ceremony::Report,
    spent: Spent,
    attested: Vec<String>,
}

fn play(
    stage: &mut Stage,
    plan: &std::path::Path,
    cast: &mut Cast,
    number: u32,
    kind: OperationKind,
) -> Result<Act, Error> {
    let terminal = stage.terminal;
    terminal.heading(&format!("Ceremony {number}: {kind}"));
    let administrator = cast.administrator();
    let mut admin = cast.card(&administrator)?;
    let proposed = stage.propose(&PlanFile::read(plan)?, &mut admin, Brought::default())?;
    terminal.tell(&format!(
        "{} proposes it; the card signs exactly what is shown above.",
        cast.full_name(&administrator)
    ));
    if number == 0 {
        terminal.digest("Genesis fingerprint, to be written on paper", proposed.proposal);
    }
    let mut people = decide(stage, cast, number)?;
    let needed = stage.needed()?;
    let mut present = BTreeMap::new();
    for (target, role, _) in &needed.present {
        present.insert((target.clone(), *role), cast.present_pin(target, *role)?);
    }
    let mut second = cast.keeper();
    let keepers = second.as_ref().map(|(name, _)| {
        let (first, second) = (cast.full_name(&administrator), cast.full_name(name));
        format!(" {first} and {second} open what was released.")
    });
    terminal.tell(&format!(
        "{}: a quorum. The station executes.{}",
        needed.counted.acts.describe(),
        keepers.unwrap_or_default()
    ));
    let keeper = second.as_mut().map(|(_, card)| card);
    let execution = Execution { reviewed: None, files: &[], keeper, present, persistence: Persistence::GoOn };
    let (report, spent) = stage.execute(&mut admin, execution)?;
    let shown = Shown { ceremony: &report.directory, head: report.head };
    let mut attested = Vec::new();
    for (_, card) in &mut people {
        attested.push(cast.full_name(&stage.attest(card, Opinion::agreement(), Some(shown))?.person));
    }
    for (person, card) in people {
        cast.takes_back(person, card);
    }
    cast.takes_back(administrator, admin);
    if let Some((name, card)) = second {
        cast.takes_back(name, card);
    }
    Ok(Act { proposal: proposed.proposal, report, spent, attested })
}

/// A quorum approves, and releases its shares; whoever completes it does both in one step.
fn decide(stage: &mut Stage, cast: &mut Cast, number: u32) -> Result<Vec<(Name, PresentedCard)>, Error> {
    let terminal = stage.terminal;
    let mut people = Vec::new();
    let first = stage.needed()?;
    // Others each time, so that it is seen that any quorum will do.
    let order = first.people.iter().cycle().skip(number as usize).take(first.people.len());
    for name in order {
        let needed = stage.needed()?;
        if needed.counted.has_approvals() {
            break;
        }
        if !needed.nearer_by.contains(name) {
            continue;
        }
        let mut card = cast.card(name)?;
        let completes = needed.shares == Shares::Released && needed.completed_by.contains(name);
        let ask = if completes { Ask::Release(Vec::new()) } else { Ask::Approve };
        let who = stage.decide(&mut card, ask, Pins::default())?;
        let did = match needed.shares {
            Shares::Confirmed if needed.is_approver(&who) => "confirms, and holds no share.",
            Shares::Confirmed => {
                "confirms: the card opens its shares; they are checked and released to the station."
            }
            _ if completes => {
                "approves, which makes the quorum, and releases: the card opens the shares that this needs; they are checked \
                 and sealed to the station."
            }
            _ => "approves.",
        };
        terminal.tell(&format!("{} {did}", cast.full_name(&who)));
        people.push((who, card));
    }
    for (who, card) in &mut people {
        let needed = stage.needed()?;
        if !needed.counted.may_act() && !needed.counted.acting.contains(who) {
            stage.decide(card, Ask::Release(Vec::new()), Pins::default())?;
            terminal.tell(&format!("{} releases.", cast.full_name(who)));
        }
    }
    Ok(people)
}

fn verdict(
    terminal: Terminal,
    global: &Global,
    ledger: &std::path::Path,
    copies: &[PathBuf],
    pins: Pins,
) -> Result<Verdict, Error> {
    terminal.heading("The audit, from public data only");
    let mut read = Vec::new();
    for place in std::iter::once(ledger).chain(copies.iter().map(PathBuf::as_path)) {
        read.push((text::printable(&place.to_string_lossy()), storage::ledger::files(place)?));
    }
    let audit = audit::audit(&read, Mode::Rehearsal, pins, &storage::SystemClock)?.account(Mode::Rehearsal);
    account::tell(terminal, &Invocation::at(global, ledger, &[]), &audit.passages(read.len()));
    Ok(audit.verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temporary_directory_is_absolute_whatever_tmpdir_is() {
        let found = |name: Option<&str>| temporary_directory(name.map(Into::into)).unwrap();
        assert_eq!(found(None), PathBuf::from("/tmp"));
        assert_eq!(found(Some("")), PathBuf::from("/tmp"));
        assert_eq!(found(Some("/var/tmp")), PathBuf::from("/var/tmp"));
        assert_eq!(found(Some("here")), std::env::current_dir().unwrap().join("here"));
    }

    /// What cannot be played is refused before the first ceremony is.
    #[test]
    fn plans_of_programs_are_refused_before_anything_is_played() {
        let ceremonies = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ceremonies");
        for program in ["command", "use"] {
            let named = ["genesis", program].map(|name| ceremonies.join(format!("{name}.toml")));
            let error = plans::plans(&named).err().unwrap();
            assert!(error.to_string().contains("runs no programs"), "{error}");
        }
        assert_eq!(plans::plans(&[ceremonies.join("genesis.toml")]).ok().unwrap().len(), 1);
    }
}
