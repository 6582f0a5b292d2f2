//! `quorate completions`.

use clap::CommandFactory as _;

use super::{
    Done,
    args::{Cli, Completions},
    terminal,
};

/// Prints the script.
pub fn run(args: &Completions) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "quorate", &mut script);
    terminal::raw(&script);
    Done::ok(serde_json::json!({}))
}
