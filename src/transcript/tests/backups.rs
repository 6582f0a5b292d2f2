//! A hostile station that tells of a backup or a restore what was not so.

use crate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        operations::{Operation, RestoreOperation},
        target::{LeftOut, ObjectClass, ObjectRecord},
    },
    transcript::{
        event::{BackedUp, BackupRecord, Concluded},
        outcome::Outcome,
    },
};

use super::forge::{
    Forge, backed_up as backup, backup as proposal, concluded, held_by_all as with, identity, name, object,
    text,
};
use super::{forged, honest};

fn left(object: ObjectRecord) -> LeftOut {
    LeftOut { object, reason: text("it cannot be exported") }
}

const NOT_RENEWED: &str = "credential: the user-pin of hsm for crypto-officer is missing";

/// The plan changes the PIN that the token and its module see.
fn without_keep_pins(proposal: &mut Proposal) {
    proposal.plan = proposal.plan.replace("keep_pins = true\n", "");
}

fn entries(told: &mut Concluded) -> &mut Vec<BackedUp> {
    &mut told.backup.as_mut().unwrap().entries
}

#[test]
fn a_backup_has_every_object_or_leaves_it_out_by_name() {
    let part = |told: &mut Concluded| {
        let entry = entries(told).pop().unwrap();
        told.left_out.push(left(entry.object));
    };
    drop(honest(&backup(false, |_| {})));
    drop(honest(&backup(true, part)));
    forged(&backup(false, part), "outcome: completed, but what it shows is not what was to be done");
    forged(
        &backup(true, |told| drop(entries(told).pop())),
        "outcome: completed, but what it shows is not what was to be done",
    );
    let all = |told: &mut Concluded| {
        for entry in std::mem::take(entries(told)) {
            told.left_out.push(left(entry.object));
        }
    };
    forged(&backup(true, all), "outcome: completed, but what it shows is not what was to be done");
    forged(
        &backup(true, |told| told.backup = None),
        "outcome: completed, but what it shows is not what was to be done",
    );
    forged(
        &backup(true, |told| told.backup.as_mut().unwrap().target = name("other")),
        "outcome: completed, but what it shows is not what was to be done",
    );
    forged(
        &backup(true, |told| told.backup.as_mut().unwrap().key_version = 2),
        "outcome: it names a version of the backup key that was not in force",
    );
    // No inventory has objects of a class that is not known; nor has the record to be silent of them.
    let other = |told: &mut Concluded| {
        told.left_out.push(left(ObjectRecord { class: ObjectClass::Other, ..object("trust", "09") }));
    };
    drop(backup(true, other).state());
    forged(&backup(false, other), "outcome: completed, but what it shows is not what was to be done");
}

#[test]
fn a_backup_is_what_its_plan_says() {
    for (says, other, expected) in [
        ("\"/b.age\"", "\"/other.age\"", "plan-mismatch: the proposal differs from its plan: output"),
        ("= false", "= true", "plan-mismatch: the proposal differs from its plan: allow_partial"),
        ("\"hsm\"", "\"other\"", "plan-mismatch: the proposal differs from its plan: target"),
        (
            "\"/b.age\"",
            "\"b.age\"",
            "plan: its plan is not valid: line 5, column 10: \"b.age\" is not an absolute path",
        ),
    ] {
        let forge = Forge::new();
        let mut proposal = proposal(&forge, false);
        assert!(proposal.plan.contains(says), "{says}");
        proposal.plan = proposal.plan.replacen(says, other, 1);
        forged(&with(forge, &proposal, concluded(Outcome::Completed, &[], &[])), expected);
    }
}

#[test]
fn a_backup_renews_the_pin_unless_its_plan_keeps_it() {
    let forge = Forge::new();
    let mut proposal = proposal(&forge, false);
    without_keep_pins(&mut proposal);
    forged(&with(forge, &proposal, concluded(Outcome::Completed, &[], &[])), NOT_RENEWED);
    let mut looks = Forge::new().inventory();
    without_keep_pins(&mut looks);
    forged(&with(Forge::new(), &looks, concluded(Outcome::Completed, &[], &[])), NOT_RENEWED);
}

#[test]
fn what_a_token_does_not_keep_is_said_of_what_was_backed_up() {
    drop(
        backup(false, |told| told.unkept.push(left(told.backup.as_ref().unwrap().entries[0].object.clone())))
            .state(),
    );
    forged(
        &backup(false, |told| told.unkept.push(left(object("other", "09")))),
        "outcome: it lists what the operation was not to do",
    );
    // It takes nothing away and puts nothing in.
    for change in [(|told| told.deleted.push(object("old", "01"))) as fn(&mut Concluded), |told| {
        told.restored.push(object("old", "01"))
    }] {
        forged(&backup(false, change), "outcome: it lists what the operation was not to do");
    }
}

