use super::*;
use crate::durable::DirectoryId;

#[test]
fn copies_are_filled_and_written_with_the_ledger() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("empty")).unwrap();
    let mut ledger = fixture.open(&["empty", "new"]);
    assert!(fixture.same("empty") && fixture.same("new"));
    ledger.create(DELETE, b"plan 1", b"one").unwrap();
    ledger.append(DELETE, &[b"two".to_vec()]).unwrap();
    ledger.put_beside(GENESIS, Beside::Attestations, "alice.json", b"{}").unwrap();
    assert!(fixture.same("empty") && fixture.same("new"));
    assert_eq!(read(&fixture.path("new")).unwrap()[1].transcript, b"one\ntwo\n");
    assert_eq!(ledger.copies().unwrap(), Copies { count: 3, same_medium: true });
    drop(ledger);
    assert_eq!(fixture.open(&[]).copies().unwrap(), Copies { count: 1, same_medium: false });
}

#[test]
fn another_file_system_is_another_medium() {
    let memory = Path::new("/dev/shm");
    let fixture = Fixture::new();
    let Ok(other) = tempfile::tempdir_in(memory) else { return };
    if DirectoryId::of(other.path()).unwrap().device == DirectoryId::of(fixture.dir.path()).unwrap().device {
        return;
    }
    let mut ledger = LedgerDirectory::open(fixture.path("ledger"), vec![other.path().join("copy")]).unwrap();
    assert_eq!(ledger.copies().unwrap(), Copies { count: 2, same_medium: false });
}

#[test]
fn a_copy_that_is_behind_catches_up() {
    let fixture = Fixture::new();
    fixture.open(&["copy"]);
    let mut ledger = fixture.open(&[]);
    ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap();
    ledger.put_beside(GENESIS, Beside::Approvals, "alice.json", b"{\"long\":1}").unwrap();
    ledger.create(DELETE, b"plan 1", b"one").unwrap();
    drop(ledger);
    fs::write(fixture.path("copy").join(GENESIS).join("approvals/alice.json"), "{\"lo").unwrap();
    fs::remove_file(fixture.path("copy").join(GENESIS).join("plan.toml")).unwrap();
    fs::write(fixture.transcript("copy", GENESIS), "line 0\nli").unwrap();
    fs::create_dir(fixture.path("copy").join(".0001-delete.tmp")).unwrap();
    fixture.open(&["copy"]);
    assert!(fixture.same("copy"));
    assert_eq!(entries(&fixture.path("copy")), [GENESIS, DELETE]);
}

#[test]
fn a_copy_that_fell_behind_between_two_writes_catches_up() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&["copy"]);
    fs::remove_dir_all(fixture.path("copy").join(GENESIS)).unwrap();
    ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap();
    assert!(fixture.same("copy"));
    fs::write(fixture.transcript("copy", GENESIS), "").unwrap();
    ledger.check_room(GENESIS, 1).unwrap();
    assert!(fixture.same("copy"));
    fs::remove_dir_all(fixture.path("copy").join(GENESIS)).unwrap();
    ledger.check_room(GENESIS, 1).unwrap();
    assert!(fixture.same("copy"));
}

#[test]
fn a_copy_that_is_ahead_is_refused_and_named() {
    for (file, text) in [
        ("0000-genesis/transcript.jsonl", "line 0\nline 1\n"),
        ("0000-genesis/approvals/alice.json", "{}"),
        ("0001-delete/transcript.jsonl", "line"),
    ] {
        let fixture = Fixture::new();
        fixture.open(&["copy", "late"]);
        let path = fixture.path("copy").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::write(fixture.transcript("late", GENESIS), "").unwrap();
        let error = fixture.refusal(&["late", "copy"]);
        assert!(error.reason.contains("the ledger is the older one"), "{error}");
        assert!(file.starts_with(error.what.rsplit("copy/").next().unwrap()), "{error}");
        assert!(error.hint.contains("name it as the ledger"), "{}", error.hint);
        assert_eq!(fs::read(fixture.transcript("late", GENESIS)).unwrap(), b"", "nothing was written");
    }
}

