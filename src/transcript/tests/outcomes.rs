//! A hostile station that tells what did not happen, or keeps quiet about what did.

use crate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        program::ProgramRecord,
        target::{LeftOut, ObjectRecord, Role},
    },
    transcript::{
        event::{BackupRecord, Concluded, HandedOver, PinInForce, Rejected},
        outcome::Outcome,
    },
};

use super::forge::{ALL, Forge, TWO, Transcript, application, concluded, intended, name, object, seen, text};
use super::forged;

const NOT_DONE: &str = "outcome: completed, but what it shows is not what was to be done";
const NOT_ITS: &str = "outcome: it lists what the operation was not to do";
const SOMETHING_DONE: &str = "outcome: refused, but something was done";

/// A deletion that alice and bob approved, as far as the test drives it from there.
pub(super) fn approved(drive: impl FnOnce(&Forge, &Proposal, &mut Transcript)) -> Forge {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    drive(&forge, &proposal, &mut lines);
    forge.push(&proposal, &lines);
    forge
}

/// What an honest station says at the end.
pub(super) fn honest() -> Concluded {
    concluded(Outcome::Completed, &[object("old", "01")], &[object("keep", "02")])
}

#[track_caller]
fn conclusion(change: impl FnOnce(&mut Concluded), code: &str) {
    let forge = approved(|_, _, lines| {
        let mut event = honest();
        change(&mut event);
        lines.add(intended(&TWO)).add(event);
    });
    forged(&forge, code);
}

#[test]
fn nothing_has_an_outcome_without_an_intent() {
    for outcome in [Outcome::Completed, Outcome::Failed, Outcome::Indeterminate] {
        let forge = approved(|_, _, lines| {
            lines.add(Concluded { outcome, ..honest() });
        });
        forged(&forge, "outcome: an outcome without an intent");
    }
}

#[test]
fn what_was_intended_was_not_refused() {
    conclusion(
        |c| *c = concluded(Outcome::Refused, &[], &[]),
        "outcome: refused, although the intent was written",
    );
    conclusion(
        |c| {
            *c = concluded(Outcome::Refused, &[], &[]);
            c.targets.clear();
        },
        "outcome: refused, although the intent was written",
    );
}

#[test]
fn a_refusal_has_a_reason_and_changes_nothing() {
    let refused = |by: &[&str], change: &dyn Fn(&mut Concluded)| {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        for who in by {
            lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
        }
        let mut event = Concluded { targets: Vec::new(), ..concluded(Outcome::Refused, &[], &[]) };
        change(&mut event);
        lines.add(event);
        forge.push(&proposal, &lines);
        forge
    };
    let three = ["alice", "bob", "carol"];
    drop(refused(&three, &|_| {}).state());
    // One custodian who rejects three times is one.
    for by in [&[][..], &["alice", "bob"], &["alice", "alice", "alice"]] {
        forged(&refused(by, &|_| {}), "outcome: refused, although a quorum could still be reached: only an");
    }
    forged(&refused(&three, &|c| c.targets = seen(&[])), SOMETHING_DONE);
    forged(&refused(&three, &|c| c.deleted.push(object("old", "01"))), SOMETHING_DONE);
    forged(&refused(&three, &|c| c.restored.push(object("old", "01"))), SOMETHING_DONE);
    let left = || LeftOut { object: object("old", "01"), reason: text("it would not go") };
    forged(&refused(&three, &move |c| c.left_out.push(left())), SOMETHING_DONE);
    forged(&refused(&three, &move |c| c.unkept.push(left())), SOMETHING_DONE);
    let ran = ProgramRecord { run: None, check_exit_code: None };
    forged(&refused(&three, &move |c| c.program = Some(ran.clone())), SOMETHING_DONE);
    let pin = || PinInForce { target: name("hsm"), role: Role::UserPin, version: 1 };
    forged(&refused(&three, &move |c| c.pins.push(pin())), SOMETHING_DONE);
    let backup = || BackupRecord {
        target: name("hsm"),
        key_version: 1,
        sha256: Digest::of(b"backup"),
        length: 1,
        entries: Vec::new(),
    };
    forged(&refused(&three, &move |c| c.backup = Some(backup())), SOMETHING_DONE);
    let handed = || HandedOver {
        target: name("hsm"),
        recipient: application("application"),
        version: 1,
        sha256: Digest::of(b"sealed"),
    };
    forged(&refused(&three, &move |c| c.handovers.push(handed())), SOMETHING_DONE);
}

