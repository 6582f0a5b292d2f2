//! A disk that is full, read-only or broken at every call: one clear sentence, nothing half-written, and a later run succeeds.

mod cleaning;
mod media;
mod output;
mod program;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::support::crash::{Call, Interruption, Stand, is_made, sweep};
use crate::support::quorum::{self, Ran};

/// A disk that fails once.
const BAD_DISK: Interruption = Interruption { inject: fails, check: said_clearly, kind: Call::kind };

fn fails(call: &Call) -> String {
    let error = match call.name.as_str() {
        // A file system reports there what it could not write back.
        "fsync" => "EIO",
        "unlink" | "rmdir" | "unlinkat" => "EROFS",
        _ => "ENOSPC",
    };
    format!("{}:error={error}:when={}", call.name, call.nth)
}

/// An error is one sentence with a hint and exit code 1; success is possible where the call was a mere clearing up.
#[track_caller]
fn said_clearly(ran: &Ran) {
    if ran.code == Some(0) {
        return;
    }
    assert!(ran.code == Some(1) || is_about_its_pin(ran), "{:?}: {}", ran.code, ran.stderr);
    let message = ran.json["error"]["message"].as_str().unwrap_or_default();
    let words = ["no space left", "read-only file system", "input/output error", "the medium fails"];
    let lower = message.to_lowercase();
    assert!(words.iter().any(|words| lower.contains(words)), "{message}");
    assert!(!message.contains('\n') && message.len() < 400, "{message}");
    assert!(!ran.json["error"]["hint"].as_str().unwrap_or_default().is_empty(), "no hint: {message}");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

/// The deletion was seen to be done, and the station could not note that it is about to change the PIN: an outcome is on
/// record, and the ceremony stays open.
fn is_about_its_pin(ran: &Ran) -> bool {
    ran.code == Some(5) && ran.error().contains("but its PIN was not changed: ")
}

/// The next run completes. It has nothing left to do if the first had claimed so, or had said so of the last step.
#[track_caller]
fn goes_on(first: &Ran, next: Ran, already: &str) {
    let claimed = next.code == Some(3) && next.error().contains(already);
    let failed = first.code == Some(1) || is_about_its_pin(first);
    assert!(claimed || failed && next.code == Some(0), "{}", next.stderr);
}

#[test]
fn propose_on_a_bad_disk() {
    let propose = |stand: &Stand| stand.command("propose", &[&stand.quorum.at("plans/delete.toml")]);
    let go_on = |stand: &Stand, ran: &Ran| {
        goes_on(ran, stand.propose("delete"), "ceremony 1 (delete) is still open");
        for name in ["alice", "bob"] {
            stand.approve(name).ok();
        }
        stand.execute(&[]).ok();
        stand.ended("0001-delete");
    };
    sweep("propose on a bad disk", &Stand::taken_over(), &propose, &go_on, BAD_DISK);
}

#[test]
fn execute_on_a_bad_disk() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice", "bob"]);
    let execute = |stand: &Stand| -> Command { stand.command("execute", &[]) };
    let go_on = |stand: &Stand, ran: &Ran| {
        goes_on(ran, stand.execute(&[]), "ended: completed");
        stand.ended("0001-delete");
        assert_eq!(stand.public(), (0, 1));
    };
    sweep("execute on a bad disk", &stand, &execute, &go_on, BAD_DISK);
}

#[test]
fn approve_on_a_bad_disk() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice"]);
    let head = stand.quorum.head().unwrap();
    let approve = |stand: &Stand| {
        let (ledger, card) = (stand.quorum.at("ledger"), stand.quorum.with_card("bob"));
        let file = stand.quorum.at("files/bob.approval");
        let mut args = vec!["approve", ledger.as_str(), "--head", &head, "-o", &file];
        args.extend(card.iter().map(String::as_str));
        stand.quorum.command_as("bob", &args)
    };
    let go_on = |stand: &Stand, _: &Ran| {
        let again = quorum::ran(&mut approve(stand));
        is_made(&again);
        stand.execute(&[&stand.quorum.at("files/bob.approval")]).ok();
        stand.ended("0001-delete");
    };
    sweep("approve on a bad disk", &stand, &approve, &go_on, BAD_DISK);
}