#[test]
fn a_copy_that_forked_is_refused_also_when_it_did_so_meanwhile() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&["copy"]);
    fs::write(fixture.transcript("copy", GENESIS), "LINE 0\n").unwrap();
    for error in [
        ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap_err(),
        ledger.create(DELETE, b"plan", b"line").unwrap_err(),
        ledger.put_beside(GENESIS, Beside::Approvals, "a.json", b"{}").unwrap_err(),
        ledger.check_room(GENESIS, 1).unwrap_err(),
    ] {
        assert!(error.reason.contains("contradict each other"), "{error}");
        assert!(error.what.ends_with("copy/0000-genesis/transcript.jsonl"), "{error}");
    }
    drop(ledger);
    fixture.refusal(&["copy"]);
    assert_eq!(fs::read(fixture.transcript("ledger", GENESIS)).unwrap(), b"line 0\n");
    assert_eq!(entries(&fixture.path("ledger")), [GENESIS]);
}

#[test]
fn copies_lie_apart() {
    let fixture = Fixture::new();
    symlink(fixture.path("ledger"), fixture.path("link")).unwrap();
    for copies in [
        &["ledger"][..],
        &["ledger/copy"],
        &["ledger/0000-genesis/copy"],
        &["link"],
        &["link/copy"],
        &["."],
        &["x/../ledger"],
        &["copy", "copy"],
        &["copy", "./copy"],
    ] {
        fs::create_dir_all(fixture.path("x")).unwrap();
        let error = fixture.refusal(copies);
        assert!(error.reason.contains("it is, contains or lies in"), "{copies:?}: {error}");
    }
    assert!(fixture.refusal(&["no/parent"]).reason.contains("no such file"));
    fs::write(fixture.path("x/file"), "").unwrap();
    assert!(fixture.refusal(&["x"]).reason.contains("there is no ledger in it"));
    assert!(!fixture.path("copy").exists());
    assert_eq!(entries(&fixture.path("ledger")), [GENESIS]);
}

#[test]
fn a_medium_that_was_changed_is_noticed() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&["copy"]);
    fs::rename(fixture.path("copy"), fixture.path("pulled")).unwrap();
    assert!(ledger.append(GENESIS, &[b"line 1".to_vec()]).is_err());
    fs::create_dir(fixture.path("copy")).unwrap();
    let error = ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap_err();
    assert!(error.reason.contains("not the directory any more"), "{error}");
    assert_eq!(fs::read(fixture.transcript("ledger", GENESIS)).unwrap(), b"line 0\n");
}

#[test]
fn an_intent_is_proved_by_reading_back_every_copy() {
    let fixture = Fixture::new();
    let targets = vec![Name::new("hsm").unwrap()];
    let mut ledger = fixture.open(&["copy"]);
    ledger.append(GENESIS, &[b"intended".to_vec()]).unwrap();
    let line = Digest::of(b"intended");
    let proof = ledger.prove_intent(GENESIS, line, targets.clone()).unwrap();
    assert_eq!((proof.line(), proof.targets()), (line, &targets[..]));
    assert!(ledger.prove_intent(GENESIS, Digest::of(b"line 1"), targets.clone()).is_err());
    assert!(ledger.prove_intent(DELETE, line, targets.clone()).is_err());
    for broken in ["line 0\n", "line 0\nintended", "line 0\nintended\nmore\n", "LINE 0\nintended\n", ""] {
        for place in ["ledger", "copy"] {
            let good = fs::read(fixture.transcript(place, GENESIS)).unwrap();
            fs::write(fixture.transcript(place, GENESIS), broken).unwrap();
            assert!(ledger.prove_intent(GENESIS, line, targets.clone()).is_err(), "{place} {broken:?}");
            fs::write(fixture.transcript(place, GENESIS), good).unwrap();
        }
    }
    fs::remove_file(fixture.path("copy").join(GENESIS).join("plan.toml")).unwrap();
    let error = ledger.prove_intent(GENESIS, line, targets).unwrap_err();
    assert!(error.reason.contains("behind"), "{error}");
}

