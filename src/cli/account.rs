//! Accounts on the terminal: their passages as text.

use super::{
    invocation::{self, Invocation},
    terminal::Terminal,
};
use crate::account::{Passage, Row};

/// Prints passages, and below advice the commands that it names as a whole, as they would be run `next`.
pub fn tell(terminal: Terminal, next: &Invocation, passages: &[Passage]) {
    for passage in passages {
        if let Some(heading) = &passage.heading {
            terminal.heading(heading);
        }
        for row in &passage.rows {
            match row {
                Row::Advice(advice) => next.tell(terminal, advice),
                Row::Command(command) => next.command(terminal, command),
                row => print(terminal, std::slice::from_ref(row)),
            }
        }
    }
}

/// Prints rows that name no command, or only in short.
pub fn print(terminal: Terminal, rows: &[Row]) {
    for row in rows {
        match row {
            Row::Text(text) => terminal.tell(text),
            Row::Advice(advice) => terminal.tell(advice),
            Row::Line(line) => terminal.line(line),
            Row::Finding(finding) => terminal.finding(finding),
            Row::Verdict(tone, verdict) => terminal.verdict(*tone, verdict),
            Row::Item(text) => terminal.item(text),
            Row::Fact(name, value) => terminal.item(&format!("{name:<13} {value}")),
            Row::Detail(text) => terminal.item(&format!("  {text}")),
            Row::Object(object) => terminal.item(&format!("  {object}")),
            Row::Digest(name, digest) => terminal.digest(name, *digest),
            Row::Command(command) => terminal.command(&command.words(invocation::quoted).join(" ")),
        }
    }
}
