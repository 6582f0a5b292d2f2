//! Accounts on the terminal: their passages as text.

use super::{invocation::Invocation, terminal::Terminal};
use crate::account::{Passage, Row};

/// Prints passages, and below what mentions commands these as a whole, as they would be run `next`.
pub fn tell(terminal: Terminal, next: &Invocation, passages: &[Passage]) {
    for passage in passages {
        if let Some(heading) = &passage.heading {
            terminal.heading(heading);
        }
        for row in &passage.rows {
            match row {
                Row::Text(text) => next.tell(terminal, text),
                Row::Finding(finding) => {
                    terminal.finding(finding);
                    next.commands(terminal, finding);
                }
                Row::Command(mention) => next.command(terminal, mention),
                row => print(terminal, std::slice::from_ref(row)),
            }
        }
    }
}

/// Prints rows that mention no command.
pub fn print(terminal: Terminal, rows: &[Row]) {
    for row in rows {
        match row {
            Row::Text(text) => terminal.tell(text),
            Row::Line(line) => terminal.line(line),
            Row::Finding(finding) => terminal.finding(finding),
            Row::Verdict(tone, verdict) => terminal.verdict(*tone, verdict),
            Row::Item(text) => terminal.item(text),
            Row::Fact(name, value) => terminal.item(&format!("{name:<13} {value}")),
            Row::Detail(text) => terminal.item(&format!("  {text}")),
            Row::Object(object) => terminal.item(&format!("  {object}")),
            Row::Digest(name, digest) => terminal.digest(name, *digest),
            Row::Command(command) => terminal.command(command),
        }
    }
}