#[test]
fn a_deletion_is_complete_when_every_object_was_seen_to_be_gone() {
    conclusion(|c| c.deleted.clear(), NOT_DONE);
    conclusion(|c| c.deleted = vec![object("keep", "02")], NOT_ITS);
    // Listed as gone, and still in the inventory.
    conclusion(|c| c.targets = seen(&[object("keep", "02"), object("old", "01")]), NOT_DONE);
    // The same key under another name is not gone.
    let renamed =
        ObjectRecord { public_key_sha256: object("old", "01").public_key_sha256, ..object("new", "09") };
    let shows =
        |renamed: ObjectRecord| move |c: &mut Concluded| c.targets = seen(&[object("keep", "02"), renamed]);
    conclusion(shows(renamed), NOT_DONE);
    // Nobody looked.
    conclusion(|c| c.targets.clear(), "outcome: completed, but the target was not looked at afterwards");
    conclusion(
        |c| c.targets[0].inventory = None,
        "outcome: completed, but the target was not looked at afterwards",
    );
}

/// What the plan did not say was not to be done: a record that lists it owns up to it as if it had been approved.
#[test]
fn what_is_listed_was_to_be_done() {
    conclusion(|c| c.deleted.push(object("keep", "02")), NOT_ITS);
    conclusion(|c| c.restored.push(object("old", "01")), NOT_ITS);
    let reason = text("it would not go");
    conclusion(|c| c.left_out.push(LeftOut { object: object("old", "01"), reason }), NOT_DONE);
    let backup = BackupRecord {
        target: name("hsm"),
        key_version: 1,
        sha256: Digest::of(b"backup"),
        length: 1,
        entries: Vec::new(),
    };
    conclusion(|c| c.backup = Some(backup.clone()), NOT_ITS);
    // What did not complete lies no better.
    for outcome in [Outcome::Failed, Outcome::Indeterminate] {
        conclusion(
            |c| {
                c.outcome = outcome;
                c.deleted.push(object("keep", "02"));
            },
            NOT_ITS,
        );
    }
    // An inventory does nothing.
    let left = || LeftOut { object: object("old", "01"), reason: text("it would not go") };
    let changes: [&dyn Fn(&mut Concluded); 5] = [
        &|c| c.deleted.push(object("old", "01")),
        &|c| c.restored.push(object("keep", "02")),
        &|c| c.left_out.push(left()),
        &|c| c.unkept.push(left()),
        &|c| c.backup = Some(backup.clone()),
    ];
    for change in changes {
        let mut forge = Forge::new();
        let proposal = forge.inventory();
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &TWO);
        let mut told = concluded(Outcome::Completed, &[], &forge.objects());
        change(&mut told);
        lines.add(intended(&TWO)).add(told);
        forge.push(&proposal, &lines);
        forged(&forge, NOT_ITS);
    }
}

#[test]
fn the_outcome_is_about_the_target_of_the_operation() {
    conclusion(
        |c| c.targets[0].name = name("other"),
        "outcome: it reports targets that the operation does not have, or one",
    );
    conclusion(
        |c| c.targets.extend(seen(&[])),
        "outcome: it reports targets that the operation does not have, or one",
    );
    conclusion(
        |c| c.targets[0].inventory.as_mut().unwrap().identity.serial = text("9999"),
        "outcome: the target is a different token afterwards",
    );
    // Nor does a genesis take another token in than the one that it took over.
    let mut forge = Forge::new();
    forge.files.clear();
    let proposal = forge.genesis();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &ALL);
    let mut told = concluded(Outcome::Completed, &[], &forge.objects());
    told.targets[0].inventory.as_mut().unwrap().identity.serial = text("9999");
    lines.add(intended(&ALL)).add(told);
    forge.push(&proposal, &lines);
    forged(&forge, "outcome: the target is a different token afterwards");
}
