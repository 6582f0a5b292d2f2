//! Objects that are not what was approved any more: an application lives with the user PIN and changes them.

use crate::{
    softhsm::USER_PIN,
    vault::{THREE, Vault, delete, delete_one, inventory},
};

fn remove(vault: &Vault, class: &str, id: &str) {
    vault.hsm.user("lab", USER_PIN, &["--delete-object", "--type", class, "--id", id]);
}

fn count(vault: &Vault, label: &str) -> usize {
    vault.hsm.count("lab", USER_PIN, label)
}

#[test]
fn a_key_replaced_by_another_of_the_same_name_is_not_destroyed() {
    let vault = Vault::borrowed();
    let present = vault.present("user-pin", "user.pin");
    vault.approved(&delete("01"), THREE);
    remove(&vault, "privkey", "01");
    remove(&vault, "pubkey", "01");
    vault.hsm.make_key("lab", "EC:prime256v1", "old", "01");
    let refused = vault.execute(&present).expect(3);
    assert!(refused.error().contains("no longer shows"), "{}", refused.error());
    assert_eq!((count(&vault, "old"), vault.events("intended")), (2, 0));
    // An inventory puts the new one on record; what is approved then is destroyed.
    let abort = vault.lab.at("ledger");
    let copy = vault.lab.at("copy");
    vault.lab.run_with("frank", &["abort", &abort, "--reason", "replaced", "--copy", &copy]).ok();
    vault.approved(&inventory("hsm"), THREE);
    vault.execute(&present).ok();
    vault.approved(&delete("01"), THREE);
    vault.execute(&present).ok();
    assert_eq!((count(&vault, "old"), count(&vault, "keep")), (0, 2));
}

#[test]
fn a_private_key_replaced_alone_is_seen_after_the_login() {
    let vault = Vault::borrowed();
    let present = vault.present("user-pin", "user.pin");
    vault.approved(&delete_one("private-key", "01"), THREE);
    remove(&vault, "privkey", "01");
    remove(&vault, "pubkey", "01");
    vault.hsm.make_key("lab", "EC:prime256v1", "old", "01");
    let failed = vault.execute(&present).expect(4);
    assert!(failed.error().contains("is not there as pinned"), "{}", failed.error());
    // In a second run the first may have destroyed it: unknown, but never completed.
    vault.execute(&present).expect(5);
    assert_eq!(count(&vault, "old"), 2);
}

#[test]
fn an_object_that_resembles_a_pinned_one_stops_the_deletion() {
    let vault = Vault::borrowed();
    let present = vault.present("user-pin", "user.pin");
    // Public: seen without login, before the intent.
    vault.approved(&delete("01"), THREE);
    vault.hsm.make_key("lab", "EC:prime256v1", "old", "77");
    let refused = vault.execute(&present).expect(3);
    assert!(refused.error().contains("another object looks like"), "{}", refused.error());
    // Private: seen after the login, before the first is destroyed.
    remove(&vault, "pubkey", "77");
    let failed = vault.execute(&present).expect(4);
    assert!(failed.error().contains("resembles"), "{}", failed.error());
    assert_eq!(count(&vault, "old"), 3);
    remove(&vault, "privkey", "77");
    vault.execute(&present).ok();
    assert_eq!((count(&vault, "old"), count(&vault, "keep")), (0, 2));
}

#[test]
fn an_object_that_is_gone_already_is_not_the_quorums_deed() {
    let vault = Vault::borrowed();
    let present = vault.present("user-pin", "user.pin");
    vault.approved(&delete("01"), THREE);
    remove(&vault, "pubkey", "01");
    vault.execute(&present).expect(3);
    assert_eq!(count(&vault, "old"), 1);
}

#[test]
fn a_private_key_that_is_gone_already_is_said_to_be_missing() {
    let vault = Vault::borrowed();
    let present = vault.present("user-pin", "user.pin");
    vault.approved(&delete("01"), THREE);
    remove(&vault, "privkey", "01");
    let failed = vault.execute(&present).expect(4);
    assert!(failed.error().contains("is not in the token"), "{}", failed.error());
    assert_eq!(count(&vault, "old"), 1);
}
