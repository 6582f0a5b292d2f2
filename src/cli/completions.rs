//! `quorate completions`.

use super::{
    args::{self, Completions, Global},
    done::Done,
    terminal,
};
use crate::account::acts::Completion;

pub fn run(args: &Completions, global: &Global) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "quorate", &mut script);
    if !global.json {
        terminal::raw(&script);
    }
    Done::ok(Completion {
        shell: args.shell.to_string(),
        script: String::from_utf8_lossy(&script).into_owned(),
    })
}
