//! A disk that is full, read-only or broken at every call: one clear sentence, nothing half-written, and a later run succeeds.

mod cleaning;
pub mod media;
mod output;
mod program;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::support::crash::{Call, DELETE, Interruption, is_made, sweep, three};
use crate::support::quorum::{self, Quorum, Ran};

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
    if claimed && first.code == Some(1) {
        assert!(first.error().contains(", but not written everywhere: "), "{}", first.stderr);
    }
    assert!(claimed || failed && next.code == Some(0), "{}", next.stderr);
}

#[test]
fn propose_on_a_bad_disk() {
    let propose = |quorum: &Quorum| quorum.step("propose", &[DELETE]);
    let go_on = |quorum: &Quorum, ran: &Ran| {
        goes_on(ran, quorum.propose(DELETE), "ceremony 1 (delete) is still open");
        for name in ["alice", "bob"] {
            quorum.approve(name).ok();
        }
        quorum.execute().ok();
        quorum.ended("0001-delete");
    };
    sweep("propose on a bad disk", &three().softhsm_in_use().founded(), &propose, &go_on, BAD_DISK);
}

#[test]
fn execute_on_a_bad_disk() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice", "bob"]);
    let execute = |quorum: &Quorum| -> Command { quorum.step("execute", &[]) };
    let go_on = |quorum: &Quorum, ran: &Ran| {
        goes_on(ran, quorum.execute(), "ended: completed");
        quorum.ended("0001-delete");
        assert_eq!(quorum.old_and_keep(), (0, 1));
    };
    sweep("execute on a bad disk", &quorum, &execute, &go_on, BAD_DISK);
}

#[test]
fn release_on_a_bad_disk() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice"]);
    let head = quorum.head().unwrap();
    let release = |quorum: &Quorum| {
        let (ledger, card) = (quorum.at("ledger"), quorum.with_card("bob"));
        let file = quorum.at("files/bob.release");
        let mut args = vec!["release", ledger.as_str(), "--head", &head, "-o", &file];
        args.extend(card.iter().map(String::as_str));
        quorum.command_as("bob", &args)
    };
    let go_on = |quorum: &Quorum, _: &Ran| {
        let again = quorum::ran(&mut release(quorum));
        is_made(&again);
        let file = quorum.at("files/bob.release");
        quorum.decide("alice", "release", &[&file]).ok();
        quorum.execute_with(&[&file]).ok();
        quorum.ended("0001-delete");
    };
    sweep("release on a bad disk", &quorum, &release, &go_on, BAD_DISK);
}

#[test]
fn drill_on_a_bad_disk() {
    let quorum = three().softhsm_in_use().founded();
    let head = quorum.head().unwrap();
    let drill = |quorum: &Quorum, place: [&str; 2]| {
        let (ledger, card) = (quorum.at("ledger"), quorum.with_card("bob"));
        let mut args = vec!["card", "drill", "--ledger", &ledger, "--head", &head, place[0], place[1]];
        args.extend(card.iter().map(String::as_str));
        quorum.command_as("bob", &args)
    };
    let beside = |quorum: &Quorum| drill(quorum, ["--copy", &quorum.at("copy")]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        quorum::ran(&mut beside(quorum)).ok();
        quorum.level();
        quorum.nothing_is_left();
    };
    sweep("drill beside the ledger on a bad disk", &quorum, &beside, &go_on, BAD_DISK);
    let into_file = |quorum: &Quorum| drill(quorum, ["-o", &quorum.at("files/bob.drill")]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        let again = quorum::ran(&mut into_file(quorum));
        is_made(&again);
        let (ledger, file) = (quorum.at("ledger"), quorum.at("files/bob.drill"));
        quorum.run(&["card", "drill", "--ledger", &ledger, "--import", &file]).ok();
    };
    sweep("drill into a file on a bad disk", &quorum, &into_file, &go_on, BAD_DISK);
}

/// A ledger on a medium that is mounted read-only, as far as this user can make it so.
#[test]
fn a_read_only_ledger_is_audited_and_not_written() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice", "bob"]);
    let Some(read_only) = ReadOnly::make(&quorum.path("ledger")) else {
        println!("not tried: this user cannot make a directory read-only");
        return;
    };
    quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    quorum.run(&["status", &quorum.at("ledger")]).ok();
    for ran in [quorum.execute(), quorum.approve("carol")] {
        let ran = ran.expect(1);
        let error = ran.error();
        assert!(error.contains("read-only file system") || error.contains("permission denied"), "{error}");
        assert!(!ran.json["error"]["hint"].as_str().unwrap().is_empty());
    }
    assert_eq!(quorum.old_and_keep().0, 1);
    drop(read_only);
    quorum.execute().ok();
    quorum.ended("0001-delete");
}

/// Undone when dropped.
pub struct ReadOnly {
    place: std::path::PathBuf,
    mounted: bool,
}

impl ReadOnly {
    /// A bind mount, else the modes.
    pub fn make(place: &std::path::Path) -> Option<Self> {
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
