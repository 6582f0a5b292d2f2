//! `quorate show`.

use std::path::Path;

use super::{
    account,
    args::{Global, Show},
    done::Done,
    enrolment,
    invocation::{Invocation, shell},
    reading,
    terminal::Terminal,
    wiring,
};
use crate::{
    account::{
        advice::{Advice, Command},
        ceremony::CeremonyTold,
        counted,
        files::{
            ApprovalShown, AttestationShown, ConfirmationShown, DrillShown, HandoverWritten, PlanShown,
            RejectionShown, ReleaseShown,
        },
        listed,
    },
    approval::{
        drill::Drill,
        release::{Basis, Confirmation, ConfirmationFile, HandedFile as _, Release, ReleaseFile},
        statement::{self, Approval, Attestation, Rejection, Statement},
    },
    ceremony::{Code, Error},
    encoding::{
        dsse::{Envelope, Mode},
        strict::{self, MADE_BY_0_1},
        text::{self, Name},
        version,
    },
    proposal::{briefing::briefing, operations::Plan},
    roster::{attestation::Trust, card::EnrolledCard},
    transcript::{
        event::HandedOver,
        ledger::{Ceremony, LedgerState},
    },
};

pub fn run(args: &Show, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    if args.what.is_dir() {
        let state = reading::ledger(&args.what, global)?;
        let ceremony = find(&state, args.ceremony.as_deref())?;
        return match (&args.handover, &args.output) {
            (Some(target), Some(output)) => write_handover(terminal, &state, ceremony, target, output),
            _ => {
                let next = Invocation::at(global, &args.what, &[]);
                Ok(show_ceremony(terminal, &next, &state, ceremony))
            }
        };
    }
    if let Some(ceremony) = &args.ceremony {
        let (file, ceremony) = (text::printable(&args.what.to_string_lossy()), text::printable(ceremony));
        return Err(Error::usage(
            format!("{file} is not a ledger's directory, and {ceremony} would be a ceremony in it"),
            "the ledger comes first, then the ceremony's number: quorate show LEDGER 3",
        ));
    }
    if args.handover.is_some() {
        return Err(Error::usage("--handover goes with a ceremony", "give the ledger's directory"));
    }
    let bytes = wiring::read_file(&args.what, strict::MAX_DOCUMENT)?;
    let shown = text::printable(&args.what.to_string_lossy());
    if version::is_0_1(&bytes) {
        return Err(Error::problem(format!("{shown}: {MADE_BY_0_1}"), "look at it with quorate 0.1")
            .coded(Code::Version));
    }
    if let Ok(card) = EnrolledCard::parse(&bytes) {
        return Ok(Done::ok(enrolment::show(
            &card,
            &shell(args.what.as_os_str()),
            &Trust::default(),
            terminal,
        )));
    }
    if let Ok(file) = ReleaseFile::parse(&bytes) {
        return show_statement(
            terminal,
            &file.statement,
            Beside { basis: Some(file.basis), sealed: true },
            &shown,
        );
    }
    if let Ok(file) = ConfirmationFile::parse(&bytes) {
        let beside = Beside { basis: None, sealed: file.sealed.is_some() };
        return show_statement(terminal, &file.statement, beside, &shown);
    }
    // Beside a transcript statements lie alone; a line feed ends each.
    if let Ok(statement) = Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
        return show_statement(terminal, &statement, Beside::default(), &shown);
    }
    match Plan::parse(&bytes) {
        Ok(plan) => {
            let heading = plan.heading();
            let (title, hours) = (heading.title, heading.expires_in_hours);
            terminal.tell(&format!("A plan: {}: {title}; approvals count for {hours} hours.", plan.kind()));
            terminal.tell(&String::from_utf8_lossy(&bytes));
            let title = title.clone();
            Ok(Done::ok(PlanShown { plan: plan.kind(), title, expires_in_hours: hours }))
        }
        Err(error) => Err(Error::refused(
            format!("{shown} is not an enrolment, a statement or a plan; read as a plan: {error}"),
            "give a ledger's directory, or one of these files",
        )
        .with(error.excerpt)),
    }
}

/// What a file has besides the statement.
#[derive(Default)]
struct Beside {
    basis: Option<Basis>,
    /// Whether shares are in it.
    sealed: bool,
}

