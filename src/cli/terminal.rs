//! The terminal: the only place that prints or asks ([`asking`] has the questions, [`hidden`] what is typed unseen, [`screen`]
//! the width and the colour of lines).
//!
//! Prose goes to standard output, or to standard error where `--json` needs that for its one object. Errors, warnings
//! and progress always go to standard error. Nothing that came from a file or a token is printed before control
//! characters were replaced. No cursor movement.

mod asking;
mod hidden;
mod screen;

use std::io::IsTerminal as _;

use super::{done::object, exit::Exit, output};
use crate::{
    account::{
        Tone,
        acts::{ErrorTold, Failed},
    },
    ceremony::Error,
    encoding::{digest::Digest, text},
    ports::token::Progress,
    proposal::sections::Section,
    transcript::finding::Finding,
};
pub use screen::colour;
use screen::{BAD, BOLD, CAUTION, GOOD, labelled, to_room, to_stderr, to_stdout, underline, wrap};

/// Where people read and answer.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    json: bool,
    yes: bool,
}

impl Terminal {
    /// `json`: one object on standard output; `yes`: no questions.
    pub const fn new(json: bool, yes: bool) -> Self {
        Self { json, yes }
    }

    /// Prose, wrapped.
    pub fn tell(self, prose: &str) {
        for line in prose.lines() {
            self.print(&wrap(line, 0));
        }
        if prose.is_empty() {
            self.print("");
        }
    }

    /// One line that stays one, however wide the terminal is: what a script looks for.
    pub fn line(self, line: &str) {
        self.print(&text::printable(line));
    }

    pub fn heading(self, heading: &str) {
        self.print("");
        self.print(&text::printable(heading));
        self.print(&underline(heading));
    }

    /// An indented line.
    pub fn item(self, item: &str) {
        self.print(&wrap(item, 2));
    }

    /// A command that can be pasted into a shell: never broken.
    pub fn command(self, command: &str) {
        self.print(&command_line(command));
    }

    /// A digest with its name, in hex and in words.
    pub fn digest(self, name: &str, digest: Digest) {
        self.print(&format!("{}:", text::printable(name)));
        self.print(&format!("  {digest}"));
        for row in digest.word_rows() {
            self.print(&format!("  {row}"));
        }
    }

    /// A briefing, to be looked up.
    pub fn sections(self, sections: &[Section]) {
        for section in sections {
            self.print(&section_text(section));
        }
        self.print("");
    }

    /// Something that somebody in the room should do now. On standard error in any case.
    pub fn notice(self, prose: &str) {
        to_room(&wrap(prose, 0));
    }

    /// Findings of those who do not audit, on standard error.
    pub fn findings(self, findings: &[Finding]) {
        for finding in findings {
            to_stderr(&labelled(CAUTION, &wrap(&finding.to_string(), 0)));
        }
    }

    pub fn finding(self, finding: &str) {
        self.print(&labelled(CAUTION, &wrap(finding, 0)));
    }

    /// What all of it comes to: on one line for those who search for it, wrapped where a person reads it.
    pub fn verdict(self, tone: Tone, verdict: &str) {
        let style = match tone {
            Tone::Good => GOOD,
            Tone::Caution => CAUTION,
            Tone::Bad => BAD,
        };
        let verdict =
            if std::io::stdout().is_terminal() { wrap(verdict, 0) } else { text::printable(verdict) };
        self.print(&labelled(style, &verdict));
    }

    pub fn result(self, object: &dyn Fn() -> String) {
        if self.json {
            to_stdout(&text::escape_json(&object()));
        }
    }

    /// An error that somebody can put right on the spot.
    pub fn complain(self, error: &Error) {
        for line in error_lines(error) {
            to_room(&line);
        }
    }

    /// An error that ends the command: its facts and its hint.
    pub fn error(self, error: &Error) {
        for line in error_lines(error) {
            to_stderr(&line);
        }
        self.error_object(error);
    }

