//! The worker's end of the line to its parent.

use std::{
    cell::{Cell, RefCell},
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use super::{
    fault::{CallResult, Fault},
    protocol::{self, Answer, Job, Message, SecretRole},
};
use crate::{
    memory::{CredentialSecret, Pin},
    ports::token::Progress,
};

/// The line. It is a duplicate of descriptor 0, a socket: what a module prints goes nowhere near it.
pub(super) struct ParentLink {
    stream: RefCell<UnixStream>,
    changing: Cell<bool>,
    in_module: Cell<Duration>,
    calls: Cell<u64>,
}

/// The secrets of a job, in locked memory.
#[derive(Default)]
pub(super) struct Secrets {
    pins: Vec<(SecretRole, Pin)>,
    backup_key: Option<CredentialSecret>,
}

impl Secrets {
    pub(super) fn pin(&self, role: SecretRole) -> Option<&Pin> {
        self.pins.iter().find(|(r, _)| *r == role).map(|(_, pin)| pin)
    }

    pub(super) fn need(&self, role: SecretRole) -> CallResult<&Pin> {
        self.pin(role).ok_or_else(|| {
            Fault::new("open", format!("no {role:?} was given"), "give every PIN that this operation needs")
        })
    }

    pub(super) fn need_backup_key(&self) -> CallResult<&CredentialSecret> {
        self.backup_key.as_ref().ok_or_else(|| {
            Fault::new("open", "no backup key was given", "give the backup key of this target")
        })
    }
}

impl ParentLink {
    /// The line on standard input.
    pub(super) fn inherited() -> io::Result<Self> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        // Anything but a socket is a person who typed the hidden verb.
        stream.peer_addr()?;
        Ok(Self {
            stream: RefCell::new(stream),
            changing: Cell::new(false),
            in_module: Cell::new(Duration::ZERO),
            calls: Cell::new(0),
        })
    }

    /// The job and its secrets.
    pub(super) fn receive(&self) -> io::Result<(Job, Secrets)> {
        let mut stream = self.stream.borrow_mut();
        let job: Job = protocol::read_json(&mut *stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut secrets = Secrets::default();
        for role in &job.secrets {
            let bytes = protocol::read_secret(&mut *stream)?;
            match role {
                SecretRole::BackupKey => secrets.backup_key = Some(CredentialSecret::new(bytes)),
                role => secrets.pins.push((*role, Pin::new(bytes))),
            }
        }
        Ok((job, secrets))
    }

    /// Says which function is called next. With the parent gone nothing more is called.
    pub(super) fn announce(&self, function: &str) -> CallResult<()> {
        self.send(&Message::Calling(function.to_owned()))
    }

    /// Says, once, that the next call may change the token.
    pub(super) fn changing(&self) -> CallResult<()> {
        if !self.changing.replace(true) {
            self.send(&Message::Changing)?;
        }
        Ok(())
    }

    /// Whether a changing call was announced.
    pub(super) fn has_changed(&self) -> bool {
        self.changing.get()
    }

    /// A call of the module, on the clock.
    pub(super) fn timed<T>(&self, call: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = call();
        self.in_module.set(self.in_module.get().saturating_add(begun.elapsed()));
        self.calls.set(self.calls.get().saturating_add(1));
        result
    }

    /// How much of the time was the module's.
    pub(super) fn spent(&self) -> Message {
        let micros = u64::try_from(self.in_module.get().as_micros()).unwrap_or(u64::MAX);
        Message::Spent { micros, calls: self.calls.get() }
    }

    /// Tells how far it has come.
    pub(super) fn progress(&self, what: &str, done: usize, total: usize) -> CallResult<()> {
        self.send(&Message::Progress { what: what.to_owned(), done, total })
    }

    /// Sends a message and waits for its answer.
    pub(super) fn ask(&self, message: &Message) -> CallResult<Answer> {
        self.send(message)?;
        match protocol::read_json(&mut *self.stream.borrow_mut()) {
            Ok(Some(answer)) => Ok(answer),
            _ => Err(gone()),
        }
    }

    pub(super) fn send(&self, message: &Message) -> CallResult<()> {
        protocol::write_json(&mut *self.stream.borrow_mut(), message).map_err(|_| gone())
    }
}

/// The next call finds out that the parent is gone, and is not made.
impl Progress for &ParentLink {
    fn step(&mut self, what: &str, done: usize, total: usize) {
        let _ = self.progress(what, done, total);
    }
}

fn gone() -> Fault {
    Fault::new("worker", "the parent process is gone", "run the same command again")
}
