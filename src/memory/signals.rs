//! The signal that would end a ceremony between an act and its record.
//!
//! A write beyond RLIMIT_FSIZE raises SIGXFSZ, whose default is to end the process. With a handler the write fails with EFBIG
//! instead, which is reported like a full disk. A handler and not SIG_IGN: execve(2) resets the first and hands on the second,
//! and a program that is run for a quorum gets its signals as it knows them.
#![allow(unsafe_code, reason = "sigaction has no safe form")]

use std::io;

/// Has writes beyond the limit on the size of files fail instead of ending the process.
pub fn survive_file_limit() -> io::Result<()> {
    // SAFETY: all-zero is a valid sigaction: integers, an empty mask, no flags and no handler yet.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = noted;
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the pointer is to a sigaction that outlives the call; the handler touches nothing.
    let result = unsafe { libc::sigaction(libc::SIGXFSZ, &raw const action, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What failed says so by itself.
extern "C" fn noted(_signal: libc::c_int) {}
