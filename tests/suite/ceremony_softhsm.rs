//! The main flow through the real binary on a real PKCS#11 token: genesis by take-over, then a deletion.

use crate::support::lab::{CUSTODIANS, Lab, softhsm_in_use};
use crate::support::softhsm::{self, SoftHsm};

/// A lab over a SoftHSM token in use that holds an RSA pair `old` (id 01) and an EC pair `keep` (id 02).
fn lab_in_use() -> (Lab, SoftHsm, String) {
    let hsm = SoftHsm::with_token("lab");
    let serial = hsm.serial("lab");
    hsm.make_key("lab", "rsa:2048", "old", "01");
    hsm.make_key("lab", "EC:prime256v1", "keep", "02");
    let mut lab = Lab::new();
    lab.environment = hsm.environment();
    std::fs::write(lab.path("so.pin"), softhsm::SO_PIN).unwrap();
    (lab, hsm, serial)
}

/// Public objects of this label, as the independent client sees them; nobody but the quorum has the PIN now.
fn public(hsm: &SoftHsm, label: &str) -> usize {
    hsm.tool(&["--token-label", "lab", "--list-objects"])
        .lines()
        .filter(|l| l.contains(&format!("label:      {label}")))
        .count()
}

const DELETE: &str = "kind = \"delete\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    [[objects]]\nclass = \"private-key\"\nid = \"01\"\n[[objects]]\nclass = \"public-key\"\nid = \"01\"\n";

#[test]
fn a_key_dies_only_by_quorum_and_the_audit_shows_it() {
    let (lab, hsm, serial) = lab_in_use();
    let genesis = lab.plan("genesis", &lab.genesis_text(&CUSTODIANS, &softhsm_in_use("lab", &serial)));
    let proposed = lab.propose(&genesis).ok();
    // Everybody sees which file will be loaded.
    let sum = std::process::Command::new("sha256sum").arg(softhsm::MODULE).output().unwrap();
    let module =
        format!("module {}, SHA-256 {}", softhsm::MODULE, &String::from_utf8_lossy(&sum.stdout)[..64]);
    for name in CUSTODIANS {
        let seen = lab.approve(name).ok().stderr;
        assert!(seen.split_whitespace().collect::<Vec<_>>().join(" ").contains(&module), "{seen}");
    }
    let present = format!("hsm:so-pin={}", lab.at("so.pin"));
    lab.execute(&["--present-pin", &present]).ok();

    let delete = lab.plan("delete", DELETE);
    lab.propose(&delete).ok();
    lab.approve("alice").ok();
    lab.approve_to_file("bob").ok();
    let incomplete = lab.execute(&[&lab.at("files/bob.approval")]).expect(6);
    assert!(incomplete.error().contains("crypto-officer 2 of 3"), "{}", incomplete.error());
    assert_eq!(public(&hsm, "old"), 1);
    lab.approve_to_file("carol").ok();
    let done = lab.execute(&[&lab.at("files/bob.approval"), &lab.at("files/carol.approval")]).ok();
    assert_eq!(done.text("outcome"), "completed");
    assert!(!lab.path("files/bob.approval").exists(), "a release outlived its ceremony");

    assert_eq!((public(&hsm, "old"), public(&hsm, "keep")), (0, 1));
    lab.audit(&proposed.text("proposal"), &done.text("head")).ok();
    lab.run(&["audit", &lab.at("ledger")]).expect(6);
}
