//! Inventory and reset.

use crate::support::{
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    vault::{FOUR, THREE, Target, Vault, delete, inventory, reset},
};

#[test]
fn an_inventory_records_what_is_there() {
    let vault = Vault::borrowed();
    let present = vault.present("user-pin", "user.pin");
    vault.hsm.make_secret("lab", "AES:32", "wrap", "03");
    vault.approved(&inventory("hsm"), THREE);
    let done = vault.execute(&present).ok();
    let objects = done.json["targets"][0]["inventory"]["objects"].as_array().unwrap().clone();
    assert_eq!(objects.len(), 5);
    let wrap = objects.iter().find(|o| o["label"] == "wrap").unwrap();
    assert_eq!((&wrap["class"], &wrap["key_type"]), (&"secret-key".into(), &"aes-256".into()));
    assert_eq!(vault.hsm.count("lab", USER_PIN, "wrap"), 1);
    // What an inventory recorded can be pinned.
    vault.approved(&crate::support::vault::delete_one("secret-key", "03"), THREE);
    vault.execute(&present).ok();
    assert_eq!(vault.hsm.count("lab", USER_PIN, "wrap"), 0);
}

#[test]
fn a_reset_leaves_an_empty_token_with_new_pins_and_the_ledger_goes_on() {
    let vault = Vault::taken_over();
    let serial = vault.hsm.serial("lab");
    vault.approved(&reset(&serial, "lab", "lab-2"), THREE);
    let few = vault.execute::<&str>(&[]).expect(6);
    assert!(few.error().contains("security-officer 3 of 4"), "{}", few.error());
    vault.quorum.approve("dave").ok();
    vault.execute::<&str>(&[]).ok();
    let listed = vault.hsm.tool(&["--list-token-slots"]);
    assert!(listed.contains("token label        : lab-2\n") && !listed.contains("label        : lab\n"));
    assert_eq!((vault.public("lab-2", "old"), vault.public("lab-2", "keep")), (0, 0));
    for pin in [SO_PIN, USER_PIN] {
        assert!(!vault.hsm.can_log_in("lab-2", "so", pin) && !vault.hsm.can_log_in("lab-2", "user", pin));
    }
    let seen = vault.ceremony(&inventory("hsm"), THREE).ok();
    assert_eq!(seen.json["targets"][0]["inventory"]["objects"].as_array().unwrap().len(), 0);
    // What is gone cannot be pinned, the old name is no name any more, and the next reset uses the new SO PIN.
    vault.quorum.propose(&vault.quorum.plan("stale", &delete("01"))).expect(3);
    vault.quorum.propose(&vault.quorum.plan("stale", &reset(&serial, "lab", "lab-3"))).expect(3);
    vault.ceremony(&reset(&vault.hsm.serial("lab-2"), "lab-2", "lab-3"), FOUR).ok();
    vault.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn a_reset_under_a_label_that_is_taken_destroys_nothing() {
    let vault = Vault::taken_over();
    vault.approved(&reset(&vault.hsm.serial("lab"), "lab", "other"), FOUR);
    // Not a longer spelling of the old label: to the independent client that would be the same.
    vault.hsm.init_token("other");
    let refused = vault.execute::<&str>(&[]).expect(3);
    assert!(refused.error().contains("is not as it was when it was proposed"), "{}", refused.error());
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (1, 1));
    assert!(vault.hsm.can_log_in("other", "so", SO_PIN));
}

/// After C_InitToken, neither label nor PINs are the ones that the ledger has in force: given up, they would be lost.
#[test]
fn a_reset_that_may_have_changed_pins_is_not_given_up() {
    for (function, kind) in
        [("C_InitToken", "crash-after"), ("C_SetPIN", "crash-after"), ("C_InitPIN", "crash-after")]
    {
        let (vault, module) = behind_a_module();
        vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
        let serial = vault.hsm.serial("lab");
        vault.approved(&reset(&serial, "lab", "lab-2"), FOUR);
        module.order(function, 1, kind);
        let refused = vault.execute(&["--give-up"]).expect(3);
        assert!(refused.error().contains("cannot be given up"), "{}", refused.error());
        // A second run that changes nothing itself does not make it good.
        module.order("C_Login", 1, "crash");
        let refused = vault.execute(&["--give-up"]).expect(3);
        assert!(refused.error().contains("cannot be given up"), "{}", refused.error());
        module.behave();
        vault.execute::<&str>(&[]).ok();
        vault.ceremony(&inventory("hsm"), THREE).ok();
        vault.ceremony(&reset(&serial, "lab-2", "lab-3"), FOUR).ok();
    }
}

#[test]
fn a_take_over_that_may_have_changed_pins_is_not_given_up() {
    let (vault, module) = behind_a_module();
    vault.approved_genesis(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    let present = vault.present("so-pin", "so.pin");
    let give_up = [&present[..], &["--give-up".to_owned()]].concat();
    module.order("C_SetPIN", 1, "crash-after");
    vault.execute(&give_up).expect(3);
    assert!(!vault.hsm.can_log_in("lab", "so", SO_PIN));
    module.order("C_Login", 1, "crash");
    vault.execute(&give_up).expect(3);
    module.behave();
    vault.execute(&present).ok();
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}

#[test]
fn a_reset_that_changed_nothing_is_given_up_and_the_ledger_goes_on() {
    let (vault, module) = behind_a_module();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    let serial = vault.hsm.serial("lab");
    vault.approved(&reset(&serial, "lab", "lab-2"), FOUR);
    module.order("C_InitToken", 1, "error");
    vault.execute::<&str>(&[]).expect(4);
    module.order("C_InitToken", 1, "error");
    vault.execute(&["--give-up"]).expect(5);
    module.behave();
    vault.ceremony(&inventory("hsm"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (1, 1));
    vault.ceremony(&reset(&serial, "lab", "lab-3"), FOUR).ok();
}

/// A vault not founded yet, and a module that can be told to misbehave.
fn behind_a_module() -> (Vault, FaultyModule) {
    let vault = Vault::in_use();
    let module = FaultyModule::compile(vault.quorum.dir.path());
    module.behave();
    (vault, module)
}

/// C_InitToken was cut off so that the slot is empty afterwards: which empty slot it was cannot be told from outside, so
/// that no other is initialised in its place. The ceremony can be given up, and the ledger goes on without the token.
#[test]
fn a_reset_that_lost_its_token_takes_no_other_slot_for_it() {
    let (vault, module) = behind_a_module();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    vault.approved(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR);
    module.order("C_InitToken", 1, "crash");
    vault.execute::<&str>(&[]).expect(5);
    module.behave();
    vault.unplug();
    vault.execute::<&str>(&[]).expect(5);
    assert!(std::fs::read_dir(vault.hsm.tokens()).unwrap().next().is_none(), "another slot was initialised");
    vault.execute(&["--give-up"]).expect(5);
    vault.quorum.propose(&vault.quorum.plan("next", &inventory("hsm"))).expect(1);
    vault.plug_in();
    vault.ceremony(&inventory("hsm"), THREE).ok();
}
