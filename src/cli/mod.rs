//! The command line: one file for each verb, and the one place where adapters meet the ceremony.

mod abort;
mod account;
mod approve;
pub mod args;
mod attention;
mod attest;
mod attestation;
mod audit;
mod card;
mod compare;
mod completions;
mod deciding;
mod done;
mod drill;
mod enrolment;
mod execute;
mod exit;
mod handed;
mod invocation;
mod keeper;
mod members;
mod output;
mod output_file;
mod proof;
mod propose;
mod reading;
mod rehearse;
mod run;
mod schema;
mod show;
mod spent;
mod stage;
mod status;
mod terminal;
mod token;
mod unlocking;
pub mod verbs;
mod wiring;

use clap::FromArgMatches as _;

pub use exit::Exit;

use crate::{ceremony::Error, memory};
use args::{CardVerb, Cli, Verb};
use done::Done;
use terminal::Terminal;

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
            terminal::usage(&error);
            // Help and version go to standard output and are not an error.
            if !error.use_stderr() {
                return told(Exit::Done, "run the same command again");
            }
            // Nothing was parsed, so that only the words themselves tell whether a program reads the answer.
            if std::env::args_os().any(|word| word == "--json") {
                let message = error.render().to_string();
                let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
                Terminal::new(true, false).error_object(&Error::usage(message, "see --help"));
            }
            return told(Exit::Usage, "run the same command again");
        }
    };
    terminal::colour(cli.global.color);
    let terminal = Terminal::new(cli.global.json, cli.global.yes);
    let exit = match dispatch(&cli, terminal) {
        Ok(done) => {
            terminal.result(&|| done.json());
            done.exit
        }
        Err(error) => {
            let error = invocation::Invocation::of(&cli).explain(error);
            terminal.error(&error);
            error.kind.into()
        }
    };
    told(exit, if changes_nothing(&cli.verb) { LOOK_AGAIN } else { WHAT_WAS_DONE })
}

const LOOK_AGAIN: &str = "make room where it is written to, and run the same command again: it only looks";
const WHAT_WAS_DONE: &str = "what was done is done: 'quorate status LEDGER' and 'quorate show LEDGER' describe a ceremony, \
                             'quorate card show' a card";

/// The exit code, once all that was said is written. A report or the one object of `--json` that went nowhere is an error;
/// a code that tells of something worse stays.
fn told(exit: Exit, hint: &'static str) -> Exit {
    match output::lost() {
        Some(lost) => {
            Terminal::new(false, false).complain(&Error::problem(lost, hint));
            if matches!(exit, Exit::Done | Exit::Incomplete) { Exit::Error } else { exit }
        }
        None => exit,
    }
}

fn dispatch(cli: &Cli, terminal: Terminal) -> Result<Done, Error> {
    let global = &cli.global;
    if handles_secrets(&cli.verb) {
        lock_memory(global.rehearsal || matches!(cli.verb, Verb::Rehearse(_)), terminal);
    }
    match &cli.verb {
        Verb::Card(verb) => card::run(verb, global, terminal),
        Verb::Token(verb) => token::run(verb, global, terminal),
        Verb::Propose(args) => propose::run(args, global, terminal),
        Verb::Approve(args) => approve::approve(args, global, terminal),
        Verb::Release(args) => approve::release(args, global, terminal),
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
        Verb::Schema(args) => schema::run(args, global),
    }
}

/// Locks all of the process, or warns that only our own secrets are: a quorum whose policy requires more is refused where
/// its roster is known, before a PIN is asked for.
fn lock_memory(rehearsal: bool, terminal: Terminal) {
    if let Err(error) = memory::lock_all() {
        let then = if rehearsal {
            "Nothing real is at stake in a rehearsal."
        } else {
            "Our own copies are locked. To lock all: sudo prlimit --pid $$ --memlock=unlimited; other ways are in man \
             quorate-ceremony."
        };
        terminal.notice(&format!("warning: {error}. {then}"));
    }
}

fn changes_nothing(verb: &Verb) -> bool {
    match verb {
        Verb::Card(verb) => {
            matches!(verb, args::CardVerb::List | args::CardVerb::Show(_) | args::CardVerb::Attestation(_))
        }
        Verb::Show(args) => args.output.is_none(),
        verb => !handles_secrets(verb),
    }
}

fn handles_secrets(verb: &Verb) -> bool {
    !matches!(
        verb,
        Verb::Card(CardVerb::List | CardVerb::Show(_) | CardVerb::Attestation(_))
            | Verb::Token(_)
            | Verb::Status(_)
            | Verb::Show(_)
            | Verb::Audit(_)
            | Verb::Compare(_)
            | Verb::Completions(_)
            | Verb::Schema(_)
    )
}
