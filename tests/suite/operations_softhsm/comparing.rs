//! Whether two targets hold the same keys: what the ledger knows, and what shows without a login.

use crate::{
    operations_softhsm::backups::{backup, exportable, restore},
    support::{
        quorum::Ran,
        softhsm::USER_PIN,
        vault::{FOUR, THREE, Target, Vault, inventory},
    },
};

fn compare(vault: &Vault, more: &[&str]) -> Ran {
    let ledger = vault.quorum.at("ledger");
    vault.quorum.run(&[&["compare", "hsm", "spare", "--ledger", &ledger], more].concat())
}

/// How many objects came out so.
fn count(ran: &Ran, verdict: &str, by: Option<&str>) -> usize {
    let objects = ran.json["objects"].as_array().unwrap();
    objects.iter().filter(|o| o["verdict"] == verdict && o["by"].as_str() == by).count()
}

/// Both targets with PINs that applications have, so that a test can be such an application.
fn pair() -> (Vault, Vec<String>) {
    let vault = exportable();
    vault.hsm.init_token("spare");
    let target = Target { so_pin: None, user_pin: "borrowed", ..Target::in_use(&vault.hsm, "lab") };
    let spare = Target { name: "spare", ..target.clone() };
    let spare = Target { label: "spare".into(), serial: Some(vault.hsm.serial("spare")), ..spare };
    vault.found(&[target, spare]);
    let pin = |name: &str| format!("{name}:user-pin={}", vault.quorum.at("user.pin"));
    let present = ["--present-pin".into(), pin("hsm"), "--present-pin".into(), pin("spare")].to_vec();
    (vault, present)
}

#[test]
fn a_restored_pair_is_the_same_until_one_of_them_is_changed() {
    let (vault, present) = pair();
    let (for_hsm, for_spare) = (&present[..2], &present[2..]);
    let apart = compare(&vault, &[]).expect(3);
    assert_eq!((count(&apart, "only-in-one", None), apart.text("verdict").as_str()), (5, "different"));

    vault.approved(&backup(&vault, "files/b.age", false), FOUR);
    vault.execute(for_hsm).ok();
    vault.approved(&restore(&vault, "spare", 1, "files/b.age"), FOUR);
    vault.execute(for_spare).ok();
    let same = compare(&vault, &[]).ok();
    // Two private keys and a secret one by what the restore proved; the public halves by their hashes.
    assert_eq!((count(&same, "same", Some("restore")), count(&same, "same", Some("public-key"))), (3, 2));
    assert_eq!((same.text("verdict").as_str(), &same.json["recorded"]), ("same", &serde_json::json!([0, 2])));
    let prose = vault.prose(&["compare", "hsm", "spare", "--ledger", &vault.quorum.at("ledger")]).ok();
    assert!(prose.stdout.contains("proven when it was restored"), "{}", prose.stdout);

    // Somebody puts a key that they know under the original label and id.
    for class in ["privkey", "pubkey"] {
        vault.hsm.user("spare", USER_PIN, &["--delete-object", "--type", class, "--id", "01"]);
    }
    vault.hsm.make_key("spare", "EC:prime256v1", "ec", "01");
    let changed = compare(&vault, &[]).expect(3);
    let changes = changed.json["changes"].to_string();
    assert!(changes.contains("no longer shows") && changes.contains("is not in its inventory"), "{changes}");
    compare(&vault, &["--recorded"]).ok();
    vault.approved(&inventory("spare"), THREE);
    vault.execute(for_spare).ok();
    let found = compare(&vault, &[]).expect(3);
    // The public key tells that it is another one. The private key shows nothing of its own: what lies beside it is no proof.
    let told = ["differs", "only-in-other", "unknown"].map(|verdict| count(&found, verdict, None));
    assert_eq!((told, found.text("verdict").as_str()), ([1, 1, 1], "different"));
    assert_eq!(found.json["changes"], serde_json::json!([]));

    vault.unplug();
    compare(&vault, &[]).expect(1);
    compare(&vault, &["--recorded"]).expect(3);
}

#[test]
fn only_two_targets_of_the_ledger_are_compared() {
    let vault = Vault::taken_over();
    let ledger = vault.quorum.at("ledger");
    vault.quorum.run(&["compare", "hsm", "hsm", "--ledger", &ledger]).expect(2);
    vault.quorum.run(&["compare", "hsm", "spare", "--ledger", &ledger]).expect(3);
    vault.quorum.run(&["compare", "hsm", "spare"]).expect(2);
}
