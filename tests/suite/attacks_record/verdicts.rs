//! What an audit says of a ledger that is broken, of one that is not the auditor's, and of a folder that is not a ledger.

use std::{fs, path::Path};

use quorate::{encoding::dsse::Mode, transcript::event::Rejected};

use super::{codes, copy, quorate, rehearsed, split};
use crate::support::{
    forge::{Forge, TWO, concluded, intended},
    quorum::Ran,
};

/// The last line of an audit in words.
fn last(done: &Ran) -> &str {
    done.stdout.lines().last().unwrap_or_default()
}

fn told(ledger: &Path, options: &[&str]) -> Ran {
    quorate(&[&["audit", ledger.to_str().unwrap()], options].concat())
}

#[test]
fn a_number_of_another_ceremony_is_named_and_the_ledger_is_not_called_broken() {
    let honest = rehearsed();
    let status = quorate(&["status", "--rehearsal", "--json", honest.ledger.to_str().unwrap()]).ok();
    let old = status.json["ceremonies"][1]["last_line"].as_str().unwrap();
    let (genesis, head) = (honest.genesis.as_str(), honest.head.as_str());
    let other = "ab".repeat(32);
    for (given, reasons) in [
        (
            [genesis, old],
            &["older: it is that of 0001-delete, after which 3 ceremonies came", "0004-restore"][..],
        ),
        ([genesis, genesis], &["that is the fingerprint of its genesis", "0004-restore", head]),
        ([genesis, &other], &["no ceremony of this ledger has the head that you gave", head]),
        ([head, head], &["the genesis has the fingerprint", genesis, "that is the head of 0004-restore"]),
        ([&other, head], &["the genesis has the fingerprint", genesis]),
    ] {
        let pins = ["--rehearsal", "--genesis", given[0], "--head", given[1]];
        let done = told(&honest.ledger, &pins).expect(3);
        assert!(last(&done).starts_with("NOT YOUR PAPER: "), "{}", done.stdout);
        for reason in reasons {
            assert!(last(&done).contains(reason), "{reason}: {}", done.stdout);
        }
        let json = told(&honest.ledger, &[&pins[..], &["--json"]].concat()).expect(3);
        assert_eq!(json.text("verdict"), "not-your-paper");
        assert!(json.text("reason").contains(reasons[0]), "{}", json.json);
    }
    let done = told(&honest.ledger, &["--rehearsal", "--genesis", genesis, "--head", head]).ok();
    assert!(last(&done).starts_with("VERIFIED: "), "{}", done.stdout);
    // What is missing is said, and nothing else.
    let done = told(&honest.ledger, &["--rehearsal", "--genesis", genesis]).expect(6);
    assert!(last(&done).contains("give --head") && !last(&done).contains("--genesis"), "{}", done.stdout);
}

#[test]
fn a_broken_ledger_is_broken_whatever_the_paper_says() {
    let (_dir, ledger) = copy();
    let transcript = ledger.join("0001-delete/transcript.jsonl");
    let mut lines = split(&fs::read(&transcript).unwrap());
    lines.swap(1, 2);
    fs::write(&transcript, lines.concat()).unwrap();
    for genesis in [rehearsed().genesis.clone(), "00".repeat(32)] {
        let done = told(&ledger, &["--rehearsal", "--genesis", &genesis, "--head", &genesis]).expect(3);
        assert!(last(&done).starts_with("BROKEN: "), "{}", done.stdout);
        assert!(last(&done).contains("0001-delete line 2: "), "{}", done.stdout);
    }
}

