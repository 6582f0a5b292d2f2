//! A line that is typed and not seen: a PIN, or what may be one, typed where something else is asked for.
//!
//! The terminal's echo is off before the prompt appears, and the terminal is as it was before on every way out but SIGKILL: an answer, an
//! error, Ctrl-C, a signal that ends or stops the process. After a stop the echo is off again before the prompt is shown once more
//! (termios(3); `memory::held` has the signals). The kernel's line editing stays on, so that backspace works, but where some of the line is seen.
//!
//! What is typed is read byte by byte into locked memory. The kernel's own buffer of the terminal is not ours to wipe.

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    termios::{
        LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
    },
};

use super::screen::show_person;
use crate::{
    ceremony::{Code, Error},
    encoding::text,
    memory::{
        LockedBytes, Pin,
        held::{Held, HeldSignals},
    },
};

/// The terminal gives no longer line (N_TTY); what is beyond it is dropped, and the line is refused.
const LONGEST: usize = 4096;
/// Ctrl-D, backspace and Ctrl-U, where the kernel edits no line.
const END_OF_INPUT: u8 = 4;
const ERASE: [u8; 2] = [8, 127];
const KILL: u8 = 21;

/// A line; none at the end of the input. After a stop the prompt is shown once more.
pub fn line(prompt: &str) -> Result<Option<Pin>, Error> {
    let line = before_line_end(prompt)?;
    show_person("\n");
    Ok(line)
}

/// The same with the cursor still behind the prompt, for what may be shown of the answer.
pub fn before_line_end(prompt: &str) -> Result<Option<Pin>, Error> {
    let mut typed = Typed::nothing()?;
    let silence = Silence::begin(prompt, Given::Lines)?;
    let ended = silence.line(&mut typed);
    drop(silence);
    typed.ended(ended)
}

/// A line, and what of it stands behind the prompt: as long as it can be one of these words, all of it; of a word that takes more, and so
/// ends with a colon, what follows it too. Of any other line nothing. None at the end of the input.
///
/// The terminal gives keys, so the kernel edits nothing here: backspace and Ctrl-U do what they do elsewhere. As there, they do not reach back
/// over the edge of the screen.
pub fn partly_seen(prompt: &str, words: &[&str]) -> Result<Option<(Pin, String)>, Error> {
    let mut typed = Typed::nothing()?;
    let mut seen = String::new();
    let silence = Silence::begin(prompt, Given::Keys)?;
    let ended = loop {
        match silence.key() {
            Ok(Key::Again) => {
                typed.forget();
                seen.clear();
            }
            Ok(Key::End | Key::Byte(END_OF_INPUT)) => break Ok(End::Input),
            Ok(Key::Byte(b'\n')) => break Ok(End::Line),
            Ok(Key::Byte(KILL)) => typed.forget(),
            Ok(Key::Byte(byte)) if ERASE.contains(&byte) => typed.forget_last(),
            Ok(Key::Byte(byte)) => typed.push(byte),
            Err(error) => break Err(error),
        }
        let now = seen_of(typed.so_far(), words);
        show_instead(&seen, &now);
        seen = now;
    };
    drop(silence);
    Ok(typed.ended(ended)?.map(|line| (line, seen)))
}

fn seen_of(typed: &[u8], words: &[&str]) -> String {
    // A character whose bytes have not all come is not seen yet.
    let whole = typed.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let can_be = |word: &&str| word.starts_with(whole) || (word.ends_with(':') && whole.starts_with(*word));
    if words.iter().any(can_be) { text::printable(whole) } else { String::new() }
}

/// Shows a text where another one stands before the cursor.
pub fn show_instead(before: &str, now: &str) {
    let same = before.chars().zip(now.chars()).take_while(|(one, other)| one == other);
    let same = same.map(|(one, _)| one.len_utf8()).sum();
    let (gone, come) = (before.get(same..).unwrap_or_default(), now.get(same..).unwrap_or_default());
    // As the kernel does it (ECHOE).
    show_person(&format!("{}{come}", "\u{8} \u{8}".repeat(textwrap::core::display_width(gone))));
}

/// Somebody pressed Ctrl-C at a prompt.
fn interrupted() -> Error {
    show_person("\n");
    Error::interrupted("interrupted: no answer was given", "run the same command again to go on")
}

/// The terminal failed.
fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::problem(format!("the terminal gave no answer: {error}"), "run the same command again to go on")
        .coded(Code::NoAnswer)
}

struct Typed {
    bytes: LockedBytes,
    length: usize,
}

impl Typed {
    fn nothing() -> Result<Self, Error> {
        Ok(Self { bytes: LockedBytes::zeroed(LONGEST)?, length: 0 })
    }

    /// What was typed, once reading has ended like that.
    fn ended(self, ended: Result<End, Error>) -> Result<Option<Pin>, Error> {
        match ended? {
            End::Line if self.length > LONGEST => {
                show_person("\n");
                Err(unreadable("the line is too long"))
            }
            End::Line => Ok(Some(Pin::copy_of(self.so_far())?)),
            End::Input => {
                show_person("\n");
                Ok(None)
            }
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.expose_mut().get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1).min(LONGEST + 1);
    }

    fn so_far(&self) -> &[u8] {
        self.bytes.expose().get(..self.length).unwrap_or_default()
    }

