//! PINs: wrong ones, missing ones, ones that nobody may keep, and ones that must not be tried any more.

use std::fs;

use crate::support::{
    quorum::{CUSTODIANS, Quorum},
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    tokens::{THREE, Target, delete, inventory},
};

/// CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED.
const USER_FINAL: u32 = 0x2_0000;
const USER_LOCKED: u32 = 0x4_0000;
const SO_FINAL: u32 = 0x20_0000;
const SO_LOCKED: u32 = 0x40_0000;

fn hint(ran: &crate::support::quorum::Ran) -> &str {
    ran.json["error"]["hint"].as_str().unwrap()
}

fn in_use_behind_a_witness() -> (Quorum, FaultyModule, Target) {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    let target = Target::in_use(quorum.hsm(), "lab").module(&module.path);
    (quorum, module, target)
}

#[test]
fn a_wrong_so_pin_is_tried_once_and_the_right_one_goes_on() {
    let (quorum, module, target) = in_use_behind_a_witness();
    quorum.approved_genesis(&[target]);
    module.behave();
    let failed = quorum.execute_with(&quorum.present("so-pin", "wrong.pin")).expect(4);
    assert!(failed.error().contains("SO PIN is wrong"), "{}", failed.error());
    // A genesis whose target answers is not given up: its hint does not say that it can be.
    assert!(!hint(&failed).contains("--give-up"), "{}", hint(&failed));
    assert_eq!((module.calls("C_Login"), quorum.events("attempted")), (1, 1));
    assert!(quorum.hsm().can_log_in("lab", "so", SO_PIN));
    let missing = quorum.execute().expect(1);
    assert!(missing.error().contains("hsm:so-pin"), "{}", missing.error());
    // Wrong once more: the quorum's new PIN cannot be set yet, and is not tried.
    module.behave();
    quorum.execute_with(&quorum.present("so-pin", "wrong.pin")).expect(5);
    assert_eq!(module.calls("C_Login"), 1);
    module.behave();
    quorum.execute_with(&quorum.present("so-pin", "so.pin")).ok();
    // The one that was handed over, and the proof of both new ones and the look with the user's.
    assert_eq!(module.calls("C_Login"), 4);
    assert!(!quorum.hsm().can_log_in("lab", "so", SO_PIN));
    assert!(!quorum.hsm().can_log_in("lab", "user", USER_PIN));
    assert_eq!(quorum.public("lab", "keep"), 1);
}

/// What cannot be a PIN of this token is refused before it is presented, and before anything is written.
#[test]
fn a_pin_that_cannot_be_right_costs_no_try() {
    let (quorum, module, target) = in_use_behind_a_witness();
    quorum.approved_genesis(&[target]);
    module.behave();
    for (name, bytes, code, said) in [
        ("long", "x".repeat(400), 3, "400 bytes, and the token takes 4 to 255"),
        ("short", "ab".into(), 3, "2 bytes, and the token takes 4 to 255"),
        ("marked", format!("\u{feff}{SO_PIN}\r\n"), 2, "byte order mark"),
        ("utf-16", SO_PIN.chars().flat_map(|c| [c, '\0']).collect(), 2, "NUL byte"),
    ] {
        fs::write(quorum.path(&format!("files/{name}.pin")), bytes).unwrap();
        let file = quorum.at(&format!("files/{name}.pin"));
        let refused =
            quorum.execute_with(&["--present-pin".to_owned(), format!("hsm:so-pin={file}")]).expect(code);
        assert!(refused.error().contains(said), "{name}: {}", refused.error());
    }
    assert_eq!((module.calls("C_Login"), quorum.events("intended")), (0, 0));
}

