//! Two targets that are said to hold the same: a key that somebody put where a restored one had been.

use quorate::{
    ceremony::compare,
    encoding::digest::Digest,
    proposal::{
        comparison::Sameness,
        document::Proposal,
        operations::{BackupOperation, InventoryOperation, Operation, RestoreOperation},
        target::{ObjectClass, ObjectRecord, TokenIdentity},
    },
    transcript::{
        event::{BackedUp, BackupRecord, Closed, Concluded},
        outcome::Outcome,
    },
};

use crate::support::forge::{Forge, adopted, concluded, identity, intended, name, object, text};

const THREE: [&str; 3] = ["alice", "bob", "carol"];

/// A key of which its token tells nothing but what it is called.
fn untold() -> ObjectRecord {
    ObjectRecord { class: ObjectClass::SecretKey, public_key_sha256: None, ..object("kek", "07") }
}

fn hold(forge: &mut Forge, proposal: &Proposal, identity: &TokenIdentity, mut told: Concluded) {
    let target = proposal.operation.target().unwrap().0;
    let mut intent = intended(&THREE);
    (intent.targets[0].name, intent.targets[0].identity) = (target.clone(), identity.clone());
    for state in &mut told.targets {
        state.name = target.clone();
        state.inventory.as_mut().unwrap().identity = identity.clone();
    }
    let mut lines = forge.begin(proposal);
    forge.approve(&mut lines, proposal, &THREE);
    lines.add(intent).add(told).add(Closed { releases_destroyed: 3 });
    forge.push(proposal, &lines);
}

fn look(forge: &mut Forge, target: &str, identity: &TokenIdentity, objects: &[ObjectRecord]) {
    let mut proposal = forge.inventory();
    proposal.plan = proposal.plan.replace("\"hsm\"", &format!("\"{target}\""));
    proposal.operation = Operation::Inventory(InventoryOperation {
        target: name(target),
        identity: identity.clone(),
        module: None,
    });
    hold(forge, &proposal, identity, concluded(Outcome::Completed, &[], objects));
}

fn verdict(forge: &Forge) -> Sameness {
    let compared = compare::compare(&forge.state(), &name("hsm"), &name("spare"), None).unwrap();
    compared.objects[0].verdict
}

#[test]
fn a_key_that_was_gone_has_to_prove_itself_anew() {
    let mut forge = adopted(|_| {});
    let spare = TokenIdentity { serial: text("0002"), label: text("spare"), ..identity() };
    let plan = |kind: &str, target: &str, more: &str| {
        format!(
            "kind = \"{kind}\"\ntitle = \"T\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nkeep_pins = true\n{more}"
        )
    };
    look(&mut forge, "hsm", &identity(), &[untold()]);
    let (objects, sha256) = (vec![untold()], Digest::of(b"backup"));
    let operation = Operation::Backup(BackupOperation {
        target: name("hsm"),
        identity: identity(),
        objects: objects.clone(),
        output: "/media/b.age".parse().unwrap(),
        allow_partial: false,
    });
    let text = plan("backup", "hsm", "output = \"/media/b.age\"\nallow_partial = false\n");
    let proposal = forge.other("T", &text, operation);
    let entries = vec![BackedUp { object: untold(), sha256: Digest::of(b"entry") }];
    let record = BackupRecord { target: name("hsm"), key_version: 1, sha256, length: 1, entries };
    let told = concluded(Outcome::Completed, &[], &objects);
    hold(&mut forge, &proposal, &identity(), Concluded { backup: Some(record), ..told });
    let operation = Operation::Restore(RestoreOperation {
        target: name("spare"),
        identity: spare.clone(),
        backup: 3,
        sha256,
        input: "/media/b.age".parse().unwrap(),
        objects: objects.clone(),
        allow_partial: false,
    });
    let text = plan("restore", "spare", "backup = 3\ninput = \"/media/b.age\"\n");
    let proposal = forge.other("T", &text, operation);
    let told = concluded(Outcome::Completed, &[], &objects);
    hold(&mut forge, &proposal, &spare, Concluded { restored: objects.clone(), ..told });
    assert_eq!(verdict(&forge), Sameness::Same);
    for (target, identity) in [("spare", &spare), ("hsm", &identity())] {
        let mut forge = forge.clone();
        look(&mut forge, target, identity, &objects);
        assert_eq!(verdict(&forge), Sameness::Same);
        look(&mut forge, target, identity, &[]);
        look(&mut forge, target, identity, &objects);
        assert_eq!(verdict(&forge), Sameness::Unknown, "{target}");
    }
}
