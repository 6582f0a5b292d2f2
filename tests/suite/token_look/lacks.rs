//! What a module cannot do, each kind of sign by itself.

use serde_json::Value;

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, USER_PIN},
};

/// CKF_WRITE_PROTECTED, CKF_LOGIN_REQUIRED, CKF_PROTECTED_AUTHENTICATION_PATH, CKF_USER_PIN_LOCKED,
/// CKF_USER_PIN_TO_BE_CHANGED, CKF_SO_PIN_LOCKED, CKF_ERROR_STATE.
const WRITE_PROTECTED: u32 = 0x2;
const LOGIN_REQUIRED: u32 = 0x4;
const PIN_PAD: u32 = 0x100;
const USER_LOCKED: u32 = 0x4_0000;
const TO_BE_CHANGED: u32 = 0x8_0000;
const SO_LOCKED: u32 = 0x40_0000;
const ERROR_STATE: u32 = 0x100_0000;

/// CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD.
const KW: u32 = 0x2109;
const KW_PAD: u32 = 0x210a;

const UNSUPPORTED: &str = "rv=0x54";

/// The abilities that the token is said to lack, by their short names, with the reasons.
fn lacking(quorum: &Quorum, module: &FaultyModule) -> (Vec<String>, String) {
    let path = module.path.to_str().unwrap();
    let shown = quorum.run(&["token", "show", "--module", path, "--label", "lab"]).ok();
    let abilities = shown.json["abilities"].as_array().unwrap();
    let lacks: Vec<&Value> = abilities.iter().filter(|a| a["possible"] == false).collect();
    let names = lacks.iter().map(|a| a["ability"].as_str().unwrap().to_owned()).collect();
    let hints = lacks.iter().all(|a| a["hint"].as_str().is_some_and(|h| !h.is_empty()));
    assert!(hints, "{lacks:?}");
    (names, lacks.iter().map(|a| format!("{}\n", a["reason"].as_str().unwrap())).collect())
}

#[test]
fn each_sign_of_a_lack_is_seen_and_costs_no_try() {
    let all = "take-over set-user-pin log-in delete reset backup restore";
    let so = "take-over set-user-pin reset";
    let user = "log-in delete backup restore";
    let changes = "take-over set-user-pin delete reset restore";
    let cases: &[(&[(&str, u32, &str)], &str, &str)] = &[
        (&[], "", "is already initialised"),
        (&[("C_InitToken", 0, "missing")], "reset", "has no C_InitToken"),
        (&[("C_SetPIN", 0, "missing")], "take-over reset", "has no C_SetPIN"),
        (&[("C_InitPIN", 0, "missing")], so, "has no C_InitPIN"),
        (&[("C_InitPIN", 0, UNSUPPORTED)], so, "does not support C_InitPIN"),
        (&[("C_Login", 0, "missing")], all, "has no C_Login"),
        (&[("C_DestroyObject", 0, "missing")], "delete", "has no C_DestroyObject"),
        (&[("C_DestroyObject", 0, UNSUPPORTED)], "delete", "does not support C_DestroyObject"),
        (&[("C_CreateObject", 0, UNSUPPORTED)], "restore", "does not support C_CreateObject"),
        (&[("C_WrapKey", 0, UNSUPPORTED)], "backup restore", "does not support C_WrapKey"),
        (&[("C_UnwrapKey", 0, UNSUPPORTED)], "backup restore", "does not support C_UnwrapKey"),
        (&[("C_UnwrapKey", 0, "missing")], "backup restore", "has no C_UnwrapKey"),
        (&[("C_GetMechanismList", KW, "hide")], "", "is already initialised"),
        (
            &[("C_GetMechanismList", KW, "hide"), ("C_GetMechanismList", KW_PAD, "hide")],
            "backup restore",
            "lists none of CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP for wrapping",
        ),
        (
            &[("C_GetMechanismList", KW, "hide"), ("C_GetMechanismList", 0, "kwp")],
            "",
            "is already initialised",
        ),
        (&[("C_GetInfo", 0, "is=opencryptoki")], "reset", "opencryptoki locks everybody out"),
        (&[("C_GetInfo", 0, "is=nss")], so, "NSS has no SO beside its user"),
        (&[("C_OpenSession", 0, "rv=0xB3")], all, "C_OpenSession"),
        (&[("C_GetTokenInfo", PIN_PAD, "flags")], all, "typed at the token"),
        (&[("C_GetTokenInfo", ERROR_STATE, "flags")], all, "error state"),
        (&[("C_GetTokenInfo", WRITE_PROTECTED, "flags")], changes, "write-protected"),
        (&[("C_GetTokenInfo", USER_LOCKED, "flags")], user, "the user PIN is locked"),
        (&[("C_GetTokenInfo", TO_BE_CHANGED, "flags")], user, "requires a change of its user PIN"),
        (&[("C_GetTokenInfo", SO_LOCKED, "flags")], so, "the SO PIN is locked"),
        (
            &[("C_GetTokenInfo", LOGIN_REQUIRED, "no-flags")],
            "take-over set-user-pin log-in",
            "asks for no login",
        ),
    ];
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    for (orders, wanted, said) in cases {
        module.orders(orders);
        let (found, reasons) = lacking(&quorum, &module);
        let mut wanted: Vec<&str> = wanted.split_whitespace().collect();
        wanted.insert(0, "initialise");
        assert_eq!(found, wanted, "{orders:?}: {reasons}");
        assert!(reasons.contains(said), "{orders:?}: {reasons}");
        for function in ["C_Login", "C_InitToken", "C_SetPIN"] {
            assert_eq!(module.calls(function), 0, "{orders:?}: {function}");
        }
    }
    assert!(quorum.hsm().can_log_in("lab", "user", USER_PIN));
    assert_eq!(quorum.hsm().user("lab", USER_PIN, &["-O"]).matches(" Object;").count(), 4);
}

/// As opencryptoki: an empty token that wants the SO PIN it was delivered with. Another one would cost a try.
#[test]
fn an_empty_token_with_a_factory_pin_is_not_initialised() {
    let quorum = Quorum::of(5).over(crate::support::softhsm::SoftHsm::new());
    let module = FaultyModule::compile(quorum.dir.path());
    module.orders(&[("C_GetTokenInfo", SO_LOCKED, "no-flags"), ("C_GetTokenInfo", 123, "serial")]);
    let shown = quorum.run(&["token", "show", "--module", module.path.to_str().unwrap()]).ok();
    assert_eq!(shown.json["identity"]["serial"], "123");
    let abilities = shown.json["abilities"].as_array().unwrap();
    let initialise = abilities.iter().find(|a| a["ability"] == "initialise").unwrap();
    assert!(initialise["reason"].as_str().unwrap().contains("factory SO PIN"), "{initialise}");
}

#[test]
fn an_empty_slot_can_be_initialised_and_nothing_else() {
    let quorum = Quorum::of(5).over(crate::support::softhsm::SoftHsm::new());
    let shown = quorum.run(&["token", "show", "--module", crate::support::softhsm::MODULE]).ok();
    for ability in shown.json["abilities"].as_array().unwrap() {
        assert_eq!(ability["possible"], ability["ability"] == "initialise", "{ability}");
    }
}