#[test]
fn a_borrowed_user_pin_is_asked_for_tried_once_and_kept_nowhere() {
    let (quorum, module, target) = in_use_behind_a_witness();
    quorum.found(&[Target { so_pin: None, user_pin: "borrowed", ..target }]);
    quorum.approved(&delete("01"), THREE);
    let missing = quorum.execute().expect(1);
    assert!(missing.error().contains("hsm:user-pin"), "{}", missing.error());
    module.behave();
    let wrong = quorum.execute_with(&quorum.present("user-pin", "wrong.pin")).expect(4);
    assert!(wrong.error().contains("user PIN is wrong"), "{}", wrong.error());
    assert!(hint(&wrong).contains("'quorate execute --give-up'"), "{}", hint(&wrong));
    assert_eq!((module.calls("C_Login"), quorum.events("attempted")), (1, 1));
    quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    assert_eq!(
        (quorum.hsm().count("lab", USER_PIN, "old"), quorum.hsm().count("lab", USER_PIN, "keep")),
        (0, 2)
    );
    for pin in [USER_PIN, "nobody-knows-it"] {
        assert!(!quorum.is_stored(pin), "a borrowed PIN was stored");
    }
}

#[test]
fn a_token_is_initialised_with_a_borrowed_user_pin() {
    let quorum = Quorum::of(5).over(SoftHsm::new());
    quorum.approved_genesis(&[Target { user_pin: "borrowed", ..Target::empty("lab") }]);
    let missing = quorum.execute().expect(1);
    assert!(missing.error().contains("hsm:user-pin"), "{}", missing.error());
    assert_eq!(quorum.events("intended"), 0);
    quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    assert!(quorum.hsm().can_log_in("lab", "user", USER_PIN));
    assert!(!quorum.hsm().can_log_in("lab", "so", SO_PIN));
    quorum.hsm().make_key("lab", "EC:prime256v1", "old", "01");
    quorum.approved(&crate::support::tokens::inventory("hsm"), THREE);
    quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    quorum.approved(&delete("01"), THREE);
    quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    assert_eq!(quorum.public("lab", "old"), 0);
    assert!(!quorum.is_stored(USER_PIN));
}

#[test]
fn a_take_over_with_a_held_so_pin_leaves_the_borrowed_user_pin_alone() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let target = Target { user_pin: "borrowed", ..Target::in_use(quorum.hsm(), "lab") };
    quorum.approved_genesis(&[target]);
    let so_only = quorum.present("so-pin", "so.pin");
    let missing = quorum.execute_with(&so_only).expect(1);
    assert!(missing.error().contains("hsm:user-pin"), "{}", missing.error());
    let with = |file: &str| [so_only.clone(), quorum.present("user-pin", file)].concat();
    // The SO PIN is the quorum's by then: only the user PIN is wrong.
    quorum.execute_with(&with("wrong.pin")).expect(5);
    quorum.execute_with(&with("user.pin")).ok();
    assert!(quorum.hsm().can_log_in("lab", "user", USER_PIN));
    assert!(!quorum.hsm().can_log_in("lab", "so", SO_PIN));
    assert!(!quorum.is_stored(USER_PIN) && !quorum.is_stored(SO_PIN));
}

#[test]
fn the_last_try_is_not_spent() {
    let (quorum, module, target) = in_use_behind_a_witness();
    quorum.approved_genesis(&[target]);
    let present = quorum.present("so-pin", "so.pin");
    for (flags, code, said) in
        [(SO_FINAL, 4, "one try of the SO PIN is left"), (SO_LOCKED, 5, "the SO PIN is locked")]
    {
        module.order("C_GetTokenInfo", flags, "flags");
        let failed = quorum.execute_with(&present).expect(code);
        assert!(failed.error().contains(said), "{}", failed.error());
        assert_eq!(module.calls("C_Login"), 0);
    }
    module.behave();
    quorum.execute_with(&present).ok();
    quorum.approved(&delete("01"), THREE);
    for (flags, code, said) in
        [(USER_FINAL, 4, "one try of the user PIN is left"), (USER_LOCKED, 5, "the user PIN is locked")]
    {
        module.order("C_GetTokenInfo", flags, "flags");
        let failed = quorum.execute().expect(code);
        assert!(failed.error().contains(said), "{}", failed.error());
        let freed = hint(&failed).contains("the SO PIN can set a new user PIN");
        assert_eq!(freed, flags == USER_LOCKED, "{}", hint(&failed));
        assert_eq!(module.calls("C_Login"), 0);
    }
    module.behave();
    quorum.execute().ok();
    assert_eq!(quorum.public("lab", "old"), 0);
}

