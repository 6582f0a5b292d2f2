//! `quorate completions`.

use serde_json::json;

use super::{
    Done,
    args::{self, Completions, Global},
    terminal,
};

/// Prints the script.
pub fn run(args: &Completions, global: &Global) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "quorate", &mut script);
    if !global.json {
        terminal::raw(&script);
    }
    Done::ok(json!({ "shell": args.shell.to_string(), "script": String::from_utf8_lossy(&script) }))
}
