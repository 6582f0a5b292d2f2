//! Whole ceremonies taken out, exchanged and renamed; copies that differ; ledgers made from nothing.

use std::{fs, path::Path};

use super::{Rehearsed, audit, codes, copy, copy_tree, pinned, rehearse, rehearsed, split};
use crate::support::forge::Forge;
use quorate::encoding::digest::Digest;

#[test]
fn the_honest_ledger_is_verified_with_both_pins_only() {
    let honest = rehearsed();
    let done = pinned(&honest.ledger).ok();
    assert_eq!(done.text("verdict"), "verified");
    assert_eq!(codes(&done, "error"), Vec::<String>::new());
    audit(&[&honest.ledger], &["--genesis", &honest.genesis]).expect(6);
    audit(&[&honest.ledger], &["--head", &honest.head]).expect(6);
    audit(&[&honest.ledger], &[]).expect(6);
}

#[test]
fn a_ceremony_taken_out_is_missed() {
    let (_dir, ledger) = copy();
    fs::remove_dir_all(ledger.join("0002-backup")).unwrap();
    let done = pinned(&ledger).expect(3);
    assert_eq!(codes(&done, "error")[0], "ceremony-missing");
    assert!(done.stderr.contains("ceremony 2 is missing"), "{}", done.stderr);

    let (_dir, ledger) = copy();
    fs::remove_dir_all(ledger.join("0004-restore")).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["head-mismatch"]);
    let done = audit(&[&ledger], &["--genesis", &rehearsed().genesis]).expect(6);
    assert!(done.stderr.contains("it may be cut short"));

    let (_dir, ledger) = copy();
    fs::remove_dir_all(ledger.join("0000-genesis")).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error")[0], "ceremony-missing");
}

#[test]
fn exchanged_and_renamed_directories_are_refused() {
    let (_dir, ledger) = copy();
    let (a, b) = (ledger.join("0001-delete"), ledger.join("0002-backup"));
    fs::rename(&a, ledger.join("aside")).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(ledger.join("aside"), &b).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error")[0], "ceremony-number");

    let (_dir, ledger) = copy();
    fs::rename(ledger.join("0001-delete"), ledger.join("0001-inventory")).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error")[0], "ceremony-name");

    let (_dir, ledger) = copy();
    fs::rename(ledger.join("0004-restore"), ledger.join("0005-restore")).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error")[0], "ceremony-missing");
    // What does not look like a ceremony is no part of the ledger.
    fs::rename(ledger.join("0005-restore"), ledger.join("restore")).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["head-mismatch"]);
}

#[test]
fn a_second_genesis_is_refused() {
    let (_dir, ledger) = copy();
    copy_tree(&ledger.join("0000-genesis"), &ledger.join("0005-genesis"));
    assert_eq!(codes(&pinned(&ledger).expect(3), "error")[0], "ceremony-number");
    copy_tree(&ledger.join("0000-genesis"), &ledger.join("00000-genesis"));
    assert_eq!(codes(&pinned(&ledger).expect(3), "error")[0], "ceremony-missing");
}

/// The genesis, and one of two deletions that follow it.
fn child(ledger: &Path, approving: &[&str]) {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, approving);
    forge.push(&proposal, &lines);
    forge.write(ledger);
}

#[test]
fn two_children_of_one_predecessor_are_a_fork() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    child(&at("one"), &["alice"]);
    child(&at("two"), &["bob"]);
    let (one, two) = (at("one"), at("two"));
    let run = |ledgers: &[&Path]| {
        let mut args = vec!["audit", "--json"];
        args.extend(ledgers.iter().map(|l| l.to_str().unwrap()));
        super::quorate(&args)
    };
    assert_eq!(codes(&run(&[&one]).expect(6), "error"), Vec::<String>::new());
    assert_eq!(codes(&run(&[&one, &two]).expect(3), "error"), ["ledger-forked"]);

    // A third copy that is behind both must not hide the fork, wherever it stands.
    Forge::new().write(&at("old"));
    let old = at("old");
    for order in [[&old, &one, &two], [&one, &old, &two], [&one, &two, &old]] {
        let done = run(&order.map(|p| p.as_path())).expect(3);
        assert_eq!(codes(&done, "error"), ["ledger-forked"]);
        assert!(codes(&done, "note").contains(&"copy-behind".to_owned()));
    }
}

