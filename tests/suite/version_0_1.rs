//! What version 0.1 made is told apart and named by every verb that reads it. The samples in `tests/version-0.1` are that version's own.

use std::{fs, path::Path, process::Command};

use crate::support::{
    founded::{genesis_text, practice_target},
    quorum::{QUORATE, Quorum, ran},
};

const SENTENCE: &str = "made by version 0.1; this program does not read it";

/// A sample, where nothing can be written by mistake.
fn sample(quorum: &Quorum, name: &str) -> String {
    let to = quorum.path(&format!("old-{name}"));
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/version-0.1").join(name);
    let copied = Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    to.to_str().unwrap().to_owned()
}

fn enrolled() -> Quorum {
    Quorum::of(5).everybody().enrolled()
}

/// In either mode, with cards and plans of today.
#[test]
fn no_verb_reads_a_ledger_of_0_1() {
    let quorum = enrolled();
    let ledger = sample(&quorum, "ledger");
    let plan = quorum
        .plan("inventory", "kind = \"inventory\"\ntitle = \"x\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n");
    let genesis = genesis_text(&quorum, &practice_target(&quorum.path("tokens/hsm.token")));
    let genesis = quorum.plan("genesis", &genesis);
    let before = fs::read(Path::new(&ledger).join("0000-genesis/transcript.jsonl")).unwrap();
    let (frank, alice) = (quorum.card(crate::support::quorum::ADMIN, ""), quorum.card("alice", ""));
    let (frank_pin, alice_pin) = (quorum.pin_file(crate::support::quorum::ADMIN), quorum.pin_file("alice"));
    let with_frank = ["--card", &frank, "--pin-file", &frank_pin];
    let with_alice = ["--card", &alice, "--pin-file", &alice_pin];
    for rehearsal in [&[][..], &["--rehearsal"]] {
        for words in [
            vec!["status", &ledger],
            vec!["show", &ledger],
            [&["propose", &plan, &ledger][..], &with_frank].concat(),
            [&["propose", &genesis, &ledger][..], &with_frank].concat(),
            [&["approve", &ledger][..], &with_alice].concat(),
            [&["reject", &ledger, "--reason", "not this one"][..], &with_alice].concat(),
            [&["execute", &ledger][..], &with_frank].concat(),
            [&["abort", &ledger, "--reason", "not this one"][..], &with_frank].concat(),
            [&["attest", &ledger][..], &with_alice].concat(),
            [&["run", &plan, &ledger][..], &with_frank].concat(),
            [&["card", "drill", "--ledger", &ledger][..], &with_alice].concat(),
        ] {
            let words = [&words[..], rehearsal].concat();
            let ran = quorum.run(&words);
            assert_eq!(ran.code, Some(1), "{words:?}: {} {}", ran.stdout, ran.stderr);
            assert!(ran.error().contains(SENTENCE), "{words:?}: {}", ran.error());
            assert_eq!(ran.json["error"]["code"], "other-version", "{words:?}");
            assert!(
                ran.stderr.contains("hint: read it with quorate 0.1; a quorum of this version begins"),
                "{words:?}"
            );
        }
        let audit = quorum.run(&[&["audit", &ledger], rehearsal].concat()).expect(3);
        assert_eq!(audit.json["verdict"], "not-a-ledger", "{}", audit.json);
        assert!(
            audit.stderr.contains(&format!("NOT A LEDGER: {ledger} is a ledger {SENTENCE}.")),
            "{}",
            audit.stderr
        );
        assert_eq!(audit.json["findings"][0]["code"], "ledger-version", "{}", audit.json);
    }
    assert_eq!(fs::read(Path::new(&ledger).join("0000-genesis/transcript.jsonl")).unwrap(), before);
}

#[test]
fn files_of_0_1_are_named() {
    let quorum = enrolled();
    let (enrolment, approval, card) =
        (sample(&quorum, "alice.json"), sample(&quorum, "approval.json"), sample(&quorum, "alice.card"));
    let pin = quorum.path("old.pin");
    fs::write(&pin, "old-pin-alice\n").unwrap();
    let soft = format!("soft:{card}");
    for (words, hint) in [
        (vec!["show", &enrolment], "look at it with quorate 0.1"),
        (vec!["show", &approval], "look at it with quorate 0.1"),
        (vec!["show", &card], "look at it with quorate 0.1"),
        (vec!["card", "show", &enrolment], "enroll the card with this version: 'quorate card enroll'"),
        (vec!["card", "show", &soft], "make another one with 'quorate card new'"),
        (
            vec![
                "card",
                "enroll",
                "--card",
                &soft,
                "--pin-file",
                pin.to_str().unwrap(),
                "--name",
                "alice",
                "--full-name",
                "Alice Archer",
                "-o",
                &quorum.at("again.json"),
            ],
            "make another one with 'quorate card new'",
        ),
    ] {
        let ran = ran(Command::new(QUORATE).args(&words).arg("--json"));
        assert_eq!(ran.code, Some(1), "{words:?}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.error().contains(SENTENCE), "{words:?}: {}", ran.error());
        assert!(ran.json["error"]["hint"].as_str().unwrap().contains(hint), "{words:?}: {}", ran.json);
        assert_eq!(ran.json["error"]["code"], "other-version", "{words:?}");
    }
    assert!(!quorum.path("again.json").exists());
}

/// Beside those of this version.
#[test]
fn an_enrolment_and_an_approval_of_0_1_are_not_taken_in() {
    let quorum = enrolled();
    sample(&quorum, "alice.json");
    let text = genesis_text(&quorum, &practice_target(&quorum.path("tokens/hsm.token")));
    let mixed = quorum.plan("mixed", &text.replace("enrolments/alice.json", "old-alice.json"));
    let ran = quorum.run(&["propose", "--check", &mixed, &quorum.at("ledger"), "--copy", &quorum.at("copy")]);
    assert!(ran.error().contains(&format!("alice.json: an enrolment {SENTENCE}")), "{}", ran.error());
    assert_ne!(ran.code, Some(0));

    let quorum = Quorum::of(5).everybody().practice().founded();
    let approval = sample(&quorum, "approval.json");
    quorum.propose(crate::support::founded::INVENTORY).ok();
    let ran = quorum.execute_with(&[&approval]);
    assert_ne!(ran.code, Some(0));
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("old-approval.json: a file {SENTENCE}")), "{}", ran.stderr);
}
