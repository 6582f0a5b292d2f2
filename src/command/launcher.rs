//! The last step before a program: a session of its own, a terminal if it gets one, no descriptor too many, and then the
//! program takes this process's place.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::Command,
};

use rustix::process::{Signal, getppid, ioctl_tiocsctty, set_parent_process_death_signal, setsid};

use crate::memory::descriptors;

/// The hidden verb of the process that becomes a program.
pub const LAUNCHER_VERB: &str = "program-launcher";

/// The launcher's own arguments, before the program's: none of them is secret.
pub(super) fn orders(terminal: bool, image: &OwnedFd, tells: &OwnedFd, handed: &[OwnedFd]) -> Vec<String> {
    let mut orders = vec![std::process::id().to_string()];
    orders.push(if terminal { "terminal" } else { "pipe" }.to_owned());
    orders.extend([image, tells].map(|d| d.as_raw_fd().to_string()));
    orders.push(handed.len().to_string());
    orders.extend(handed.iter().map(|d| d.as_raw_fd().to_string()));
    orders
}

/// Runs as the launcher. It returns only if the program was not executed; the reason goes to the supervisor.
pub fn launcher_main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(2);
    let mut next = || arguments.next().ok_or(io::ErrorKind::InvalidInput);
    let supervisor = number(&next()?)?;
    let terminal = next()? == "terminal";
    let image = number(&next()?)?;
    let tells = number(&next()?)?;
    let count = number(&next()?)?;
    let kept = (0..count).map(|_| number(&next()?)).collect::<io::Result<Vec<u32>>>()?;
    let name = next()?;
    // Opened again it is closed when the program is executed, which says that it was.
    let mut report = OpenOptions::new().write(true).open(format!("/proc/self/fd/{tells}"))?;
    let error = match prepare(supervisor, terminal, &kept) {
        Ok(()) => Command::new(format!("/proc/self/fd/{image}")).arg0(name).args(arguments).exec(),
        Err(error) => error,
    };
    report.write_all(error.to_string().as_bytes())?;
    Err(error)
}

fn number(text: &str) -> io::Result<u32> {
    text.parse().map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn prepare(supervisor: u32, terminal: bool, kept: &[u32]) -> io::Result<()> {
    setsid()?;
    if terminal {
        ioctl_tiocsctty(io::stdin())?;
    }
    // If the supervisor dies, so does the program.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // That it had died before sends no signal.
    if getppid().and_then(|parent| u32::try_from(parent.as_raw_pid()).ok()) != Some(supervisor) {
        return Err(io::Error::other("the process that watches it has ended"));
    }
    descriptors::close_on_exec_but(kept)
}
