//! Objects that are not what was approved any more: an application lives with the user PIN and changes them.

use crate::support::{
    quorum::Quorum,
    softhsm::USER_PIN,
    tokens::{THREE, delete, delete_one, inventory},
};

fn remove(quorum: &Quorum, class: &str, id: &str) {
    quorum.hsm().user("lab", USER_PIN, &["--delete-object", "--type", class, "--id", id]);
}

fn count(quorum: &Quorum, label: &str) -> usize {
    quorum.hsm().count("lab", USER_PIN, label)
}

#[test]
fn a_key_replaced_by_another_of_the_same_name_is_not_destroyed() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.approved(&delete("01"), THREE);
    remove(&quorum, "privkey", "01");
    remove(&quorum, "pubkey", "01");
    quorum.hsm().make_key("lab", "EC:prime256v1", "old", "01");
    let refused = quorum.execute_with(&present).expect(3);
    assert!(refused.error().contains("no longer shows"), "{}", refused.error());
    assert_eq!((count(&quorum, "old"), quorum.events("intended")), (2, 0));
    // An inventory puts the new one on record; what is approved then is destroyed.
    let abort = quorum.at("ledger");
    let copy = quorum.at("copy");
    quorum.run_with("frank", &["abort", &abort, "--reason", "replaced", "--copy", &copy]).ok();
    quorum.approved(&inventory("hsm"), THREE);
    quorum.execute_with(&present).ok();
    quorum.approved(&delete("01"), THREE);
    quorum.execute_with(&present).ok();
    assert_eq!((count(&quorum, "old"), count(&quorum, "keep")), (0, 2));
}

#[test]
fn a_private_key_replaced_alone_is_seen_after_the_login() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.approved(&delete_one("private-key", "01"), THREE);
    remove(&quorum, "privkey", "01");
    remove(&quorum, "pubkey", "01");
    quorum.hsm().make_key("lab", "EC:prime256v1", "old", "01");
    let failed = quorum.execute_with(&present).expect(4);
    assert!(failed.error().contains("is not there as pinned"), "{}", failed.error());
    // In a second run the first may have destroyed it: unknown, but never completed.
    quorum.execute_with(&present).expect(5);
    assert_eq!(count(&quorum, "old"), 2);
}

/// An application went on while the quorum gathered. What it made is not what was approved: it stays, and the room hears of it.
#[test]
fn an_object_that_came_since_stays_and_is_told() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.approved(&delete("01"), THREE);
    quorum.hsm().make_key("lab", "EC:prime256v1", "old", "77");
    let done = quorum.execute_with(&present).ok();
    assert_eq!((count(&quorum, "old"), count(&quorum, "keep")), (2, 2));
    let noticed = done.json["noticed"].as_array().unwrap();
    assert_eq!(noticed.len(), 2);
    assert!(noticed.iter().all(|n| n.as_str().unwrap().starts_with("new since the last inventory: ")));
    assert!(done.json["summary"].as_str().unwrap().ends_with("; since the last inventory: 2 new"));
}

/// The deletion of a neighbour takes nothing from a key but what was known of it.
#[test]
fn a_public_key_goes_alone_and_its_private_key_is_not_missed() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.approved(&delete_one("public-key", "01"), THREE);
    quorum.execute_with(&present).ok();
    assert_eq!(count(&quorum, "old"), 1);
    // From outside, the same; and an inventory says to the room that a key vanished.
    remove(&quorum, "pubkey", "02");
    remove(&quorum, "privkey", "01");
    quorum.approved(&inventory("hsm"), THREE);
    let done = quorum.execute_with(&present).ok();
    let noticed = done.json["noticed"].to_string();
    assert!(noticed.contains("gone since the last inventory: private-key"), "{noticed}");
    assert!(noticed.contains("changed since the last inventory: private-key"), "{noticed}");
    assert!(done.json["summary"].as_str().unwrap().contains("2 gone, 1 changed"), "{}", done.json["summary"]);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]);
    let found = audit.json["findings"].to_string();
    assert!(found.contains("2 objects are gone that hsm had") && !found.contains("of hsm are"), "{found}");
    assert_eq!(found.matches("objects-gone").count(), 1, "{found}");
}

#[test]
fn an_object_that_is_gone_already_is_not_the_quorums_deed() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.approved(&delete("01"), THREE);
    remove(&quorum, "pubkey", "01");
    quorum.execute_with(&present).expect(3);
    assert_eq!(count(&quorum, "old"), 1);
}

#[test]
fn a_private_key_that_is_gone_already_is_said_to_be_missing() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.approved(&delete("01"), THREE);
    remove(&quorum, "privkey", "01");
    let failed = quorum.execute_with(&present).expect(4);
    assert!(failed.error().contains("is not in the token"), "{}", failed.error());
    assert_eq!(count(&quorum, "old"), 1);
}
