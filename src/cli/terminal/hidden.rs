//! A line that is typed and not seen: a PIN, or what may be one, typed where something else is asked for.
//!
//! The terminal's echo is off before the prompt appears, and on again on every way out: an answer, an error, Ctrl-C, a
//! signal that ends or stops the process. After a stop it is off again before the prompt is shown once more
//! (termios(3); `memory::held` has the signals). The kernel's line editing stays on, so that backspace works.
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

/// What was typed where some words may be seen.
pub enum Begun {
    /// A word with a colon, which stands on the screen; what follows it is still to be typed.
    Word(String),
    /// A whole line: nothing of it stands there.
    Line(Pin),
}

/// Reads a line, or until one of these words that takes more, and so has a colon, is whole; none at the end of the input. A key shows as
/// long as it can belong to one of them: as soon as something else is typed, nothing shows any more.
pub fn begun(prompt: &str, words: &[&str]) -> Result<Option<Begun>, Error> {
    let mut typed = Typed::nothing()?;
    let mut word = String::new();
    let silence = Silence::begin(prompt, Given::Keys)?;
    let ended = loop {
        match silence.key() {
            Ok(Key::Again) => {
                typed.forget();
                word.clear();
            }
            Ok(Key::End) | Ok(Key::Byte(END_OF_INPUT)) if typed.length == 0 => break Ok(End::Input),
            Ok(Key::End | Key::Byte(b'\n')) => {
                rub_out(word.len());
                break Ok(End::Line);
            }
            Ok(Key::Byte(KILL)) => {
                typed.forget();
                rub_out(std::mem::take(&mut word).len());
            }
            Ok(Key::Byte(byte)) if ERASE.contains(&byte) && word.len() == typed.length => {
                if word.pop().is_some() {
                    typed.forget_last();
                    rub_out(1);
                }
            }
            Ok(Key::Byte(byte)) => {
                let longer = format!("{word}{}", char::from(byte));
                let shows =
                    word.len() == typed.length && words.iter().any(|known| known.starts_with(&longer));
                typed.push(byte);
                if shows {
                    show_person(&char::from(byte).to_string());
                    word = longer;
                    if word.ends_with(':') {
                        return Ok(Some(Begun::Word(word)));
                    }
                } else {
                    rub_out(std::mem::take(&mut word).len());
                }
            }
            Err(error) => break Err(error),
        }
    };
    drop(silence);
    Ok(typed.ended(ended)?.map(Begun::Line))
}

/// As the kernel does it (ECHOE).
fn rub_out(columns: usize) {
    show_person(&"\u{8} \u{8}".repeat(columns));
}

/// Has somebody else read at the terminal, with Ctrl-C as an error of theirs and not the end of the process.
pub fn interruptible<T>(read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let signals = HeldSignals::interrupt().map_err(unreadable)?;
    let done = read();
    match signals.next().map_err(unreadable)? {
        Some(Held::Interrupted) => Err(interrupted()),
        _ => done,
    }
}

/// Somebody pressed Ctrl-C at a prompt.
fn interrupted() -> Error {
    show_person("\n");
    Error::interrupted("interrupted: no answer was given", "run the same command again to go on")
}

/// The terminal failed.
pub fn unreadable(error: impl std::fmt::Display) -> Error {
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
            End::Line => Ok(Some(Pin::copy_of(self.bytes.expose().get(..self.length).unwrap_or_default())?)),
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

    fn forget_last(&mut self) {
        self.length = self.length.saturating_sub(1);
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
