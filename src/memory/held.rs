//! Signals that are held back while somebody types.
//!
//! A prompt that turned the terminal's echo off must turn it on again before a signal ends or stops the process, and off
//! again when it goes on. Nothing is handled and no disposition changes: the signals are blocked, read from a signalfd
//! (signalfd(2)), and delivered by hand once the terminal is as it was. What the process was started to ignore
//! (`nohup`, `trap '' INT`) stays ignored.
//!
//! Not held: SIGKILL and SIGSTOP, which nothing can hold. After a SIGSTOP the SIGCONT is seen; after a SIGKILL the terminal
//! stays without echo. Only the calling thread blocks: a second thread would take the signals of the process.
#![allow(unsafe_code, reason = "pthread_sigmask, signalfd and raise have no safe form")]

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

/// What ends or stops a process at its terminal, and what lets it go on.
const HELD: [libc::c_int; 6] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP, libc::SIGCONT];

/// A signal that was held back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// The process went on after it was stopped.
    Continued,
    /// Ctrl-C, where the process was not started to ignore it: it is to end, and may say first what it leaves.
    Interrupted,
    /// It is to end or to stop: this number.
    Raised(i32),
}

/// Holds the signals back until it is dropped. Those that came meanwhile are delivered then.
#[derive(Debug)]
pub struct HeldSignals {
    descriptor: OwnedFd,
    before: libc::sigset_t,
}

impl HeldSignals {
    /// From now on.
    ///
    /// # Errors
    /// Where the process may open no more descriptors.
    pub fn hold() -> io::Result<Self> {
        let held = set(&HELD)?;
        // SAFETY: the set is initialised; the call returns a new descriptor or -1.
        let descriptor = unsafe { libc::signalfd(-1, &held, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it, and nobody else has it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let before = mask(libc::SIG_BLOCK, &held)?;
        Ok(Self { descriptor, before })
    }

    /// The next one that came, if any.
    ///
    /// # Errors
    /// When the kernel gives no whole signal.
    pub fn next(&self) -> io::Result<Option<Held>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let length = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is as long as is said, and the descriptor is open.
        let read = unsafe { libc::read(self.descriptor.as_raw_fd(), info.as_mut_ptr().cast(), length) };
        match usize::try_from(read) {
            Ok(read) if read == length => {
                // SAFETY: all of it was written; it is plain numbers, for which each bit pattern is valid.
                let number = unsafe { info.assume_init() }.ssi_signo.cast_signed();
                Ok(Some(match number {
                    libc::SIGCONT => Held::Continued,
                    libc::SIGINT if !is_ignored(number)? => Held::Interrupted,
                    number => Held::Raised(number),
                }))
            }
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Lets a signal do what it does: the process ends, or stops and comes back from here when it is continued. One that
    /// is ignored does nothing.
    ///
    /// # Errors
    /// For a number that is not a signal.
    pub fn deliver(&self, number: i32) -> io::Result<()> {
        let one = set(&[number])?;
        // SAFETY: takes no pointer. The signal is blocked in this thread, and waits.
        if unsafe { libc::raise(number) } != 0 {
            return Err(io::Error::last_os_error());
        }
        mask(libc::SIG_UNBLOCK, &one)?;
        mask(libc::SIG_BLOCK, &one)?;
        Ok(())
    }
}

impl AsFd for HeldSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // With a mask that the kernel gave it does not fail.
        let _ = mask(libc::SIG_SETMASK, &self.before);
    }
}

/// Ends the process as Ctrl-C does where nothing holds it back, so that the shell's loop or script ends too.
pub fn end_as_interrupted() {
    // SAFETY: takes no pointer. Nothing handles the signal; where it is ignored, this does nothing.
    let _ = unsafe { libc::raise(libc::SIGINT) };
}

fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action only the present one is written, which is plain numbers.
    if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: written by the call.
    Ok(unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN)
}

fn set(signals: &[libc::c_int]) -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises all of it; sigaddset takes what is initialised.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            if libc::sigaddset(set.as_mut_ptr(), *signal) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(set.assume_init())
    }
}

/// Changes the mask of this thread; gives the one before.
fn mask(how: libc::c_int, signals: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both point to whole sets. pthread_sigmask gives its error as its result.
    match unsafe { libc::pthread_sigmask(how, signals, before.as_mut_ptr()) } {
        // SAFETY: written by the call.
        0 => Ok(unsafe { before.assume_init() }),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