    /// One character. Of a line that is too long, what was dropped cannot be taken back.
    fn forget_last(&mut self) {
        if self.length <= LONGEST {
            let is_first = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
            self.length = self.so_far().iter().rposition(is_first).unwrap_or(0);
        }
    }

    fn forget(&mut self) {
        self.bytes.expose_mut().fill(0);
        self.length = 0;
    }
}

enum End {
    Line,
    Input,
}

/// What the terminal gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    /// Whole lines, which the kernel lets be edited.
    Lines,
    /// Each key as it is pressed.
    Keys,
}

/// What was read.
enum Key {
    Byte(u8),
    /// Nothing more comes.
    End,
    /// The process was stopped and went on: the prompt was shown once more.
    Again,
}

/// A terminal without echo, for as long as this lives. The fields are dropped in this order: signals that waited come to
/// a terminal that is as it was.
struct Silence<'p> {
    restoring: Restoring,
    signals: HeldSignals,
    prompt: &'p str,
}

struct Restoring {
    terminal: std::io::Stdin,
    before: Termios,
    given: Given,
}

impl Restoring {
    /// What was typed ahead is dropped: it was seen already.
    fn silence(&self) -> rustix::io::Result<()> {
        let mut modes = self.before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        modes.local_modes.insert(LocalModes::ICANON | LocalModes::ISIG);
        if self.given == Given::Keys {
            modes.local_modes.remove(LocalModes::ICANON);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        }
        tcsetattr(&self.terminal, OptionalActions::Flush, &modes)
    }

    fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        self.restore();
    }
}

impl<'p> Silence<'p> {
    fn begin(prompt: &'p str, given: Given) -> Result<Self, Error> {
        let signals = HeldSignals::hold().map_err(unreadable)?;
        let terminal = std::io::stdin();
        let before = tcgetattr(&terminal).map_err(unreadable)?;
        let silence = Self { restoring: Restoring { terminal, before, given }, signals, prompt };
        silence.again().map_err(unreadable)?;
        Ok(silence)
    }

    fn again(&self) -> std::io::Result<()> {
        self.restoring.silence()?;
        show_person(self.prompt);
        Ok(())
    }

    fn line(&self, typed: &mut Typed) -> Result<End, Error> {
        loop {
            match self.key()? {
                Key::Again => typed.forget(),
                Key::End => return Ok(End::Input),
                Key::Byte(b'\n') => return Ok(End::Line),
                Key::Byte(byte) => typed.push(byte),
            }
        }
    }

    fn key(&self) -> Result<Key, Error> {
        loop {
            let mut ready = [
                PollFd::new(&self.restoring.terminal, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(unreadable(error)),
            }
            let [terminal, _] = ready.map(|ready| ready.revents());
            // Signals first: whatever the terminal gives after one was typed when echo may have been on.
            if self.obey()? {
                return Ok(Key::Again);
            }
            if !terminal.is_empty() {
                let mut byte = [0_u8];
                match rustix::io::read(&self.restoring.terminal, &mut byte) {
                    Ok(0) => return Ok(Key::End),
                    Ok(_) => return Ok(Key::Byte(std::mem::take(&mut byte[0]))),
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Err(error) => return Err(unreadable(error)),
                }
            }
        }
    }

    /// Delivers the signals that came; true if there were any, and the prompt was shown again. Ctrl-C is an error.
    fn obey(&self) -> Result<bool, Error> {
        let mut came = false;
        while let Some(held) = self.signals.next().map_err(unreadable)? {
            came = true;
            match held {
                Held::Interrupted => return Err(interrupted()),
                Held::Raised(number) => {
                    self.restoring.restore();
                    show_person("\n");
                    self.signals.deliver(number).map_err(unreadable)?;
                }
                Held::Continued => {}
            }
        }
        if came {
            // What was shown before the stop is not shown any more, and no part of the answer.
            tcflush(&self.restoring.terminal, QueueSelector::IFlush).map_err(unreadable)?;
            self.again().map_err(unreadable)?;
        }
        Ok(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_only_what_can_be_one_of_the_words_is_seen() {
        let words = ["yubikey:", "soft:", "done"];
        for seen in ["", "s", "soft:", "soft:/media/josé", "yubikey", "yubikey:1", "done"] {
            assert_eq!(seen_of(seen.as_bytes(), &words), seen);
        }
        for hidden in ["1", "s1", "soft1", "soft 1:", "done1", "donec:", "Soft:", " soft:", "d\u{f6}"] {
            assert_eq!(seen_of(hidden.as_bytes(), &words), "", "{hidden}");
        }
        // Half a character, and what would move the cursor.
        assert_eq!(seen_of(b"soft:jos\xc3", &words), "soft:jos");
        assert_eq!(seen_of(b"soft:\x1b[A", &words), "soft:\\u{1b}[A");
    }

    #[test]
    fn backspace_takes_one_character_and_nothing_of_a_line_that_is_too_long() {
        let mut typed = Typed::nothing().unwrap();
        "ab\u{e9}\u{5c71}".bytes().for_each(|byte| typed.push(byte));
        for left in ["ab\u{e9}", "ab", "a", "", ""] {
            typed.forget_last();
            assert_eq!(typed.so_far(), left.as_bytes());
        }
        (0..=LONGEST).for_each(|_| typed.push(b'a'));
        typed.forget_last();
        assert!(typed.ended(Ok(End::Line)).is_err());
    }
}
