//! Standard output and standard error, written as a whole or not silently.
//!
//! The standard library keeps what it could not write, forgets it at exit, and takes a descriptor that is not ready
//! (O_NONBLOCK, inherited from whoever started us) for one that failed. Here each piece is written through at once; a
//! descriptor that is not ready is waited for; the first failure of each is remembered, and [`lost`] tells of it when the
//! command ends. A reader that went away (EPIPE) takes no more: that is not a failure, and not a reason to stop a ceremony.
//!
//! Not guaranteed: that what the kernel took reaches the disk.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// What became of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StreamState {
    Sound,
    Unread,
    /// It failed; nothing more is written to it, so that nobody takes the rest for the whole.
    Failed(Errno),
}

static STDOUT: Mutex<StreamState> = Mutex::new(StreamState::Sound);
static STDERR: Mutex<StreamState> = Mutex::new(StreamState::Sound);

pub fn to_stdout(bytes: &[u8]) {
    write(&STDOUT, io::stdout().as_fd(), bytes);
}

pub fn to_stderr(bytes: &[u8]) {
    write(&STDERR, io::stderr().as_fd(), bytes);
}

/// What could not be written, in a sentence; none if all was, or if whoever read it went away.
pub fn lost() -> Option<String> {
    let failed = |name: &str, condition: &Mutex<StreamState>| match *lock(condition) {
        StreamState::Failed(errno) => {
            let reason = crate::durable::reason(&io::Error::from(errno));
            Some(format!("not everything could be written to {name}: {reason}"))
        }
        StreamState::Sound | StreamState::Unread => None,
    };
    failed("standard output", &STDOUT).or_else(|| failed("standard error", &STDERR))
}

fn write(condition: &Mutex<StreamState>, descriptor: BorrowedFd<'_>, bytes: &[u8]) {
    let mut condition = lock(condition);
    if *condition == StreamState::Sound {
        *condition = match write_all(descriptor, bytes) {
            Ok(()) => StreamState::Sound,
            Err(Errno::PIPE) => StreamState::Unread,
            Err(errno) => StreamState::Failed(errno),
        };
    }
}

fn write_all(descriptor: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(descriptor, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(descriptor)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Until it takes more, or says by the next write why it never will.
fn wait(descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    match poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn lock(condition: &Mutex<StreamState>) -> MutexGuard<'_, StreamState> {
    condition.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, io::Read as _, os::fd::OwnedFd, thread};

    #[test]
    fn what_a_full_disk_does_not_take_is_remembered() {
        let condition = Mutex::new(StreamState::Sound);
        let full: OwnedFd = File::options().write(true).open("/dev/full").unwrap().into();
        write(&condition, full.as_fd(), b"a report");
        assert_eq!(*condition.lock().unwrap(), StreamState::Failed(Errno::NOSPC));
        // The rest is not written behind a gap.
        let null: OwnedFd = File::options().write(true).open("/dev/null").unwrap().into();
        write(&condition, null.as_fd(), b"more");
        assert_eq!(*condition.lock().unwrap(), StreamState::Failed(Errno::NOSPC));
    }

    #[test]
    fn a_pipe_that_is_not_ready_gets_all_of_it_and_one_that_is_closed_is_quiet() {
        let condition = Mutex::new(StreamState::Sound);
        // Not for the children of other tests, which would keep it open.
        let (read, write_end) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        rustix::io::ioctl_fionbio(&write_end, true).unwrap();
        let whole: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            File::from(read).take(400_000).read_to_end(&mut all).unwrap();
            all
        });
        write(&condition, write_end.as_fd(), &whole);
        assert!(reader.join().unwrap() == whole);
        assert_eq!(*condition.lock().unwrap(), StreamState::Sound);
        // A child of another test has the other end, too, from its fork until it runs a program of its own.
        for _ in 0..1000 {
            write(&condition, write_end.as_fd(), b"more");
            if *condition.lock().unwrap() == StreamState::Unread {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("a pipe that nobody reads still takes what is written");
    }
}
