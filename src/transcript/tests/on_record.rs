//! An operation is on a target and on objects that are on record.

use crate::{
    encoding::{digest::Digest, text::Name},
    proposal::{
        operations::{
            BackupOperation, DeleteOperation, InventoryOperation, Operation, ResetOperation, RestoreOperation,
        },
        target::ObjectRecord,
    },
    transcript::{event::Closed, outcome::Outcome},
};

use super::forge::{Forge, TWO, concluded, identity, intended, name, object, text};
use super::forged;

#[test]
fn an_operation_is_on_what_is_on_record() {
    let plan = |kind: &str, target: &str, rest: &str| {
        format!("kind = \"{kind}\"\ntitle = \"Other\"\nexpires_in_hours = 1\ntarget = \"{target}\"\n{rest}")
    };
    let other = |words: &str, plan: &str, operation: Operation| {
        let mut forge = Forge::new();
        let proposal = forge.other("Other", plan, operation);
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forged(&forge, &format!("operation: {words}"));
    };
    let hsm: Name = name("hsm");
    let target = hsm.clone();
    other(
        "other is not a target of this quorum",
        &plan("inventory", "other", ""),
        Operation::Inventory(InventoryOperation {
            target: name("other"),
            identity: identity(),
            module: None,
        }),
    );
    let mut stranger = identity();
    stranger.serial = text("9999");
    other(
        "hsm is not pinned as the token that the ledger has on record",
        &plan("inventory", "hsm", ""),
        Operation::Inventory(InventoryOperation { target: hsm.clone(), identity: stranger, module: None }),
    );
    let selector = "[[objects]]\nclass = \"private-key\"\nlabel = \"old\"\n";
    let mut changed = object("old", "01");
    changed.public_key_sha256 = Some(Digest::of(b"another key"));
    for unrecorded in [object("old", "07"), changed] {
        let objects = vec![unrecorded];
        let operation =
            Operation::Delete(DeleteOperation { target: target.clone(), identity: identity(), objects });
        other("it deletes what was not on record in hsm", &plan("delete", "hsm", selector), operation);
    }
    // A reset that names nothing of what it destroys.
    let reset = "serial = \"0001\"\nlabel = \"lab\"\nnew_label = \"lab-2\"\n";
    let operation = Operation::Reset(ResetOperation {
        target: target.clone(),
        identity: identity(),
        objects: Vec::new(),
        new_label: "lab-2".parse().unwrap(),
    });
    other("the objects of hsm are not those on record", &plan("reset", "hsm", reset), operation);
    let backup = "output = \"/media/backup.age\"\nallow_partial = false\n";
    let operation = Operation::Backup(BackupOperation {
        target: target.clone(),
        identity: identity(),
        objects: vec![object("keep", "02")],
        output: "/media/backup.age".parse().unwrap(),
        allow_partial: false,
    });
    other("the objects of hsm are not those on record", &plan("backup", "hsm", backup), operation);
    // A backup that this ledger never made.
    let restore = "backup = 0\ninput = \"/media/backup.age\"\n";
    let operation = Operation::Restore(RestoreOperation {
        target,
        identity: identity(),
        backup: 0,
        sha256: Digest::of(b"a backup of the forger's"),
        input: "/media/backup.age".parse().unwrap(),
        objects: vec![object("planted", "03")],
        allow_partial: false,
    });
    other("ceremony 0 recorded another backup, or none", &plan("restore", "hsm", restore), operation);
}

/// A plan that means two objects on record, and a proposal that deletes one of them: whoever read the plan did not approve that.
#[test]
fn an_entry_that_means_two_recorded_objects_picks_neither() {
    let with = |selector: &str, objects: Vec<ObjectRecord>| {
        let mut forge = Forge::new();
        let mut inventory = forge.inventory();
        inventory.plan = inventory.plan.replace("Inventory", "Look");
        inventory.title = text("Look");
        let mut lines = forge.begin(&inventory);
        forge.approve(&mut lines, &inventory, &TWO);
        let told = concluded(
            Outcome::Completed,
            &[],
            &[object("old", "01"), object("other", "01"), object("twin", "02"), object("twin", "02")],
        );
        lines.add(intended(&TWO)).add(told).add(Closed { releases_destroyed: 2 });
        forge.push(&inventory, &lines);
        let plan = format!(
            "kind = \"delete\"\ntitle = \"Delete\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nkeep_pins = true\n\
             [[objects]]\nclass = \"private-key\"\n{selector}"
        );
        let operation =
            Operation::Delete(DeleteOperation { target: name("hsm"), identity: identity(), objects });
        let proposal = forge.other("Delete", &plan, operation);
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forge
    };
    drop(with("id = \"01\"\nlabel = \"old\"\n", vec![object("old", "01")]).state());
    forged(
        &with("id = \"01\"\n", vec![object("old", "01")]),
        "plan-mismatch: the proposal differs from its plan: its entries do not mean",
    );
    forged(
        &with("label = \"twin\"\n", vec![object("twin", "02")]),
        "plan-mismatch: the proposal differs from its plan: its entries do not mean",
    );
    drop(with("label = \"twin\"\ncount = 2\n", vec![object("twin", "02"); 2]).state());
    forged(
        &with("label = \"twin\"\ncount = 3\n", vec![object("twin", "02"); 3]),
        "operation: it deletes what was not on record in hsm",
    );
}
