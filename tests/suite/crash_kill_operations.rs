//! SIGKILL before the calls by which a reset, a backup or a restore changes the disk: nothing is lost, nothing is called
//! done that is not, and the same command goes on to the end.

use std::{fs, process::Command};

use crate::support::crash::{BACKUP, DELETE, INVENTORY, KILL, RESTORE, sweep, three};
use crate::support::quorum::{Quorum, Ran};
use crate::support::tokens::{THREE, reset};

fn execute(quorum: &Quorum) -> Command {
    quorum.step("execute", &[])
}

/// The next run completes, or says that all was done; the ceremony has run once.
#[track_caller]
fn to_the_end(quorum: &Quorum, directory: &str) {
    let ran = quorum.execute();
    let done = ran.code == Some(3) && ran.error().contains("ended: completed");
    assert!(done || ran.code == Some(0), "{:?}: {}", ran.code, ran.stderr);
    quorum.ended(directory);
}

/// The PINs that the ledger has in force open the token.
#[track_caller]
fn opens(quorum: &Quorum, objects: usize) {
    quorum.propose(INVENTORY).ok();
    for name in ["alice", "bob"] {
        quorum.approve(name).ok();
    }
    let seen = quorum.execute().ok();
    assert_eq!(seen.json["targets"][0]["inventory"]["objects"].as_array().unwrap().len(), objects);
}

#[test]
fn execute_a_reset() {
    let quorum = three().exportable().founded();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "again"), THREE);
    let go_on = |quorum: &Quorum, _: &Ran| {
        to_the_end(quorum, "0001-reset");
        let slots = quorum.hsm().tool(&["--list-token-slots"]);
        assert!(slots.contains("token label        : again\n") && !slots.contains(": lab\n"), "{slots}");
        opens(quorum, 0);
    };
    sweep("execute a reset", &quorum, &execute, &go_on, KILL);
}

#[test]
fn execute_a_backup() {
    let quorum = three().exportable().founded();
    quorum.approved(BACKUP, THREE);
    let go_on = |quorum: &Quorum, _: &Ran| {
        to_the_end(quorum, "0001-backup");
        let shown = quorum.run(&["show", &quorum.at("ledger"), "1"]).ok();
        let record = &shown.json["concluded"]["backup"];
        assert_eq!(record["entries"].as_array().unwrap().len(), 4);
        // What is on record is what lies there, whole.
        let file = quorum.path("files/b.age");
        assert_eq!(record["length"], fs::metadata(&file).unwrap().len());
        let sum = Command::new("sha256sum").arg(&file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&sum.stdout)[..64], *record["sha256"].as_str().unwrap());
        let there: Vec<_> = fs::read_dir(quorum.path("files")).unwrap().collect();
        assert_eq!(there.len(), 1, "{there:?}");
        assert_eq!(quorum.old_and_keep(), (1, 1));
    };
    sweep("execute a backup", &quorum, &execute, &go_on, KILL);
}

#[test]
fn execute_a_restore() {
    let quorum = three().exportable().founded();
    quorum.approved(BACKUP, THREE);
    quorum.execute().ok();
    quorum.approved(DELETE, &["alice", "bob"]);
    quorum.execute().ok();
    assert_eq!(quorum.old_and_keep(), (0, 1));
    quorum.approved(RESTORE, THREE);
    let go_on = |quorum: &Quorum, _: &Ran| {
        to_the_end(quorum, "0003-restore");
        assert_eq!(quorum.old_and_keep(), (1, 1));
        opens(quorum, 4);
    };
    sweep("execute a restore", &quorum, &execute, &go_on, KILL);
}
