//! Lines on a screen: how wide they are, how they are coloured, and where they go.
//!
//! What is printed may carry the escapes of colour that were put into it here, and no others: everything from elsewhere went
//! through [`text::printable`]. They are taken out again where a stream does not take them, which is decided in one place:
//! `--color`, NO_COLOR, CLICOLOR, TERM, and whether it is a terminal at all.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal as _, Write as _},
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str, stream::RawStream};
use clap::builder::styling::{AnsiColor, Style};
use rustix::{fs::OFlags, termios::tcgetwinsize};
use textwrap::{Options, WordSeparator, WordSplitter, core::Word};

use crate::{cli::output, encoding::text};

/// The longest line that prose is wrapped to: longer ones are hard to read.
const WIDEST: usize = 78;
/// Narrower than that no screen is filled.
const NARROWEST: usize = 20;
/// Rows of a screen that does not tell.
const USUAL_ROWS: usize = 24;

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What somebody should look at.
pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is to be answered, or helps.
pub const BOLD: Style = Style::new().bold();

/// Sets what `--color` says.
pub fn colour(choice: clap::ColorChoice) {
    match choice {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::AlwaysAnsi,
        clap::ColorChoice::Never => ColorChoice::Never,
    }
    .write_global();
}

pub fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A line whose label, all before the first colon, is in this style.
pub fn labelled(style: Style, line: &str) -> String {
    match line.split_once(':') {
        Some((label, rest)) => format!("{style}{label}:{style:#}{rest}"),
        None => line.to_owned(),
    }
}

/// As the stream takes it.
fn fit(line: &str, stream: &impl RawStream) -> String {
    // anstream colours on a dumb terminal where CI is set.
    let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
    let choice = match ColorChoice::global() {
        ColorChoice::Auto if is_dumb => ColorChoice::Never,
        _ => AutoStream::choice(stream),
    };
    if choice == ColorChoice::Never { strip_str(line).to_string() } else { line.to_owned() }
}

pub fn to_stdout(line: &str) {
    output::to_stdout(fit(&format!("{line}\n"), &std::io::stdout()).as_bytes());
}

pub fn to_stderr(line: &str) {
    output::to_stderr(fit(&format!("{line}\n"), &std::io::stderr()).as_bytes());
}

/// For somebody in the room: if errors go into a file, it is on their screen all the same.
pub fn to_room(line: &str) {
    to_stderr(line);
    if !std::io::stderr().is_terminal() {
        show_person(&format!("{line}\n"));
    }
}

/// Shows something to the person at the terminal: on standard error, or on their terminal if that is another place.
pub fn show_person(text: &str) {
    if std::io::stderr().is_terminal() {
        output::to_stderr(fit(text, &std::io::stderr()).as_bytes());
    } else if std::io::stdin().is_terminal()
        && let Some(mut screen) = persons_screen()
    {
        let shown = fit(text, &screen);
        let _ = screen.write_all(shown.as_bytes());
    }
}

/// The terminal at which somebody types, for writing: the controlling one, or else the one behind standard input.
pub fn persons_screen() -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let open = |path| OpenOptions::new().write(true).custom_flags(flags).open(path);
    ["/dev/tty", "/proc/self/fd/0"].into_iter().find_map(|path| open(path).ok()).filter(File::is_terminal)
}

pub fn rows() -> usize {
    match tcgetwinsize(std::io::stdin()) {
        Ok(size) if size.ws_row > 0 => size.ws_row.into(),
        _ => USUAL_ROWS,
    }
}

/// How wide prose is: as the terminal, if that is narrow; the same everywhere else, so that files and pipes do not depend on it.
fn columns() -> usize {
    match tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).saturating_sub(2).clamp(NARROWEST, WIDEST),
        _ => WIDEST,
    }
}

/// Where continuation lines begin: deeper than any row, so that no text from elsewhere can look like a row of its own.
const CONTINUED: usize = 8;
/// The longest command of a text that is kept together.
const LONGEST_COMMAND: usize = 60;

