//! `quorate approve`, `quorate release` and `quorate reject`.

use super::{
    args::{Approve, DecisionArgs, Global, Reject, Release},
    deciding::{Ask, decide},
    done::Done,
    invocation::{self, Invocation},
    reading,
    terminal::Terminal,
};
use crate::{
    account::{acts::Decided, advice::Command},
    ceremony::Error,
    encoding::text::{self, Remark},
    roster::{Standing, requirement::Shares},
};

pub fn approve(args: &Approve, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    run(&args.decision, Ask::Approve, global, terminal)
}

pub fn release(args: &Release, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    run(&args.decision, Ask::Release(args.files.clone()), global, terminal)
}

pub fn reject(args: &Reject, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let reason = Remark::new(&args.reason)
        .map_err(|e| Error::usage(format!("--reason: {e}"), "give one line of plain text"))?;
    run(&args.decision, Ask::Reject(reason), global, terminal)
}

fn run(given: &DecisionArgs, ask: Ask, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let state = reading::ledger(&given.ledger, global)?;
    let (matter, file) = decide(&state, given, ask.clone(), global, terminal)?;
    let (ceremony, custodian) = (matter.ceremony, matter.custodian);
    let did = match ask {
        Ask::Approve if ceremony.shares == Shares::Confirmed => "confirmed",
        Ask::Approve => "approved",
        Ask::Release(_) => "released",
        Ask::Reject(_) => "rejected",
    };
    let what = match ask {
        Ask::Release(_) => "their shares for ceremony",
        _ => "ceremony",
    };
    terminal.tell(&format!(
        "{} ({}) {did} {what} {}.",
        custodian.full_name,
        custodian.name,
        ceremony.number()
    ));
    let releases = ceremony.shares == Shares::Released && custodian.standing == Standing::Custodian;
    let unfinished = (matches!(ask, Ask::Approve) && releases).then_some("release");
    let next = Next { terminal, invocation: Invocation::reading(global, &given.ledger, &state), given };
    if unfinished.is_some() {
        next.release(&given.card.card.to_string());
    } else {
        next.execute();
    }
    Ok(Done::ok(Decided {
        custodian: custodian.name.clone(),
        decision: did,
        unfinished,
        ceremony: ceremony.directory.clone(),
        proposal: ceremony.digest,
        file,
    }))
}

/// What comes next for whoever decided.
struct Next<'a> {
    terminal: Terminal,
    invocation: Invocation,
    given: &'a DecisionArgs,
}

impl Next<'_> {
    fn release(&self, card: &str) {
        let Self { terminal, invocation, given } = self;
        let template = match &given.output {
            Some(path) => {
                let shown = text::printable(&path.to_string_lossy());
                terminal.tell(&format!(
                    "You are not finished: bring {shown} to the administrator and to the others who approve; once you have enough \
                     approvals, release your shares:"
                ));
                "quorate release FILES --card {} -o FILE"
            }
            None => {
                terminal.tell("You are not finished: once enough have approved, release your shares:");
                "quorate release --card {}"
            }
        };
        invocation.command(*terminal, &Command::new(template).with(card));
    }

    fn execute(&self) {
        let Self { terminal, invocation, given } = self;
        match &given.output {
            Some(path) => {
                let shown = text::printable(&path.to_string_lossy());
                terminal.tell(&format!("Next: bring {shown} to the administrator, for:"));
                let file = invocation::shell(path.as_os_str());
                terminal
                    .command(&invocation.elsewhere(&format!("quorate execute LEDGER {file} --card CARD")));
            }
            None => invocation.tell(
                *terminal,
                &"Next: 'quorate status' says who is missing; once a quorum is there, 'quorate execute'."
                    .into(),
            ),
        }
    }
}
