//! The command `quorate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // hardening is applied by main before dispatch
    if std::env::args_os().nth(1).is_some_and(|verb| verb == quorate::pkcs11::WORKER_VERB) {
        return match quorate::pkcs11::worker_main() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(2),
        };
    }
    ExitCode::SUCCESS
}
