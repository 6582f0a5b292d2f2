//! What cannot be done is refused when it is proposed, with the reason, and no ceremony is begun.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    tokens::{FOUR, THREE, Target, delete, inventory, reset},
};

const UNSUPPORTED: &str = "rv=0x54";
const TO_BE_CHANGED: u32 = 0x8_0000;

fn behind_a_module() -> (Quorum, FaultyModule) {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    (quorum, module)
}

fn refused(quorum: &Quorum, plan: &str, said: &str) {
    let path = quorum.plan("refused", plan);
    let ran = quorum.propose(&path).expect(3);
    assert!(ran.error().contains(said), "{}", ran.error());
    assert!(!ran.json["error"]["hint"].as_str().unwrap().is_empty());
}

#[test]
fn a_genesis_is_refused_where_its_pins_cannot_be_set() {
    let (quorum, module) = behind_a_module();
    let plan = |target: Target| quorum.genesis_text(&crate::support::quorum::CUSTODIANS, &target.table());
    let held = Target::in_use(quorum.hsm(), "lab").module(&module.path);
    let borrowed = Target { so_pin: None, user_pin: "borrowed", ..held.clone() };
    module.orders(&[("C_InitPIN", 0, UNSUPPORTED)]);
    refused(&quorum, &plan(held.clone()), "does not support C_InitPIN");
    module.orders(&[("C_SetPIN", 0, "missing")]);
    refused(&quorum, &plan(held.clone()), "has no C_SetPIN");
    module.orders(&[("C_GetTokenInfo", TO_BE_CHANGED, "flags")]);
    refused(&quorum, &plan(borrowed.clone()), "requires a change of its user PIN");
    module.orders(&[("C_WrapKey", 0, UNSUPPORTED)]);
    refused(&quorum, &plan(borrowed.clone()), "does not support C_WrapKey");
    module.orders(&[("C_InitToken", 0, "missing")]);
    refused(&quorum, &plan(Target::empty("new").module(&module.path)), "has no C_InitToken");
    assert!(!quorum.path("ledger").join("0000-genesis").exists());
    // An application's PIN may stay on a module that administers none, such as one whose PIN is user:password.
    module.orders(&[
        ("C_InitPIN", 0, UNSUPPORTED),
        ("C_InitToken", 0, "missing"),
        ("C_SetPIN", 0, "missing"),
    ]);
    quorum.found(&[borrowed]);
    quorum.approved(&delete("01"), THREE);
    quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    assert_eq!(quorum.public("lab", "old"), 0);
}

#[test]
fn operations_are_refused_that_the_module_does_not_have() {
    let (quorum, module) = behind_a_module();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    let serial = quorum.hsm().serial("lab");
    let backup = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\n\
         allow_partial = false\n",
        quorum.at("files/b.age")
    );
    module.orders(&[("C_DestroyObject", 0, UNSUPPORTED)]);
    refused(&quorum, &delete("01"), "does not support C_DestroyObject");
    module.orders(&[("C_InitToken", 0, "missing")]);
    refused(&quorum, &reset(&serial, "lab", "lab-2"), "has no C_InitToken");
    module.orders(&[("C_GetMechanismList", 0x2109, "hide"), ("C_GetMechanismList", 0x210a, "hide")]);
    refused(&quorum, &backup, "lists none of CKM_AES_KEY_WRAP_KWP");
    module.orders(&[("C_GetTokenInfo", 0x2, "flags")]);
    refused(&quorum, &delete("01"), "write-protected");
    // A lack of one thing forbids no other.
    module.orders(&[("C_InitToken", 0, "missing"), ("C_WrapKey", 0, "missing")]);
    quorum.ceremony(&inventory("hsm"), THREE).ok();
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

/// A function that is there and says at the act that it is not supported, as C_InitToken in some FIPS modes: that could not
/// be known before, and nothing was done.
#[test]
fn what_shows_only_in_the_act_fails_cleanly() {
    let (quorum, module) = behind_a_module();
    quorum.approved_genesis(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    module.orders(&[("C_SetPIN", 0, UNSUPPORTED)]);
    let failed = quorum.execute_with(&quorum.present("so-pin", "so.pin")).expect(4);
    assert!(failed.error().contains("CKR_FUNCTION_NOT_SUPPORTED"), "{}", failed.error());
    assert!(quorum.hsm().can_log_in("lab", "so", SO_PIN) && quorum.hsm().can_log_in("lab", "user", USER_PIN));
    module.behave();
    quorum.execute_with(&quorum.present("so-pin", "so.pin")).ok();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR);
    module.orders(&[("C_InitToken", 0, UNSUPPORTED)]);
    let failed = quorum.execute().expect(4);
    assert!(failed.error().contains("C_InitToken"), "{}", failed.error());
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
    quorum.execute_with(&["--give-up"]).expect(5);
    module.behave();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// As on HSMs whose users must change what the SO has set, before anything else.
#[test]
fn a_forced_change_of_the_user_pin_is_gone_through() {
    let (quorum, module) = behind_a_module();
    module.orders(&[("C_InitPIN", 0, "forced")]);
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    // Once by nobody at the proposal, then the new one, and a passing one.
    assert_eq!((module.calls("C_InitPIN"), quorum.public("lab", "old")), (3, 1));
    quorum.ceremony(&delete("01"), THREE).ok();
    quorum.ceremony(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR).ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
    // Cut off between the passing PIN and the right one: the SO sets it again.
    quorum.approved(&reset(&quorum.hsm().serial("lab-2"), "lab-2", "lab-3"), FOUR);
    module.orders(&[("C_InitPIN", 0, "forced"), ("C_SetPIN", 2, "crash")]);
    quorum.execute().expect(5);
    module.orders(&[("C_InitPIN", 0, "forced")]);
    quorum.execute().ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}