#[test]
fn drill_on_a_bad_disk() {
    let stand = Stand::taken_over();
    let head = stand.quorum.head().unwrap();
    let drill = |stand: &Stand, place: [&str; 2]| {
        let (ledger, card) = (stand.quorum.at("ledger"), stand.quorum.with_card("bob"));
        let mut args = vec!["card", "drill", "--ledger", &ledger, "--head", &head, place[0], place[1]];
        args.extend(card.iter().map(String::as_str));
        stand.quorum.command_as("bob", &args)
    };
    let beside = |stand: &Stand| drill(stand, ["--copy", &stand.quorum.at("copy")]);
    let go_on = |stand: &Stand, _: &Ran| {
        quorum::ran(&mut beside(stand)).ok();
        stand.level();
        stand.nothing_is_left();
    };
    sweep("drill beside the ledger on a bad disk", &stand, &beside, &go_on, BAD_DISK);
    let into_file = |stand: &Stand| drill(stand, ["-o", &stand.quorum.at("files/bob.drill")]);
    let go_on = |stand: &Stand, _: &Ran| {
        let again = quorum::ran(&mut into_file(stand));
        is_made(&again);
        let (ledger, file) = (stand.quorum.at("ledger"), stand.quorum.at("files/bob.drill"));
        stand.quorum.run(&["card", "drill", "--ledger", &ledger, "--import", &file]).ok();
    };
    sweep("drill into a file on a bad disk", &stand, &into_file, &go_on, BAD_DISK);
}

/// A ledger on a medium that is mounted read-only, as far as this user can make it so.
#[test]
fn a_read_only_ledger_is_audited_and_not_written() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice", "bob"]);
    let Some(read_only) = ReadOnly::make(&stand.quorum.path("ledger")) else {
        println!("not tried: this user cannot make a directory read-only");
        return;
    };
    stand.quorum.run(&["audit", &stand.quorum.at("ledger")]).expect(6);
    stand.quorum.run(&["status", &stand.quorum.at("ledger")]).ok();
    for ran in [stand.execute(&[]), stand.quorum.approve("carol")] {
        let ran = ran.expect(1);
        let error = ran.error();
        assert!(error.contains("read-only file system") || error.contains("permission denied"), "{error}");
        assert!(!ran.json["error"]["hint"].as_str().unwrap().is_empty());
    }
    assert_eq!(stand.public().0, 1);
    drop(read_only);
    stand.execute(&[]).ok();
    stand.ended("0001-delete");
}

/// Undone when dropped.
struct ReadOnly {
    place: std::path::PathBuf,
    mounted: bool,
}

impl ReadOnly {
    /// A bind mount, else the modes.
    fn make(place: &std::path::Path) -> Option<Self> {
        let mount = |args: &[&str]| {
            Command::new("mount").args(args).arg(place).output().is_ok_and(|done| done.status.success())
        };
        let text = place.to_str().unwrap();
        if mount(&["--bind", text]) {
            let made = Self { place: place.to_owned(), mounted: true };
            return mount(&["-o", "remount,ro,bind"]).then_some(made);
        }
        let made = Self { place: place.to_owned(), mounted: false };
        made.modes(0o500);
        // root writes all the same
        if fs::write(place.join(".probe"), "").is_ok() {
            fs::remove_file(place.join(".probe")).unwrap();
            return None;
        }
        Some(made)
    }

    fn modes(&self, mode: u32) {
        for directory in
            fs::read_dir(&self.place).unwrap().map(|e| e.unwrap().path()).chain([self.place.clone()])
        {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg(&self.place).status();
        } else {
            self.modes(0o700);
        }
    }
}
