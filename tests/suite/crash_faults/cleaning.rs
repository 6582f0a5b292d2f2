//! Approval files that cannot be destroyed when the ceremony ends.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{media::spoiled, program};
use crate::support::quorum::{ADMIN, Quorum, Ran, ran};

/// The same command where `place` is on a read-only medium.
fn with_read_only(place: &str, command: &Command) -> Ran {
    let mut inside = Command::new("bwrap");
    inside.args(["--dev-bind", "/", "/", "--ro-bind", place, place]);
    inside.arg(command.get_program()).args(command.get_args());
    ran(inside.stdin(Stdio::null()).current_dir(command.get_current_dir().unwrap()))
}

fn execute(quorum: &Quorum, files: &[String]) -> Command {
    let (ledger, copy, card) = (quorum.at("ledger"), quorum.at("copy"), quorum.with_card(ADMIN));
    let mut args = vec!["execute", &ledger, "--copy", &copy];
    args.extend(files.iter().chain(&card).map(String::as_str));
    quorum.command(&args)
}

fn abort(quorum: &Quorum, files: &[String]) -> Command {
    let (ledger, copy, card) = (quorum.at("ledger"), quorum.at("copy"), quorum.with_card(ADMIN));
    let mut args = vec!["abort", &ledger, "--copy", &copy, "--reason", "enough"];
    args.extend(files.iter().chain(&card).map(String::as_str));
    quorum.command(&args)
}

#[test]
fn approvals_on_a_read_only_medium_are_refused_before_anything_is_tried() {
    let quorum = program::proposed();
    let files = program::approved_elsewhere(&quorum);
    for command in [execute(&quorum, &files), abort(&quorum, &files)] {
        let refused = with_read_only(&quorum.at("files"), &command).expect(1);
        let error = refused.error();
        assert!(error.contains("nothing was tried") && error.contains("read-only file system"), "{error}");
        let transcript = fs::read_to_string(quorum.transcript("0000-genesis")).unwrap();
        assert_eq!(transcript.lines().count(), 1, "nothing is on record");
    }
    // The hint can be followed.
    fs::create_dir(quorum.path("own")).unwrap();
    let own: Vec<String> = files.iter().map(|file| file.replace("/files/", "/own/")).collect();
    for (from, to) in files.iter().zip(&own) {
        fs::copy(from, to).unwrap();
    }
    let done = ran(&mut execute(&quorum, &own)).ok();
    assert_eq!(done.json["left"], serde_json::json!([]));
    assert_eq!(fs::read_dir(quorum.path("own")).unwrap().count(), 0);
}

/// What could be destroyed when it was looked at, and cannot be any more: the ceremony is closed, with outcome and head.
#[test]
fn what_cannot_be_destroyed_any_more_is_named_and_the_ceremony_closed() {
    let quorum = program::proposed();
    let files = program::approved_elsewhere(&quorum);
    let command = execute(&quorum, &files);
    let done = spoiled(&quorum, ("unlink", libc::EROFS), &files[1], &command).ok();
    assert_eq!((done.text("outcome").as_str(), done.text("head").len()), ("completed", 64));
    assert_eq!(done.json["left"][0]["file"], files[1].as_str());
    assert_eq!(done.json["left"].as_array().unwrap().len(), 1);
    assert!(done.stderr.contains("destroy it by hand"), "{}", done.stderr);
    assert!(fs::read(&files[1]).unwrap().iter().all(|byte| *byte == 0), "its content is gone all the same");
    quorum.run(&["status", &quorum.at("ledger")]).ok();
    quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
}