#[test]
fn what_is_not_a_ledger_is_not_called_broken_and_the_ledger_is_named() {
    let (dir, ledger) = copy();
    let inner = ledger.join("0001-delete");
    for (place, mode, reason) in [
        (dir.path(), &["--rehearsal"][..], ledger.to_str().unwrap()),
        (&inner, &["--rehearsal"], ledger.to_str().unwrap()),
        (&ledger, &[], "add --rehearsal"),
    ] {
        let done = told(place, mode).expect(3);
        assert!(last(&done).starts_with("NOT A LEDGER: "), "{}", done.stdout);
        assert!(last(&done).contains(reason), "{reason}: {}", done.stdout);
        let json = told(place, &[mode, &["--json"]].concat()).expect(3);
        assert_eq!(json.text("verdict"), "not-a-ledger");
        // The command that is printed is one that works.
        let command = json.json["commands"][0].as_str().unwrap().replace(" --json", "");
        assert!(done.stdout.contains(&command), "{command}: {}", done.stdout);
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let meant = quorate(&words).expect(6);
        assert!(last(&meant).starts_with("INCOMPLETE: "), "{command}: {}", meant.stdout);
    }
    // Nor as one of several.
    let done =
        quorate(&["audit", "--rehearsal", ledger.to_str().unwrap(), dir.path().to_str().unwrap()]).expect(3);
    assert!(last(&done).starts_with("NOT A LEDGER: "), "{}", done.stdout);
    // Other verbs say so, too, and how to go on.
    let status = |place: &Path, mode: &[&str]| {
        quorate(&[&["status", place.to_str().unwrap()], mode].concat()).expect(3).stderr
    };
    let shown = ledger.to_str().unwrap();
    for (place, mode) in
        [(dir.path(), &["--rehearsal"][..]), (dir.path(), &[]), (&inner, &[]), (&ledger, &[])]
    {
        let command = format!("\n  quorate status {shown} --rehearsal\n");
        assert!(status(place, mode).contains(&command), "{}", status(place, mode));
    }
    assert!(status(&dir.path().join("ledger/0001-delete/approvals"), &[]).contains("has 0000-genesis in it"));
    let forge = Forge::new();
    let production = dir.path().join("production");
    forge.write(&production);
    let done = told(&production, &["--rehearsal"]).expect(3);
    assert!(last(&done).contains("leave --rehearsal out"), "{}", done.stdout);
    assert!(
        status(&production, &["--rehearsal"])
            .contains(&format!("\n  quorate status {}\n", production.to_str().unwrap()))
    );
}

/// With both numbers from paper: a person's signature against the record is not a remark that one scrolls by.
#[test]
fn what_people_signed_against_the_record_is_a_finding() {
    let mut forge = Forge::new();
    let (proposal, lines) = forge.complete_delete();
    let pins = |forge: &Forge| {
        let state = forge.state();
        (state.genesis.to_string(), state.head().unwrap().to_string())
    };
    let contradicted = |forge: &Forge, code: &str, who: &str| {
        let dir = tempfile::tempdir().unwrap();
        forge.write(dir.path());
        let (genesis, head) = pins(forge);
        let done = told(dir.path(), &["--genesis", &genesis, "--head", &head]).expect(3);
        assert!(last(&done).starts_with("CONTRADICTED: "), "{}", done.stdout);
        assert!(last(&done).contains(who), "{}", done.stdout);
        assert!(done.stdout.contains(&format!("objection: {code} in 0001-delete")), "{}", done.stdout);
        // It can be used all the same: a person who disagrees must not stop the quorum.
        drop(forge.state());
    };
    let mut disagrees = forge.clone();
    let said = forge.sign("carol", &forge.attestation(&proposal, &lines, "carol", false)).write();
    disagrees.files[1].attestations.push(("1.json".into(), said));
    contradicted(&disagrees, "attestation-disagrees", "carol does not agree");
    // Cut after the approvals, with the attestation of its end left: 'status' does not offer to execute it once more unsaid.
    let mut cut = forge.clone();
    let said = forge.sign("alice", &forge.attestation(&proposal, &lines, "alice", true)).write();
    cut.files[1].attestations.push(("1.json".into(), said));
    let transcript = &mut cut.files[1].transcript;
    let ends: Vec<usize> = (0..transcript.len()).filter(|at| transcript[*at] == b'\n').collect();
    transcript.truncate(ends[2] + 1);
    contradicted(&cut, "attestation-other-head", "alice signed another head of ceremony 1");
    let dir = tempfile::tempdir().unwrap();
    cut.write(dir.path());
    let status = quorate(&["status", dir.path().to_str().unwrap()]).expect(0);
    let begins = "Before anything else, find out why alice signed another head of ceremony 1";
    assert!(status.stdout.contains(begins), "{}", status.stdout);
    let rejection = forge.sign("bob", &forge.rejection(&proposal, "bob")).write();
    forge.files[1].approvals.push(("bob-1.json".into(), rejection));
    contradicted(&forge, "rejection-unrecorded", "bob rejected it");
}

/// One rejection is on record in a completed ceremony: that is no contradiction.
#[test]
fn a_recorded_rejection_is_not_a_finding() {
    let mut forge = Forge::new();
    let proposal = forge.inventory();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let rejection = forge.sign("carol", &forge.rejection(&proposal, "carol"));
    lines.add(Rejected { rejection: rejection.clone() });
    lines.add(intended(&TWO));
    lines.add(concluded(quorate::transcript::outcome::Outcome::Completed, &[], &forge.objects()));
    lines.add(quorate::transcript::event::Closed { releases_destroyed: 2 });
    forge.push(&proposal, &lines);
    forge.files[1].approvals.push(("carol-1.json".into(), rejection.write()));
    let dir = tempfile::tempdir().unwrap();
    forge.write(dir.path());
    let state = forge.state();
    let (genesis, head) = (state.genesis.to_string(), state.head().unwrap().to_string());
    told(dir.path(), &["--genesis", &genesis, "--head", &head]).ok();
}

