//! What a program leaves behind when it did not do what it should: named, and kept where that is asked for.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use crate::{
    programs::{
        quorum::{Programs, by, output},
        uses::puppet_use,
    },
    support::{
        quorum::{Quorum, Ran},
        tokens::{THREE, Target, inventory},
    },
};

fn kept(closed: &Ran) -> PathBuf {
    PathBuf::from(closed.text("kept"))
}

#[test]
fn outputs_that_are_not_taken_are_named_with_the_reason_and_the_rest_can_be_kept() {
    let programs = Programs::new();
    let outputs = ["link", "missing", "fine"].map(|name| output(name, &programs.file(name))).concat();
    let arguments = [
        "link",
        "/etc/passwd",
        "{output:link}",
        "note",
        "{output:fine}",
        "note",
        "scratch",
        "complain",
        "alas",
    ];
    let ended = programs.ceremony(&programs.plan(&arguments, &(by("secret", "stdin") + &outputs))).expect(5);
    for said in [
        "output link was not taken: it is a symbolic link",
        "output missing was not taken: it was not written",
        "it left in its working directory: scratch: 1 bytes",
        "it left in its working directory: fine: 1 bytes",
    ] {
        assert!(ended.error().contains(said), "{said}: {}", ended.error());
    }
    assert!(!ended.error().contains("output fine was not taken"), "{}", ended.error());
    assert!(ended.json["error"]["hint"].to_string().contains("--keep-room"), "{}", ended.stdout);
    programs.quorum.execute_with(&["--keep-room"]).expect(2);
    let closed = programs.quorum.execute_with(&["--give-up", "--keep-room"]).expect(5);
    assert!(
        closed.text("summary").contains("missing was not taken: it was not written"),
        "{}",
        closed.stdout
    );
    assert!(closed.json["said"].to_string().contains("scratch: 1 bytes"), "{}", closed.stdout);
    let kept = kept(&closed);
    assert_eq!(fs::read_to_string(kept.join("scratch")).unwrap(), "x");
    assert_eq!(fs::read_to_string(kept.join("stderr")).unwrap(), "alas\n");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o077, 0);
    // Nothing that comes later empties it, and nothing was published.
    programs.ceremony(&programs.plan(&["say", "done"], &by("secret", "stdin"))).ok();
    assert!(kept.join("scratch").exists() && !programs.file("fine").exists());
}

#[test]
fn what_a_credential_stands_in_is_not_kept_and_that_is_said() {
    let programs = Programs::new();
    let arguments = ["save", "diary", "note", "log", "exit", "3"];
    let ended = programs.ceremony(&programs.plan(&arguments, &by("secret", "stdin"))).expect(5);
    assert!(ended.error().contains("1 REMOVED because they contained a credential"), "{}", ended.error());
    let closed = programs.quorum.execute_with(&["--give-up", "--keep-room"]).expect(5);
    // Said once more where it is kept: whoever gives up may not have read the first message.
    assert!(closed.json["said"].to_string().contains("REMOVED because they contained"), "{}", closed.stdout);
    let kept = kept(&closed);
    assert!(kept.join("log").exists() && !kept.join("diary").exists());
    programs.has_no_secret(&[&ended, &closed]);
    // An output that it stands in is named, and the other outputs with it.
    let outputs = output("out", &programs.file("out")) + &output("more", &programs.file("more"));
    let plan = programs
        .plan(&["save", "{output:out}", "note", "{output:more}"], &(by("secret", "stdin") + &outputs));
    let leaked = programs.ceremony(&plan).expect(5);
    for said in [
        "output out was not taken: a credential was in it, and it was removed",
        "output more was not taken: the program wrote a credential into it",
    ] {
        assert!(leaked.error().contains(said), "{said}: {}", leaked.error());
    }
    let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
    assert!(closed.json["kept"].is_null(), "{}", closed.stdout);
    programs.has_no_secret(&[&leaked, &closed]);
}

#[test]
fn a_use_tells_and_keeps_what_its_program_left() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    // A look has no program.
    quorum.approved(&inventory("hsm"), THREE);
    let nothing = quorum.execute_with(&["--give-up", "--keep-room"]).expect(3);
    assert!(nothing.error().contains("runs no program"), "{}", nothing.error());
    quorum.execute().ok();
    let rest = by("user-pin", "stdin") + &output("out", &quorum.path("files/out"));
    let ended = quorum.ceremony(&puppet_use(&["note", "scratch"], &rest), THREE).expect(5);
    assert!(ended.error().contains("output out was not taken: it was not written"), "{}", ended.error());
    assert!(ended.error().contains("working directory: scratch: 1 bytes"), "{}", ended.error());
    let closed = quorum.execute_with(&["--give-up", "--keep-room"]).expect(5);
    assert!(kept(&closed).join("scratch").exists());
}
