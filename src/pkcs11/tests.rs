//! The adapter against SoftHSM 2, checked with `pkcs11-tool`, and against a module that misbehaves.

#[path = "../../tests/suite/support/softhsm.rs"]
#[allow(dead_code)]
mod softhsm;

mod administering;
mod attributes;
mod backup;
mod delete;
mod faults;
mod install;
mod others;
mod proofs;
mod reset;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use softhsm::{FaultyModule, MODULE, SO_PIN, SoftHsm, TIME_LIMIT, USER_PIN};

use super::{AbsentTokens, Meter, Pkcs11Settings, Pkcs11Token, Select};
use crate::{
    approval::authorization::Authorization,
    encoding::text::Name,
    memory::Pin,
    ports::token::{Attempt, Condition, Installation, Reset, Silent, Target as _, Token, TokenError},
    proposal::target::{Inventory, ObjectRecord},
};

fn name() -> Name {
    Name::new("hsm").unwrap()
}

fn right() -> Authorization {
    Authorization::for_test(name())
}

fn pin(text: &str) -> Pin {
    Pin::copy_of(text.as_bytes()).unwrap()
}

fn by_label(label: &str) -> Select {
    Select::Label { label: label.to_owned() }
}

/// Names this program to `worker.sh`.
const WORKER: &str = "QUORATE_TEST_WORKER";

/// Unit tests have no `quorate` beside them: another build of it, by another hand, would be tested instead of this code. The
/// worker is this very program, started again by a script for one test, with the line as its standard input.
fn worker() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pkcs11/tests/worker.sh")
}

fn this_program() -> (String, String) {
    (WORKER.to_owned(), std::env::current_exe().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_worker_ends_with_an_error_where_nobody_gives_it_a_job() {
    if std::env::var_os(WORKER).is_some() {
        return super::worker_main().unwrap();
    }
    let mut command = Command::new(worker());
    let ended = command.envs([this_program()]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert_eq!(ended.unwrap().code(), Some(101));
}

fn settings(hsm: &SoftHsm, module: &Path, select: Select) -> Pkcs11Settings {
    Pkcs11Settings {
        module: module.to_str().unwrap().parse().unwrap(),
        select,
        time_limit: TIME_LIMIT,
        module_sha256: None,
        environment: hsm.environment().into_iter().chain([this_program()]).collect(),
        meter: Meter::default(),
        waited: AbsentTokens::default(),
        worker: Some(worker()),
    }
}

fn token(hsm: &SoftHsm, select: Select) -> Pkcs11Token {
    Pkcs11Token::open(name(), settings(hsm, &PathBuf::from(MODULE), select)).unwrap()
}

fn faulty_token(hsm: &SoftHsm, module: &FaultyModule, select: Select) -> Pkcs11Token {
    Pkcs11Token::open(name(), settings(hsm, &module.path, select)).unwrap()
}

fn faulty(hsm: &SoftHsm) -> FaultyModule {
    FaultyModule::compile(hsm.dir.path())
}

fn labelled(inventory: &Inventory, label: &str) -> Vec<ObjectRecord> {
    inventory.objects.iter().filter(|o| o.label.as_str() == label).cloned().collect()
}

fn install(
    token: &mut Pkcs11Token,
    run: Attempt,
    condition: Condition<'_>,
    so: Option<&str>,
    user: Option<&str>,
) -> Result<(), TokenError> {
    let (so, user) = (so.map(pin), user.map(pin));
    let installation = Installation { run, condition, new_so_pin: so.as_ref(), new_user_pin: user.as_ref() };
    token.install(right(), &installation)
}

fn reset(
    token: &mut Pkcs11Token,
    run: Attempt,
    so: &str,
    label: &str,
    new_so: &str,
) -> Result<(), TokenError> {
    let (so_pin, new_so_pin, new_user_pin) = (pin(so), pin(new_so), pin("user-after-reset"));
    let reset = Reset {
        run,
        so_pin: &so_pin,
        new_label: &label.parse().unwrap(),
        new_so_pin: &new_so_pin,
        new_user_pin: &new_user_pin,
    };
    token.reset(right(), &reset)
}