/// Many ceremonies of one kind say one thing many times.
#[test]
fn equal_warnings_are_told_once() {
    let mut forge = Forge::new();
    for _ in 0..6 {
        let proposal = forge.inventory();
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &TWO);
        lines.add(intended(&TWO));
        lines.add(concluded(quorate::transcript::outcome::Outcome::Completed, &[], &forge.objects()));
        lines.add(quorate::transcript::event::Closed { releases_destroyed: 2 });
        forge.push(&proposal, &lines);
    }
    let dir = tempfile::tempdir().unwrap();
    forge.write(dir.path());
    let done = told(dir.path(), &[]).expect(6);
    let told_: Vec<&str> = done.stdout.lines().filter(|l| l.starts_with("warning: pins-kept")).collect();
    assert_eq!(told_.len(), 1, "{}", done.stdout);
    assert!(told_[0].contains("0001-inventory, 0002-inventory"), "{}", done.stdout);
    assert!(done.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains("and 3 more: deviation"));
    let json = told(dir.path(), &["--json"]).expect(6);
    assert_eq!(super::codes(&json, "warning").iter().filter(|c| *c == "pins-kept").count(), 6);
}

/// A foreign ledger or an empty folder among the copies makes no verdict milder, in any order.
#[test]
fn what_is_named_besides_a_ledger_makes_its_verdict_no_milder() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let write = |forge: &Forge, name: &str| forge.write(Path::new(&at(name)));
    let (honest, mut disagrees) = deletion_and_disagreement();
    write(&honest, "honest");
    write(&disagrees, "contradicted");
    disagrees.files[1].plan.push(b'#');
    write(&disagrees, "broken");
    // What is sealed is random: it is another genesis.
    write(&Forge::founded(Mode::Production, |_| {}), "foreign");
    fs::create_dir(at("empty")).unwrap();
    let genesis = honest.state().genesis.to_string();
    let audit = |named: [&str; 2], pins: &[&str]| {
        let [one, two] = named.map(at);
        quorate(&[&["audit", "--json", &one, &two], pins].concat())
    };
    let pinned = ["--genesis", genesis.as_str()];
    for (ledger, besides, verdict, finding) in [
        ("contradicted", "foreign", "contradicted", "genesis-mismatch"),
        ("contradicted", "empty", "contradicted", "ledger-empty"),
        ("broken", "foreign", "broken", "genesis-mismatch"),
        ("broken", "empty", "broken", "ledger-empty"),
        ("honest", "foreign", "not-your-paper", "genesis-mismatch"),
        ("honest", "empty", "not-a-ledger", "ledger-empty"),
    ] {
        for named in [[ledger, besides], [besides, ledger]] {
            let done = audit(named, &pinned).expect(3);
            assert_eq!(done.text("verdict"), verdict, "{named:?}: {}", done.stdout);
            assert!(codes(&done, "error").contains(&finding.to_owned()), "{named:?}: {}", done.stdout);
            assert_eq!(done.text("genesis"), genesis, "{named:?}: {}", done.stdout);
        }
    }
    // Without the pin nothing tells which one is meant: each is named for what it is by itself.
    for (ledger, code, what) in [
        ("contradicted", 3, "CONTRADICTED: 0001-delete: carol does not agree"),
        ("broken", 3, "BROKEN: 0001-delete: "),
        ("honest", 2, "every line of it checks out"),
    ] {
        for named in [[ledger, "foreign"], ["foreign", ledger]] {
            let done = audit(named, &[]).expect(code);
            let error = done.error().split_whitespace().collect::<Vec<_>>().join(" ");
            let said = format!("{} begins with {genesis}; {what}", at(ledger));
            assert!(error.contains(&said), "{named:?}: {error}");
            let said = format!("{} begins with ", at("foreign"));
            assert!(error.contains(&said), "{named:?}: {error}");
        }
    }
}

/// A ledger with a deletion, and the same where carol does not agree.
fn deletion_and_disagreement() -> (Forge, Forge) {
    let mut honest = Forge::new();
    let (proposal, lines) = honest.complete_delete();
    let mut disagrees = honest.clone();
    let said = honest.sign("carol", &honest.attestation(&proposal, &lines, "carol", false)).write();
    disagrees.files[1].attestations.push(("1.json".into(), said));
    (honest, disagrees)
}
