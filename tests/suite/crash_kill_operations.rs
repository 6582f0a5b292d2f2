//! SIGKILL before the calls by which a reset, a backup or a restore changes the disk: nothing is lost, nothing is called
//! done that is not, and the same command goes on to the end.

use std::{fs, process::Command};

use crate::support::crash::{KILL, Stand, THREE, sweep};
use crate::support::quorum::Ran;

fn execute(stand: &Stand) -> Command {
    stand.command("execute", &[])
}

/// The next run completes, or says that all was done; the ceremony has run once.
#[track_caller]
fn to_the_end(stand: &Stand, directory: &str) {
    let ran = stand.execute(&[]);
    let done = ran.code == Some(3) && ran.error().contains("ended: completed");
    assert!(done || ran.code == Some(0), "{:?}: {}", ran.code, ran.stderr);
    stand.ended(directory);
}

/// The PINs that the ledger has in force open the token.
#[track_caller]
fn opens(stand: &Stand, objects: usize) {
    stand.propose("inventory").ok();
    for name in ["alice", "bob"] {
        stand.approve(name).ok();
    }
    let seen = stand.execute(&[]).ok();
    assert_eq!(seen.json["targets"][0]["inventory"]["objects"].as_array().unwrap().len(), objects);
}

#[test]
fn execute_a_reset() {
    let stand = Stand::exportable();
    stand.proposed("reset", &THREE);
    let go_on = |stand: &Stand, _: &Ran| {
        to_the_end(stand, "0001-reset");
        let slots = stand.hsm.tool(&["--list-token-slots"]);
        assert!(slots.contains("token label        : again\n") && !slots.contains(": lab\n"), "{slots}");
        opens(stand, 0);
    };
    sweep("execute a reset", &stand, &execute, &go_on, KILL);
}

#[test]
fn execute_a_backup() {
    let stand = Stand::exportable();
    stand.proposed("backup", &THREE);
    let go_on = |stand: &Stand, _: &Ran| {
        to_the_end(stand, "0001-backup");
        let shown = stand.quorum.run(&["show", &stand.quorum.at("ledger"), "1"]).ok();
        let record = &shown.json["concluded"]["backup"];
        assert_eq!(record["entries"].as_array().unwrap().len(), 4);
        // What is on record is what lies there, whole.
        let file = stand.quorum.path("files/b.age");
        assert_eq!(record["length"], fs::metadata(&file).unwrap().len());
        let sum = Command::new("sha256sum").arg(&file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&sum.stdout)[..64], *record["sha256"].as_str().unwrap());
        let there: Vec<_> = fs::read_dir(stand.quorum.path("files")).unwrap().collect();
        assert_eq!(there.len(), 1, "{there:?}");
        assert_eq!(stand.public(), (1, 1));
    };
    sweep("execute a backup", &stand, &execute, &go_on, KILL);
}

#[test]
fn execute_a_restore() {
    let stand = Stand::exportable();
    stand.proposed("backup", &THREE);
    stand.execute(&[]).ok();
    stand.proposed("delete", &["alice", "bob"]);
    stand.execute(&[]).ok();
    assert_eq!(stand.public(), (0, 1));
    stand.proposed("restore", &THREE);
    let go_on = |stand: &Stand, _: &Ran| {
        to_the_end(stand, "0003-restore");
        assert_eq!(stand.public(), (1, 1));
        opens(stand, 4);
    };
    sweep("execute a restore", &stand, &execute, &go_on, KILL);
}
