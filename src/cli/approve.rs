//! `quorate approve` and `quorate reject`.

use std::path::Path;

use serde_json::json;

use super::{
    Done,
    args::{Approve, CardArgs, DecisionArgs, Global, Reject},
    card::{check_free, write_new_for},
    invocation::{self, Invocation},
    terminal::Terminal,
    unlocking,
    wiring::{self, Wiring},
};
use crate::{
    approval::statement::ApprovalFile,
    ceremony::{
        self, Code, Error,
        approve::{self, Continuity, Matter},
        execute, recognition,
    },
    encoding::{
        digest::Digest,
        text::{self, Line},
    },
    ports::{
        card::{CardDescription, UnlockedCard, Uses},
        clock::Clock as _,
        store::{CustodianMemory as _, Decision, LedgerStore as _, StationStore as _},
    },
    proposal::briefing::briefing,
    storage,
    transcript::{ledger::LedgerState, verification::Pins},
};

/// Approves.
pub fn approve(args: &Approve, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    decide(&args.ledger, &args.card, &args.decision, None, global, terminal)
}

/// Rejects.
pub fn reject(args: &Reject, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let reason = Line::new(&args.reason)
        .map_err(|e| Error::usage(format!("--reason: {e}"), "give one line of plain text"))?;
    decide(&args.ledger, &args.card, &args.decision, Some(reason), global, terminal)
}

fn decide(
    ledger: &Path,
    card_args: &CardArgs,
    decision: &DecisionArgs,
    rejection: Option<Line>,
    global: &Global,
    terminal: Terminal,
) -> Result<Done, Error> {
    let paper = Pins {
        genesis: wiring::paper("--genesis", decision.genesis.as_ref())?,
        head: wiring::paper("--head", decision.head.as_ref())?,
    };
    let proposal = wiring::paper("--proposal", decision.proposal.proposal.as_ref())?;
    let mut card = wiring::card(terminal, &card_args.card)?;
    let state = ceremony::check(&storage::ledger::read(ledger)?, wiring::mode(global))?;
    let description = card.describe(&recognition::enrolled(&state))?;
    let root = wiring::state_root(global, &[ledger])?;
    let mut memory = storage::CustodianDirectory::new(&root)?;
    let event = if rejection.is_some() { Decision::Rejection } else { Decision::Approval };
    let matter = approve::matter(&state, &memory, &description, event, paper, &storage::SystemClock)?;
    execute::check_proposal(matter.ceremony, proposal)?;
    check_output(ledger, decision, &matter, &root, event)?;
    let ceremony = matter.ceremony;
    let lost = state.recovered_by(&ceremony.proposal);
    terminal.briefing(&briefing(&ceremony.proposal, ceremony.digest, &ceremony.roster, lost));
    terminal.findings(&state.ahead(storage::SystemClock.now()));
    check_continuity(terminal, matter.state, &matter.continuity)?;
    let who = matter.custodian.name.clone();
    let verb = if rejection.is_some() { "Reject" } else { "Approve" };
    terminal.confirm(&format!("{verb} this proposal as {}?", matter.custodian.full_name))?;
    let uses = if rejection.is_some() { Uses::SIGNATURE } else { approve::uses(&matter) };
    let file = unlocking::unlocked(
        terminal,
        card.as_mut(),
        &description,
        card_args,
        Some(&matter.ceremony.roster),
        uses,
        |card| sign(&matter, &description, card, rejection.as_ref()),
    )?;
    // Remembered first: if the file is lost now, he still knows that this proposal exists.
    memory.remember(state.nonce, &who, matter.decided(event))?;
    let file = deliver(ledger, decision, global, &state, &who, event, &file)?;
    let did = if rejection.is_some() { "rejected" } else { "approved" };
    terminal.tell(&format!(
        "{} ({who}) {did} ceremony {}.",
        matter.custodian.full_name,
        matter.ceremony.number()
    ));
    let next = Invocation::at(global, ledger, &[]);
    match &decision.output {
        Some(path) => {
            let shown = text::printable(&path.to_string_lossy());
            terminal.tell(&format!("Next: bring {shown} to the administrator, for:"));
            let file = invocation::shell(path.as_os_str());
            terminal.command(&next.elsewhere(&format!("quorate execute LEDGER {file} --card CARD")));
        }
        None => next.tell(
            terminal,
            "Next: 'quorate status' says who is missing; with a quorum, 'quorate execute' with the copies as before.",
        ),
    }
    Ok(Done::ok(json!({
        "custodian": who,
        "decision": did,
        "ceremony": matter.ceremony.directory,
        "proposal": matter.ceremony.digest,
        "file": file,
    })))
}

