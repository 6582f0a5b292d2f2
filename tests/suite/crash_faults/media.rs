//! File systems without locks, or without fsync of directories: said as such, and never blamed on the card.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
    process::Command,
};

use serde_json::json;

use super::program;
use crate::{
    attacks_custodian::terminal::at_terminal,
    support::{
        crash::{BACKUP, three},
        founded::{INVENTORY, practice_target},
        quorum::{ADMIN, QUORATE, Quorum, Ran, ran},
    },
};

/// The environment of a command where a call fails at a path, as its file system would have it.
fn spoiling(quorum: &Quorum, (call, errno): (&str, i32), path: &str) -> [(&'static str, String); 4] {
    let library = quorum.at("spoil.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/crash_faults/spoil.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o", &library, source]).status().unwrap();
    assert!(built.success());
    [
        ("LD_PRELOAD", library),
        ("SPOIL_CALL", call.to_owned()),
        ("SPOIL_PATH", path.to_owned()),
        ("SPOIL_ERRNO", errno.to_string()),
    ]
}

/// The command where a call fails at a path.
pub fn spoiled(quorum: &Quorum, (call, errno): (&str, i32), path: &str, command: &Command) -> Ran {
    let mut inside = Command::new(command.get_program());
    inside.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    ran(inside.envs(spoiling(quorum, (call, errno), path)))
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

/// The ledger is written to before its copy: nobody approves again.
#[test]
fn an_approval_counts_although_a_copy_is_full() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let plan = quorum.plan("look", INVENTORY);
    let (ledger, copy, state) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("state-station"));
    let full = quorum.at("copy/0001-inventory/approvals");
    let head = quorum.head().unwrap();
    let run = |people: &[&str]| {
        let cards: Vec<String> = people.iter().flat_map(|who| quorum.with_card(who)).collect();
        let args = ["run", &plan, &ledger, "--copy", &copy, "--head", &head];
        quorum.command(&args.into_iter().chain(cards.iter().map(String::as_str)).collect::<Vec<_>>())
    };
    let fault = ("fsync", libc::ENOSPC);
    let failed = spoiled(&quorum, fault, &full, &run(&[ADMIN, "alice"])).expect(1);
    let said = "the statement of alice is in the ledger, and counts, but not written everywhere: ";
    assert!(
        failed.error().starts_with(said) && failed.error().contains("no space left"),
        "{}",
        failed.stderr
    );
    let status = quorum.run(&["status", &ledger]).ok().json["open"].clone();
    assert_eq!(
        [&status["approved"], &status["missing"]],
        [&json!(["alice"]), &json!(["bob", "carol", "dave", "erin"])]
    );
    // Where somebody is asked, the ceremony goes on to the next card.
    let set = spoiling(&quorum, fault, &full).map(|(name, value)| format!("{name}={value}")).join(" ");
    let card = |who: &str| quorum.card(who, "");
    let script = format!(
        "spawn -noecho env {set} {QUORATE} run {plan} {ledger} --copy {copy} --state-dir {state} --head {head}\n\
         upto {{Administrator's card}}\nsend \"{}\\r\"\n\
         upto {{crypto-officer 1 of 3}}\nupto {{Next card}}\nsend \"{}\\r\"\n\
         upto {{Approve this proposal}}\nupto {{[yes/no] }}\nsend \"yes\\r\"\nupto {{PIN of}}\nhidden\nsend \"bob-123456\\r\"\n\
         upto {{bob approved.}}\nupto {{crypto-officer 2 of 3}}\nupto {{Next card}}\nsend \"done\\r\"\n\
         upto {{[yes/no] }}\nsend \"yes\\r\"\nended\n",
        card(ADMIN),
        card("bob"),
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 6, "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the statement of bob is in the ledger, and counts"), "{said}");
    ran(&mut run(&[ADMIN, "carol", "alice", "bob"])).ok();
    quorum.level();
}