#[test]
fn a_pin_is_not_taken_from_a_strange_place() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    quorum.approved_genesis(&[Target::in_use(quorum.hsm(), "lab")]);
    fs::write(quorum.path("empty.pin"), "\n").unwrap();
    let file = |text: &str| vec!["--present-pin".to_owned(), text.replace("DIR", &quorum.at(""))];
    for (spec, code) in [
        ("hsm:so-pin=DIR/empty.pin", 2),
        ("hsm:so-pin=DIR/missing.pin", 1),
        ("hsm:backup-key=DIR/so.pin", 2),
        ("hsm=DIR/so.pin", 2),
        ("HSM:so-pin=DIR/so.pin", 2),
    ] {
        quorum.execute_with(&file(spec)).expect(code);
    }
    let (one, two) = (file("hsm:so-pin=DIR/so.pin"), file("hsm:so-pin=DIR/wrong.pin"));
    quorum.execute_with(&[one, two].concat()).expect(2);
    assert_eq!(quorum.events("intended"), 0);
}

/// A genesis over the token of a quorum whose user PIN has this rule besides its authority.
fn genesis_with(quorum: &Quorum, rule: &str) -> String {
    let table = Target::in_use(quorum.hsm(), "lab").table();
    let plain = "user-pin = { authority = \"crypto-officer\", custody = \"held\" }";
    assert!(table.contains(plain), "{table}");
    let with = format!("user-pin = {{ authority = \"crypto-officer\", {rule} }}");
    let text = quorum.genesis_text(&CUSTODIANS, &table.replace(plain, &with));
    quorum.plan("genesis", &text)
}

#[test]
fn a_pin_has_the_length_that_its_plan_gives() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    for (rule, said) in [
        ("custody = \"held\", pin_length = 3", "pin_length is 3: 4 to 255 are possible"),
        ("custody = \"held\", pin_length = 256", "pin_length is 256: 4 to 255 are possible"),
        ("custody = \"borrowed\", pin_length = 20", "for a PIN that the quorum makes"),
        ("custody = \"held\", pin_length = 7", "user-pin.pin_length is 7"),
    ] {
        let refused = quorum.propose(&genesis_with(&quorum, rule)).expect(3);
        assert!(refused.error().contains(said), "{rule}: {}", refused.error());
        assert!(!quorum.path("ledger/0000-genesis").exists());
    }
    quorum.propose(&genesis_with(&quorum, "custody = \"held\", pin_length = 12")).ok();
    for name in CUSTODIANS {
        quorum.approve(name).ok();
    }
    let told = |number: &str| {
        let shown = quorum.prose(&["show", &quorum.at("ledger"), number]);
        shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let line = "user-pin of hsm, 60 bits in 12 bytes, sealed to crypto-officer";
    assert!(told("0").contains(line), "{}", told("0"));
    quorum.execute_with(&quorum.present("so-pin", "so.pin")).ok();
    // Every later one as well.
    quorum.ceremony(&inventory("hsm"), THREE).ok();
    assert!(told("1").contains(line), "{}", told("1"));
    assert!(!quorum.hsm().can_log_in("lab", "user", USER_PIN));
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
    let quorum = Quorum::of(5).over(hsm);
    fs::write(quorum.path("so.pin"), SO).unwrap();
    // As an editor leaves it.
    fs::write(quorum.path("user.pin"), format!("{USER}\n")).unwrap();
    let target = Target { user_pin: "borrowed", ..Target::in_use(quorum.hsm(), "lab") };
    quorum.found(&[target]);
    assert!(!quorum.hsm().can_log_in("lab", "so", SO), "the SO PIN is the quorum's now");
    quorum.approved(&inventory("hsm"), THREE);
    let done = quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    assert_eq!(done.json["targets"][0]["inventory"]["objects"].as_array().unwrap().len(), 2);
    assert!(quorum.hsm().can_log_in("lab", "user", USER));
}
