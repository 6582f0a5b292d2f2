//! The terminal: the only place that prints or asks ([`asking`] has the questions, [`hidden`] what is typed unseen).
//!
//! Prose goes to standard output, or to standard error where `--json` wants that for its one object. Errors, warnings
//! and progress always go to standard error. Nothing that came from a file or a token is printed before control
//! characters were replaced. No colour, no cursor movement but a progress line that ends with a line feed.

mod asking;
mod hidden;

use std::io::IsTerminal as _;

use super::{done::object, exit::Exit, output};
use crate::{
    account::acts::{ErrorTold, Failed},
    ceremony::Error,
    encoding::{digest::Digest, text},
    ports::token::Progress,
    proposal::sections::Section,
    transcript::finding::Finding,
};

/// The longest line that prose is wrapped to.
const WIDTH: usize = 78;

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

    /// A heading.
    pub fn heading(self, heading: &str) {
        self.print("");
        self.print(&text::printable(heading));
        self.print(&"-".repeat(heading.chars().count().min(WIDTH)));
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

    /// A briefing that is decided on: a screen at a time where a person reads it, so that nothing runs off the top.
    pub fn briefing(self, sections: &[Section]) {
        if self.yes || self.json || !self.is_interactive() || !std::io::stdout().is_terminal() {
            return self.sections(sections);
        }
        let pages = pages(sections, asking::rows().saturating_sub(2).max(8));
        for (number, page) in pages.iter().enumerate() {
            self.print(if number == 0 { page } else { page.trim_start_matches('\n') });
            if number.saturating_add(1) < pages.len() {
                let page = number.saturating_add(1);
                asking::turn_page(&format!("-- page {page} of {}: Enter goes on --", pages.len()));
            }
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
            to_stderr(&wrap(&finding.to_string(), 0));
        }
    }

    /// The one object of `--json`.
    pub fn result(self, object: &dyn Fn() -> String) {
        if self.json {
            to_stdout(&text::escape_json(&object()));
        }
    }

    /// An error that somebody can mend on the spot.
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
                hint: error.hint.clone(),
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

fn to_stdout(line: &str) {
    output::to_stdout(format!("{line}\n").as_bytes());
}

fn to_stderr(line: &str) {
    output::to_stderr(format!("{line}\n").as_bytes());
}

/// For somebody in the room: if errors go into a file, it stands on their screen all the same.
fn to_room(line: &str) {
    to_stderr(line);
    if !std::io::stderr().is_terminal() {
        asking::show_person(&format!("{line}\n"));
    }
}

/// An error, its facts and its hint, wrapped.
fn error_lines(error: &Error) -> Vec<String> {
    let mut lines = vec![wrap(&format!("error: {}", error.message), 0)];
    lines.extend(error.details.iter().map(|detail| wrap(detail, 2)));
    if !error.hint.is_empty() {
        lines.push(wrap(&format!("hint: {}", error.hint), 0));
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

/// Breaks a line at blanks; continuation lines are indented by two more than the line itself. Control characters are
/// replaced.
fn wrap(line: &str, indent: usize) -> String {
    let line = text::printable(line);
    let own = line.chars().take_while(|c| *c == ' ').count();
    let hanging = indent.saturating_add(own).saturating_add(2);
    let mut out = " ".repeat(indent);
    let mut column = indent;
    let mut first = true;
    for word in words(&line) {
        let width = word.chars().count();
        if !first && column.saturating_add(width).saturating_add(1) > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(hanging));
            column = hanging;
        } else if !first {
            out.push(' ');
            column = column.saturating_add(1);
        }
        out.push_str(word);
        column = column.saturating_add(width);
        first = false;
    }
    out
}

/// Where a line may be broken: at blanks, but never within a command that is quoted.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let quoted =
            if rest.starts_with("'quorate ") { rest.get(1..).and_then(|r| r.find('\'')) } else { None };
        let from = quoted.map_or(0, |end| end.saturating_add(2));
        match rest.get(from..).and_then(|r| r.find(' ')) {
            Some(blank) => {
                let (word, after) = rest.split_at(from.saturating_add(blank));
                words.push(word);
                rest = after.get(1..).unwrap_or_default();
            }
            None => {
                words.push(rest);
                return words;
            }
        }
    }
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

    #[test]
    fn a_command_is_not_broken() {
        for before in 0..80 {
            let prose = format!("{} run 'quorate execute --give-up', then go on", "w".repeat(before));
            assert!(wrap(&prose, 2).contains("'quorate execute --give-up',"), "{before}");
        }
        assert_eq!(words("a  b 'quorate x"), ["a", "", "b", "'quorate", "x"]);
        assert_eq!(words("'quorate a b' c"), ["'quorate a b'", "c"]);
    }

    #[test]
    fn long_lines_are_broken_and_escapes_are_not_printed() {
        let wrapped = wrap(&format!("{} \x1b[31mred", "word ".repeat(30)), 2);
        assert!(wrapped.lines().all(|l| l.chars().count() <= WIDTH), "{wrapped}");
        assert!(!wrapped.contains('\x1b'));
    }
}