/// The folder of a medium that is taken away stays, and what goes there is on the disk below.
#[test]
fn a_backup_whose_medium_is_not_mounted_any_more_is_not_written_unasked() {
    let quorum = three().exportable().founded();
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [medium, below] = [memory.path(), disk.path()];
    let device = |place: &Path| fs::metadata(place).unwrap().dev();
    assert_ne!(device(medium), device(below), "this test needs two file systems");
    let mount = |place: &Path| {
        let _ = fs::remove_file(quorum.path("medium"));
        symlink(place, quorum.path("medium")).unwrap();
    };
    let backup = |output: &str| BACKUP.replace("/proc/self/cwd/files/b.age", &quorum.at(output));
    mount(medium);
    quorum.approved(&backup("medium/b.age"), &["alice", "bob", "carol"]);
    mount(below);
    let refused = quorum.execute().expect(3);
    let said = "it was to lie on the file system at /dev/shm; now it would lie on that at ";
    assert!(refused.error().contains(said), "{}", refused.stderr);
    let (ledger, copy, state) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("state-station"));
    let card = quorum.card(ADMIN, "");
    let script = format!(
        "spawn -noecho {QUORATE} execute {ledger} --copy {copy} --state-dir {state} --card {card}\n\
         upto {{Write it there all the same? [yes/no]}}\nsend \"no\\r\"\nended\n"
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert_eq!(fs::read_dir(below).unwrap().count(), 0);
    mount(medium);
    quorum.execute().ok();
    assert!(medium.join("b.age").exists());
    let beside = quorum.propose(&backup("files/beside.age")).ok();
    let words = beside.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("files/beside.age will lie on the same file system as the ledger"), "{words}");
}

/// Where the copy is the fault, the same again would end the same.
#[test]
fn a_genesis_is_not_executed_again_with_a_copy_that_shares_the_medium() {
    let quorum = Quorum::of(3).threshold("crypto-officer", 2).threshold("security-officer", 3).enrolled();
    let (memory, disk) = (
        tempfile::tempdir_in("/dev/shm").unwrap(),
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
    );
    let (ledger, state) = (memory.path().join("ledger"), quorum.at("state-station"));
    let (ledger, link) = (ledger.to_str().unwrap(), quorum.at("medium"));
    symlink(disk.path(), &link).unwrap();
    let copy = quorum.at("medium/copy");
    let target = practice_target(&quorum.path("tokens/hsm.token"));
    let text =
        quorum.genesis(&["alice", "bob", "carol"]).without_policy("allow_same_medium").targets(&target);
    let text = text.threshold("crypto-officer", 2).threshold("security-officer", 3).text();
    let plan = quorum.plan("genesis", &text);
    quorum.run_with(ADMIN, &["propose", &plan, ledger, "--copy", &copy]).ok();
    for name in ["alice", "bob", "carol"] {
        quorum.run_with(name, &["approve", ledger]).ok();
    }
    // Before anybody is asked for a card; and where it changes meanwhile, no second try is offered.
    let near = memory.path().join("copy");
    let refused = quorum.run_with(ADMIN, &["run", &plan, ledger, "--copy", near.to_str().unwrap()]).expect(3);
    assert!(
        refused.error().contains("the copies of the ledger are on one file system"),
        "{}",
        refused.stderr
    );
    let script = format!(
        "spawn -noecho {QUORATE} run {plan} {ledger} --copy {copy} --state-dir {state}\n\
         upto {{Administrator's card}}\nexec ln -sfn {} {link}\nsend \"{}\\r\"\n\
         upto {{Execute now?}}\nupto {{[yes/no] }}\nsend \"yes\\r\"\nupto {{PIN of}}\nhidden\nsend \"frank-123456\\r\"\nended\n",
        memory.path().display(),
        quorum.card(ADMIN, ""),
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the copies of the ledger are on one file system"), "{said}");
    assert!(said.contains("--copy DIR") && !said.contains("Try the execution again?"), "{said}");
}
