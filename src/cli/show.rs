//! `quorate show`.

use std::path::Path;

use serde_json::json;

use super::{
    Done,
    args::{Global, Show},
    enrolment,
    invocation::shell,
    terminal::Terminal,
    wiring,
};
use crate::{
    approval::{
        drill::Drill,
        statement::{self, Approval, ApprovalFile, Attestation, Rejection, Statement},
    },
    ceremony::{self, Error},
    encoding::{
        dsse::{Envelope, Mode},
        strict, text,
    },
    proposal::{briefing::briefing, operations::Plan},
    roster::{attestation::Trust, card::EnrolledCard},
    storage,
    transcript::{
        event::HandedOver,
        ledger::{Ceremony, LedgerState},
    },
};

/// Shows a ledger's ceremony, or a file.
pub fn run(args: &Show, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    if args.what.is_dir() {
        let state = ceremony::check(&storage::ledger::read(&args.what)?, wiring::mode(global))?;
        let ceremony = find(&state, args.ceremony)?;
        return match (&args.handover, &args.output) {
            (Some(target), Some(output)) => write_handover(terminal, &state, ceremony, target, output),
            _ => Ok(show_ceremony(terminal, &state, ceremony)),
        };
    }
    if args.handover.is_some() {
        return Err(Error::usage("--handover is of a ceremony", "give the ledger's directory"));
    }
    let bytes = wiring::read_file(&args.what, strict::MAX_DOCUMENT)?;
    let shown = text::printable(&args.what.to_string_lossy());
    if let Ok(card) = EnrolledCard::parse(&bytes) {
        return Ok(Done::ok(enrolment::show(
            &card,
            &shell(args.what.as_os_str()),
            &Trust::default(),
            terminal,
        )));
    }
    if let Ok(file) = ApprovalFile::parse(&bytes) {
        return show_statement(terminal, &file.statement, file.release.is_some(), &shown);
    }
    // Beside a transcript statements lie alone; a line feed ends each.
    if let Ok(statement) = Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
        return show_statement(terminal, &statement, false, &shown);
    }
    match Plan::parse(&bytes) {
        Ok(plan) => {
            let heading = plan.heading();
            let (title, hours) = (heading.title, heading.expires_in_hours);
            terminal.tell(&format!("A plan: {}: {title}; approvals count for {hours} hours.", plan.kind()));
            terminal.tell(&String::from_utf8_lossy(&bytes));
            Ok(Done::ok(json!({ "plan": plan.kind(), "title": title, "expires_in_hours": hours })))
        }
        Err(error) => Err(Error::refused(
            format!("{shown} is no enrolment, no statement and no plan; read as a plan: {error}"),
            "give a ledger's directory, or one of these files",
        )),
    }
}

fn show_statement(
    terminal: Terminal,
    statement: &Envelope,
    with_release: bool,
    shown: &str,
) -> Result<Done, Error> {
    let kind = Mode::parse_payload_type(&statement.payload_type);
    let (mode, event) = kind.unwrap_or((Mode::Production, Approval::EVENT));
    terminal.tell(&format!("{shown}: a {mode} statement. {}", checked_by(event)));
    match event {
        Rejection::EVENT => {
            let said: Rejection = read(statement, mode)?;
            let (who, what) = (&said.custodian, said.proposal);
            terminal.item(&format!("{who} rejects proposal {what} at {}: {}", said.time, said.reason));
            Ok(Done::ok(json!({ "rejection": said })))
        }
        Attestation::EVENT => {
            let said: Attestation = read(statement, mode)?;
            let opinion = if said.agrees { "attests" } else { "does not agree with" };
            let remark = if said.remark.as_str().is_empty() { "" } else { ": " };
            terminal.item(&format!(
                "{} {opinion} the head of ceremony {} at {}{remark}{}",
                said.person, said.ceremony, said.time, said.remark
            ));
            terminal.digest("The head that is named", said.head);
            Ok(Done::ok(json!({ "attestation": said })))
        }
        Drill::EVENT => {
            let said: Drill = read(statement, mode)?;
            show_drill(terminal, &said);
            Ok(Done::ok(json!({ "drill": said })))
        }
        _ => {
            let said: Approval = read(statement, mode)?;
            let (who, what) = (&said.custodian, said.proposal);
            terminal.item(&format!("{who} approves proposal {what} at {}", said.time));
            terminal.item(if with_release {
                "with his release: keep the file as you keep a key"
            } else {
                "without a release"
            });
            Ok(Done::ok(json!({ "approval": said, "release": with_release })))
        }
    }
}

/// Which verb holds the signature against a ledger's roster: nothing is believed here.
fn checked_by(event: &str) -> &'static str {
    match event {
        Drill::EVENT => {
            "Its signature is checked against a ledger's roster by 'quorate card drill --import'."
        }
        Attestation::EVENT => "Its signature is checked against a ledger's roster by 'quorate audit'.",
        _ => "Its signature is checked against a ledger's roster by 'quorate execute'.",
    }
}

fn read<S: Statement>(envelope: &Envelope, mode: Mode) -> Result<S, Error> {
    statement::read(envelope, mode).map_err(|e| {
        let hint = "give an approval, a rejection, an attestation of a head or a drill";
        Error::refused(e.to_string(), hint)
    })
}