    /// The one object of `--json` after an error.
    pub fn error_object(self, error: &Error) {
        let failed = || Failed {
            error: ErrorTold {
                code: error.code.as_str(),
                message: text::printable(&error.message),
                details: error.details.iter().map(|detail| text::printable(detail)).collect(),
                hint: error.hint.to_string(),
                commands: error.commands.clone(),
            },
        };
        self.result(&|| object(&failed(), Exit::from(error.kind).code()));
    }

    fn print(self, line: &str) {
        if self.json { to_stderr(line) } else { to_stdout(line) }
    }
}

/// Usage, help or version, coloured where clap finds a terminal that takes it.
pub fn usage(message: &clap::Error) {
    let to_terminal =
        if message.use_stderr() { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let plain = message.render().to_string();
    match (to_terminal, message.use_stderr()) {
        // A terminal is never full.
        (true, _) => drop(message.print()),
        (false, true) => output::to_stderr(plain.as_bytes()),
        (false, false) => output::to_stdout(plain.as_bytes()),
    }
}

/// Bytes for another program, as they are.
pub fn raw(bytes: &[u8]) {
    output::to_stdout(bytes);
}

/// An error, its facts and its hint, wrapped.
fn error_lines(error: &Error) -> Vec<String> {
    let mut lines = vec![labelled(BAD, &wrap(&format!("error: {}", error.message), 0))];
    lines.extend(error.details.iter().map(|detail| wrap(detail, 2)));
    if !error.hint.is_empty() {
        lines.push(labelled(BOLD, &wrap(&format!("hint: {}", error.hint), 0)));
    }
    lines.extend(error.commands.iter().map(|command| command_line(command)));
    lines
}

fn command_line(command: &str) -> String {
    format!("  {}", text::printable(command))
}

/// A section with its heading and a blank line before it.
fn section_text(section: &Section) -> String {
    let mut out = format!("\n{}", text::printable(&section.heading));
    for line in &section.lines {
        out.push('\n');
        out.push_str(&wrap(line, 2));
    }
    out
}

/// Sections on pages of at most so many lines. One that is longer than a page is broken.
fn pages(sections: &[Section], height: usize) -> Vec<String> {
    let mut pages: Vec<Vec<String>> = vec![Vec::new()];
    for section in sections {
        let text = section_text(section);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let room = height.saturating_sub(pages.last().map_or(0, Vec::len));
        if lines.len() > room && lines.len() <= height {
            pages.push(Vec::new());
        }
        for line in lines {
            if pages.last().is_some_and(|page| page.len() >= height) {
                pages.push(Vec::new());
            }
            if let Some(page) = pages.last_mut() {
                page.push(line);
            }
        }
    }
    pages.into_iter().filter(|page| !page.is_empty()).map(|page| page.join("\n")).collect()
}

/// Progress on standard error: a line now and then, not more than ten for one operation.
#[derive(Default)]
pub struct ProgressLines {
    told: usize,
}

impl Progress for ProgressLines {
    fn step(&mut self, what: &str, done: usize, total: usize) {
        let tenth = done.saturating_mul(10).checked_div(total).unwrap_or(10);
        if total >= 20 && (tenth != self.told || done == 0) {
            self.told = tenth;
            to_stderr(&format!("  {}: {done} of {total}", text::printable(what)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_fit_the_screen_and_lose_no_line() {
        let sections: Vec<Section> = [3, 30, 5, 9, 1]
            .into_iter()
            .map(|n| Section {
                heading: format!("Heading {n}"),
                lines: (0..n).map(|i| format!("line {n}-{i}")).collect(),
            })
            .collect();
        let pages = pages(&sections, 22);
        assert!(pages.iter().all(|page| page.lines().count() <= 22));
        let whole: String = sections.iter().map(section_text).collect::<Vec<_>>().join("\n");
        assert_eq!(pages.join("\n"), whole);
        assert!(
            pages.iter().any(|page| page.starts_with("\nHeading 9")),
            "a section that fits begins a page"
        );
    }
}
