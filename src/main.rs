//! The command `quorate`.

use std::process::ExitCode;

use quorate::{cli, command, memory, pkcs11};

fn main() -> ExitCode {
    // Before anything else, and in the child that loads a module too: no core dumps, no tracing, no new privileges.
    if let Err(error) = memory::harden() {
        return cli::unhardened(&error).into();
    }
    // The verbs that no person types: the child that loads a module, and the two processes before a program.
    let verb = std::env::args_os().nth(1);
    let hidden = match verb.as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(pkcs11::WORKER_VERB) => pkcs11::worker_main,
        Some(command::SUPERVISOR_VERB) => command::supervisor_main,
        Some(command::LAUNCHER_VERB) => command::launcher_main,
        _ => {
            let exit = cli::main();
            if exit == cli::Exit::Interrupted {
                memory::held::end_as_interrupted();
            }
            return exit.into();
        }
    };
    match hidden() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}
