//! Descriptors that must not reach the next program.
//!
//! What this process opens is close-on-exec already; what it was started with (`3<FILE` of a shell) is not.
#![allow(unsafe_code, reason = "close_range has no safe form: it names descriptors by number")]

use std::io;

/// Marks every descriptor from 3 on, but those in `kept`, to be closed when this process executes a program. None is
/// closed here and now, so that nobody's descriptor goes away under him.
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