type Change = fn(&Fixture);

/// What makes the copy's files the beginning of the ledger's, which was damaged.
const DAMAGE: [Change; 6] = [
    |fixture| lengthen(&fixture.path("ledger").join(GENESIS).join(layout::PLAN)),
    |fixture| lengthen(&fixture.path("ledger").join(DELETE).join(layout::PLAN)),
    |fixture| lengthen(&fixture.transcript("ledger", DELETE)),
    |fixture| lengthen(&fixture.path("ledger").join(DELETE).join("approvals/alice.json")),
    |fixture| fs::write(fixture.path("ledger").join(DELETE).join("attestations/x.json"), "garbage").unwrap(),
    |fixture| {
        fs::create_dir(fixture.path("ledger/0002-delete")).unwrap();
        fs::write(fixture.transcript("ledger", "0002-delete"), "garbage").unwrap();
    },
];

fn lengthen(path: &Path) {
    let bytes = [&fs::read(path).unwrap()[..], b"#\n"].concat();
    fs::write(path, bytes).unwrap();
}

/// Two ceremonies with a statement, as they were verified, and level on a copy.
fn two_ceremonies() -> Fixture {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&["copy"]);
    ledger.create(DELETE, b"plan 1", b"one").unwrap();
    ledger.put_beside(DELETE, Beside::Approvals, "alice.json", b"{}").unwrap();
    drop(ledger);
    fixture
}

/// Before the ledger is verified, and when a verification refuses it, a copy stays as it is.
#[test]
fn a_ledger_that_was_not_verified_is_not_copied() {
    for change in DAMAGE {
        let fixture = two_ceremonies();
        let good = format!("{:?}", read(&fixture.path("copy")).unwrap());
        let copy = || format!("{:?}", read(&fixture.path("copy")).unwrap());
        change(&fixture);
        // A plan that grew contradicts its copy at once.
        if let Ok(mut ledger) = fixture.try_open(&["copy", "new"]) {
            assert!(ledger.append(DELETE, &[b"two".to_vec()]).is_err());
            assert!(ledger.put_beside(DELETE, Beside::Drills, "x.json", b"{}").is_err());
            assert!(ledger.create("0003-delete", b"plan", b"line").is_err());
            assert!(ledger.check_room(DELETE, 1).is_err());
            assert!(ledger.check_unchanged().is_err());
        }
        assert_eq!(copy(), good);
        assert!(!fixture.path("new").exists());
    }
}

/// Somebody who asks for no lock changes a ledger that was verified.
#[test]
fn what_changed_after_the_verification_is_not_copied_and_refused_before_a_quorum_acts() {
    for change in DAMAGE {
        let fixture = two_ceremonies();
        let mut ledger = fixture.open(&["copy"]);
        ledger.append(DELETE, &[b"two".to_vec()]).unwrap();
        ledger.check_unchanged().unwrap();
        let copy = || format!("{:?}", read(&fixture.path("copy")).unwrap());
        let good = copy();
        change(&fixture);
        let error = ledger.check_unchanged().unwrap_err();
        assert!(error.reason.contains("changed by somebody else"), "{error}");
        assert!(ledger.check_room(DELETE, 1).is_err());
        // The two that are written to: the one before is looked at again before a quorum acts.
        drop(ledger.put_beside(DELETE, Beside::Drills, "x.json", b"{}"));
        drop(ledger.create("0003-delete", b"plan", b"line"));
        let kept = read(&fixture.path("copy")).unwrap();
        assert!(!format!("{kept:?}").contains(&format!("{:?}", b"garbage")), "{kept:?}");
        assert!(kept.iter().all(|file| !file.plan.contains(&b'#') && !file.transcript.contains(&b'#')));
        assert!(good.len() <= copy().len());
    }
    let fixture = two_ceremonies();
    let mut ledger = fixture.open(&[]);
    fs::remove_dir_all(fixture.path("ledger").join(GENESIS)).unwrap();
    assert!(ledger.check_unchanged().is_err(), "one that is missing is a change too");
}

