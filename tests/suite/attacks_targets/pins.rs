//! PINs: wrong ones, missing ones, ones that nobody may keep, and ones that must not be tried any more.

use std::fs;

use crate::support::{
    quorum::CUSTODIANS,
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    vault::{THREE, Target, Vault, delete, inventory},
};

/// CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED.
const USER_FINAL: u32 = 0x2_0000;
const USER_LOCKED: u32 = 0x4_0000;
const SO_FINAL: u32 = 0x20_0000;
const SO_LOCKED: u32 = 0x40_0000;

fn hint(ran: &crate::support::quorum::Ran) -> &str {
    ran.json["error"]["hint"].as_str().unwrap()
}

fn in_use_behind_a_witness() -> (Vault, FaultyModule, Target) {
    let vault = Vault::in_use();
    let module = FaultyModule::compile(vault.quorum.dir.path());
    module.behave();
    let target = Target::in_use(&vault.hsm, "lab").module(&module.path);
    (vault, module, target)
}

#[test]
fn a_wrong_so_pin_is_tried_once_and_the_right_one_goes_on() {
    let (vault, module, target) = in_use_behind_a_witness();
    vault.approved_genesis(&[target]);
    module.behave();
    let failed = vault.execute(&vault.present("so-pin", "wrong.pin")).expect(4);
    assert!(failed.error().contains("SO PIN is wrong"), "{}", failed.error());
    // A genesis whose target answers is not given up: its hint does not say that it can be.
    assert!(!hint(&failed).contains("--give-up"), "{}", hint(&failed));
    assert_eq!((module.calls("C_Login"), vault.events("attempted")), (1, 1));
    assert!(vault.hsm.can_log_in("lab", "so", SO_PIN));
    let missing = vault.execute::<&str>(&[]).expect(1);
    assert!(missing.error().contains("hsm:so-pin"), "{}", missing.error());
    // Wrong once more: the quorum's new PIN cannot be set yet, and is not tried.
    module.behave();
    vault.execute(&vault.present("so-pin", "wrong.pin")).expect(5);
    assert_eq!(module.calls("C_Login"), 1);
    module.behave();
    vault.execute(&vault.present("so-pin", "so.pin")).ok();
    // The one that was handed over, and the proof of both new ones and the look with the user's.
    assert_eq!(module.calls("C_Login"), 4);
    assert!(!vault.hsm.can_log_in("lab", "so", SO_PIN));
    assert!(!vault.hsm.can_log_in("lab", "user", USER_PIN));
    assert_eq!(vault.public("lab", "keep"), 1);
}

/// What cannot be a PIN of this token is refused before it is presented, and before anything is written.
#[test]
fn a_pin_that_cannot_be_right_costs_no_try() {
    let (vault, module, target) = in_use_behind_a_witness();
    vault.approved_genesis(&[target]);
    module.behave();
    for (name, bytes, code, said) in [
        ("long", "x".repeat(400), 3, "400 bytes, and the token takes 4 to 255"),
        ("short", "ab".into(), 3, "2 bytes, and the token takes 4 to 255"),
        ("marked", format!("\u{feff}{SO_PIN}\r\n"), 2, "byte order mark"),
        ("utf-16", SO_PIN.chars().flat_map(|c| [c, '\0']).collect(), 2, "NUL byte"),
    ] {
        fs::write(vault.quorum.path(&format!("files/{name}.pin")), bytes).unwrap();
        let file = vault.quorum.at(&format!("files/{name}.pin"));
        let refused = vault.execute(&["--present-pin".to_owned(), format!("hsm:so-pin={file}")]).expect(code);
        assert!(refused.error().contains(said), "{name}: {}", refused.error());
    }
    assert_eq!((module.calls("C_Login"), vault.events("intended")), (0, 0));
}

#[test]
fn a_borrowed_user_pin_is_asked_for_tried_once_and_kept_nowhere() {
    let (vault, module, target) = in_use_behind_a_witness();
    vault.found(&[Target { so_pin: None, user_pin: "borrowed", ..target }]);
    vault.approved(&delete("01"), THREE);
    let missing = vault.execute::<&str>(&[]).expect(1);
    assert!(missing.error().contains("hsm:user-pin"), "{}", missing.error());
    module.behave();
    let wrong = vault.execute(&vault.present("user-pin", "wrong.pin")).expect(4);
    assert!(wrong.error().contains("user PIN is wrong"), "{}", wrong.error());
    assert!(hint(&wrong).contains("'quorate execute --give-up'"), "{}", hint(&wrong));
    assert_eq!((module.calls("C_Login"), vault.events("attempted")), (1, 1));
    vault.execute(&vault.present("user-pin", "user.pin")).ok();
    assert_eq!((vault.hsm.count("lab", USER_PIN, "old"), vault.hsm.count("lab", USER_PIN, "keep")), (0, 2));
    for pin in [USER_PIN, "nobody-knows-it"] {
        assert!(!vault.is_stored(pin), "a borrowed PIN was stored");
    }
}

