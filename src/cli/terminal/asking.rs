//! Questions at the terminal: each is answered by a line.
//!
//! What is typed is not shown, since at any prompt somebody may type a PIN: a word that answers the question is shown once it was
//! read, and nothing else ever is. Only `y` or `yes` is yes and only `n` or `no` is no; anything else, Enter alone too, asks again. The end of the input
//! (Ctrl-D) is not an answer. No escape sequence but that of colour is written, where the terminal takes it, so that a `dumb` terminal
//! can be asked. Only the place of a card is seen as it is typed: as long as it can be one. How a question looks is dialoguer's; its own reading
//! is not used, since it leaves the terminal as a signal finds it.

use std::io::IsTerminal as _;

use dialoguer::theme::{SimpleTheme, Theme as _};

use super::{
    Terminal, hidden, pages,
    screen::{BOLD, painted, persons_screen, rows, show_person},
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
    pub fn briefing(self, sections: &[Section]) -> Result<(), Error> {
        if self.yes || self.json || !self.is_interactive() || !std::io::stdout().is_terminal() {
            self.sections(sections);
            return Ok(());
        }
        let pages = pages(sections, rows().saturating_sub(2).max(8));
        for (number, page) in pages.iter().enumerate() {
            self.print(if number == 0 { page } else { page.trim_start_matches('\n') });
            if number.saturating_add(1) < pages.len() {
                let page = number.saturating_add(1);
                wait_for_enter(&format!("-- page {page} of {}: Enter goes on --", pages.len()))?;
            }
        }
        self.print("");
        Ok(())
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
        if !self.is_interactive() {
            return Err(nobody(question));
        }
        Ok(self.choose(question, ["yes", "no"])? == "yes")
    }

    /// One of two words, or its first letter. What was typed before the question was seen does not answer it.
    fn choose(self, question: &str, words: [&'static str; 2]) -> Result<&'static str, Error> {
        let [one, other] = words;
        let prompt = format!("{} ", painted(BOLD, &format!("{} [{one}/{other}]", self.prompt(question))));
        loop {
            let typed = hidden::before_line_end(&prompt)?.ok_or_else(no_answer)?;
            let chosen = chosen(&String::from_utf8_lossy(typed.expose()), words);
            show_person(&format!("{}\n", chosen.unwrap_or_default()));
            match chosen {
                Some(word) => return Ok(word),
                None => self.notice(&format!("Please type {one} or {other}, and Enter.")),
            }
        }
    }

    /// Whether somebody goes on, and does not skip this.
    pub fn goes_on(self, question: &str) -> Result<bool, Error> {
        if !self.is_interactive() {
            return Err(unasked(question));
        }
        Ok(self.choose(question, ["yes", "skip"])? == "yes")
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

    /// These words, typed as they are.
    pub fn types(self, question: &str, words: &str) -> Result<bool, Error> {
        if !self.is_interactive() {
            return Err(unasked(question));
        }
        let prompt = input_prompt(&painted(BOLD, &self.prompt(question)), None);
        let typed = hidden::before_line_end(&prompt)?.ok_or_else(no_answer)?;
        let types = typed.expose().trim_ascii() == words.as_bytes();
        show_person(&format!("{}\n", if types { words } else { "" }));
        Ok(types)
    }

    /// The place of a card, or another answer that begins with one of these words; `usual` is what Enter alone stands for.
    /// Nothing is shown, now or later, of a line that begins with something else.
    pub fn place<T>(
        self,
        question: &str,
        usual: &str,
        words: &[&str],
        parse: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.is_interactive() {
            return Err(unasked(question));
        }
        let prompt = input_prompt(&text::printable(question), Some(usual));
        let (line, seen) = hidden::partly_seen(&prompt, words)?.ok_or_else(no_answer)?;
        let typed = String::from_utf8_lossy(line.expose());
        let typed = if typed.trim().is_empty() { usual } else { typed.trim() };
        let parsed = parse(typed);
        let answer = if parsed.is_ok() { text::printable(typed) } else { String::new() };
        hidden::show_instead(&seen, &answer);
        show_person("\n");
        parsed
    }

    /// A PIN, not echoed; none if Enter alone gives up. What cannot be a PIN costs no try and is asked for again.
    pub fn pin_or_none(self, prompt: &str) -> Result<Option<Pin>, Error> {
        if !self.is_interactive() {
            return Err(no_pin(prompt));
        }
        loop {
            let typed = hidden::line(&input_prompt(&text::printable(prompt), None))?.ok_or_else(no_answer)?;
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

    /// A new PIN, typed twice, as often as it takes. One that `check` refuses is refused before it is typed again.
    pub fn new_pin(self, prompt: &str, check: impl Fn(&Pin) -> Result<(), Error>) -> Result<Pin, Error> {
        loop {
            let pin = self.pin(prompt)?;
            if let Err(mut error) = check(&pin) {
                error.hint = "type another one; Enter alone gives up".into();
                self.complain(&error);
                continue;
            }
            let again = hidden::line(&input_prompt("The same again", None))?.ok_or_else(no_answer)?;
            if again.expose() == pin.expose() {
                return Ok(pin);
            }
            self.notice("the two differ, once more");
        }
    }
}

/// Waits for Enter alone. Anything else that is typed, a PIN for example, is not shown, and waits again.
fn wait_for_enter(prompt: &str) -> Result<(), Error> {
    while !hidden::line(prompt)?.ok_or_else(no_answer)?.expose().is_empty() {}
    Ok(())
}

/// What is shown before the cursor, with what Enter alone stands for.
fn input_prompt(question: &str, usual: Option<&str>) -> String {
    let mut prompt = String::new();
    // A string takes all that is written to it.
    let _ = SimpleTheme.format_input_prompt(&mut prompt, question, usual);
    prompt
}

fn chosen<'w>(answer: &str, words: [&'w str; 2]) -> Option<&'w str> {
    let answer = answer.trim().to_lowercase();
    words.into_iter().find(|word| *word == answer || (answer.len() == 1 && word.starts_with(&answer)))
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
        let words = ["yes", "no"];
        for yes in ["y", "Y", "yes", "YES", " yes "] {
            assert_eq!(chosen(yes, words), Some("yes"), "{yes}");
        }
        for no in ["n", "N", "no", "No"] {
            assert_eq!(chosen(no, words), Some("no"), "{no}");
        }
        for other in ["", "deny", "no way", "not yet", "maybe", "yn", "ny", "yes!", "any", "\u{1b}[Ay"] {
            assert_eq!(chosen(other, words), None, "{other}");
        }
    }
}
