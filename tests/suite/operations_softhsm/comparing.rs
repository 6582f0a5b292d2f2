//! Whether two targets hold the same keys: what the ledger knows, and what shows without a login.

use crate::{
    operations_softhsm::backups::{backup, exportable, restore},
    support::{
        quorum::{Quorum, Ran},
        softhsm::USER_PIN,
        tokens::{FOUR, THREE, Target, inventory},
    },
};

fn compare(quorum: &Quorum, more: &[&str]) -> Ran {
    let ledger = quorum.at("ledger");
    quorum.run(&[&["compare", "hsm", "spare", "--ledger", &ledger], more].concat())
}

/// How many objects came out so.
fn count(ran: &Ran, verdict: &str, by: Option<&str>) -> usize {
    let objects = ran.json["objects"].as_array().unwrap();
    objects.iter().filter(|o| o["verdict"] == verdict && o["by"].as_str() == by).count()
}

/// Both targets with PINs that applications have, so that a test can be such an application.
fn pair() -> (Quorum, Vec<String>) {
    let quorum = exportable();
    quorum.hsm().init_token("spare");
    let target = Target { so_pin: None, user_pin: "borrowed", ..Target::in_use(quorum.hsm(), "lab") };
    let spare = Target { name: "spare", ..target.clone() };
    let spare = Target { label: "spare".into(), serial: Some(quorum.hsm().serial("spare")), ..spare };
    quorum.found(&[target, spare]);
    let pin = |name: &str| format!("{name}:user-pin={}", quorum.at("user.pin"));
    let present = ["--present-pin".into(), pin("hsm"), "--present-pin".into(), pin("spare")].to_vec();
    (quorum, present)
}

#[test]
fn a_restored_pair_is_the_same_until_one_of_them_is_changed() {
    let (quorum, present) = pair();
    let (for_hsm, for_spare) = (&present[..2], &present[2..]);
    let apart = compare(&quorum, &[]).expect(3);
    assert_eq!((count(&apart, "only-in-one", None), apart.text("verdict").as_str()), (5, "different"));

    quorum.approved(&backup(&quorum, "files/b.age", false), FOUR);
    quorum.execute_with(for_hsm).ok();
    quorum.approved(&restore(&quorum, "spare", 1, "files/b.age"), FOUR);
    quorum.execute_with(for_spare).ok();
    let same = compare(&quorum, &[]).ok();
    // Two private keys and a secret one by what the restore proved; the public halves by their hashes.
    assert_eq!((count(&same, "same", Some("restore")), count(&same, "same", Some("public-key"))), (3, 2));
    assert_eq!((same.text("verdict").as_str(), &same.json["recorded"]), ("same", &serde_json::json!([0, 2])));
    let prose = quorum.prose(&["compare", "hsm", "spare", "--ledger", &quorum.at("ledger")]).ok();
    assert!(prose.stdout.contains("proven when it was restored"), "{}", prose.stdout);

    // Somebody puts a key that they know under the original label and id.
    for class in ["privkey", "pubkey"] {
        quorum.hsm().user("spare", USER_PIN, &["--delete-object", "--type", class, "--id", "01"]);
    }
    quorum.hsm().make_key("spare", "EC:prime256v1", "ec", "01");
    let changed = compare(&quorum, &[]).expect(3);
    let changes = changed.json["changes"].to_string();
    assert!(changes.contains("no longer shows") && changes.contains("is not in its inventory"), "{changes}");
    compare(&quorum, &["--recorded"]).ok();
    quorum.approved(&inventory("spare"), THREE);
    quorum.execute_with(for_spare).ok();
    let found = compare(&quorum, &[]).expect(3);
    // The public key tells that it is another one. The private key shows nothing of its own: what lies beside it is no proof.
    let told = ["differs", "only-in-other", "unknown"].map(|verdict| count(&found, verdict, None));
    assert_eq!((told, found.text("verdict").as_str()), ([1, 1, 1], "different"));
    assert_eq!(found.json["changes"], serde_json::json!([]));

    quorum.unplug();
    compare(&quorum, &[]).expect(1);
    compare(&quorum, &["--recorded"]).expect(3);
}

#[test]
fn only_two_targets_of_the_ledger_are_compared() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let ledger = quorum.at("ledger");
    quorum.run(&["compare", "hsm", "hsm", "--ledger", &ledger]).expect(2);
    quorum.run(&["compare", "hsm", "spare", "--ledger", &ledger]).expect(3);
    quorum.run(&["compare", "hsm", "spare"]).expect(2);
}
