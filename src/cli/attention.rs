//! Tells a card's holder what the card waits for: on standard error, before the call that blocks, and again while it does.

use std::{
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::terminal::Terminal;
use crate::{
    encoding::text::Line,
    ports::card::{Attention, Contact, Waiting, Work},
};

/// An answer that takes longer has a reason that should be told.
const PATIENCE: Duration = Duration::from_secs(4);

/// After a touch was asked for, it is asked for again.
const REMINDER: Duration = Duration::from_secs(5);

/// Enough to print a line.
const STACK: usize = 128 * 1024;

/// Prompts on the terminal. A thread repeats them until the card answers.
pub struct CardPrompts {
    terminal: Terminal,
    reminder: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl CardPrompts {
    pub fn new(terminal: Terminal) -> Self {
        Self { terminal, reminder: Mutex::new(None) }
    }

    fn remind(&self, reminder: String, after: Duration) {
        let terminal = self.terminal;
        let (answered, wait) = mpsc::channel();
        let repeat = move || {
            while wait.recv_timeout(after) == Err(RecvTimeoutError::Timeout) {
                terminal.notice(&reminder);
            }
        };
        // All memory is locked, and of that a user has little: without room for the stack there is no reminder.
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(repeat);
        *self.reminder.lock().unwrap_or_else(PoisonError::into_inner) =
            thread.ok().map(|thread| (answered, thread));
    }
}

impl Attention for CardPrompts {
    fn begin(&self, serial: &Line, waiting: Waiting) {
        match waiting {
            Waiting::Answer => self.remind(
                format!("Still waiting for card {serial} to answer: another program may be using it (gpg's ends with 'gpgconf --kill scdaemon')."),
                PATIENCE,
            ),
            Waiting::KeyGeneration => {
                self.remind(format!("Card {serial} is making a key; that takes some seconds."), PATIENCE);
            }
            Waiting::Touch { number, of, work, contact } => {
                let purpose = match work {
                    Work::Sign => "it signs",
                    Work::Open => "it opens what is sealed to it",
                    Work::Manage => "it checks its management key, which requires a touch",
                };
                let how = match contact {
                    Contact::Usb => "Its light blinks until you do.",
                    Contact::Field => "In the field of an NFC reader, take it off and put it back.",
                };
                self.terminal
                    .notice(&format!("Touch card {serial} now ({number} of {of}: {purpose}). {how}"));
                self.remind(
                    format!("Card {serial} still waits for your touch ({number} of {of})."),
                    REMINDER,
                );
            }
        }
    }

    fn end(&self) {
        let reminder = self.reminder.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((answered, thread)) = reminder {
            drop(answered);
            // It only prints; if it could not, there is nobody to tell.
            let _ = thread.join();
        }
    }
}
