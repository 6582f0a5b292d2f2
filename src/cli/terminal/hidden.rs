//! A line that is typed, seen or not seen.
//!
//! Where it is not to be seen, the terminal's echo is off before the prompt appears, and on again on every way out: an answer, an error, Ctrl-C, a
//! signal that ends or stops the process. After a stop it is off again before the prompt is shown once more
//! (termios(3); `memory::held` has the signals). The kernel's line editing stays on, so that backspace works.
//!
//! What is typed is read byte by byte into locked memory. The kernel's own buffer of the terminal is not ours to wipe.

use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr},
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

/// Whether what is typed can be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// As the terminal has it.
    Shown,
    /// Where a PIN is typed, or the person may have one in mind.
    Hidden,
}

/// A line that is not seen; none at the end of the input.
pub fn line(prompt: &str) -> Result<Option<Pin>, Error> {
    typed(prompt, Echo::Hidden)
}

/// A line; none at the end of the input. After a stop the prompt is shown once more.
pub fn typed(prompt: &str, echo: Echo) -> Result<Option<Pin>, Error> {
    let stdin = std::io::stdin();
    let mut typed = Typed { bytes: LockedBytes::zeroed(LONGEST)?, length: 0 };
    let silence = Silence::begin(stdin.as_fd(), prompt, echo).map_err(unreadable)?;
    let ended = silence.read(&mut typed);
    drop(silence);
    match ended {
        Ok(End::Line) if typed.length > LONGEST => Err(unreadable("the line is too long")),
        Ok(End::Line) => {
            let line = typed.bytes.expose().get(..typed.length).unwrap_or_default();
            Ok(Some(Pin::copy_of(line)?))
        }
        Ok(End::Input) => {
            show_person("\n");
            Ok(None)
        }
        Err(error) => Err(unreadable(error)),
    }
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
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.expose_mut().get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1).min(LONGEST + 1);
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

/// A terminal that is asked at, without echo if need be, for as long as this lives. The fields are dropped in this order: signals that waited come to
/// a terminal that is as it was.
struct Silence<'t> {
    restoring: Restoring<'t>,
    signals: HeldSignals,
    prompt: &'t str,
}

struct Restoring<'t> {
    terminal: BorrowedFd<'t>,
    before: Termios,
    echo: Echo,
}

impl Restoring<'_> {
    /// What was typed ahead is dropped: it was seen already.
    fn silence(&self) -> rustix::io::Result<()> {
        if self.echo == Echo::Shown {
            return Ok(());
        }
        let mut modes = self.before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(self.terminal, OptionalActions::Flush, &modes)
    }

    fn restore(&self) {
        if self.echo == Echo::Shown {
            return;
        }
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

impl Drop for Restoring<'_> {
    fn drop(&mut self) {
        self.restore();
    }
}

impl<'t> Silence<'t> {
    fn begin(terminal: BorrowedFd<'t>, prompt: &'t str, echo: Echo) -> std::io::Result<Self> {
        let signals = HeldSignals::hold()?;
        let restoring = Restoring { terminal, before: tcgetattr(terminal)?, echo };
        let silence = Self { restoring, signals, prompt };
        silence.again()?;
        Ok(silence)
    }

    fn again(&self) -> std::io::Result<()> {
        self.restoring.silence()?;
        show_person(self.prompt);
        Ok(())
    }

    fn read(&self, typed: &mut Typed) -> std::io::Result<End> {
        loop {
            let mut ready = [
                PollFd::new(&self.restoring.terminal, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [terminal, _] = ready.map(|ready| ready.revents());
            // Signals first: whatever the terminal gives after one was typed when echo may have been on.
            if self.obey()? {
                typed.forget();
                continue;
            }
            if !terminal.is_empty() {
                let mut byte = [0_u8];
                match rustix::io::read(self.restoring.terminal, &mut byte) {
                    Ok(0) => return Ok(End::Input),
                    Ok(_) if byte == *b"\n" => return Ok(End::Line),
                    Ok(_) => typed.push(byte[0]),
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
                zeroize::Zeroize::zeroize(&mut byte);
            }
        }
    }

    /// Delivers the signals that came; true if there were any, and the prompt was shown again.
    fn obey(&self) -> std::io::Result<bool> {
        let mut came = false;
        while let Some(held) = self.signals.next()? {
            came = true;
            if let Held::Raised(number) = held {
                self.restoring.restore();
                show_person("\n");
                self.signals.deliver(number)?;
            }
        }
        if came {
            // What was shown before the stop is not shown any more, and no part of the answer.
            tcflush(self.restoring.terminal, QueueSelector::IFlush)?;
            self.again()?;
        }
        Ok(came)
    }
}
