//! Installation: empty tokens, tokens in use, and after crashes.

use super::*;
use crate::{ports::cause::Cause, ports::token::Effect, proposal::target::Tries};

const NEW_SO: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NEW_USER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

fn in_use(present: &Pin) -> Condition<'_> {
    Condition::InUse { present_so_pin: Some(present) }
}

/// Makes an empty token the quorum's, with both new PINs.
fn initialise(token: &mut Pkcs11Token, run: Attempt, label: &str) -> Result<(), TokenError> {
    install(token, run, Condition::Empty { label: &label.parse().unwrap() }, Some(NEW_SO), Some(NEW_USER))
}

/// The same for a token in use.
fn take_over(token: &mut Pkcs11Token, run: Attempt, present: &Pin) -> Result<(), TokenError> {
    install(token, run, in_use(present), Some(NEW_SO), Some(NEW_USER))
}

#[test]
fn an_empty_slot_becomes_a_token_with_both_new_pins() {
    let hsm = SoftHsm::new();
    let mut token = token(&hsm, Select::EmptySlot { slot: None });
    assert!(!token.observe().unwrap().initialised);
    initialise(&mut token, Attempt::First, "root").unwrap();
    assert!(hsm.can_log_in("root", "so", NEW_SO) && hsm.can_log_in("root", "user", NEW_USER));
    let observed = token.observe().unwrap();
    assert!(observed.initialised && observed.user_pin_set);
    assert_eq!(observed.identity.serial.as_str(), hsm.serial("root"));
    assert_eq!(
        token.selected(),
        &Select::Serial { serial: hsm.serial("root"), label: "root".to_owned() },
        "an empty slot is not looked for any more"
    );
}

#[test]
fn a_label_that_is_taken_is_refused_before_anything() {
    let hsm = SoftHsm::with_token("root");
    let mut token = token(&hsm, Select::EmptySlot { slot: None });
    let error = initialise(&mut token, Attempt::First, "root").unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert!(hsm.can_log_in("root", "so", SO_PIN));
    // A token in use is never initialised by an installation on an empty one.
    let mut token = super::token(&hsm, by_label("root"));
    let error = initialise(&mut token, Attempt::First, "other").unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert!(error.message.contains("is initialised"), "{error}");
}

#[test]
fn a_crash_between_the_calls_is_taken_up_again() {
    for (function, nth, kind) in
        [("C_InitToken", 1, "crash-after"), ("C_InitPIN", 1, "crash"), ("C_InitPIN", 1, "crash-after")]
    {
        let hsm = SoftHsm::new();
        let module = faulty(&hsm);
        let mut token = faulty_token(&hsm, &module, Select::EmptySlot { slot: None });
        module.order(function, nth, kind);
        let error = initialise(&mut token, Attempt::First, "root").unwrap_err();
        assert_eq!(error.effect, Effect::Unknown, "{error}");
        assert!(error.message.contains("signal 11") && error.message.contains(function), "{error}");
        module.behave();
        let mut token = faulty_token(&hsm, &module, Select::EmptySlot { slot: None });
        initialise(&mut token, Attempt::Resumed, "root").unwrap();
        assert!(hsm.can_log_in("root", "so", NEW_SO) && hsm.can_log_in("root", "user", NEW_USER));
    }
}

#[test]
fn an_error_that_follows_a_done_initialisation_is_seen_through() {
    let hsm = SoftHsm::new();
    let module = faulty(&hsm);
    let mut token = faulty_token(&hsm, &module, Select::EmptySlot { slot: None });
    module.order("C_InitToken", 1, "late-error");
    initialise(&mut token, Attempt::First, "root").unwrap();
    assert!(hsm.can_log_in("root", "user", NEW_USER));
    // And one that did nothing is known to have done nothing.
    let mut token = faulty_token(&hsm, &module, Select::EmptySlot { slot: None });
    module.order("C_InitToken", 1, "error");
    let error = initialise(&mut token, Attempt::First, "two").unwrap_err();
    assert_eq!((error.effect, &error.cause), (Effect::None, &Cause::DeviceError), "{error}");
}

