//! The command line: one file for each verb, and the one place where adapters meet the ceremony.

mod abort;
mod approve;
pub mod args;
mod attention;
mod attest;
mod attestation;
mod audit;
mod card;
mod compare;
mod completions;
mod drill;
mod enrolment;
mod execute;
mod exit;
mod proof;
mod propose;
pub mod reference;
mod rehearse;
mod run;
mod show;
mod spent;
mod stage;
mod status;
mod terminal;
mod token;
mod unlocking;
mod wiring;

use clap::FromArgMatches as _;

pub use exit::Exit;

use crate::{ceremony::Error, memory};
use args::{Cli, Verb};
use terminal::Terminal;

/// How a verb ended, and its `--json` object.
pub struct Done {
    exit: Exit,
    json: serde_json::Value,
}

impl Done {
    fn new(exit: Exit, json: serde_json::Value) -> Self {
        Self { exit, json }
    }

    fn ok(json: serde_json::Value) -> Self {
        Self::new(Exit::Done, json)
    }
}

/// The process could not be hardened: nothing is run.
pub fn unhardened(error: &memory::HardeningError) -> Exit {
    Terminal::new(false, false).error(&Error::problem(error.to_string(), error.hint()));
    Exit::Error
}

/// Runs the command that the process was given.
pub fn main() -> Exit {
    let parsed =
        args::command().try_get_matches().and_then(|mut given| Cli::from_arg_matches_mut(&mut given));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            // Help and version go to standard output and are no error.
            let _ = error.print();
            return if usage { Exit::Usage } else { Exit::Done };
        }
    };
    let terminal = Terminal::new(cli.global.json, cli.global.yes);
    match dispatch(&cli, terminal) {
        Ok(done) => {
            let mut json = done.json;
            if let Some(object) = json.as_object_mut() {
                object.insert("exit".into(), done.exit.code().into());
            }
            terminal.result(&json);
            done.exit
        }
        Err(error) => {
            terminal.error(&error);
            error.kind.into()
        }
    }
}

fn dispatch(cli: &Cli, terminal: Terminal) -> Result<Done, Error> {
    let global = &cli.global;
    if handles_secrets(&cli.verb) {
        memory::lock_all().map_err(|e| Error::problem(e.to_string(), e.hint()))?;
    }
    match &cli.verb {
        Verb::Card(verb) => card::run(verb, global, terminal),
        Verb::Token(verb) => token::run(verb, global, terminal),
        Verb::Propose(args) => propose::run(args, global, terminal),
        Verb::Approve(args) => approve::approve(args, global, terminal),
        Verb::Reject(args) => approve::reject(args, global, terminal),
        Verb::Execute(args) => execute::run(args, global, terminal),
        Verb::Abort(args) => abort::run(args, global, terminal),
        Verb::Attest(args) => attest::run(args, global, terminal),
        Verb::Status(args) => status::run(args, global, terminal),
        Verb::Show(args) => show::run(args, global, terminal),
        Verb::Audit(args) => audit::run(args, global, terminal),
        Verb::Compare(args) => compare::run(args, global, terminal),
        Verb::Run(args) => run::run(args, global, terminal),
        Verb::Rehearse(args) => rehearse::run(args, global),
        Verb::Completions(args) => Ok(completions::run(args, global)),
    }
}

fn handles_secrets(verb: &Verb) -> bool {
    !matches!(
        verb,
        Verb::Token(_)
            | Verb::Status(_)
            | Verb::Show(_)
            | Verb::Audit(_)
            | Verb::Compare(_)
            | Verb::Completions(_)
    )
}
