//! Questions at the terminal: each is answered by a line, read as the terminal gives it.
//!
//! Only `y` or `yes` is yes and only `n` or `no` is no; anything else, Enter alone too, asks again. The end of the input
//! (Ctrl-D) is not an answer. No escape sequence but that of colour is written, where the terminal takes it, and the terminal's
//! mode stays as it is, so that a `dumb` terminal can be asked, and an interrupt leaves nothing behind. Only text with a usual answer, such as the place of a
//! card, can be edited as it is typed, by dialoguer, where the terminal can do that.

use std::io::IsTerminal as _;

use rustix::termios::{QueueSelector, tcflush};

use super::{
    Terminal,
    hidden::{self, Echo, unreadable},
    pages,
    screen::{BOLD, painted, persons_screen, rows},
};
use crate::{
    ceremony::{Code, Error},
    cli::{handed, output},
    encoding::text,
    memory::Pin,
    proposal::sections::Section,
};

/// A longer prompt, with what is typed after it, does not fit a line.
const LONGEST_PROMPT: usize = 68;

impl Terminal {
    /// A briefing that is decided on: a screen at a time where a person reads it, so that nothing runs off the top.
    pub fn briefing(self, sections: &[Section]) {
        if self.yes || self.json || !self.is_interactive() || !std::io::stdout().is_terminal() {
            return self.sections(sections);
        }
        let pages = pages(sections, rows().saturating_sub(2).max(8));
        for (number, page) in pages.iter().enumerate() {
            self.print(if number == 0 { page } else { page.trim_start_matches('\n') });
            if number.saturating_add(1) < pages.len() {
                let page = number.saturating_add(1);
                turn_page(&format!("-- page {page} of {}: Enter goes on --", pages.len()));
            }
        }
        self.print("");
    }

    /// Whether somebody can be asked: they type at a terminal, and there is one to show them the question.
    pub fn is_interactive(self) -> bool {
        std::io::stdin().is_terminal() && (std::io::stderr().is_terminal() || persons_screen().is_some())
    }

    /// Whether questions that only a person can answer find nobody: under `--yes`, or without a terminal.
    pub fn asks_nobody(self) -> bool {
        self.yes || !self.is_interactive()
    }

    /// Goes on only if a person, or `--yes`, says so; and not where what is decided on could not be shown.
    pub fn confirm(self, question: &str) -> Result<(), Error> {
        all_was_shown()?;
        if self.yes { Ok(()) } else { self.ask_person(question) }
    }

    /// The same where a PIN was just expected: what is typed is not shown, lest it be the PIN.
    pub fn confirm_unseen(self, question: &str) -> Result<(), Error> {
        all_was_shown()?;
        if self.yes || self.yes_or_no(question, Echo::Hidden)? { Ok(()) } else { Err(denied()) }
    }

    /// Goes on only if a person at the terminal says so; `--yes` does not count.
    pub fn ask_person(self, question: &str) -> Result<(), Error> {
        all_was_shown()?;
        if self.person_says_yes(question)? { Ok(()) } else { Err(denied()) }
    }

    /// A question with two good answers; `--yes` is one.
    pub fn answer(self, question: &str) -> Result<bool, Error> {
        if self.yes { Ok(true) } else { self.person_says_yes(question) }
    }

    /// The same for a person at the terminal alone: `--yes` would answer it for ever.
    pub fn person_says_yes(self, question: &str) -> Result<bool, Error> {
        self.yes_or_no(question, Echo::Shown)
    }

    /// The same where the person may have a PIN in mind.
    pub fn person_says_yes_unseen(self, question: &str) -> Result<bool, Error> {
        self.yes_or_no(question, Echo::Hidden)
    }

    fn yes_or_no(self, question: &str, echo: Echo) -> Result<bool, Error> {
        if !self.is_interactive() {
            return Err(nobody(question));
        }
        let prompt = format!("{} ", painted(BOLD, &format!("{} [y/N]", self.prompt(question))));
        // What was typed before a question was seen does not answer it.
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
        loop {
            let typed = hidden::typed(&prompt, echo)?.ok_or_else(no_answer)?;
            match yes_or_no(&String::from_utf8_lossy(typed.expose())) {
                Some(answer) => return Ok(answer),
                None => self.notice("Please type yes or no, and Enter."),
            }
        }
    }

    /// What is shown before the cursor. Of a prompt that is longer than a line, all but the last sentence is told before.
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

    /// A line of text that is not empty.
    pub fn ask(self, question: &str) -> Result<String, Error> {
        if !self.is_interactive() {
            return Err(unasked(question));
        }
        let prompt = format!("{}: ", painted(BOLD, &self.prompt(question)));
        loop {
            let line = visible_line(&prompt)?;
            if !line.trim().is_empty() {
                return Ok(line);
            }
        }
    }

