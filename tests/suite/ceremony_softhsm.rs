//! The main flow through the real binary on a real PKCS#11 token: genesis by take-over, then a deletion.

use crate::support::quorum::{CUSTODIANS, Quorum};
use crate::support::softhsm::{self, SoftHsm};
use crate::support::tokens::Target;

/// A quorum over a SoftHSM token in use that holds an RSA pair `old` (id 01) and an EC pair `keep` (id 02).
fn quorum_in_use() -> Quorum {
    let hsm = SoftHsm::with_token("lab");
    hsm.make_key("lab", "rsa:2048", "old", "01");
    hsm.make_key("lab", "EC:prime256v1", "keep", "02");
    Quorum::of(5).over(hsm)
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
    let quorum = quorum_in_use();
    let hsm = quorum.hsm();
    let genesis =
        quorum.plan("genesis", &quorum.genesis_text(&CUSTODIANS, &Target::in_use(hsm, "lab").table()));
    let proposed = quorum.propose(&genesis).ok();
    // Everybody sees which file will be loaded.
    let sum = std::process::Command::new("sha256sum").arg(softhsm::MODULE).output().unwrap();
    let module =
        format!("module {}, SHA-256 {}", softhsm::MODULE, &String::from_utf8_lossy(&sum.stdout)[..64]);
    for name in CUSTODIANS {
        let seen = quorum.approve(name).ok().stderr;
        assert!(seen.split_whitespace().collect::<Vec<_>>().join(" ").contains(&module), "{seen}");
    }
    let present = format!("hsm:so-pin={}", quorum.at("so.pin"));
    quorum.execute_with(&["--present-pin", &present]).ok();

    let delete = quorum.plan("delete", DELETE);
    quorum.propose(&delete).ok();
    quorum.approve("alice").ok();
    quorum.approve_to_file("bob").ok();
    let incomplete = quorum.execute_with(&[&quorum.at("files/bob.approval")]).expect(6);
    assert!(incomplete.error().contains("crypto-officer 2 of 3"), "{}", incomplete.error());
    assert_eq!(public(hsm, "old"), 1);
    quorum.approve_to_file("carol").ok();
    let approvals = ["bob.approval", "carol.approval"];
    let paths = approvals.map(|file| quorum.at(&format!("files/{file}")));
    let none = quorum.execute_with(&paths).expect(6);
    assert!(none.error().contains("too few releases yet: crypto-officer 0 of 3"), "{}", none.error());
    assert!(none.error().contains("approved, and not released: alice, bob, carol"), "{}", none.error());
    quorum.decide("alice", "release", &paths.each_ref().map(String::as_str)).ok();
    for name in ["bob", "carol"] {
        quorum.release_to_file(name, &approvals).ok();
    }
    let done = quorum.execute_with(&[quorum.at("files/bob.release"), quorum.at("files/carol.release")]).ok();
    assert_eq!(done.text("outcome"), "completed");
    assert!(!quorum.path("files/bob.release").exists(), "a release outlived its ceremony");
    assert!(quorum.path("files/bob.approval").exists(), "an approval is no secret");

    assert_eq!((public(hsm, "old"), public(hsm, "keep")), (0, 1));
    quorum.audit(&proposed.text("proposal"), &done.text("head")).ok();
    quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
}
