//! Describes a program to those who decide whether it gets a credential.

use super::{
    program::{Handing, ProgramCheck, ProgramRun},
    sections::Section,
};
use crate::encoding::text::printable;

/// What is run, and the files that it reads and writes.
pub(super) fn of_run(run: &ProgramRun, repeatable: bool) -> Vec<Section> {
    let mut sections = vec![program(run, repeatable)];
    sections.extend(files(run));
    sections
}

fn program(run: &ProgramRun, repeatable: bool) -> Section {
    let mut lines = vec![run.program.to_string(), format!("SHA-256 {}", run.sha256)];
    lines.extend(
        (1_usize..).zip(&run.arguments).map(|(n, argument)| format!("argument {n}: {}", printable(argument))),
    );
    lines.extend(run.environment.iter().map(|(name, value)| format!("{name}={}", printable(value))));
    for credential in &run.credentials {
        let role = credential.role;
        lines.push(match (credential.to, &credential.prompt) {
            (Handing::Prompt, Some(prompt)) => format!("THE {role} is typed at its prompt \"{prompt}\""),
            (Handing::Prompt, None) => format!("THE {role} is typed at a prompt"),
            (Handing::Stdin, _) => format!("THE {role} is written to its standard input"),
            (Handing::Descriptor, _) => {
                format!("THE {role} is on a descriptor of its own: {{fd:{role}}} is its number, {{file:{role}}} its path")
            }
        });
    }
    lines.push("it sees what it is handed, and can keep it: libraries and configuration that it loads are not pinned".into());
    lines.push(format!("it is killed after {} s", run.time_limit_seconds));
    lines.push(
        if repeatable {
            "it MAY BE RUN AGAIN if it is not known how a run ended"
        } else {
            "it is started once, whatever happens"
        }
        .into(),
    );
    Section::new("What is run, and what it is handed", lines)
}

fn files(run: &ProgramRun) -> Option<Section> {
    let mut lines = Vec::new();
    for input in &run.inputs {
        lines.push(format!("reads {}: a copy of {}", input.name, input.path));
        lines.push(format!("  SHA-256 {}", input.sha256));
    }
    lines.extend(run.outputs.iter().map(|o| format!("writes {}: it goes to {}", o.name, o.path)));
    (!lines.is_empty()).then(|| Section::new("Files", lines))
}

/// The program that checks whether a command was carried out.
pub(super) fn of_check(check: Option<&ProgramCheck>) -> Section {
    let lines = match check {
        None => vec!["exit code 0 counts as success; nothing checks whether it was carried out".into()],
        Some(check) => {
            let mut lines = vec![check.program.to_string(), format!("SHA-256 {}", check.sha256)];
            lines.extend(check.arguments.iter().map(|argument| format!("argument: {}", printable(argument))));
            lines.push("exit code 0: it was carried out; 1: it was not".into());
            lines
        }
    };
    Section::new("What looks afterwards", lines)
}