fn show_statement(
    terminal: Terminal,
    statement: &Envelope,
    Beside { basis, sealed }: Beside,
    shown: &str,
) -> Result<Done, Error> {
    let kind = Mode::parse_payload_type(&statement.payload_type);
    let (mode, event) = kind.unwrap_or((Mode::Production, Approval::EVENT));
    terminal.tell(&format!("{shown}: a {mode} statement. {}", checked_by(event)));
    let shares = if sealed { "with shares: keep the file as you keep a key" } else { "without the shares" };
    match event {
        Rejection::EVENT => {
            let said: Rejection = read(statement, mode)?;
            let (who, what) = (&said.person, said.proposal);
            terminal.item(&format!("{who} rejects proposal {what} at {}: {}", said.time, said.reason));
            Ok(Done::ok(RejectionShown { rejection: said }))
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
            Ok(Done::ok(AttestationShown { attestation: said }))
        }
        Release::EVENT => {
            let said: Release = read(statement, mode)?;
            terminal.item(&format!(
                "{} releases shares for proposal {} at {}",
                said.custodian, said.proposal, said.time
            ));
            if let Some(basis) = &basis {
                let approvals = counted(basis.approvals.len(), "approval", "approvals");
                terminal.item(&format!("of {}, resting on {approvals}", listed(&basis.authorities)));
            }
            terminal.item(shares);
            Ok(Done::ok(ReleaseShown { release: said, basis, sealed }))
        }
        Confirmation::EVENT => {
            let said: Confirmation = read(statement, mode)?;
            terminal.item(&format!(
                "{} confirms their shares and approves proposal {} at {}",
                said.person, said.proposal, said.time
            ));
            terminal.item(shares);
            Ok(Done::ok(ConfirmationShown { confirmation: said, sealed }))
        }
        Drill::EVENT => {
            let said: Drill = read(statement, mode)?;
            show_drill(terminal, &said);
            Ok(Done::ok(DrillShown { drill: said }))
        }
        _ => {
            let said: Approval = read(statement, mode)?;
            let (who, what) = (&said.person, said.proposal);
            terminal.item(&format!("{who} approves proposal {what} at {}", said.time));
            Ok(Done::ok(ApprovalShown { approval: said }))
        }
    }
}

/// Which verb checks the signature against a ledger's roster: nothing is believed here.
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
        let hint =
            "give an approval, a release, a confirmation, a rejection, an attestation of a head or a drill";
        Error::refused(e.to_string(), hint)
    })
}

fn show_drill(terminal: Terminal, said: &Drill) {
    let did = match said.opened {
        0 => "signs, and holds no share".to_owned(),
        1 => format!("opened its share, as dealt in epoch {}", said.epoch),
        shares => format!("opened its {shares} shares, as dealt in epoch {}", said.epoch),
    };
    terminal.item(&format!("{}'s card {} {did}, at {}", said.person, said.serial, said.time));
    terminal.item(&format!("in ledger {}, after ceremony {}", said.ledger.short(), said.ceremony));
    terminal.digest("The head that is named", said.head);
}

/// The ceremony of this number or directory; the last one where none is named.
fn find<'s>(state: &'s LedgerState, named: Option<&str>) -> Result<&'s Ceremony, Error> {
    let Some(named) = named else {
        return state.ceremonies.last().ok_or_else(|| Error::refused("the ledger is empty", ""));
    };
    let is_meant =
        |ceremony: &&Ceremony| named.parse() == Ok(ceremony.number()) || ceremony.directory == named;
    if let Some(ceremony) = state.ceremonies.iter().find(is_meant) {
        return Ok(ceremony);
    }
    let shown = text::printable(named);
    let last = state.ceremonies.len().saturating_sub(1);
    if named.bytes().all(|byte| byte.is_ascii_digit()) {
        let hint = format!("it has ceremonies 0 to {last}");
        return Err(Error::refused(format!("this ledger has no ceremony {shown}"), hint));
    }
    let of_kind: Vec<u32> =
        state.ceremonies.iter().filter(|c| c.kind().as_str() == named).map(Ceremony::number).collect();
    let show = |number: &u32| Command::new("quorate show LEDGER {}").with(number);
    let hint = match of_kind.as_slice() {
        [one] => Advice::from(format!("ceremony {one} is the one of kind \"{shown}\": ")).and(show(one)),
        [.., newest] => {
            let ceremonies = listed(&of_kind);
            Advice::from(format!("of kind \"{shown}\" are ceremonies {ceremonies}; the newest: "))
                .and(show(newest))
        }
        [] if Name::new(named).is_ok_and(|name| state.any_target(&name).is_some()) => {
            Advice::from(format!("{shown} is a target: ")).and("'quorate status' shows it with its objects")
        }
        [] => Advice::from(format!("give a number from 0 to {last}; "))
            .and("'quorate status' lists the ceremonies"),
    };
    Err(Error::usage(format!("{shown} is not the number of a ceremony"), hint))
}

/// Writes the sealed PIN that a ceremony handed over. Only one that was seen to be in force: an application that tries another
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
    // What a recovery hands over is in the proposal of the ceremony that it recovered.
    let mut proposed = state.ceremonies.iter().flat_map(|c| &c.proposal.handovers);
    let sealed = proposed.find(|h| HandedOver::of(h) == *told);
    let sealed = sealed.ok_or_else(|| Error::defect("no proposal has the sealed PIN"))?;
    super::output_file::write_new(output, &sealed.file.0)?;
    terminal.tell(&format!(
        "The user PIN of {} (version {}) for {}. Its owner opens it with 'age -d -i KEY {}'.",
        told.target,
        told.version,
        told.recipient.told(),
        text::printable(&output.to_string_lossy())
    ));
    let HandedOver { target, recipient, version, sha256 } = told.clone();
    Ok(Done::ok(HandoverWritten { ceremony: ceremony.directory.clone(), target, recipient, version, sha256 }))
}

fn show_ceremony(terminal: Terminal, next: &Invocation, state: &LedgerState, ceremony: &Ceremony) -> Done {
    terminal.heading(&ceremony.directory);
    let lost = state.recovered_by(&ceremony.proposal);
    terminal.sections(&briefing(
        (&ceremony.proposal, &ceremony.plan),
        ceremony.digest,
        &ceremony.requirement(),
        lost,
    ));
    let told = CeremonyTold::of(ceremony);
    account::tell(terminal, next, &told.passages());
    Done::ok(told)
}
