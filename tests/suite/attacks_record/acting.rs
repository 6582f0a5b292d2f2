//! Anyone who acts on a ledger verifies it first: a custodian before they approve, the station before it executes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use quorate::{
    encoding::dsse::Mode,
    proposal::document::Proposal,
    transcript::{event::Closed, outcome::Outcome},
};

use super::{Rehearsed, copy_tree, quorate, rehearse, split};
use crate::support::{
    forge::{ALL, Forge, TWO, concluded, intended},
    quorum::Ran,
};

/// A rehearsal with an inventory proposed on top.
fn open() -> &'static Rehearsed {
    static ONCE: OnceLock<Rehearsed> = OnceLock::new();
    ONCE.get_or_init(|| {
        let rehearsal = rehearse();
        let at = |name: &str| rehearsal.folder.join(name).to_str().unwrap().to_owned();
        let plan = at("inventory.toml");
        let text =
            "kind = \"inventory\"\ntitle = \"Once more\"\nexpires_in_hours = 1\ntarget = \"root-hsm\"\n";
        fs::write(&plan, text).unwrap();
        let copy = at("second-medium");
        let mut args = vec!["propose", &plan, rehearsal.ledger.to_str().unwrap(), "--copy", &copy];
        args.push("--rehearsal");
        acting(&rehearsal, "frank", &args).ok();
        rehearsal
    })
}

/// A command with a person's card, at the station.
fn acting(rehearsal: &Rehearsed, who: &str, args: &[&str]) -> Ran {
    acting_at("state", rehearsal, who, args)
}

/// The same on the machine whose state directory this is.
fn acting_at(machine: &str, rehearsal: &Rehearsed, who: &str, args: &[&str]) -> Ran {
    let at = |name: String| rehearsal.folder.join(name).to_str().unwrap().to_owned();
    let card = format!("soft:{}", at(format!("cards/{who}-1.card")));
    let (pin, state) = (at(format!("cards/{who}-1.pin")), at(machine.into()));
    let common = ["--json", "--yes", "--card", &card, "--pin-file", &pin, "--state-dir", &state];
    quorate(&[args, &common[..]].concat())
}

/// Approves and executes a spoiled copy: both must refuse with this code and write nothing.
#[track_caller]
fn refused(code: &str, spoil: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    copy_tree(&open().ledger, &ledger);
    spoil(&ledger);
    let output = dir.path().join("alice.approval");
    let (path, file) = (ledger.to_str().unwrap(), output.to_str().unwrap());
    let before = snapshot(&ledger);
    let approve = acting(open(), "alice", &["approve", "--rehearsal", path, "-o", file]).expect(3);
    assert!(approve.error().contains(code), "{}", approve.stderr);
    assert!(!output.exists());
    let execute = acting(open(), "frank", &["execute", "--rehearsal", path]).expect(3);
    assert!(execute.error().contains(code), "{}", execute.stderr);
    assert_eq!(snapshot(&ledger), before);
}

fn snapshot(ledger: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut left = vec![ledger.to_owned()];
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => left.extend(fs::read_dir(path).unwrap().map(|e| e.unwrap().path())),
            false => files.push((path.clone(), fs::read(path).unwrap())),
        }
    }
    files.sort();
    files
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_honest_ledger_is_approved() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alice.approval");
    let path = open().ledger.to_str().unwrap();
    let args = ["approve", "--rehearsal", path, "-o", file.to_str().unwrap()];
    acting(open(), "alice", &args).ok();
    assert!(file.exists());
}

#[test]
fn a_spoiled_ledger_is_neither_approved_nor_executed() {
    let transcript = |ledger: &Path, dir: &str| ledger.join(dir).join("transcript.jsonl");
    refused("line-signature", |ledger| {
        // In the base64 of the last signature.
        edit(&transcript(ledger, "0002-backup"), |b| {
            let at = b.len() - 20;
            b[at] = if b[at] == b'A' { b'B' } else { b'A' };
        });
    });
    refused("line-torn", |ledger| {
        edit(&transcript(ledger, "0005-inventory"), |b| {
            b.pop();
        })
    });
    refused("line-sequence", |ledger| {
        edit(&transcript(ledger, "0001-delete"), |b| {
            let mut lines = split(b);
            lines.remove(2);
            *b = lines.concat();
        });
    });
    refused("ceremony-missing", |ledger| fs::remove_dir_all(ledger.join("0003-reset")).unwrap());
    refused("plan-mismatch", |ledger| {
        edit(&ledger.join("0005-inventory/plan.toml"), |b| b.extend(b"# harmless\n"));
    });
    refused("plan-mismatch", |ledger| fs::remove_file(ledger.join("0001-delete/plan.toml")).unwrap());
    refused("ceremony-name", |ledger| {
        fs::rename(ledger.join("0005-inventory"), ledger.join("0005-delete")).unwrap();
    });
}

