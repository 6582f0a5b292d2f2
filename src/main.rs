//! The command `quorate`.

use std::process::ExitCode;

use quorate::{cli, memory, pkcs11};

fn main() -> ExitCode {
    // Before anything else, and in the child that loads a module too: no core dumps, no tracing, no new privileges.
    if let Err(error) = memory::harden() {
        return cli::unhardened(&error).into();
    }
    if std::env::args_os().nth(1).is_some_and(|verb| verb == pkcs11::WORKER_VERB) {
        return match pkcs11::worker_main() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(2),
        };
    }
    cli::main().into()
}
