//! A quorum of three whose target is a program: needs no HSM, and few runs of scrypt.

use std::process::Command;

use crate::support::quorum::{ADMIN, Quorum};

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// A genesis that was proposed and not yet approved.
pub fn proposed() -> Quorum {
    let quorum = Quorum::bare();
    for name in PEOPLE.iter().chain([&ADMIN]) {
        quorum.enroll(name, "");
    }
    let sum = Command::new("sha256sum").arg("/usr/bin/true").output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let target = format!(
        "[[targets]]\nname = \"key\"\nkind = \"command\"\nprogram = \"/usr/bin/true\"\nsha256 = \"{}\"\n\
         [targets.credentials]\nsecret = {{ authority = \"crypto-officer\", custody = \"held\" }}\n",
        sum.split_whitespace().next().unwrap()
    );
    let plan = quorum
        .genesis(&PEOPLE)
        .threshold("crypto-officer", 2)
        .threshold("security-officer", 2)
        .operation("command", &["crypto-officer"])
        .targets(&target);
    quorum.propose(&plan.text()).ok();
    quorum
}

/// Everybody approves on a machine of their own; the paths of their files.
pub fn approved_elsewhere(quorum: &Quorum) -> Vec<String> {
    PEOPLE
        .iter()
        .map(|name| {
            quorum.approve_to_file(name).ok();
            quorum.at(&format!("files/{name}.approval"))
        })
        .collect()
}
