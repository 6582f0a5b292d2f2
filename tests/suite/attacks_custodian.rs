//! What a custodian is shown, what they are asked to sign, and with which card: wrong ledgers, wrong times, wrong people.

mod again;
mod at_table;
pub mod terminal;

use std::{fs, process::Command};

use crate::support::founded::{self, INVENTORY, at_time, snapshot, tries};
use crate::support::quorum::{ADMIN, CUSTODIANS, Quorum, Ran};

const OUTPUT: &str = "files/decision";

fn proposed() -> Quorum {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    quorum
}

/// A person decides on a machine of their own, with these options besides card and output.
fn on_own_machine(quorum: &Quorum, verb: &str, who: &str, ledger: &str, more: &[&str]) -> Ran {
    let (ledger, output) = (quorum.at(ledger), quorum.at(OUTPUT));
    let card = quorum.with_card(who);
    let mut args = vec![verb, &ledger, "-o", &output];
    args.extend(more);
    args.extend(card.iter().map(String::as_str));
    quorum.run_as(who, &args)
}

/// `run` of an inventory with the cards of these people.
fn run_with_cards(quorum: &Quorum, head: &str, people: &[&str]) -> Ran {
    let (plan, ledger, copy) = (quorum.plan("inventory", INVENTORY), quorum.at("ledger"), quorum.at("copy"));
    let cards: Vec<String> = people.iter().flat_map(|who| quorum.with_card(who)).collect();
    let args = ["run", &plan, &ledger, "--copy", &copy, "--head", head];
    quorum.run(&args.into_iter().chain(cards.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// Refused with this reason, and no statement was written.
#[track_caller]
fn refused(quorum: &Quorum, ran: Ran, reason: &str) {
    let ran = ran.expect(3);
    assert!(ran.error().contains(reason), "{reason}: {}", ran.error());
    assert!(!quorum.path(OUTPUT).exists());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn abort(quorum: &Quorum) -> Ran {
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    quorum.run_with(ADMIN, &["abort", &ledger, "--copy", &copy, "--reason", "once more"]).ok()
}

/// What is read aloud at the table: the proposer's screen and a custodian's show one number.
#[test]
fn the_proposer_and_a_custodian_are_shown_one_digest() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let (plan, ledger, copy) = (quorum.plan("inventory", INVENTORY), quorum.at("ledger"), quorum.at("copy"));
    let head = quorum.head().unwrap();
    let digest = |ran: &Ran| {
        let (_, after) = ran.stdout.split_once("Digest of this proposal").unwrap();
        after.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned()
    };
    let proposed = quorum.prose_with_card(ADMIN, &["propose", &plan, &ledger, "--copy", &copy]).ok();
    let approved = quorum.prose_with_card("alice", &["approve", &ledger, "--head", &head]).ok();
    assert_eq!(digest(&proposed), digest(&approved));
}

#[test]
fn an_old_copy_of_the_ledger_is_refused() {
    let quorum = proposed();
    let head = quorum.head().unwrap();
    copy(&quorum.path("ledger"), &quorum.path("old"));
    on_own_machine(&quorum, "approve", "alice", "ledger", &["--head", &head]).ok();
    fs::remove_file(quorum.path(OUTPUT)).unwrap();
    abort(&quorum);
    quorum.propose(INVENTORY).ok();
    // Her machine remembers ceremony 1 and finds it in the ledger as it is now: no head is needed.
    let again = on_own_machine(&quorum, "approve", "alice", "ledger", &[]).ok();
    assert!(again.stderr.contains("contains the 1 earlier decision that this machine"), "{}", again.stderr);
    fs::remove_file(quorum.path(OUTPUT)).unwrap();
    let newer = "it is an old copy";
    refused(&quorum, on_own_machine(&quorum, "approve", "alice", "old", &[]), newer);
    // The head on the paper of long ago does not help the old copy.
    refused(&quorum, on_own_machine(&quorum, "approve", "alice", "old", &["--head", &head]), newer);
    refused(&quorum, on_own_machine(&quorum, "reject", "alice", "old", &["--reason", "no"]), newer);
}

#[test]
fn a_second_child_of_one_predecessor_is_refused() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let head = quorum.head().unwrap();
    copy(&quorum.path("ledger"), &quorum.path("fork"));
    copy(&quorum.path("copy"), &quorum.path("fork-copy"));
    quorum.propose(INVENTORY).ok();
    let other = quorum.plan("other", &INVENTORY.replace("Look", "Look again"));
    let (fork, fork_copy) = (quorum.at("fork"), quorum.at("fork-copy"));
    let admin = quorum.with_card(ADMIN);
    let mut args = vec!["propose", &other, &fork, "--copy", &fork_copy];
    args.extend(admin.iter().map(String::as_str));
    quorum.run_as("second-station", &args).ok();
    on_own_machine(&quorum, "approve", "alice", "ledger", &["--head", &head]).ok();
    fs::remove_file(quorum.path(OUTPUT)).unwrap();
    for verb in [&["approve"][..], &["reject", "--reason", "no"]] {
        let more = [&verb[1..], &["--head", &head]].concat();
        let ran = on_own_machine(&quorum, verb[0], "alice", "fork", &more);
        refused(&quorum, ran, "another proposal as ceremony 1");
    }
    // Bob, who has seen neither, may take either.
    on_own_machine(&quorum, "approve", "bob", "fork", &["--head", &head]).ok();
}

#[test]
fn first_contact_needs_the_head_from_paper() {
    let quorum = proposed();
    let unknown = on_own_machine(&quorum, "approve", "alice", "ledger", &[]);
    refused(&quorum, unknown, "remembers nothing of the ledger");
    let genesis = quorum.run(&["status", &quorum.at("ledger")]).text("genesis");
    for wrong in ["00".repeat(32), genesis] {
        let ran = on_own_machine(&quorum, "approve", "alice", "ledger", &["--head", &wrong]);
        refused(&quorum, ran, "does not have the head that you gave");
    }
    for garbled in ["", "zz", &"0".repeat(63), "topmost"] {
        on_own_machine(&quorum, "approve", "alice", "ledger", &["--head", garbled]).expect(2);
    }
    let before = snapshot(&quorum.path("ledger"));
    on_own_machine(&quorum, "approve", "alice", "ledger", &["--head", &quorum.head().unwrap()]).ok();
    assert!(before == snapshot(&quorum.path("ledger")), "a custodian's own machine wrote into the ledger");
    let here = quorum.with_card("bob");
    let (ledger, head) = (quorum.at("ledger"), quorum.head().unwrap());
    let mut args = vec!["approve", &ledger, "--head", &head];
    args.extend(here.iter().map(String::as_str));
    let elsewhere = quorum.run_as("bob", &args).expect(2);
    assert!(elsewhere.error().contains("not the station"), "{}", elsewhere.error());
}

#[test]
fn the_wrong_card_costs_no_try() {
    let quorum = proposed();
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    fs::write(quorum.path("wrong.pin"), "000000\n").unwrap();
    let (plan, wrong) = (quorum.plan("inventory", INVENTORY), quorum.at("wrong.pin"));
    let approve = ["approve", ledger.as_str()];
    let reject = ["reject", &ledger, "--reason", "no"];
    let attest = ["attest", &ledger, "--copy", &copy];
    let execute = ["execute", &ledger, "--copy", &copy];
    let abort = ["abort", &ledger, "--copy", &copy, "--reason", "no"];
    let propose = ["propose", &plan, &ledger, "--copy", &copy];
    let custodians = "only custodians and approvers approve or reject";
    let nobodys = "belongs to nobody in this quorum";
    let cases: [(&str, &[&str], &str); 12] = [
        (ADMIN, &approve, custodians),
        (ADMIN, &reject, custodians),
        ("wendy", &approve, custodians),
        ("mallory", &approve, nobodys),
        ("mallory", &attest, nobodys),
        ("mallory", &execute, nobodys),
        ("mallory", &abort, nobodys),
        ("alice", &execute, "only administrators execute"),
        ("wendy", &execute, "only administrators execute"),
        ("alice", &abort, "only administrators abort"),
        ("alice", &propose, "still open"),
        ("mallory", &propose, "still open"),
    ];
    for (who, verb, reason) in cases {
        let card = quorum.card(who, "");
        let ran = quorum.run(&[verb, &["--card", &card, "--pin-file", &wrong]].concat()).expect(3);
        assert!(ran.error().contains(reason), "{who} {verb:?}: {}", ran.error());
        assert_eq!(tries(&quorum, who), 8, "{who} {verb:?}");
    }
    quorum.run_with(ADMIN, &abort).ok();
    for (who, reason) in [
        ("alice", "only administrators propose"),
        ("wendy", "only administrators propose"),
        ("mallory", nobodys),
    ] {
        let card = quorum.card(who, "");
        let ran = quorum.run(&[&propose[..], &["--card", &card, "--pin-file", &wrong]].concat()).expect(3);
        assert!(ran.error().contains(reason), "{who}: {}", ran.error());
        assert_eq!(tries(&quorum, who), 8, "{who}");
    }
}

#[test]
fn a_card_that_is_not_as_it_was_enrolled_is_refused() {
    let quorum = proposed();
    let path = quorum.path("cards/alice.card");
    let good = fs::read_to_string(&path).unwrap();
    let card: serde_json::Value = serde_json::from_str(&good).unwrap();
    let bobs = fs::read_to_string(quorum.path("cards/bob.card")).unwrap();
    let bobs: serde_json::Value = serde_json::from_str(&bobs).unwrap();
    for field in ["serial", "share_recipient"] {
        let (own, others) = (card[field].as_str().unwrap(), bobs[field].as_str().unwrap());
        fs::write(&path, good.replace(own, others)).unwrap();
        let head = quorum.head().unwrap();
        let ran = on_own_machine(&quorum, "approve", "alice", "ledger", &["--head", &head]);
        refused(&quorum, ran, "not as it was enrolled");
    }
}

#[test]
fn an_expired_proposal_takes_no_approval_and_no_execution() {
    let quorum = proposed();
    for name in ["alice", "bob", "carol"] {
        quorum.approve(name).ok();
    }
    let before = snapshot(&quorum.path("ledger"));
    let (ledger, copy, head) = (quorum.at("ledger"), quorum.at("copy"), quorum.head().unwrap());
    let (dave, frank) = (quorum.with_card("dave"), quorum.with_card(ADMIN));
    let with = |args: &[&str], card: &[String]| {
        let all: Vec<String> = args.iter().map(ToString::to_string).chain(card.iter().cloned()).collect();
        all
    };
    for late in [
        with(&["approve", &ledger, "--head", &head], &dave),
        with(&["execute", &ledger, "--copy", &copy], &frank),
    ] {
        let ran = at_time(&quorum, "+3d", &late.iter().map(String::as_str).collect::<Vec<_>>()).expect(3);
        assert!(ran.error().contains("the proposal expired at"), "{}", ran.error());
    }
    assert!(before == snapshot(&quorum.path("ledger")));
    quorum.execute().ok();
}

#[test]
fn a_clock_that_was_set_back_is_refused() {
    let quorum = proposed();
    for name in ["alice", "bob", "carol"] {
        quorum.approve(name).ok();
    }
    let before = snapshot(&quorum.path("ledger"));
    let (ledger, copy, head) = (quorum.at("ledger"), quorum.at("copy"), quorum.head().unwrap());
    let plan = quorum.plan("inventory", INVENTORY);
    let early = |args: &[&str], who: &str| {
        let card = quorum.with_card(who);
        let all: Vec<&str> = args.iter().copied().chain(card.iter().map(String::as_str)).collect();
        let ran = at_time(&quorum, "-2d", &all).expect(3);
        assert!(ran.error().contains("before the ledger's last line"), "{}", ran.error());
    };
    early(&["approve", &ledger, "--head", &head], "dave");
    early(&["reject", &ledger, "--head", &head, "--reason", "no"], "dave");
    early(&["execute", &ledger, "--copy", &copy], ADMIN);
    early(&["abort", &ledger, "--copy", &copy, "--reason", "no"], ADMIN);
    early(&["attest", &ledger, "--copy", &copy], "dave");
    assert!(before == snapshot(&quorum.path("ledger")));
    abort(&quorum);
    early(&["propose", &plan, &ledger, "--copy", &copy], ADMIN);
}

#[test]
fn a_rejection_is_final_and_cancels_the_approval() {
    let quorum = proposed();
    for name in ["alice", "bob", "carol"] {
        quorum.approve(name).ok();
    }
    let (ledger, head) = (quorum.at("ledger"), quorum.head().unwrap());
    on_own_machine(&quorum, "reject", "carol", "ledger", &["--head", &head, "--reason", "wrong token"]).ok();
    let ran = quorum.execute_with(&[&quorum.at(OUTPUT)]).expect(6);
    assert!(ran.error().contains("crypto-officer 2 of 3"), "{}", ran.error());
    assert!(ran.error().contains("rejected: carol"), "{}", ran.error());
    assert!(ran.error().contains("counted: alice, bob\""), "{}", ran.error());
    assert!(ran.error().contains("not heard of: dave, erin"), "{}", ran.error());
    // At the station it is kept, whoever hands what in.
    quorum.run_with("dave", &["reject", &ledger, "--head", &head, "--reason", "no"]).ok();
    assert!(quorum.approve("dave").expect(3).error().contains("which is final"));
    let ran = quorum.execute_with(&[&quorum.at(OUTPUT)]).expect(6);
    assert!(ran.error().contains("rejected: carol, dave"), "{}", ran.error());
    // No veto: with Erin there would be three. With a third rejection there cannot be.
    quorum.run_with("erin", &["reject", &ledger, "--head", &head, "--reason", "no"]).ok();
    let done = quorum.execute_with(&[&quorum.at(OUTPUT)]).expect(3);
    assert_eq!(done.text("outcome"), "refused");
    assert!(done.text("summary").contains("a quorum cannot be reached any more"));
    let status = quorum.run(&["status", &ledger]).ok();
    assert!(status.json["open"].is_null());
    assert_eq!(status.json["ceremonies"][1]["outcome"], "refused");
    quorum.propose(INVENTORY).ok();
}

/// The station was cut off after it had written the rejections, before it wrote what follows from them.
#[test]
fn a_recorded_rejection_counts_without_its_file() {
    let quorum = proposed();
    for name in CUSTODIANS {
        quorum.approve_only(name).ok();
    }
    let head = quorum.head().unwrap();
    let mut files = Vec::new();
    for name in ["carol", "dave", "erin"] {
        on_own_machine(&quorum, "reject", name, "ledger", &["--head", &head, "--reason", "no"]).ok();
        files.push(quorum.at(&format!("files/{name}.rejection")));
        fs::rename(quorum.path(OUTPUT), files.last().unwrap()).unwrap();
    }
    let kept: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let transcript = |place: &str| quorum.path(&format!("{place}/0001-inventory/transcript.jsonl"));
    for (rejections, handed_in) in [(3, &paths[..0]), (1, &paths[..])] {
        copy(&quorum.path("state-station"), &quorum.path("state-before"));
        quorum.execute_with(&paths).expect(3);
        for place in ["ledger", "copy"] {
            let whole = fs::read_to_string(transcript(place)).unwrap();
            assert_eq!(whole.lines().count(), 6, "proposed, three rejections, concluded, closed");
            let cut: String = whole.split_inclusive('\n').take(1 + rejections).collect();
            fs::write(transcript(place), cut).unwrap();
        }
        fs::remove_dir_all(quorum.path("state-station")).unwrap();
        copy(&quorum.path("state-before"), &quorum.path("state-station"));
        for (path, bytes) in paths.iter().zip(&kept) {
            fs::write(path, bytes).unwrap();
        }
        // Five approvals are at the station.
        assert_eq!(quorum.execute_with(handed_in).expect(3).text("outcome"), "refused");
        assert_eq!(fs::read_to_string(transcript("ledger")).unwrap().lines().count(), 6);
        quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
        // Back to where nothing was recorded.
        for place in ["ledger", "copy"] {
            let whole = fs::read_to_string(transcript(place)).unwrap();
            fs::write(transcript(place), whole.split_inclusive('\n').next().unwrap()).unwrap();
        }
        fs::remove_dir_all(quorum.path("state-station")).unwrap();
        fs::rename(quorum.path("state-before"), quorum.path("state-station")).unwrap();
    }
}

#[test]
fn approving_twice_at_the_station_leaves_one_good_approval() {
    let quorum = proposed();
    for name in ["alice", "alice", "bob", "carol", "bob"] {
        let _ = quorum.approve(name);
    }
    quorum.execute().ok();
}

#[test]
fn a_genesis_needs_everybody() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let target = founded::practice_target(&quorum.path("tokens/hsm.token"));
    quorum.propose(&founded::genesis_text(&quorum, &target)).ok();
    for name in &CUSTODIANS[..4] {
        quorum.approve(name).ok();
    }
    let before = (snapshot(&quorum.path("ledger")), snapshot(&quorum.path("tokens")));
    let ran = quorum.execute().expect(6);
    assert!(ran.error().contains("crypto-officer 4 of 5, security-officer 4 of 5"), "{}", ran.error());
    assert!(ran.error().contains("not heard of: erin"), "{}", ran.error());
    assert!(before == (snapshot(&quorum.path("ledger")), snapshot(&quorum.path("tokens"))));
    // One who rejects a genesis ends it.
    quorum.run_with("erin", &["reject", &quorum.at("ledger"), "--reason", "not with me"]).ok();
    assert_eq!(quorum.execute().expect(3).text("outcome"), "refused");
}

/// Three harmless proposals that come to nothing, of which each had one custodian, and an administrator who keeps everything: no share
/// has left its card, since none of them had a quorum. The same where each signs and releases in one step.
#[test]
fn three_aborted_ceremonies_with_one_custodian_each_give_no_share() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    for name in ["alice", "bob", "carol"] {
        quorum.propose(INVENTORY).ok();
        let early = quorum.release(name).expect(6);
        assert!(
            early.error().contains("no share leaves its card before: crypto-officer 1 of 3"),
            "{}",
            early.stderr
        );
        quorum.approve_only(name).ok();
        let early = quorum.release(name).expect(6);
        assert!(
            early.error().contains("no share leaves its card before: crypto-officer 1 of 3"),
            "{}",
            early.stderr
        );
        // Approvals of the ceremonies before are of other proposals: they make no quorum of this one.
        for before in ["alice", "bob"] {
            let file = format!("files/{before}.approval");
            if quorum.path(&file).exists() {
                let ran = quorum.decide(name, "release", &[&quorum.at(&file)]).expect(1);
                assert!(ran.error().contains("approved another proposal"), "{}", ran.stderr);
            }
        }
        let beside = quorum.head().unwrap();
        let own = [
            "approve",
            &quorum.at("ledger"),
            "-o",
            &quorum.at(&format!("files/{name}.approval")),
            "--head",
            &beside,
        ];
        quorum.run_with(name, &own).ok();
        let kept = snapshot(&quorum.path("state-station"));
        assert!(
            kept.iter().all(|(path, _)| !path.to_string_lossy().contains("release-of")),
            "a share left its card"
        );
        let aborted = abort(&quorum);
        assert_eq!(aborted.json["outstanding"], serde_json::json!([]));
    }
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(!audit.stdout.contains("releases-outstanding"), "{}", audit.stdout);
}

/// With a quorum they may leave it, and then it is said by whom.
#[test]
fn shares_that_were_released_in_vain_are_told() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    for name in ["alice", "bob", "carol"] {
        quorum.approve_only(name).ok();
    }
    quorum.release("alice").ok();
    quorum.release_to_file("bob", &[]).ok();
    let (ledger, copy, file) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("files/bob.release"));
    let aborted = quorum.run_with(ADMIN, &["abort", &ledger, &file, "--copy", &copy, "--reason", "no"]).ok();
    assert_eq!(aborted.json["outstanding"], serde_json::json!(["alice", "bob"]));
    let said = aborted.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("releases-outstanding: 2 custodians (alice, bob) released shares"), "{said}");
    assert!(!quorum.path("files/bob.release").exists(), "a release outlived its ceremony");
    let audit = quorum.run(&["audit", &ledger]).expect(6);
    assert!(audit.stdout.contains("releases-outstanding"), "{}", audit.stdout);
    let status = quorum.run(&["status", &ledger]).ok();
    assert_eq!(status.json["outstanding"][0]["code"], "releases-outstanding");
    // What was given up takes no release any more.
    assert_eq!(quorum.release("carol").expect(3).json["error"]["code"], "nothing-open");
}
