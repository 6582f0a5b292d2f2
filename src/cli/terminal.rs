//! The terminal: the only place that prints or asks.
//!
//! Prose goes to standard output, or to standard error where `--json` wants that for its one object. Errors, warnings
//! and progress always go to standard error. Nothing that came from a file or a token is printed before control
//! characters were replaced. No colour, no cursor movement but a progress line that ends with a line feed.

use std::io::IsTerminal as _;

use zeroize::Zeroize as _;

use super::{exit::Exit, handed, output};
use crate::{
    ceremony::Error,
    encoding::{digest::Digest, text},
    memory::Pin,
    ports::token::Progress,
    proposal::briefing::Section,
};

/// The longest line that prose is wrapped to.
const WIDTH: usize = 78;

/// A longer prompt, with what is typed after it, does not fit a line.
const LONGEST_PROMPT: usize = 68;

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
        let screen = dialoguer::console::Term::stderr();
        let pages = pages(sections, usize::from(screen.size().0).saturating_sub(2).max(8));
        for (number, page) in pages.iter().enumerate() {
            self.print(if number == 0 { page } else { page.trim_start_matches('\n') });
            if number.saturating_add(1) < pages.len() {
                to_stderr(&format!(
                    "-- page {} of {}: Enter goes on --",
                    number.saturating_add(1),
                    pages.len()
                ));
                // Without an answer here there is none to the question that follows either.
                let _ = screen.read_line();
            }
        }
        self.print("");
    }

    /// Something that somebody in the room should do now. On standard error in any case.
    pub fn notice(self, prose: &str) {
        to_stderr(&wrap(prose, 0));
    }

    /// The one object of `--json`.
    pub fn result(self, value: &serde_json::Value) {
        if self.json {
            to_stdout(&text::escape_json(&value.to_string()));
        }
    }

    /// An error that somebody can mend on the spot.
    pub fn complain(self, error: &Error) {
        to_stderr(&wrap(&format!("error: {}", error.message), 0));
        for detail in &error.details {
            to_stderr(&wrap(detail, 2));
        }
        if !error.hint.is_empty() {
            to_stderr(&wrap(&format!("hint: {}", error.hint), 0));
        }
    }

    /// An error that ends the command: its facts and its hint.
    pub fn error(self, error: &Error) {
        self.complain(error);
        self.result(&serde_json::json!({
            "error": {
                "message": text::printable(&error.message),
                "details": error.details.iter().map(|d| text::printable(d)).collect::<Vec<_>>(),
                "hint": error.hint,
            },
            "exit": Exit::from(error.kind).code(),
        }));
    }

    /// Whether somebody can be asked.
    pub fn is_interactive(self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether questions that only a person can answer find nobody: under `--yes`, or without a terminal.
    pub fn asks_nobody(self) -> bool {
        self.yes || !self.is_interactive()
    }

    /// Goes on only if a person, or `--yes`, says so; and not where what is decided on could not be shown.
    pub fn confirm(self, question: &str) -> Result<(), Error> {
        all_was_shown()?;
        if self.yes {
            return Ok(());
        }
        if !self.is_interactive() {
            return Err(nobody(question));
        }
        self.ask_person(question)
    }

    /// Goes on only if a person at the terminal says so; `--yes` does not count.
    pub fn ask_person(self, question: &str) -> Result<(), Error> {
        all_was_shown()?;
        if self.person_says_yes(question)? {
            return Ok(());
        }
        Err(Error::refused("not confirmed: nothing was done", ""))
    }

    /// A question with two good answers; `--yes` is one.
    pub fn answer(self, question: &str) -> Result<bool, Error> {
        if self.yes {
            return Ok(true);
        }
        if !self.is_interactive() {
            return Err(nobody(question));
        }
        self.person_says_yes(question)
    }

    /// The same for a person at the terminal alone: `--yes` would answer it for ever.
    pub fn person_says_yes(self, question: &str) -> Result<bool, Error> {
        dialoguer::Confirm::new()
            .with_prompt(self.prompt(question))
            .default(false)
            .show_default(true)
            .wait_for_newline(true)
            .interact()
            .map_err(|e| not_asked(&e))
    }

    /// What stands before the cursor. A prompt that is longer than a line is drawn again and again while it is answered:
    /// all of it but the last sentence is told before.
    fn prompt(self, question: &str) -> String {
        let question = text::printable(question);
        match question.rsplit_once(". ") {
            Some((facts, last)) if question.chars().count() > LONGEST_PROMPT => {
                self.notice(&format!("{facts}."));
                last.to_owned()
            }
            _ => question,
        }
    }

    /// A line of text.
    pub fn ask(self, question: &str) -> Result<String, Error> {
        if !self.is_interactive() {
            return Err(Error::usage(format!("nobody can be asked: {question}"), "run it in a terminal"));
        }
        dialoguer::Input::<String>::new()
            .with_prompt(self.prompt(question))
            .interact_text()
            .map_err(|e| not_asked(&e))
    }

    /// The same, with what Enter alone stands for.
    pub fn ask_or(self, question: &str, usual: &str) -> Result<String, Error> {
        if !self.is_interactive() {
            return Err(Error::usage(format!("nobody can be asked: {question}"), "run it in a terminal"));
        }
        dialoguer::Input::<String>::new()
            .with_prompt(text::printable(question))
            .default(usual.to_owned())
            .interact_text()
            .map_err(|e| not_asked(&e))
    }

    /// A PIN, not echoed. What the terminal and dialoguer copy of it is not in locked memory.
    pub fn pin(self, prompt: &str) -> Result<Pin, Error> {
        self.password(dialoguer::Password::new().with_prompt(text::printable(prompt)), prompt)
    }

    /// A new PIN, typed twice.
    pub fn new_pin(self, prompt: &str) -> Result<Pin, Error> {
        let password = dialoguer::Password::new()
            .with_prompt(text::printable(prompt))
            .with_confirmation("The same again", "the two differ, once more");
        self.password(password, prompt)
    }

    fn password(self, password: dialoguer::Password<'_>, prompt: &str) -> Result<Pin, Error> {
        if !self.is_interactive() {
            return Err(Error::usage(
                format!("nobody can be asked for the {}", text::printable(prompt)),
                "give it with --pin-file FILE or --pin-fd N",
            ));
        }
        let mut typed = password.interact().map_err(|e| not_asked(&e))?;
        let pin = handed::check("what was typed", typed.as_bytes())
            .and_then(|()| Ok(Pin::copy_of(typed.as_bytes())?));
        typed.zeroize();
        pin
    }

    fn print(self, line: &str) {
        if self.json { to_stderr(line) } else { to_stdout(line) }
    }
}

fn nobody(question: &str) -> Error {
    Error::usage(
        format!("nobody can be asked: {}", text::printable(question)),
        "run it in a terminal, or confirm with --yes",
    )
}

fn not_asked(error: &dialoguer::Error) -> Error {
    Error::problem(
        format!("the terminal gave no answer: {error}"),
        "run the same command again; nothing was done",
    )
}

/// Nobody decides on what could not be shown.
fn all_was_shown() -> Result<(), Error> {
    match output::lost() {
        None => Ok(()),
        Some(lost) => Err(Error::problem(
            lost,
            "nothing was decided on what was not shown: make room for it, and run the same command again",
        )),
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

/// A number with its noun.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
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
    for word in line.split(' ') {
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
    fn long_lines_are_broken_and_escapes_are_not_printed() {
        let wrapped = wrap(&format!("{} \x1b[31mred", "word ".repeat(30)), 2);
        assert!(wrapped.lines().all(|l| l.chars().count() <= WIDTH), "{wrapped}");
        assert!(!wrapped.contains('\x1b'));
    }
}