/// Under a limit that lets the approvals be written, and the outcome not: nothing is tried.
#[test]
fn without_room_for_the_outcome_nothing_is_tried() {
    let quorum = program::proposed();
    let files = program::approved_elsewhere(&quorum);
    let before = fs::read(quorum.transcript("0000-genesis")).unwrap();
    let command = execute(&quorum, &files);
    let mut limited = Command::new("bash");
    let kilobytes = before.len() / 1024 + 40;
    limited.args(["-c", &format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args()).current_dir(quorum.dir.path());
    let error = ran(&mut limited).expect(1).error();
    assert!(error.contains("room for the outcome") && error.contains("limit of this process"), "{error}");
    assert_eq!(fs::read(quorum.transcript("0000-genesis")).unwrap(), before);
    ran(&mut execute(&quorum, &files)).ok();
}

/// An abort that cannot write its line destroys neither releases nor the station's keys: the ceremony can go on.
#[test]
fn an_abort_that_cannot_be_written_destroys_nothing() {
    let quorum = program::proposed();
    let files = program::approved_elsewhere(&quorum);
    for place in ["ledger", "copy"] {
        let error = with_read_only(&quorum.at(place), &abort(&quorum, &files)).expect(1).error();
        assert!(error.contains("read-only file system"), "{error}");
        assert!(files.iter().all(|file| fs::metadata(file).is_ok()), "an approval was destroyed");
    }
    let done = ran(&mut execute(&quorum, &files)).ok();
    assert_eq!(done.text("outcome"), "completed");
}

/// A copy that did not have the ceremony yet gets it, the line that gives it up included.
#[test]
fn an_abort_brings_a_new_copy_level() {
    let quorum = program::proposed();
    fs::create_dir(quorum.path("third")).unwrap();
    let mut command = abort(&quorum, &[]);
    ran(command.args(["--copy", &quorum.at("third")])).ok();
    let third = fs::read(quorum.path("third/0000-genesis/transcript.jsonl")).unwrap();
    assert_eq!(third, fs::read(quorum.transcript("0000-genesis")).unwrap());
}

/// What a statement is to be written to is looked at before a PIN is asked for, and a try or a touch is spent.
#[test]
fn where_a_statement_cannot_be_written_no_pin_is_tried() {
    let quorum = program::proposed();
    fs::write(quorum.path("wrong.pin"), "not the pin of anybody\n").unwrap();
    let (ledger, card, wrong) = (quorum.at("ledger"), quorum.card("alice", ""), quorum.at("wrong.pin"));
    let with = |verb: &[&str], more: &[&str]| {
        let args = [verb, more, &["--card", &card, "--pin-file", &wrong]].concat();
        quorum.command(&args)
    };
    let refused = |ran: Ran, reason: &str| {
        let ran = ran.expect(1);
        let (error, code) = (ran.error(), ran.json["error"]["code"].as_str().unwrap().to_owned());
        assert!(error.contains(reason), "{error}");
        assert_ne!(code, "card-pin-wrong");
    };
    let reject: &[&str] = &["reject", &ledger, "--reason", "no"];
    let drill: &[&str] = &["card", "drill", "--ledger", &ledger];
    for verb in [&["approve", &ledger], reject] {
        refused(with_read_only(&ledger, &with(verb, &[])), "read-only file system");
        refused(
            with_read_only(&quorum.at("files"), &with(verb, &["-o", &quorum.at("files/x")])),
            "read-only",
        );
        refused(ran(&mut with(verb, &["-o", &quorum.at("missing/x")])), "no such file or directory");
    }
    let enroll: &[&str] = &["card", "enroll", "--name", "alice", "--full-name", "Alice Archer"];
    refused(ran(&mut with(enroll, &["-o", &quorum.at("missing/x")])), "no such file or directory");
    for name in ["alice", "bob", "carol"] {
        quorum.approve(name).ok();
    }
    ran(&mut execute(&quorum, &[])).ok();
    refused(with_read_only(&ledger, &with(&["attest", &ledger], &[])), "read-only file system");
    refused(with_read_only(&ledger, &with(drill, &[])), "read-only file system");
    refused(ran(&mut with(drill, &["-o", &quorum.at("missing/x")])), "no such file or directory");
}

/// A limit on the size of files is no reason to have no memory for a secret.
#[test]
fn a_limit_on_the_size_of_files_does_not_take_the_memory_for_secrets() {
    let quorum = Quorum::bare();
    fs::write(quorum.path("new.pin"), "a pin of its own\n").unwrap();
    let command = quorum.command(&[
        "card",
        "new",
        &format!("soft:{}", quorum.at("new.card")),
        "--pin-file",
        &quorum.at("new.pin"),
    ]);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -f 32; exec \"$0\" \"$@\""]);
    limited.arg(command.get_program()).args(command.get_args()).current_dir(quorum.dir.path());
    ran(&mut limited).ok();
}