fn show_drill(terminal: Terminal, said: &Drill) {
    let names: Vec<&str> = said.authorities.iter().map(text::Name::as_str).collect();
    let did = match names.as_slice() {
        [] => "signs, and holds no share".to_owned(),
        names => format!("opened its share of {}, as dealt in epoch {}", names.join(" and "), said.epoch),
    };
    terminal.item(&format!("{}'s card {} {did}, at {}", said.person, said.serial, said.time));
    terminal.item(&format!("in ledger {}, after ceremony {}", said.ledger.short(), said.ceremony));
    terminal.digest("The head that is named", said.head);
}

fn find(state: &LedgerState, number: Option<u32>) -> Result<&Ceremony, Error> {
    let found = match number {
        Some(number) => state.ceremonies.number(number),
        None => state.ceremonies.last(),
    };
    found.ok_or_else(|| {
        Error::refused(
            "there is no such ceremony in this ledger",
            format!("it has ceremonies 0 to {}", state.ceremonies.len().saturating_sub(1)),
        )
    })
}

/// Writes the sealed PIN that a ceremony handed over. Only one that was seen to hold: an application that tries another
/// one loses tries.
fn write_handover(
    terminal: Terminal,
    state: &LedgerState,
    ceremony: &Ceremony,
    target: &str,
    output: &Path,
) -> Result<Done, Error> {
    let told = ceremony.concluded.iter().flat_map(|c| &c.handovers).find(|h| h.target.as_str() == target);
    let told = told.ok_or_else(|| {
        Error::refused(
            format!("{} handed over no user PIN of {}", ceremony.directory, text::printable(target)),
            "see 'quorate show' for what it handed over; a PIN is there once the ceremony has concluded",
        )
    })?;
    // What a recovery hands over stands in the proposal of the ceremony that it recovered.
    let mut proposed = state.ceremonies.iter().flat_map(|c| &c.proposal.handovers);
    let sealed = proposed.find(|h| HandedOver::of(h) == *told);
    let sealed =
        sealed.ok_or_else(|| Error::problem("the sealed PIN is in no proposal", "audit the ledger"))?;
    super::card::write_new(output, &sealed.file.0)?;
    terminal.tell(&format!(
        "The user PIN of {} (version {}) for {}. Its owner opens it with 'age -d -i KEY {}'.",
        told.target,
        told.version,
        text::printable(&told.recipient),
        text::printable(&output.to_string_lossy())
    ));
    Ok(Done::ok(json!({
        "ceremony": ceremony.directory, "target": told.target, "recipient": told.recipient,
        "version": told.version, "sha256": told.sha256,
    })))
}

fn show_ceremony(terminal: Terminal, state: &LedgerState, ceremony: &Ceremony) -> Done {
    terminal.heading(&ceremony.directory);
    let lost = state.recovered_by(&ceremony.proposal);
    terminal.sections(&briefing(&ceremony.proposal, ceremony.digest, &ceremony.roster, lost));
    tell_record(terminal, ceremony);
    Done::ok(json!({
        "directory": ceremony.directory,
        "proposal": ceremony.proposal,
        "proposal_digest": ceremony.digest,
        "standing": ceremony.standing(),
        "last_line": ceremony.last_line,
        "approvals": ceremony.approvals.iter().map(|a| a.statement()).collect::<Vec<_>>(),
        "rejections": ceremony.rejections.iter().map(|r| r.statement()).collect::<Vec<_>>(),
        "intended": ceremony.intended.as_ref().map(|(i, _)| i),
        "attempts": ceremony.attempts,
        "concluded": ceremony.concluded,
        "attestations": ceremony.attestations.iter().map(|a| a.statement()).collect::<Vec<_>>(),
    }))
}

fn tell_record(terminal: Terminal, ceremony: &Ceremony) {
    terminal.tell("The record");
    for approval in &ceremony.approvals {
        let said = approval.statement();
        terminal.item(&format!(
            "{} approved at {} with card key {}",
            said.custodian,
            said.time,
            approval.card().short()
        ));
    }
    for rejection in &ceremony.rejections {
        let said = rejection.statement();
        terminal.item(&format!("{} rejected at {}: {}", said.custodian, said.time, said.reason));
    }
    for attempt in &ceremony.attempts {
        terminal.item(&format!("attempt: {}: {}", attempt.outcome, attempt.summary));
    }
    if let Some(concluded) = &ceremony.concluded {
        terminal.item(&format!("outcome {}: {}", concluded.outcome, concluded.summary));
        for pin in &concluded.pins {
            terminal
                .item(&format!("the {} of {} that holds is version {}", pin.role, pin.target, pin.version));
        }
        for handover in &concluded.handovers {
            let recipient = text::printable(&handover.recipient);
            terminal.item(&format!(
                "user PIN of {}, version {}, handed over to {recipient}",
                handover.target, handover.version
            ));
        }
        for state in &concluded.targets {
            let Some(inventory) = &state.inventory else { continue };
            terminal.item(&format!("{} afterwards:", state.name));
            for object in &inventory.objects {
                terminal.item(&format!("  {object}"));
            }
        }
    }
    for attestation in &ceremony.attestations {
        let said = attestation.statement();
        let opinion = if said.agrees { "attested" } else { "does not agree with" };
        terminal.item(&format!("{} {opinion} the head at {} {}", said.person, said.time, said.remark));
    }
    terminal.tell(&format!("It is {}.", ceremony.standing()));
    terminal.digest("Last line", ceremony.last_line);
}
