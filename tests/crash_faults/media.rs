//! File systems without locks, or without fsync of directories: said as such, and never blamed on the card.

use std::process::Command;

use super::{
    lab::{Lab, Ran, ran},
    program,
};

/// The command where the system call fails as the file system of `place` would have it.
fn without(call: &str, error: &str, place: &str, command: &Command) -> Ran {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-P", place, "-e", &format!("trace={call}")]);
    traced.args(["-e", &format!("inject={call}:error={error}")]);
    traced.arg(command.get_program()).args(command.get_args());
    ran(traced.current_dir(command.get_current_dir().unwrap()))
}

#[test]
fn a_file_system_without_locks_or_fsync_is_named_and_no_card_is_blamed() {
    let lab = Lab::bare();
    std::fs::write(lab.pin_file("alice"), "alice-123456").unwrap();
    let cards = lab.at("cards");
    let new = lab.command(&["card", "new", &lab.card("alice", ""), "--pin-file", &lab.pin_file("alice")]);
    for (call, error, words) in [
        ("flock", "ENOLCK", "the file system has no locks (flock)"),
        ("flock", "EOPNOTSUPP", "the file system has no locks (flock)"),
        ("fsync", "EINVAL", "the file system cannot make names durable"),
    ] {
        let failed = without(call, error, &cards, &new).expect(1);
        assert!(failed.error().contains(words), "{}", failed.stderr);
        let hint = failed.json["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("the card is not at fault") && hint.contains("local file system"), "{hint}");
    }
    ran(&mut lab.command(&["card", "new", &lab.card("bob", ""), "--pin-file", &lab.pin_file("alice")])).ok();
    // The ledger's own.
    let lab = program::proposed();
    let ledger = lab.at("ledger");
    let execute = lab.command(&[
        "execute",
        &ledger,
        "--card",
        &lab.card("frank", ""),
        "--pin-file",
        &lab.pin_file("frank"),
    ]);
    let failed = without("flock", "ENOLCK", &ledger, &execute).expect(1);
    assert!(failed.error().contains("the file system has no locks (flock)"), "{}", failed.stderr);
    assert!(
        failed.json["error"]["hint"].as_str().unwrap().contains("local file system"),
        "{}",
        failed.stderr
    );
}

/// The account and its state directory are named: another account's is where the station's secrets are.
#[test]
fn who_is_not_the_station_is_named() {
    let lab = program::proposed();
    let card = lab.with_card("alice");
    let mut args = vec!["approve".to_owned(), lab.at("ledger")];
    args.extend(card);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let error = lab.run_as("elsewhere", &args).expect(2).error();
    assert!(error.contains("account ") && error.contains(&lab.at("state-elsewhere")), "{error}");
    assert!(error.contains("is not the station of the open proposal"), "{error}");
}
