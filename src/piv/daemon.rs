//! Why libpcsclite reaches no smart card service: it says "no service" of one that does not run and of one that runs and
//! turns this user away (polkit) alike.

use std::{
    io::{self, Read as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use crate::ports::card::NoService;

/// Where pcscd listens, unless the environment says otherwise, as libpcsclite has it.
const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// A pcscd that turns somebody away does it at once; one that serves waits for a message.
const PATIENCE: Duration = Duration::from_millis(700);

/// Knocks at its socket.
pub(super) fn why() -> NoService {
    let path = std::env::var_os("PCSCLITE_CSOCK_NAME").map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
    match UnixStream::connect(path) {
        Ok(stream) => answer(stream),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => NoService::Closed,
        Err(_) => NoService::Mute,
    }
}

fn answer(mut stream: UnixStream) -> NoService {
    if stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return NoService::Mute;
    }
    match stream.read(&mut [0; 1]) {
        Ok(0) => NoService::Refuses,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => NoService::Refuses,
        _ => NoService::Mute,
    }
}