#[test]
fn a_copy_that_is_behind_is_noted_and_a_broken_copy_is_named() {
    let honest = rehearsed();
    let pins = ["--genesis", honest.genesis.as_str(), "--head", honest.head.as_str()];
    let (_dir, behind) = copy();
    let last = behind.join("0004-restore");
    // By some lines of the last ceremony.
    fs::remove_dir_all(last.join("attestations")).unwrap();
    let lines = split(&honest.files[4].transcript);
    fs::write(last.join("transcript.jsonl"), lines[..3].concat()).unwrap();
    for order in [[&honest.ledger, &behind], [&behind, &honest.ledger]] {
        let done = audit(&order.map(|p| p.as_path()), &pins).ok();
        assert!(codes(&done, "note").contains(&"copy-behind".to_owned()), "{}", done.stderr);
    }
    // By a ceremony.
    fs::remove_dir_all(&last).unwrap();
    let done = audit(&[&behind, &honest.ledger], &pins).ok();
    assert!(codes(&done, "note").contains(&"copy-behind".to_owned()));

    let (_dir, broken) = copy();
    fs::write(broken.join("0001-delete/plan.toml"), "kind = \"delete\"\n").unwrap();
    let done = audit(&[&honest.ledger, &broken], &pins).expect(3);
    assert_eq!(codes(&done, "error"), ["plan-mismatch"]);
    assert!(done.stderr.contains("in the copy"), "{}", done.stderr);
}

#[test]
fn a_ledger_made_from_nothing_is_as_good_as_its_pins() {
    let other = rehearse();
    let done = audit(&[&other.ledger], &[]).expect(6);
    assert!(done.stderr.contains("self-consistent, origin unproven"), "{}", done.stderr);
    assert_eq!(done.text("verdict"), "unpinned");
    for code in ["unpinned-genesis", "unpinned-head"] {
        assert!(codes(&done, "warning").contains(&code.to_owned()));
    }
    let done = audit(&[&other.ledger], &["--genesis", &rehearsed().genesis]).expect(3);
    assert_eq!(codes(&done, "error"), ["genesis-mismatch"]);
    let done = audit(&[&other.ledger], &["--head", &rehearsed().head]).expect(3);
    assert_eq!(codes(&done, "error"), ["head-mismatch"]);
}

#[test]
fn two_geneses_are_two_quorums_and_only_the_pin_tells_which_is_meant() {
    let (honest, other) = (rehearsed(), rehearse());
    let begins = |of: &Rehearsed| format!("{} begins with {}", of.ledger.display(), of.genesis);
    let foreign = Digest::of(b"a third genesis").to_string();
    for pins in [&[][..], &["--head", &honest.head], &["--genesis", &foreign]] {
        let done = audit(&[&honest.ledger, &other.ledger], pins).expect(2);
        assert_eq!(done.json["verdict"], serde_json::Value::Null);
        for of in [honest, &other] {
            assert!(done.error().contains(&begins(of)), "{}", done.error());
        }
    }
    let pins = ["--genesis", honest.genesis.as_str(), "--head", honest.head.as_str()];
    for order in [[&honest.ledger, &other.ledger], [&other.ledger, &honest.ledger]] {
        let done = audit(&order.map(|p| p.as_path()), &pins).expect(3);
        assert_eq!(
            (done.text("verdict"), done.text("genesis")),
            ("not-your-paper".into(), honest.genesis.clone())
        );
        assert_eq!(codes(&done, "error"), ["genesis-mismatch"]);
        let expected = format!(
            "{} begins with another genesis than the one that you gave, {}: it is the ledger of another quorum, or forged",
            other.ledger.display(),
            other.genesis
        );
        assert!(done.text("reason").contains(&expected), "{}", done.json);
    }
    // What is left out does not hide what is wrong with the rest: one genesis with two endings is a fork.
    let (_dir, forked) = copy();
    let mut lines = split(&honest.files[4].transcript);
    let last = lines.pop().unwrap();
    let changed = String::from_utf8(last.to_vec()).unwrap().replacen("\"sig\":\"", "\"sig\":\"A", 1);
    fs::write(forked.join("0004-restore/transcript.jsonl"), [&lines.concat(), changed.as_bytes()].concat())
        .unwrap();
    let done = audit(&[&honest.ledger, &forked, &other.ledger], &pins).expect(3);
    assert_eq!(done.text("verdict"), "broken");
    let found = codes(&done, "error");
    for code in ["ledger-forked", "genesis-mismatch"] {
        assert!(found.contains(&code.to_owned()), "{found:?}");
    }
}

#[test]
fn a_ledger_that_goes_on_after_the_head_is_refused() {
    let done = audit(&[&rehearsed().ledger], &["--head", &head_of(1)]).expect(3);
    assert_eq!(codes(&done, "error"), ["head-passed"]);
    assert!(done.stderr.contains("0001-delete"), "{}", done.stderr);
}

fn head_of(number: usize) -> String {
    let line = split(&rehearsed().files[number].transcript).pop().unwrap();
    Digest::of(line.trim_ascii_end()).to_string()
}
