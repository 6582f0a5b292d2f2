//! A genesis as the independent client sees it from outside.

use crate::support::{
    quorum::Quorum,
    softhsm::{SO_PIN, SoftHsm, USER_PIN},
    tokens::{THREE, Target, delete, inventory},
};

#[test]
fn an_empty_slot_becomes_a_token_whose_pins_nobody_knows() {
    let quorum = Quorum::of(5).over(SoftHsm::new());
    quorum.found(&[Target::empty("lab")]);
    let slots = quorum.hsm().tool(&["--list-token-slots"]);
    let token = slots.split("Slot ").find(|s| s.contains("token label        : lab\n")).unwrap();
    assert!(token.contains("token initialized") && token.contains("PIN initialized"), "{slots}");
    for pin in [SO_PIN, USER_PIN, "1234", "12345678", "0000"] {
        assert!(!quorum.hsm().can_log_in("lab", "so", pin) && !quorum.hsm().can_log_in("lab", "user", pin));
    }
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn an_empty_slot_that_was_taken_meanwhile_is_refused() {
    let quorum = Quorum::of(5).over(SoftHsm::new());
    quorum.approved_genesis(&[Target::empty("lab")]);
    quorum.hsm().init_token("lab");
    quorum.execute().expect(4);
    assert!(quorum.hsm().can_log_in("lab", "so", SO_PIN), "somebody else's token was touched");
    assert!(quorum.hsm().can_log_in("lab", "user", USER_PIN));
}

#[test]
fn a_take_over_keeps_the_objects_and_ends_the_old_pins() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let keys =
        quorum.hsm().tool(&["--token-label", "lab", "--read-object", "--type", "pubkey", "--id", "02"]);
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    assert!(
        !quorum.hsm().can_log_in("lab", "so", SO_PIN) && !quorum.hsm().can_log_in("lab", "user", USER_PIN)
    );
    let after =
        quorum.hsm().tool(&["--token-label", "lab", "--read-object", "--type", "pubkey", "--id", "02"]);
    assert_eq!(keys, after);
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
}

#[test]
fn two_tokens_become_the_quorums_in_one_genesis() {
    let hsm = SoftHsm::with_token("one");
    hsm.init_token("two");
    for label in ["one", "two"] {
        hsm.make_key(label, "EC:prime256v1", "old", "01");
    }
    let quorum = Quorum::of(5).over(hsm);
    let one = Target::in_use(quorum.hsm(), "one");
    let two = Target { name: "spare", ..Target::in_use(quorum.hsm(), "two") };
    let three = Target { name: "fresh", ..Target::empty("three") };
    quorum.found(&[one, two, three]);
    for label in ["one", "two"] {
        assert!(
            !quorum.hsm().can_log_in(label, "so", SO_PIN)
                && !quorum.hsm().can_log_in(label, "user", USER_PIN)
        );
    }
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("one", "old"), quorum.public("two", "old")), (0, 1));
    quorum.ceremony(&inventory("spare"), THREE).ok();
    quorum.ceremony(&inventory("fresh"), THREE).ok();
}

/// Under a second name, with a PIN that somebody knows, it would be another target.
#[test]
fn a_token_joins_once() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let again =
        Target { name: "again", so_pin: None, user_pin: "borrowed", ..Target::in_use(quorum.hsm(), "lab") };
    for pair in [
        [Target::in_use(quorum.hsm(), "lab"), again],
        [Target::empty("new"), Target { name: "again", ..Target::empty("new") }],
    ] {
        let tables: String = pair.iter().map(Target::table).collect();
        let plan = quorum.plan("twice", &quorum.genesis_text(&crate::support::quorum::CUSTODIANS, &tables));
        let refused = quorum.propose(&plan).expect(3);
        assert!(refused.error().contains("targets hsm and again are one token"), "{}", refused.error());
    }
}

#[test]
fn a_genesis_whose_second_token_fails_goes_on_with_it() {
    let hsm = SoftHsm::with_token("one");
    hsm.init_token("two");
    let quorum = Quorum::of(5).over(hsm);
    let one = Target::in_use(quorum.hsm(), "one");
    let two = Target { name: "spare", ..Target::in_use(quorum.hsm(), "two") };
    quorum.approved_genesis(&[one, two]);
    let present = |spare: &str| {
        let spare = ["--present-pin".to_owned(), format!("spare:so-pin={}", quorum.at(spare))];
        [quorum.present("so-pin", "so.pin"), spare].concat()
    };
    quorum.execute_with(&present("wrong.pin")).expect(5);
    assert!(!quorum.hsm().can_log_in("one", "so", SO_PIN) && quorum.hsm().can_log_in("two", "so", SO_PIN));
    quorum.execute_with(&present("so.pin")).ok();
    assert!(!quorum.hsm().can_log_in("two", "so", SO_PIN));
    quorum.ceremony(&inventory("hsm"), THREE).ok();
    quorum.ceremony(&inventory("spare"), THREE).ok();
}
