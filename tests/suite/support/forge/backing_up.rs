//! Backups of the token, as a station records them.

use quorate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        operations::{BackupOperation, Operation},
    },
    transcript::{
        event::{BackedUp, BackupRecord, Closed, Concluded},
        outcome::Outcome,
    },
};

use super::{ALL, Forge, concluded, identity, intended, name};

/// A ceremony that all custodians approved, to its end.
pub fn held_by_all(mut forge: Forge, proposal: &Proposal, told: Concluded) -> Forge {
    let mut lines = forge.begin(proposal);
    forge.approve(&mut lines, proposal, &ALL);
    lines.add(intended(&ALL)).add(told).add(Closed { releases_destroyed: 4 });
    forge.push(proposal, &lines);
    forge
}

pub fn backup(forge: &Forge, allow_partial: bool) -> Proposal {
    let plan = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"/b.age\"\n\
         allow_partial = {allow_partial}\nkeep_pins = true\n"
    );
    let operation = Operation::Backup(BackupOperation {
        target: name("hsm"),
        identity: identity(),
        objects: forge.state().recorded(&name("hsm")).to_vec(),
        output: "/b.age".parse().unwrap(),
        allow_partial,
    });
    forge.other("Backup", &plan, operation)
}

/// A backup to its end, of everything unless it is changed.
pub fn backed_up(allow_partial: bool, change: impl FnOnce(&mut Concluded)) -> Forge {
    let forge = Forge::new();
    let proposal = backup(&forge, allow_partial);
    let mut told = concluded(Outcome::Completed, &[], &forge.objects());
    let entry = |object| BackedUp { object, sha256: Digest::of(b"entry") };
    told.backup = Some(BackupRecord {
        target: name("hsm"),
        key_version: 1,
        sha256: Digest::of(b"backup"),
        length: 1,
        entries: forge.state().recorded(&name("hsm")).iter().cloned().map(entry).collect(),
    });
    change(&mut told);
    held_by_all(forge, &proposal, told)
}
