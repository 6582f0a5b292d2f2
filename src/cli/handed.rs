//! What a person hands over beforehand: PINs and secrets in files and open descriptors.
//!
//! A PIN is a line and is looked at before anything gets it: what cannot be a PIN would cost a try. A secret is bytes,
//! all of them.

use std::{
    io::{self, Read as _},
    os::fd::AsFd as _,
    path::Path,
};

use rustix::event::{PollFd, PollFlags, poll};
use zeroize::Zeroizing;

use crate::{
    ceremony::Error,
    durable,
    encoding::{pin_text, text},
    memory::{CredentialSecret, Pin, descriptors},
    proposal::credential::MAX_SECRET,
};

/// Longest file with a PIN, and longest line of a descriptor.
const MAX_PIN_FILE: usize = 4096;

/// One line of an open descriptor, from its position on. What follows the line stays where it is.
pub fn pin_from_descriptor(number: u32) -> Result<Pin, Error> {
    let shown = format!("descriptor {number}");
    let line = read_line(number).map_err(|e| unreadable_descriptor(number, &e))?;
    pin_from_line(&shown, &line)
}

/// The first line of a file, or of the descriptor that a path such as `/dev/fd/3` names.
pub fn pin_from_file(path: &Path) -> Result<Pin, Error> {
    if let Some(number) = named_descriptor(path) {
        return pin_from_descriptor(number);
    }
    let shown = text::printable(&path.to_string_lossy());
    let bytes = durable::read_limited(path, MAX_PIN_FILE).map(Zeroizing::new).map_err(|e| {
        let hint = match e.kind() {
            io::ErrorKind::InvalidInput => {
                "give a file with the PIN on its first line; give a pipe with --pin-fd N, for example --pin-fd 3 3<PIPE"
            }
            _ => "give a file with the PIN on its first line",
        };
        Error::problem(format!("the PIN cannot be read from {shown}: {}", durable::reason(&e)), hint)
    })?;
    pin_from_line(&shown, bytes.split(|b| *b == b'\n').next().unwrap_or_default())
}

/// All bytes of a file, or of the descriptor that a path such as `/dev/fd/3` names.
pub fn secret_from_file(path: &Path) -> Result<CredentialSecret, Error> {
    let shown = text::printable(&path.to_string_lossy());
    let unreadable = |e: io::Error| {
        Error::problem(format!("{shown}: {}", durable::reason(&e)), "check the file's name and rights")
    };
    let bytes = match named_descriptor(path) {
        Some(number) => read_all(number),
        None => durable::read_limited(path, MAX_SECRET).map(Zeroizing::new),
    };
    Ok(CredentialSecret::copy_of(&bytes.map_err(unreadable)?)?)
}

/// The number of a path that is another name of a descriptor: a shell gives `<(command)` as one of them, and opening it
/// again needs rights that its reader need not have.
fn named_descriptor(path: &Path) -> Option<u32> {
    let path = path.to_str()?;
    if path == "/dev/stdin" {
        return Some(0);
    }
    let number = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|start| path.strip_prefix(start))?;
    number.parse().ok()
}

fn unreadable_descriptor(number: u32, error: &io::Error) -> Error {
    let absent = error.raw_os_error() == Some(rustix::io::Errno::BADF.raw_os_error());
    let reason = if absent { "it is not open for reading".into() } else { durable::reason(error) };
    let hint = match error.kind() {
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => {
            "give a file or a pipe, for example --pin-fd 3 3<FILE; to type the PIN, leave --pin-fd out"
        }
        _ => "open it for reading, for example 3<FILE with --pin-fd 3",
    };
    Error::problem(format!("the PIN cannot be read from descriptor {number}: {reason}"), hint)
}

/// Reads byte by byte: what was read of a pipe cannot be put back.
fn read_line(number: u32) -> io::Result<Zeroizing<Vec<u8>>> {
    let descriptor = descriptors::handed_over(number)?;
    if rustix::termios::isatty(&descriptor) {
        // It would show what is typed.
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a terminal, which shows what is typed",
        ));
    }
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PIN_FILE.saturating_add(1)));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        match rustix::io::read(&descriptor, &mut *byte) {
            Ok(0) => return Ok(line),
            Ok(_) if *byte == *b"\n" => return Ok(line),
            Ok(_) if line.len() >= MAX_PIN_FILE => {
                let reason = format!("more than {MAX_PIN_FILE} bytes without the end of a line");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
            }
            Ok(_) => line.extend_from_slice(&*byte),
            Err(rustix::io::Errno::INTR) => {}
            // A pipe that another program set to be non-blocking has nothing yet.
            Err(rustix::io::Errno::AGAIN) => {
                poll(&mut [PollFd::from_borrowed_fd(descriptor.as_fd(), PollFlags::IN)], None)?;
            }
            Err(e) => return Err(e.into()),
        }
    }
}

fn read_all(number: u32) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = std::fs::File::from(descriptors::handed_over(number)?);
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET.saturating_add(1)));
    file.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_SECRET {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_SECRET} bytes")));
    }
    Ok(bytes)
}

/// A line without its end as a PIN.
fn pin_from_line(shown: &str, line: &[u8]) -> Result<Pin, Error> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        let hint = "put the PIN there, and nothing else";
        return Err(Error::usage(format!("{shown} has no PIN on its first line"), hint));
    }
    check(shown, line)?;
    Ok(Pin::copy_of(line)?)
}

/// Refuses what cannot be a PIN, before it costs a try.
pub fn check(shown: &str, pin: &[u8]) -> Result<(), Error> {
    pin_text::check(pin).map_err(|flaw| {
        Error::usage(
            format!("{shown}: this cannot be a PIN: {flaw}"),
            format!("{}; no try was spent", flaw.hint()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_descriptors_are_known() {
        for (path, number) in [
            ("/dev/fd/63", Some(63)),
            ("/proc/self/fd/3", Some(3)),
            ("/dev/stdin", Some(0)),
            ("/dev/fd/", None),
            ("/dev/fd/x", None),
            ("pin", None),
        ] {
            assert_eq!(named_descriptor(Path::new(path)), number, "{path}");
        }
    }
}
