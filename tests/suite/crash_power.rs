//! What is durable when: a kill leaves what the kernel holds, a power cut takes what was not fsynced.

use crate::support::quorum::Quorum;
use std::process::Command;

use crate::support::crash::{Call, DELETE, INVENTORY, three, traced, unsafe_moments};
use crate::support::tokens::THREE;

/// Runs a command to its end; at no moment that counts is anything left to the kernel.
#[track_caller]
fn safe(quorum: &Quorum, command: &Command) {
    let whole = traced(quorum, command, None);
    assert_eq!(whole.ran.code, Some(0), "{}", whole.ran.stderr);
    let found = unsafe_moments(&whole.calls);
    assert!(found.is_empty(), "{found:#?}");
    let careless: Vec<Call> = whole.calls.into_iter().filter(|call| call.name != "fsync").collect();
    assert!(!unsafe_moments(&careless).is_empty(), "nothing was looked at");
}

/// As a custodian's machine, whose state directory is new.
fn decision(quorum: &Quorum, verb: &str, name: &str, head: Option<&str>) -> Command {
    let (ledger, file) = (quorum.at("ledger"), quorum.at(&format!("files/{name}.{verb}")));
    let card = quorum.with_card(name);
    let mut args = vec![verb, &ledger, "-o", &file];
    args.extend(head.map(|head| ["--head", head]).into_iter().flatten());
    args.extend(card.iter().map(String::as_str));
    quorum.command_as(name, &args)
}

#[test]
fn everything_is_safe_before_a_module_is_started_and_at_the_end() {
    let quorum = three().softhsm_in_use().enrolled();
    safe(&quorum, &quorum.step("propose", &[&quorum.at("plans/genesis.toml")]));
    for name in THREE {
        safe(&quorum, &decision(&quorum, "approve", name, None));
    }
    let files: Vec<String> = THREE.iter().map(|name| quorum.at(&format!("files/{name}.approve"))).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    safe(&quorum, &quorum.step("execute", &files));
    quorum.ended("0000-genesis");

    safe(&quorum, &quorum.step("propose", &[DELETE]));
    quorum.approve("alice").ok();
    safe(&quorum, &decision(&quorum, "release", "bob", quorum.head().as_deref()));
    let file = quorum.at("files/bob.release");
    quorum.decide("alice", "release", &[&file]).ok();
    safe(&quorum, &quorum.step("execute", &[&file]));
    quorum.ended("0001-delete");

    safe(&quorum, &quorum.step("propose", &[INVENTORY]));
    safe(&quorum, &quorum.step("abort", &["--copy", &quorum.at("copy"), "--reason", "a drill"]));
}