fn sign(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    rejection: Option<&Line>,
) -> Result<ApprovalFile, Error> {
    match rejection {
        None => approve::approve(matter, description, card, &storage::SystemClock),
        Some(reason) => approve::reject(matter, description, card, reason.clone(), &storage::SystemClock),
    }
}

/// Without `-o` the statement goes to the station, which must be this machine. What would be in the way of writing it is found
/// before a PIN is asked for.
fn check_output(
    ledger: &Path,
    decision: &DecisionArgs,
    matter: &Matter<'_>,
    root: &storage::StateRoot,
    event: Decision,
) -> Result<(), Error> {
    if let Some(path) = &decision.output {
        return check_free(path);
    }
    let station = storage::StationDirectory::new(root)?;
    if station.is_station(matter.state.nonce, matter.ceremony.number()) {
        approve::check_new(&station, matter, event)?;
        let mut ledger = storage::LedgerDirectory::open(ledger, Vec::new())?;
        return Ok(ledger.check_writable(&matter.ceremony.directory)?);
    }
    Err(Error::usage(
        format!("{} is not the station of the open proposal", root.whose()),
        "at the station, the account that proposed approves without -o; anywhere else, write the statement to a file with -o \
         FILE, and bring it to the administrator",
    )
    .coded(Code::NotStation))
}

/// Says how the ledger is known to be whole. Where nothing is known, a person compares the head with his paper; `--yes`
/// is no answer to that.
pub fn check_continuity(
    terminal: Terminal,
    state: &LedgerState,
    continuity: &Continuity,
) -> Result<(), Error> {
    match continuity {
        Continuity::Genesis => terminal.tell(
            "No ceremony of this ledger has ended yet. Compare these digests and the station's fingerprint with \
             those that the administrator reads aloud, in person.",
        ),
        Continuity::Origin(_) => terminal.tell(
            "The ledger begins with the genesis that you gave, and no ceremony of it has ended. If you were at one \
             that ended, or have the paper of one, this ledger was cut back: reject.",
        ),
        Continuity::Remembered { proposals } => {
            terminal.tell(&format!(
                "The ledger contains the {proposals} earlier decision(s) that this machine remembers."
            ));
        }
        Continuity::Head(_) => terminal.tell("The ledger ends with the head that you gave."),
        Continuity::Unknown => unknown(terminal, state)?,
    }
    Ok(())
}

fn unknown(terminal: Terminal, state: &LedgerState) -> Result<(), Error> {
    let head = state.head().unwrap_or(Digest::from_bytes([0; 32]));
    if !terminal.is_interactive() {
        return Err(Error::refused(
            "this machine remembers nothing of the ledger, so it could be an old copy of it",
            "give the head of the last ceremony from your paper with --head",
        )
        .coded(Code::Head));
    }
    terminal.digest("Head of the last closed ceremony", head);
    terminal.ask_person("This machine remembers nothing of the ledger. Is this the head on your paper?")
}

/// Where the statement was written; none where the station keeps it.
fn deliver(
    ledger: &Path,
    decision: &DecisionArgs,
    global: &Global,
    state: &LedgerState,
    who: &text::Name,
    event: Decision,
    file: &ApprovalFile,
) -> Result<Option<String>, Error> {
    if let Some(path) = &decision.output {
        write_new_for(ledger, path, &file.write())?;
        return Ok(Some(text::printable(&path.to_string_lossy())));
    }
    let mut wiring = Wiring::open(global, ledger, &[])?;
    approve::keep(&mut wiring.world(), state, who, event, file)?;
    Ok(None)
}
