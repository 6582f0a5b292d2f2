//! A genesis as the independent client sees it from outside.

use crate::support::{
    softhsm::{SO_PIN, SoftHsm, USER_PIN},
    vault::{THREE, Target, Vault, delete, inventory},
};

#[test]
fn an_empty_slot_becomes_a_token_whose_pins_nobody_knows() {
    let vault = Vault::new(SoftHsm::new());
    vault.found(&[Target::empty("lab")]);
    let slots = vault.hsm.tool(&["--list-token-slots"]);
    let token = slots.split("Slot ").find(|s| s.contains("token label        : lab\n")).unwrap();
    assert!(token.contains("token initialized") && token.contains("PIN initialized"), "{slots}");
    for pin in [SO_PIN, USER_PIN, "1234", "12345678", "0000"] {
        assert!(!vault.hsm.can_log_in("lab", "so", pin) && !vault.hsm.can_log_in("lab", "user", pin));
    }
    vault.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn an_empty_slot_that_was_taken_meanwhile_is_refused() {
    let vault = Vault::new(SoftHsm::new());
    vault.approved_genesis(&[Target::empty("lab")]);
    vault.hsm.init_token("lab");
    vault.execute::<&str>(&[]).expect(4);
    assert!(vault.hsm.can_log_in("lab", "so", SO_PIN), "somebody else's token was touched");
    assert!(vault.hsm.can_log_in("lab", "user", USER_PIN));
}

#[test]
fn a_take_over_keeps_the_objects_and_ends_the_old_pins() {
    let vault = Vault::in_use();
    let keys = vault.hsm.tool(&["--token-label", "lab", "--read-object", "--type", "pubkey", "--id", "02"]);
    vault.found(&[Target::in_use(&vault.hsm, "lab")]);
    assert!(!vault.hsm.can_log_in("lab", "so", SO_PIN) && !vault.hsm.can_log_in("lab", "user", USER_PIN));
    let after = vault.hsm.tool(&["--token-label", "lab", "--read-object", "--type", "pubkey", "--id", "02"]);
    assert_eq!(keys, after);
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (1, 1));
}

#[test]
fn two_tokens_become_the_quorums_in_one_genesis() {
    let hsm = SoftHsm::with_token("one");
    hsm.init_token("two");
    for label in ["one", "two"] {
        hsm.make_key(label, "EC:prime256v1", "old", "01");
    }
    let vault = Vault::new(hsm);
    let one = Target::in_use(&vault.hsm, "one");
    let two = Target { name: "spare", ..Target::in_use(&vault.hsm, "two") };
    let three = Target { name: "fresh", ..Target::empty("three") };
    vault.found(&[one, two, three]);
    for label in ["one", "two"] {
        assert!(!vault.hsm.can_log_in(label, "so", SO_PIN) && !vault.hsm.can_log_in(label, "user", USER_PIN));
    }
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("one", "old"), vault.public("two", "old")), (0, 1));
    vault.ceremony(&inventory("spare"), THREE).ok();
    vault.ceremony(&inventory("fresh"), THREE).ok();
}

/// Under a second name, with a PIN that somebody knows, it would be another target.
#[test]
fn a_token_joins_once() {
    let vault = Vault::in_use();
    let again =
        Target { name: "again", so_pin: None, user_pin: "borrowed", ..Target::in_use(&vault.hsm, "lab") };
    for pair in [
        [Target::in_use(&vault.hsm, "lab"), again],
        [Target::empty("new"), Target { name: "again", ..Target::empty("new") }],
    ] {
        let tables: String = pair.iter().map(Target::table).collect();
        let plan = vault
            .quorum
            .plan("twice", &vault.quorum.genesis_text(&crate::support::quorum::CUSTODIANS, &tables));
        let refused = vault.quorum.propose(&plan).expect(3);
        assert!(refused.error().contains("targets hsm and again are one token"), "{}", refused.error());
    }
}

#[test]
fn a_genesis_whose_second_token_fails_goes_on_with_it() {
    let hsm = SoftHsm::with_token("one");
    hsm.init_token("two");
    let vault = Vault::new(hsm);
    let one = Target::in_use(&vault.hsm, "one");
    let two = Target { name: "spare", ..Target::in_use(&vault.hsm, "two") };
    vault.approved_genesis(&[one, two]);
    let present = |spare: &str| {
        let spare = ["--present-pin".to_owned(), format!("spare:so-pin={}", vault.quorum.at(spare))];
        [vault.present("so-pin", "so.pin"), spare].concat()
    };
    vault.execute(&present("wrong.pin")).expect(5);
    assert!(!vault.hsm.can_log_in("one", "so", SO_PIN) && vault.hsm.can_log_in("two", "so", SO_PIN));
    vault.execute(&present("so.pin")).ok();
    assert!(!vault.hsm.can_log_in("two", "so", SO_PIN));
    vault.ceremony(&inventory("hsm"), THREE).ok();
    vault.ceremony(&inventory("spare"), THREE).ok();
}
