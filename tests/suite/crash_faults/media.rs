//! File systems without locks, or without fsync of directories: said as such, and never blamed on the card.

use std::process::Command;

use super::program;
use crate::support::quorum::{Quorum, Ran, ran};

/// The command where a call fails at a path, as its file system would have it.
pub fn spoiled(quorum: &Quorum, (call, errno): (&str, i32), path: &str, command: &Command) -> Ran {
    let library = quorum.at("spoil.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/crash_faults/spoil.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o", &library, source]).status().unwrap();
    assert!(built.success());
    let mut inside = Command::new(command.get_program());
    inside.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    inside.env("LD_PRELOAD", library).env("SPOIL_CALL", call).env("SPOIL_PATH", path);
    ran(inside.env("SPOIL_ERRNO", errno.to_string()))
}

#[test]
fn a_file_system_without_locks_or_fsync_is_named_and_no_card_is_blamed() {
    let quorum = Quorum::bare();
    std::fs::write(quorum.pin_file("alice"), "alice-123456").unwrap();
    let cards = quorum.at("cards");
    let new =
        quorum.command(&["card", "new", &quorum.card("alice", ""), "--pin-file", &quorum.pin_file("alice")]);
    for (call, error, words) in [
        ("flock", libc::ENOLCK, "the file system has no locks (flock)"),
        ("flock", libc::EOPNOTSUPP, "the file system has no locks (flock)"),
        ("fsync", libc::EINVAL, "the file system cannot make names durable"),
    ] {
        let failed = spoiled(&quorum, (call, error), &cards, &new).expect(1);
        assert!(failed.error().contains(words), "{}", failed.stderr);
        let hint = failed.json["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("the card is not at fault") && hint.contains("local file system"), "{hint}");
    }
    ran(&mut quorum.command(&[
        "card",
        "new",
        &quorum.card("bob", ""),
        "--pin-file",
        &quorum.pin_file("alice"),
    ]))
    .ok();
    // The ledger's own.
    let quorum = program::proposed();
    let ledger = quorum.at("ledger");
    let execute = quorum.command(&[
        "execute",
        &ledger,
        "--card",
        &quorum.card("frank", ""),
        "--pin-file",
        &quorum.pin_file("frank"),
    ]);
    let failed = spoiled(&quorum, ("flock", libc::ENOLCK), &ledger, &execute).expect(1);
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
    let quorum = program::proposed();
    let card = quorum.with_card("alice");
    let mut args = vec!["approve".to_owned(), quorum.at("ledger")];
    args.extend(card);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let error = quorum.run_as("elsewhere", &args).expect(2).error();
    assert!(error.contains("account ") && error.contains(&quorum.at("state-elsewhere")), "{error}");
    assert!(error.contains("is not the station of the open proposal"), "{error}");
}
