//! Reset, and after crashes.

use super::*;
use crate::ports::{cause::Cause, token::Effect};

fn filled() -> SoftHsm {
    let hsm = SoftHsm::with_token("ca");
    hsm.make_key("ca", "EC:prime256v1", "root", "01");
    hsm
}

#[test]
fn objects_go_and_label_and_pins_are_new() {
    for new_so in [SO_PIN, "so-after-reset"] {
        let hsm = filled();
        let mut token = token(&hsm, Select::Serial { serial: hsm.serial("ca"), label: "ca".to_owned() });
        reset(&mut token, Attempt::First, SO_PIN, "ca-2", new_so).unwrap();
        assert!(hsm.can_log_in("ca-2", "so", new_so) && hsm.can_log_in("ca-2", "user", "user-after-reset"));
        assert_eq!(hsm.count("ca-2", "user-after-reset", "root"), 0);
        assert_eq!(token.observe().unwrap().identity.label.as_str(), "ca-2");
        // Run again, it finds its work done.
        reset(&mut token, Attempt::Resumed, SO_PIN, "ca-2", new_so).unwrap();
    }
}

#[test]
fn a_wrong_so_pin_destroys_nothing_and_is_known_to() {
    let hsm = filled();
    let mut token = token(&hsm, by_label("ca"));
    let error = reset(&mut token, Attempt::First, "not-the-so-pin", "ca-2", SO_PIN).unwrap_err();
    assert_eq!((&error.cause, error.effect), (&Cause::PinIncorrect, Effect::None), "{error}");
    assert_eq!(hsm.count("ca", USER_PIN, "root"), 2);
}

#[test]
fn every_crash_is_taken_up_again() {
    let points = [
        ("C_InitToken", 1, "crash"),
        ("C_InitToken", 1, "crash-after"),
        ("C_SetPIN", 1, "crash"),
        ("C_SetPIN", 1, "crash-after"),
        ("C_InitPIN", 1, "crash"),
        ("C_InitPIN", 1, "crash-after"),
    ];
    for (function, nth, kind) in points {
        let hsm = filled();
        let module = faulty(&hsm);
        let by_serial = Select::Serial { serial: hsm.serial("ca"), label: "ca".to_owned() };
        let mut token = faulty_token(&hsm, &module, by_serial.clone());
        module.order(function, nth, kind);
        let error = reset(&mut token, Attempt::First, SO_PIN, "ca-2", "so-after-reset").unwrap_err();
        assert_eq!(error.effect, Effect::Unknown, "{function} {kind}: {error}");
        module.behave();
        let mut token = faulty_token(&hsm, &module, by_serial);
        reset(&mut token, Attempt::Resumed, SO_PIN, "ca-2", "so-after-reset")
            .unwrap_or_else(|e| panic!("{function} {kind}: {e}"));
        assert!(hsm.can_log_in("ca-2", "so", "so-after-reset"));
        assert!(hsm.can_log_in("ca-2", "user", "user-after-reset"));
        assert_eq!(hsm.count("ca-2", "user-after-reset", "root"), 0);
    }
}

#[test]
fn a_new_label_that_is_taken_is_refused() {
    let hsm = filled();
    hsm.init_token("taken");
    let error = reset(&mut token(&hsm, by_label("ca")), Attempt::First, SO_PIN, "taken", SO_PIN).unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert_eq!(hsm.count("ca", USER_PIN, "root"), 2);
}

/// What has the new label while the old token is there is another token, and loses no try.
#[test]
fn a_stranger_with_the_new_label_is_presented_no_pin() {
    let hsm = SoftHsm::with_token("ca");
    let (label, serial) = ("ca".to_owned(), hsm.serial("ca"));
    let mut token = token(&hsm, Select::Serial { serial: serial.clone(), label });
    hsm.init_token("other");
    let stranger = hsm.serial("other");
    let again = |token: &mut Pkcs11Token| reset(token, Attempt::Resumed, "the-old-so", "other", "the-new-so");
    let refused = again(&mut token).unwrap_err();
    assert_eq!(refused.effect, Effect::None);
    assert!(refused.message.contains(&serial) && refused.message.contains(&stranger), "{refused}");
    assert!(refused.hint.contains(&format!("take the token with serial {stranger} out")), "{}", refused.hint);
    // Nor is it where two have that label and the old token is gone.
    hsm.init_token("other");
    hsm.delete_token(&serial);
    assert!(again(&mut token).unwrap_err().message.contains("2 tokens answer"));
    let listed = hsm.tool(&["--list-token-slots"]);
    assert!(!listed.contains("count low"), "{listed}");
}
