//! What other modules than SoftHSM do, as it was seen on them, played by the forwarding module.

use super::{
    backup::filled,
    proofs::{backup_through, restore_through, restored_through},
    *,
};
use crate::ports::cause::Cause;
use crate::proposal::target::ObjectClass;

/// kryoptic and NSS list CKM_AES_KEY_WRAP_KWP, of which the crate cryptoki knows nothing, and no CKM_AES_KEY_WRAP_PAD that is RFC 5649.
#[test]
fn keys_leave_and_come_back_by_kwp() {
    let hsm = filled();
    let module = faulty(&hsm);
    let plain = backup_through(&hsm, &module).0;
    assert_eq!(module.calls("KWP"), 0);
    module.orders(&[("C_GetMechanismList", 0, "kwp"), ("C_GetMechanismList", 0x2109, "hide")]);
    let (tape, left) = backup_through(&hsm, &module);
    let left: Vec<String> =
        left.unwrap().left_out.iter().map(|l| l.object.label.as_str().to_owned()).collect();
    assert_eq!(left, ["ed", "stays", "odd"]);
    assert!(module.calls("KWP") > 0);
    // One RFC, one name and one result, by whichever number it was asked for.
    assert_eq!(tape.0, plain.0);
    for entry in tape.0.iter().filter(|e| e.object.class == ObjectClass::PrivateKey) {
        assert_eq!(entry.mechanism, "aes-key-wrap-kwp", "{}", entry.object);
    }
    for behaviour in [&[("C_GetMechanismList", 0, "kwp")][..], &[]] {
        module.orders(behaviour);
        hsm.init_token("spare");
        restored_through(&hsm, &module, &tape);
        assert_eq!(hsm.count("spare", USER_PIN, "p384"), 2);
        let serial = hsm.serial("spare");
        hsm.delete_token(&serial);
    }
}

/// NSS tells the length of the key where that of the wrapped key is asked for.
#[test]
fn a_length_that_is_told_too_short_loses_no_key() {
    let hsm = filled();
    let module = faulty(&hsm);
    module.orders(&[("C_GetMechanismList", 0, "kwp")]);
    let told_right = backup_through(&hsm, &module).0;
    module.orders(&[("C_GetMechanismList", 0, "kwp"), ("C_WrapKey", 0, "lengths")]);
    let (tape, left) = backup_through(&hsm, &module);
    assert_eq!((left.unwrap().left_out.len(), tape.0), (3, told_right.0));
}

/// What another token wrapped by RFC 5649 cannot be unwrapped by RFC 3394: said before anything is made.
#[test]
fn a_token_without_the_mechanism_of_a_backup_says_so() {
    let hsm = filled();
    let module = faulty(&hsm);
    let tape = backup_through(&hsm, &module).0;
    hsm.init_token("spare");
    module.orders(&[("C_GetMechanismList", 0x210a, "hide")]);
    let restoration = restore_through(&hsm, &module, &tape).unwrap();
    let why = |label: &str| {
        let found = restoration.left_out.iter().find(|left| left.object.label.as_str() == label);
        found.unwrap().reason.as_str().to_owned()
    };
    assert!(
        why("p256").contains("aes-key-wrap-kwp") && why("p256").contains("no mechanism"),
        "{}",
        why("p256")
    );
    // Its public half was not wrapped.
    assert_eq!(hsm.count("spare", USER_PIN, "p256"), 1);
}

/// opencryptoki 3.8 writes the time of day, with colons, where the standard has digits from the year on.
#[test]
fn a_clock_that_tells_no_time_hides_no_token() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    module.orders(&[("C_GetTokenInfo", 0, "clock")]);
    let seen = faulty_token(&hsm, &module, by_label("ca")).observe().unwrap();
    assert_eq!(seen.identity.serial.as_str(), hsm.serial("ca"));
    assert!(seen.user_pin_set);
}

/// NSS softoken takes the place of its files in a field that the standard reserves.
#[test]
fn a_module_that_wants_parameters_is_given_them() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    module.orders(&[("C_Initialize", 0, "parameters")]);
    let error = faulty_token(&hsm, &module, by_label("ca")).observe().unwrap_err();
    assert_eq!((&error.cause, module.calls("C_Initialize")), (&Cause::ArgumentsBad, 1));
    assert!(error.hint.contains("NSS_LIB_PARAMS"), "{error:?}");
    let mut settings = settings(&hsm, &module.path, by_label("ca"));
    settings.environment.push(("NSS_LIB_PARAMS".into(), "configdir='sql:/nowhere'".into()));
    let mut token = Pkcs11Token::open(name(), settings.clone()).unwrap();
    assert_eq!(token.observe().unwrap().identity.label.as_str(), "ca");
    // Others are initialised as the standard has it, whatever is set.
    module.behave();
    Pkcs11Token::open(name(), settings).unwrap().observe().unwrap();
    assert_eq!(module.calls("C_Initialize"), 1);
}
