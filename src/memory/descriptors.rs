//! Descriptors that this process was started with: what must not reach the next program, and what a person hands over.
//!
//! What this process opens is close-on-exec already; what it was started with (`3<FILE` of a shell) is not.
#![allow(unsafe_code, reason = "what names descriptors by number has no safe form")]

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

/// Marks every descriptor from 3 on, but those in `kept`, to be closed when this process executes a program. None is
/// closed here and now, so that nobody's descriptor goes away under them.
///
/// # Errors
/// When the kernel is older than Linux 5.11, or a filter of system calls forbids it.
pub fn close_on_exec_but(kept: &[u32]) -> io::Result<()> {
    let mut kept: Vec<u32> = kept.iter().copied().filter(|number| *number >= 3).collect();
    kept.sort_unstable();
    let mut first = 3;
    for number in kept {
        if number > first {
            mark(first, number - 1)?;
        }
        first = first.max(number.saturating_add(1));
    }
    mark(first, u32::MAX)
}

fn mark(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: the call takes no pointer, and with this flag it closes nothing: it sets a flag of descriptors.
    let result = unsafe {
        libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC as libc::c_uint)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A second descriptor of what this process was started with as `number`. Both have one position: what is read here is
/// not read again by another holder. It is not opened again, so rights to the file behind it are not asked for, and a
/// socket will do.
///
/// # Errors
/// When there is none, or when it is one that this process opened itself: those are all close-on-exec, and what was
/// handed over by whoever started this process cannot be.
pub fn handed_over(number: u32) -> io::Result<OwnedFd> {
    let absent = || io::Error::from_raw_os_error(libc::EBADF);
    let number = i32::try_from(number).map_err(|_| absent())?;
    // SAFETY: neither call takes a pointer, and a number that is not open is an error and nothing else.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(absent());
    }
    // SAFETY: as above.
    let second = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if second < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made it, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(second) })
}
