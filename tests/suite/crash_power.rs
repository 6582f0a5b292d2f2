//! What is durable when: a kill leaves what the kernel holds, a power cut takes what was not fsynced.

use std::process::Command;

use crate::support::crash::{Call, Stand, THREE, traced, unsafe_moments};

/// Runs a command to its end; at no moment that counts is anything left to the kernel.
#[track_caller]
fn safe(stand: &Stand, command: &Command) {
    let whole = traced(stand, command, None);
    assert_eq!(whole.ran.code, Some(0), "{}", whole.ran.stderr);
    let found = unsafe_moments(&whole.calls);
    assert!(found.is_empty(), "{found:#?}");
    let careless: Vec<Call> = whole.calls.into_iter().filter(|call| call.name != "fsync").collect();
    assert!(!unsafe_moments(&careless).is_empty(), "nothing was looked at");
}

/// As a custodian's machine, whose state directory is new.
fn approval(stand: &Stand, name: &str, head: Option<&str>) -> Command {
    let (ledger, file) = (stand.quorum.at("ledger"), stand.quorum.at(&format!("files/{name}.approval")));
    let card = stand.quorum.with_card(name);
    let mut args = vec!["approve", &ledger, "-o", &file];
    args.extend(head.map(|head| ["--head", head]).into_iter().flatten());
    args.extend(card.iter().map(String::as_str));
    stand.quorum.command_as(name, &args)
}

#[test]
fn everything_is_safe_before_a_module_is_started_and_at_the_end() {
    let stand = Stand::in_use();
    safe(&stand, &stand.command("propose", &[&stand.quorum.at("plans/genesis.toml")]));
    for name in THREE {
        safe(&stand, &approval(&stand, name, None));
    }
    let files = THREE.map(|name| stand.quorum.at(&format!("files/{name}.approval")));
    safe(&stand, &stand.command("execute", &files.each_ref().map(String::as_str)));
    stand.ended("0000-genesis");

    safe(&stand, &stand.command("propose", &[&stand.quorum.at("plans/delete.toml")]));
    stand.quorum.approve("alice").ok();
    safe(&stand, &approval(&stand, "bob", stand.quorum.head().as_deref()));
    safe(&stand, &stand.command("execute", &[&stand.quorum.at("files/bob.approval")]));
    stand.ended("0001-delete");

    safe(&stand, &stand.command("propose", &[&stand.quorum.at("plans/inventory.toml")]));
    safe(&stand, &stand.command("abort", &["--copy", &stand.quorum.at("copy"), "--reason", "a drill"]));
}