#[test]
fn a_rehearsal_is_not_approved_or_executed_as_production() {
    let path = open().ledger.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alice.approval");
    for (who, args) in [
        ("alice", vec!["approve", path, "-o", file.to_str().unwrap()]),
        ("alice", vec!["reject", path, "--reason", "no", "-o", file.to_str().unwrap()]),
        ("frank", vec!["execute", path]),
        ("frank", vec!["abort", path, "--reason", "no"]),
        ("alice", vec!["attest", path]),
    ] {
        let done = acting(open(), who, &args).expect(3);
        assert!(done.error().contains("is the ledger of a rehearsal"), "{}", done.stderr);
    }
    assert!(!file.exists());
}

#[test]
fn production_is_not_approved_as_a_rehearsal() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let mut forge = crate::support::forge::Forge::new();
    let proposal = forge.delete();
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forge.write(&ledger);
    let path = ledger.to_str().unwrap();
    let file = dir.path().join("alice.approval");
    let args = ["approve", "--rehearsal", path, "-o", file.to_str().unwrap()];
    let done = acting(open(), "alice", &args).expect(3);
    assert!(done.error().contains("production ledger, not a rehearsal's"), "{}", done.stderr);
    // In the right mode, the card of a rehearsal is nobody's.
    let done = acting(open(), "alice", &["approve", path, "-o", file.to_str().unwrap()]).expect(3);
    assert!(done.error().contains("belongs to nobody"), "{}", done.stderr);
}

#[test]
fn an_older_copy_is_not_approved_by_who_remembers_or_brings_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    copy_tree(&open().ledger, &ledger);
    // The restore never happened, and the station proposes again from the reset: here simply the reset left open.
    fs::remove_dir_all(ledger.join("0005-inventory")).unwrap();
    fs::remove_dir_all(ledger.join("0004-restore")).unwrap();
    let reset = ledger.join("0003-reset/transcript.jsonl");
    edit(&reset, |b| *b = split(b)[..1].concat());
    let path = ledger.to_str().unwrap();
    let file = dir.path().join("alice.approval");
    let args = ["approve", "--rehearsal", path, "-o", file.to_str().unwrap()];
    let done = acting(open(), "alice", &args).expect(3);
    assert!(done.error().contains("it is an old copy"), "{}", done.stderr);
    let args = [&args[..], &["--head", open().head.as_str()]].concat();
    let done = acting_at("new-machine", open(), "alice", &args).expect(3);
    assert!(done.error().contains("does not have the head"), "{}", done.stderr);
    assert!(!file.exists());
}

/// Anybody can make a ledger of the same nonce, in which the ceremony of this number has ended. Who has it executed by mistake
/// does not lose what the station keeps of the one that is open.
#[test]
fn a_stranger_s_ledger_ends_no_ceremony_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let real = open().ledger.to_str().unwrap();
    let shown = quorate(&["show", "--rehearsal", "--json", real]).ok();
    let nonce = serde_json::from_value(shown.json["proposal"]["ledger"].clone()).unwrap();
    let mut forge = Forge { nonce, ..Forge::empty(Mode::Rehearsal, "") };
    let genesis = forge.genesis();
    hold(&mut forge, &genesis, &ALL);
    while forge.files.len() < 6 {
        let inventory = forge.inventory();
        hold(&mut forge, &inventory, &TWO);
    }
    forge.write(&ledger);
    let path = ledger.to_str().unwrap();
    for command in [&["execute", "--rehearsal", path][..], &["abort", "--rehearsal", path, "--reason", "no"]]
    {
        acting(open(), "frank", command).expect(3);
    }
    let state = open().folder.join("state");
    let status = quorate(&["status", "--rehearsal", "--json", "--state-dir", state.to_str().unwrap(), real]);
    assert_eq!(status.ok().json["open"]["station_here"], true);
}

/// A ceremony of the forge from its proposal to its end.
fn hold(forge: &mut Forge, proposal: &Proposal, by: &[&str]) {
    let mut lines = forge.begin(proposal);
    forge.approve(&mut lines, proposal, by);
    lines.add(intended(by)).add(concluded(Outcome::Completed, &[], &forge.objects()));
    lines.add(Closed { releases_destroyed: 0 });
    forge.push(proposal, &lines);
}