/// Ledger and copy are both put back to what they were when the command began, which is a whole ledger too.
#[test]
fn a_ledger_that_went_back_is_not_gone_on_with() {
    let fixture = two_ceremonies();
    let mut ledger = fixture.open(&["copy"]);
    ledger.append(DELETE, &[b"two".to_vec()]).unwrap();
    ledger.verified(as_it_is(&fixture.path("ledger"))).unwrap();
    for place in ["ledger", "copy"] {
        fs::write(fixture.transcript(place, DELETE), "one\n").unwrap();
    }
    let error = ledger.verified(as_it_is(&fixture.path("ledger"))).unwrap_err();
    assert!(error.reason.contains("an older one in its place"), "{error}");
    assert!(error.what.ends_with("ledger/0001-delete/transcript.jsonl"), "{error}");
    drop(ledger);
    // And also where it was not read since it was written.
    let mut ledger = fixture.open(&["copy"]);
    ledger.append(DELETE, &[b"two".to_vec()]).unwrap();
    fs::write(fixture.transcript("ledger", DELETE), "one\n").unwrap();
    assert!(ledger.verified(as_it_is(&fixture.path("ledger"))).is_err());
    // Of the ceremony before it a statement is known, and the last one is still the one that does not go back.
    fs::write(fixture.transcript("ledger", DELETE), "one\ntwo\n").unwrap();
    ledger.verified(as_it_is(&fixture.path("ledger"))).unwrap();
    ledger.put_beside(GENESIS, Beside::Attestations, "x.json", b"{}").unwrap();
    fs::write(fixture.transcript("ledger", DELETE), "one\n").unwrap();
    assert!(ledger.verified(as_it_is(&fixture.path("ledger"))).is_err());
}

/// The copy's medium is full: the ledger has the line, the copy catches up when there is room.
#[test]
fn a_copy_that_fails_is_said_and_catches_up_later() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&["copy"]);
    let in_the_way = fixture.path("copy").join(GENESIS).join(".transcript.jsonl.tmp");
    fs::create_dir(&in_the_way).unwrap();
    let error = ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap_err();
    assert!(error.hint.contains("only this copy is behind"), "{}", error.hint);
    // The command may have proposed: then it is not the one that goes on.
    assert!(error.hint.contains("'quorate status' says what comes next"), "{}", error.hint);
    assert!(!error.hint.contains("same command"), "{}", error.hint);
    assert_eq!(fs::read(fixture.transcript("ledger", GENESIS)).unwrap(), b"line 0\nline 1\n");
    assert_eq!(fs::read(fixture.transcript("copy", GENESIS)).unwrap(), b"line 0\n");
    assert!(ledger.prove_intent(GENESIS, Digest::of(b"line 1"), Vec::new()).is_err());
    fs::remove_dir(&in_the_way).unwrap();
    drop(ledger);
    fixture.open(&["copy"]);
    assert!(fixture.same("copy"));
}

/// Of another quorum it has more ceremonies, but that does not make it the newer one.
#[test]
fn a_copy_of_another_quorum_is_not_called_the_newer_one() {
    let fixture = Fixture::new();
    drop(fixture.open(&["copy"]));
    fs::write(fixture.transcript("copy", GENESIS), "another line\n").unwrap();
    fs::create_dir_all(fixture.path("copy").join(DELETE)).unwrap();
    fs::write(fixture.transcript("copy", DELETE), "line\n").unwrap();
    let error = fixture.refusal(&["copy"]);
    assert!(error.reason.contains("begins with another genesis"), "{error}");
}
