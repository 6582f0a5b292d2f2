//! What a custodian's own machine refuses to sign: a ledger that was cut back, and a second thought after a rejection.

use super::{
    honest::{HonestQuorum, INVENTORY},
    rehearsed,
};

const RECOVER: &str =
    "kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 24\nceremony = 0\n";

/// The genesis had begun and no ceremony has ended: to a machine that remembers nothing this looks like a ledger in its first
/// hour. Its custodians hold a share of everything that the ledger has become since.
#[test]
fn a_ledger_cut_back_to_its_genesis_is_not_taken_for_a_new_one() {
    let honest = rehearsed();
    let quorum = HonestQuorum::cut_back();
    quorum.propose(RECOVER, None).ok();
    let refused = |paper: &[&str], reason: &str| {
        let ran = quorum.approve("alice", None, paper).expect(3);
        assert!(ran.error().contains(reason), "{}", ran.stderr);
        assert!(!quorum.output("alice").exists());
        ran
    };
    let ran = refused(&[], "may have been cut back");
    assert!(ran.stderr.contains("--genesis") && ran.stderr.contains("--head"), "{}", ran.stderr);
    // Whoever brings the head of what has ended finds out.
    refused(&["--head", &honest.head], "it was cut back");
    refused(&["--head", &honest.head, "--genesis", &honest.genesis], "it was cut back");
    refused(&["--genesis", &honest.head], "has the fingerprint");
    // Nobody can tell it from a genesis whose station was lost; the person is told what to compare.
    let ran = quorum.approve("alice", None, &["--genesis", &honest.genesis]).ok();
    assert!(ran.stderr.contains("cut back: reject"), "{}", ran.stderr);
    // A rejection rests on the same.
    let output = quorum.at("rejection");
    let reject = ["reject", "-o", &output, "--reason", "no"];
    quorum.does("bob", "bob", None, &reject).expect(3);
}

#[test]
fn nobody_approves_after_their_own_rejection() {
    let quorum = HonestQuorum::new();
    let head = quorum.head();
    quorum.propose(INVENTORY, None).ok();
    let final_ = |ran: crate::support::quorum::Ran| {
        let ran = ran.expect(3);
        assert!(ran.error().contains("rejected this proposal, which is final"), "{}", ran.stderr);
    };
    // On a machine of their own, which alone knows of it.
    let output = quorum.at("alice.rejection");
    let reject = ["reject", "--head", &head, "--reason", "no"];
    let to_file = [&reject[..], &["-o", &output]].concat();
    quorum.does("alice", "alice", None, &to_file).ok();
    final_(quorum.approve("alice", None, &["--head", &head]));
    assert!(!quorum.output("alice").exists());
    // The file was lost: it is written again.
    std::fs::remove_file(&output).unwrap();
    quorum.does("alice", "alice", None, &to_file).ok();
    // At the station, with an approval before: there, on another machine, and whatever else they try.
    let here = ["approve", "--head", &head];
    quorum.does("bob", "station", None, &here).ok();
    assert_eq!(quorum.status(None).json["open"]["approved"], serde_json::json!(["bob"]));
    quorum.does("bob", "station", None, &reject).ok();
    final_(quorum.does("bob", "station", None, &here));
    final_(quorum.approve("bob", None, &["--head", &head]));
    final_(quorum.does("bob", "station", None, &reject));
    // A rejection cancels the approval, in what is said as in what is counted.
    let open = &quorum.status(None).json["open"];
    assert_eq!(open["approved"], serde_json::json!([]));
    assert_eq!(open["rejected"], serde_json::json!(["bob"]));
    assert!(!open["missing"].to_string().contains("bob"), "{open}");
}

/// Whoever has the ledger only, and no station, sees it beside the transcript.
#[test]
fn a_rejection_beside_the_transcript_is_in_the_status_of_every_copy() {
    let quorum = HonestQuorum::new();
    let head = quorum.head();
    quorum.propose(INVENTORY, None).ok();
    quorum.does("carol", "station", None, &["reject", "--head", &head, "--reason", "no"]).ok();
    let mut elsewhere = quorum.command("elsewhere", None);
    let status = crate::support::quorum::ran(elsewhere.arg("status").arg(&quorum.ledger)).ok();
    assert_eq!(status.json["open"]["rejected"], serde_json::json!(["carol"]));
}