#[test]
fn a_token_is_initialised_with_a_borrowed_user_pin() {
    let vault = Vault::new(SoftHsm::new());
    vault.approved_genesis(&[Target { user_pin: "borrowed", ..Target::empty("lab") }]);
    let missing = vault.execute::<&str>(&[]).expect(1);
    assert!(missing.error().contains("hsm:user-pin"), "{}", missing.error());
    assert_eq!(vault.events("intended"), 0);
    vault.execute(&vault.present("user-pin", "user.pin")).ok();
    assert!(vault.hsm.can_log_in("lab", "user", USER_PIN));
    assert!(!vault.hsm.can_log_in("lab", "so", SO_PIN));
    vault.hsm.make_key("lab", "EC:prime256v1", "old", "01");
    vault.approved(&crate::support::vault::inventory("hsm"), THREE);
    vault.execute(&vault.present("user-pin", "user.pin")).ok();
    vault.approved(&delete("01"), THREE);
    vault.execute(&vault.present("user-pin", "user.pin")).ok();
    assert_eq!(vault.public("lab", "old"), 0);
    assert!(!vault.is_stored(USER_PIN));
}

#[test]
fn a_take_over_with_a_held_so_pin_leaves_the_borrowed_user_pin_alone() {
    let vault = Vault::in_use();
    let target = Target { user_pin: "borrowed", ..Target::in_use(&vault.hsm, "lab") };
    vault.approved_genesis(&[target]);
    let so_only = vault.present("so-pin", "so.pin");
    let missing = vault.execute(&so_only).expect(1);
    assert!(missing.error().contains("hsm:user-pin"), "{}", missing.error());
    let with = |file: &str| [so_only.clone(), vault.present("user-pin", file)].concat();
    // The SO PIN is the quorum's by then: only the user PIN is wrong.
    vault.execute(&with("wrong.pin")).expect(5);
    vault.execute(&with("user.pin")).ok();
    assert!(vault.hsm.can_log_in("lab", "user", USER_PIN));
    assert!(!vault.hsm.can_log_in("lab", "so", SO_PIN));
    assert!(!vault.is_stored(USER_PIN) && !vault.is_stored(SO_PIN));
}

#[test]
fn the_last_try_is_not_spent() {
    let (vault, module, target) = in_use_behind_a_witness();
    vault.approved_genesis(&[target]);
    let present = vault.present("so-pin", "so.pin");
    for (flags, code, said) in
        [(SO_FINAL, 4, "one try of the SO PIN is left"), (SO_LOCKED, 5, "the SO PIN is locked")]
    {
        module.order("C_GetTokenInfo", flags, "flags");
        let failed = vault.execute(&present).expect(code);
        assert!(failed.error().contains(said), "{}", failed.error());
        assert_eq!(module.calls("C_Login"), 0);
    }
    module.behave();
    vault.execute(&present).ok();
    vault.approved(&delete("01"), THREE);
    for (flags, code, said) in
        [(USER_FINAL, 4, "one try of the user PIN is left"), (USER_LOCKED, 5, "the user PIN is locked")]
    {
        module.order("C_GetTokenInfo", flags, "flags");
        let failed = vault.execute::<&str>(&[]).expect(code);
        assert!(failed.error().contains(said), "{}", failed.error());
        let freed = hint(&failed).contains("the SO PIN can set a new user PIN");
        assert_eq!(freed, flags == USER_LOCKED, "{}", hint(&failed));
        assert_eq!(module.calls("C_Login"), 0);
    }
    module.behave();
    vault.execute::<&str>(&[]).ok();
    assert_eq!(vault.public("lab", "old"), 0);
}