/// Breaks a line at blanks; continuation lines are indented by [`CONTINUED`]. What does not show is replaced.
pub fn wrap(line: &str, indent: usize) -> String {
    wrap_to(columns(), line, indent)
}

fn wrap_to(width: usize, line: &str, indent: usize) -> String {
    let line = text::printable(line);
    let text = line.trim_start_matches(' ');
    let first = " ".repeat(indent.saturating_add(line.len().saturating_sub(text.len())));
    let next = " ".repeat(CONTINUED.max(first.len().saturating_add(2)));
    let options = Options::new(width)
        .initial_indent(&first)
        .subsequent_indent(&next)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::Custom(words));
    textwrap::fill(text, options)
}

/// Where a line may be broken: at blanks, but never within a command that is quoted.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        let quoted =
            if rest.starts_with("'quorate ") { rest.get(1..).and_then(|r| r.find('\'')) } else { None };
        // One that is longer would reach over the edge, and the terminal itself would break it.
        let quoted = quoted.filter(|end| *end <= LONGEST_COMMAND);
        let from = quoted.map_or(0, |end| end.saturating_add(2));
        let blank = rest.get(from..)?.find(' ').map(|blank| from.saturating_add(blank).saturating_add(1));
        let (word, after) = rest.split_at(blank.unwrap_or(rest.len()));
        rest = after;
        (!word.is_empty()).then(|| Word::from(word))
    }))
}

/// A rule below a heading, as wide as that.
pub fn underline(heading: &str) -> String {
    "-".repeat(textwrap::core::display_width(heading).min(columns()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_not_broken() {
        for before in 0..80 {
            let prose = format!("{} run 'quorate execute --give-up', then go on", "w".repeat(before));
            assert!(wrap_to(50, &prose, 2).contains("'quorate execute --give-up',"), "{before}");
        }
        let found = |line: &'static str| words(line).map(|word| word.word.to_owned()).collect::<Vec<_>>();
        assert_eq!(found("a  b 'quorate x"), ["a", "", "b", "'quorate", "x"]);
        assert_eq!(found("'quorate a b' c"), ["'quorate a b'", "c"]);
    }

    #[test]
    fn long_lines_are_broken_and_escapes_are_not_printed() {
        let wrapped = wrap_to(WIDEST, &format!("{} \x1b[31mred", "word ".repeat(30)), 2);
        assert!(wrapped.lines().all(|line| line.chars().count() <= WIDEST), "{wrapped}");
        assert!(!wrapped.contains('\x1b'));
        assert_eq!(wrap_to(20, "  an item that is long", 2), "    an item that is\n        long");
    }

    /// A title in which a whole account of another ceremony is written, with blanks that are not broken at.
    #[test]
    fn no_text_makes_a_row() {
        let title = format!(
            "Yearly inventory\": completed proposed\u{a0}by\u{a0}frank{}approved\u{a0}by\u{a0}alice, bob, 'quorate {}approved by'",
            "\u{a0}".repeat(40),
            " ".repeat(70)
        );
        for indent in [0, 2] {
            for row in ["", "  "] {
                for width in [40, WIDEST] {
                    let shown = wrap_to(width, &format!("{row}{title}"), indent);
                    assert!(!shown.contains('\u{a0}'), "{shown}");
                    for line in shown.lines().skip(1) {
                        assert!(line.starts_with(&" ".repeat(CONTINUED)), "{shown}");
                    }
                }
            }
        }
    }

    /// UAX #11: each of these characters takes two columns.
    #[test]
    fn wide_characters_count_twice_and_no_word_is_broken() {
        let wrapped = wrap_to(20, "custodian 山田太郎 (山田太郎): card 123456789012345678901234", 0);
        assert_eq!(
            wrapped,
            "custodian 山田太郎\n        (山田太郎):\n        card\n        123456789012345678901234"
        );
    }

    #[test]
    fn only_what_was_painted_here_is_taken_out_where_colour_is_not_taken() {
        let line = labelled(BAD, "error: no such file: x");
        assert_ne!(line, strip_str(&line).to_string());
        // A buffer is not a terminal.
        assert_eq!(fit(&line, &Vec::<u8>::new()), "error: no such file: x");
    }
}