#[test]
fn a_token_in_use_is_taken_over_and_keeps_its_objects() {
    let hsm = SoftHsm::with_token("ca");
    hsm.make_key("ca", "EC:prime256v1", "root", "01");
    let mut token = token(&hsm, Select::Serial { serial: hsm.serial("ca"), label: "ca".to_owned() });
    let present = pin(SO_PIN);
    take_over(&mut token, Attempt::First, &present).unwrap();
    assert!(!hsm.can_log_in("ca", "so", SO_PIN) && !hsm.can_log_in("ca", "user", USER_PIN));
    assert!(hsm.can_log_in("ca", "so", NEW_SO));
    assert_eq!(hsm.count("ca", NEW_USER, "root"), 2);
    // Again after a crash: the new PIN holds, which is no error.
    take_over(&mut token, Attempt::Resumed, &present).unwrap();
    assert!(hsm.can_log_in("ca", "user", NEW_USER));
}

#[test]
fn after_a_crash_the_present_pin_is_tried_first_then_the_new_one() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    let mut token = faulty_token(&hsm, &module, by_label("ca"));
    let present = pin(SO_PIN);
    module.order("C_SetPIN", 1, "crash");
    let error = take_over(&mut token, Attempt::First, &present).unwrap_err();
    assert_eq!(error.effect, Effect::Unknown);
    module.behave();
    take_over(&mut token, Attempt::Resumed, &present).unwrap();
    // Present (right), then the proof of both new ones.
    assert_eq!(module.calls("C_Login"), 3);
    module.behave();
    take_over(&mut token, Attempt::Resumed, &present).unwrap();
    // Present (wrong by now), new (right), then the proof.
    assert_eq!(module.calls("C_Login"), 4);
    module.behave();
    let set = Condition::InUse { present_so_pin: None };
    install(&mut token, Attempt::Resumed, set, Some(NEW_SO), Some(NEW_USER)).unwrap();
    assert_eq!(module.calls("C_Login"), 3);
    assert!(hsm.can_log_in("ca", "so", NEW_SO) && hsm.can_log_in("ca", "user", NEW_USER));
}

#[test]
fn only_the_user_pin_is_set_where_the_quorum_keeps_out_of_the_so_pin() {
    let hsm = SoftHsm::with_token("ca");
    let present = pin(SO_PIN);
    install(&mut token(&hsm, by_label("ca")), Attempt::First, in_use(&present), None, Some(NEW_USER))
        .unwrap();
    assert!(hsm.can_log_in("ca", "so", SO_PIN) && hsm.can_log_in("ca", "user", NEW_USER));
}

#[test]
fn a_wrong_present_pin_costs_one_try_and_no_more() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    let mut token = faulty_token(&hsm, &module, by_label("ca"));
    let wrong = pin("not-the-so-pin");
    let error = take_over(&mut token, Attempt::First, &wrong).unwrap_err();
    assert_eq!((error.cause, error.effect), (Cause::PinIncorrect, Effect::None));
    assert!(error.hint.contains("tried once and not again"), "{}", error.hint);
    assert_eq!(module.calls("C_Login"), 1);
    assert_eq!(token.observe().unwrap().so_tries, Tries::Low);
    assert!(hsm.can_log_in("ca", "so", SO_PIN));
}

#[test]
fn a_pin_that_the_token_cannot_take_is_refused_before_anything() {
    let hsm = SoftHsm::new();
    let mut token = token(&hsm, Select::EmptySlot { slot: None });
    let long = "9".repeat(300);
    let error = install(
        &mut token,
        Attempt::First,
        Condition::Empty { label: &"x".parse().unwrap() },
        Some(&long),
        Some(NEW_USER),
    )
    .unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert!(error.message.contains("takes 4 to 255"), "{error}");
}