/// After a backup of everything, which was whole.
fn restore(
    allow_partial: bool,
    propose: impl FnOnce(&mut Proposal),
    change: impl FnOnce(&mut Concluded),
) -> Forge {
    let forge = backup(false, |_| {});
    let plan = format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nbackup = 1\n\
         input = \"/b.age\"\nallow_partial = {allow_partial}\nkeep_pins = true\n"
    );
    let recorded = forge.state().recorded(&name("hsm")).to_vec();
    let operation = Operation::Restore(RestoreOperation {
        target: name("hsm"),
        identity: identity(),
        backup: 1,
        sha256: Digest::of(b"backup"),
        input: "/b.age".parse().unwrap(),
        objects: recorded.clone(),
        allow_partial,
    });
    let mut proposal = forge.other("Restore", &plan, operation);
    propose(&mut proposal);
    let mut told = concluded(Outcome::Completed, &[], &recorded);
    told.restored = recorded;
    change(&mut told);
    with(forge, &proposal, told)
}

#[test]
fn a_restore_tells_of_the_objects_of_its_backup_only() {
    drop(restore(false, |_| {}, |_| {}).state());
    let told = |change: fn(&mut Concluded)| restore(true, |_| {}, change);
    drop(told(|told| told.unkept.push(left(told.restored[0].clone()))).state());
    forged(
        &told(|told| told.restored.push(object("other", "09"))),
        "outcome: it lists what the operation was not to do",
    );
    forged(
        &told(|told| told.left_out.push(left(object("other", "09")))),
        "outcome: it lists what the operation was not to do",
    );
    forged(
        &told(|told| told.unkept.push(left(object("other", "09")))),
        "outcome: it lists what the operation was not to do",
    );
    forged(
        &told(|told| drop(told.targets[0].inventory.as_mut().unwrap().objects.pop())),
        "outcome: completed, but what it shows is not what was to be done",
    );
    // Another key under the name of one that was backed up.
    forged(
        &told(|told| {
            let objects = &mut told.targets[0].inventory.as_mut().unwrap().objects;
            objects[0].public_key_sha256 = Some(Digest::of(b"another key"));
        }),
        "outcome: completed, but what it shows is not what was to be done",
    );
    forged(
        &told(|told| {
            told.backup = Some(BackupRecord {
                target: name("hsm"),
                key_version: 1,
                sha256: Digest::of(b"backup"),
                length: 1,
                entries: Vec::new(),
            })
        }),
        "outcome: it lists what the operation was not to do",
    );
}

#[test]
fn a_restore_is_of_a_backup_that_is_on_record() {
    type Change = fn(&mut Operation);
    let changes: [Change; 3] = [
        |operation| {
            if let Operation::Restore(RestoreOperation { sha256, .. }) = operation {
                *sha256 = Digest::of(b"another file");
            }
        },
        |operation| {
            if let Operation::Restore(RestoreOperation { objects, .. }) = operation {
                objects.pop();
            }
        },
        |operation| {
            if let Operation::Restore(RestoreOperation { objects, .. }) = operation {
                objects.push(object("other", "09"));
            }
        },
    ];
    for change in changes {
        forged(
            &restore(true, |proposal| change(&mut proposal.operation), |_| {}),
            "operation: ceremony 1 recorded another backup, or none",
        );
    }
    let partial = |proposal: &mut Proposal| {
        if let Operation::Restore(RestoreOperation { allow_partial, .. }) = &mut proposal.operation {
            *allow_partial = true;
        }
    };
    forged(
        &restore(false, partial, |_| {}),
        "plan-mismatch: the proposal differs from its plan: allow_partial",
    );
    let elsewhere = |proposal: &mut Proposal| proposal.plan = proposal.plan.replace("/b.age", "/c.age");
    forged(&restore(false, elsewhere, |_| {}), "plan-mismatch: the proposal differs from its plan: input");
    let of_another =
        |proposal: &mut Proposal| proposal.plan = proposal.plan.replace("backup = 1", "backup = 0");
    forged(&restore(false, of_another, |_| {}), "plan-mismatch: the proposal differs from its plan: backup");
    let onto_another =
        |proposal: &mut Proposal| proposal.plan = proposal.plan.replace("\"hsm\"", "\"other\"");
    forged(
        &restore(false, onto_another, |_| {}),
        "plan-mismatch: the proposal differs from its plan: target",
    );
    forged(&restore(false, without_keep_pins, |_| {}), NOT_RENEWED);
}