#[test]
fn a_pin_is_not_taken_from_a_strange_place() {
    let vault = Vault::in_use();
    vault.approved_genesis(&[Target::in_use(&vault.hsm, "lab")]);
    fs::write(vault.quorum.path("empty.pin"), "\n").unwrap();
    let file = |text: &str| vec!["--present-pin".to_owned(), text.replace("DIR", &vault.quorum.at(""))];
    for (spec, code) in [
        ("hsm:so-pin=DIR/empty.pin", 2),
        ("hsm:so-pin=DIR/missing.pin", 1),
        ("hsm:backup-key=DIR/so.pin", 2),
        ("hsm=DIR/so.pin", 2),
        ("HSM:so-pin=DIR/so.pin", 2),
    ] {
        vault.execute(&file(spec)).expect(code);
    }
    let (one, two) = (file("hsm:so-pin=DIR/so.pin"), file("hsm:so-pin=DIR/wrong.pin"));
    vault.execute(&[one, two].concat()).expect(2);
    assert_eq!(vault.events("intended"), 0);
}

/// A genesis over the token of a vault whose user PIN has this rule besides its authority.
fn genesis_with(vault: &Vault, rule: &str) -> String {
    let table = Target::in_use(&vault.hsm, "lab").table();
    let plain = "user-pin = { authority = \"crypto-officer\", custody = \"held\" }";
    assert!(table.contains(plain), "{table}");
    let with = format!("user-pin = {{ authority = \"crypto-officer\", {rule} }}");
    let text = vault.quorum.genesis_text(&CUSTODIANS, &table.replace(plain, &with));
    vault.quorum.plan("genesis", &text)
}

#[test]
fn a_pin_has_the_length_that_its_plan_gives() {
    let vault = Vault::in_use();
    for (rule, said) in [
        ("custody = \"held\", pin_length = 3", "pin_length is 3: 4 to 255 are possible"),
        ("custody = \"held\", pin_length = 256", "pin_length is 256: 4 to 255 are possible"),
        ("custody = \"borrowed\", pin_length = 20", "for a PIN that the quorum makes"),
        ("custody = \"held\", pin_length = 7", "user-pin.pin_length is 7"),
    ] {
        let refused = vault.quorum.propose(&genesis_with(&vault, rule)).expect(3);
        assert!(refused.error().contains(said), "{rule}: {}", refused.error());
        assert!(!vault.quorum.path("ledger/0000-genesis").exists());
    }
    vault.quorum.propose(&genesis_with(&vault, "custody = \"held\", pin_length = 12")).ok();
    for name in CUSTODIANS {
        vault.quorum.approve(name).ok();
    }
    let told = |number: &str| {
        let shown = vault.prose(&["show", &vault.quorum.at("ledger"), number]);
        shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let line = "user-pin of hsm, 60 bits in 12 bytes, sealed to crypto-officer";
    assert!(told("0").contains(line), "{}", told("0"));
    vault.execute(&vault.present("so-pin", "so.pin")).ok();
    // Every later one as well.
    vault.ceremony(&inventory("hsm"), THREE).ok();
    assert!(told("1").contains(line), "{}", told("1"));
    assert!(!vault.hsm.can_log_in("lab", "user", USER_PIN));
}

/// PKCS#11 takes UTF-8, and so do owners' files.
#[test]
fn pins_beyond_ascii_are_presented_as_they_are() {
    const SO: &str = "šo-slaptažodis";
    const USER: &str = "暗証番号-μ";
    let hsm = SoftHsm::new();
    let made = std::process::Command::new("softhsm2-util")
        .env("SOFTHSM2_CONF", hsm.conf())
        .args(["--init-token", "--free", "--label", "lab", "--so-pin", SO, "--pin", USER])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    hsm.user("lab", USER, &["--keypairgen", "--key-type", "EC:prime256v1", "--label", "old", "--id", "01"]);
    let vault = Vault::new(hsm);
    fs::write(vault.quorum.path("so.pin"), SO).unwrap();
    // As an editor leaves it.
    fs::write(vault.quorum.path("user.pin"), format!("{USER}\n")).unwrap();
    let target = Target { user_pin: "borrowed", ..Target::in_use(&vault.hsm, "lab") };
    vault.found(&[target]);
    assert!(!vault.hsm.can_log_in("lab", "so", SO), "the SO PIN is the quorum's now");
    vault.approved(&inventory("hsm"), THREE);
    let done = vault.execute(&vault.present("user-pin", "user.pin")).ok();
    assert_eq!(done.json["targets"][0]["inventory"]["objects"].as_array().unwrap().len(), 2);
    assert!(vault.hsm.can_log_in("lab", "user", USER));
}