    /// The same, with what Enter alone stands for.
    pub fn ask_or(self, question: &str, usual: &str) -> Result<String, Error> {
        if !self.is_interactive() {
            return Err(unasked(question));
        }
        let question = text::printable(question);
        if can_edit() {
            let input = dialoguer::Input::<String>::new().with_prompt(question).default(usual.to_owned());
            return input.interact_text().map_err(unreadable);
        }
        let line = visible_line(&format!("{question} [{usual}]: "))?;
        Ok(if line.trim().is_empty() { usual.to_owned() } else { line })
    }

    /// A PIN, not echoed; none if Enter alone gives up. What cannot be a PIN costs no try and is asked for again.
    pub fn pin_or_none(self, prompt: &str) -> Result<Option<Pin>, Error> {
        if !self.is_interactive() {
            return Err(no_pin(prompt));
        }
        loop {
            let typed = hidden::line(&format!("{}: ", text::printable(prompt)))?.ok_or_else(no_answer)?;
            if typed.expose().is_empty() {
                return Ok(None);
            }
            match handed::check("what was typed", typed.expose()) {
                Ok(()) => return Ok(Some(typed)),
                Err(error) => self.complain(&error),
            }
        }
    }

    /// A PIN, not echoed. Enter alone is not one.
    pub fn pin(self, prompt: &str) -> Result<Pin, Error> {
        self.pin_or_none(prompt)?.ok_or_else(|| {
            let message = format!("no {} was typed", text::printable(prompt));
            Error::problem(message, "run the same command again").coded(Code::PinMissing)
        })
    }

    pub fn new_pin(self, prompt: &str) -> Result<Pin, Error> {
        loop {
            let pin = self.pin(prompt)?;
            let again = hidden::line("The same again: ")?.ok_or_else(no_answer)?;
            if again.expose() == pin.expose() {
                return Ok(pin);
            }
            self.notice("the two differ, once more");
        }
    }

    /// Waits for Enter where a PIN was just expected and a prompt that shows what is typed comes next. Anything else that is
    /// typed, a PIN for example, is not shown, and waits again.
    pub fn settle(self) -> Result<(), Error> {
        while !hidden::line("-- no PIN is asked for now: Enter goes on --")?
            .ok_or_else(no_answer)?
            .expose()
            .is_empty()
        {}
        Ok(())
    }
}

/// Whether a line can be edited on the screen: dialoguer moves the cursor by escape sequences, on standard error.
fn can_edit() -> bool {
    let named = std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb");
    named && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A page was read. Without an answer here there is none to the question that follows either.
fn turn_page(prompt: &str) {
    let _ = visible_line(&format!("{prompt}\n"));
}

fn yes_or_no(answer: &str) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    }
}

fn visible_line(prompt: &str) -> Result<String, Error> {
    let line = hidden::typed(prompt, Echo::Shown)?.ok_or_else(no_answer)?;
    Ok(String::from_utf8_lossy(line.expose()).into_owned())
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

fn denied() -> Error {
    Error::refused("not confirmed: nothing was done", "").coded(Code::NotConfirmed)
}

fn nobody(question: &str) -> Error {
    Error::usage(
        format!("nobody can be asked: {}", text::printable(question)),
        "run it in a terminal, or confirm with --yes",
    )
    .coded(Code::NobodyToAsk)
}

fn unasked(question: &str) -> Error {
    Error::usage(format!("nobody can be asked: {}", text::printable(question)), "run it in a terminal")
        .coded(Code::NobodyToAsk)
}

fn no_pin(prompt: &str) -> Error {
    Error::usage(
        format!("nobody can be asked for the {}", text::printable(prompt)),
        "give it with --pin-file FILE or --pin-fd N",
    )
    .coded(Code::NobodyToAsk)
}

/// The input ended, or nothing was typed where something must be.
pub fn no_answer() -> Error {
    Error::problem("no answer was given", "run the same command again to go on").coded(Code::NoAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes_and_only_no_is_no() {
        for yes in ["y", "Y", "yes", "YES", " yes "] {
            assert_eq!(yes_or_no(yes), Some(true), "{yes}");
        }
        for no in ["n", "N", "no", "No"] {
            assert_eq!(yes_or_no(no), Some(false), "{no}");
        }
        for other in ["", "deny", "no way", "not yet", "maybe", "yn", "ny", "yes!", "any", "\u{1b}[Ay"] {
            assert_eq!(yes_or_no(other), None, "{other}");
        }
    }
}
