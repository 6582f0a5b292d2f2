//! The shared algorithms through a module: their calls, as the module sees them.

use super::*;
use crate::{
    administration::tests::{CHANGE_BY_USER, DELETION, INITIALISATION, NOTED, RESET, TAKE_OVER},
    ports::token::PinChange,
};

/// The calls that are noted, where several searches in a row count as one.
fn noted(module: &FaultyModule) -> Vec<String> {
    let log = std::fs::read_to_string(format!("{}.log", module.path.display())).unwrap();
    let mut calls: Vec<String> = Vec::new();
    for call in log.lines().filter(|call| NOTED.contains(call)) {
        if call != "C_FindObjects" || calls.last().is_none_or(|last| last != call) {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// At the end another process looks at the token.
fn then_looked_at(calls: &[&str]) -> Vec<String> {
    calls.iter().chain(&["C_FindObjects"]).map(|call| (*call).to_owned()).collect()
}

#[test]
fn each_algorithm_makes_its_calls_in_order() {
    let hsm = SoftHsm::new();
    let module = faulty(&hsm);
    let (so, new_so, user) = (pin(SO_PIN), pin("so-pin-2"), pin(USER_PIN));
    let mut token = faulty_token(&hsm, &module, Select::EmptySlot { slot: None });
    install(
        &mut token,
        Attempt::First,
        Condition::Empty { label: &"ca".parse().unwrap() },
        Some(SO_PIN),
        Some(USER_PIN),
    )
    .unwrap();
    assert_eq!(noted(&module), then_looked_at(INITIALISATION));

    module.behave();
    let condition = Condition::InUse { present_so_pin: Some(&so) };
    install(&mut token, Attempt::First, condition, Some("so-pin-2"), Some(USER_PIN)).unwrap();
    assert_eq!(noted(&module), then_looked_at(TAKE_OVER));

    hsm.make_key("ca", "EC:prime256v1", "old", "01");
    let pair = token.inventory(&user).unwrap().objects;
    module.behave();
    token.delete(right(), &user, &pair, Attempt::First, &mut Silent).unwrap();
    assert_eq!(noted(&module), DELETION);

    module.behave();
    let (authorized, new) = (right().for_pins(), pin("user-pin-2"));
    token.change_pins(&authorized, &PinChange::ByUser { present: &user, new: &new }).unwrap();
    assert_eq!(noted(&module), CHANGE_BY_USER);
    assert!(hsm.can_log_in("ca", "user", "user-pin-2"));

    module.behave();
    let reset = Reset {
        run: Attempt::First,
        so_pin: &new_so,
        new_label: &"ca-2".parse().unwrap(),
        new_so_pin: &so,
        new_user_pin: &user,
    };
    token.reset(right(), &reset).unwrap();
    assert_eq!(noted(&module), then_looked_at(RESET));
}
