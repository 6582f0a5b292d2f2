//! SIGKILL before the calls by which a verb changes the disk: the ledger audits, and the same commands go on to the end.

use std::process::Command;

use crate::support::crash::{DELETE, INVENTORY, KILL, is_made, sweep, three};
use crate::support::quorum::{self, Quorum, Ran};
use crate::support::tokens::{Application, THREE, Target, adopt};

/// The next run completes, or says that there is nothing left to do.
#[track_caller]
fn goes_on(ran: Ran, already: &[&str]) {
    let said = ran.error();
    match ran.code {
        Some(0) => {}
        Some(3) if already.iter().any(|words| said.contains(words)) => {}
        _ => panic!("{:?}: {said}\n{}", ran.code, ran.stderr),
    }
}

fn execute(quorum: &Quorum) -> Command {
    quorum.step("execute", &[])
}

fn to_the_end(quorum: &Quorum, directory: &str) {
    goes_on(quorum.execute(), &["ended: completed"]);
    quorum.ended(directory);
}

/// The key is gone, the other one is not, and the PINs of the quorum are good: it was they who did it.
#[track_caller]
fn deleted_once(quorum: &Quorum, directory: &str) {
    quorum.ended(directory);
    assert_eq!(quorum.old_and_keep(), (0, 1));
}

/// Proposes again. What was begun either stands, then it is as good as any; or it never was.
#[track_caller]
fn proposes_again(quorum: &Quorum, plan: &str, approving: &[&str], directory: &str) {
    let again = quorum.propose(plan);
    if again.code == Some(0) {
        assert_eq!(quorum.lines(directory, "proposed"), 1);
        quorum.level();
        return;
    }
    goes_on(again, &["is still open"]);
    for name in approving {
        quorum.approve(name).ok();
    }
    quorum.execute().ok();
    quorum.ended(directory);
}

#[test]
fn propose_a_genesis() {
    let go_on = |quorum: &Quorum, _: &Ran| {
        proposes_again(quorum, &quorum.at("plans/genesis.toml"), THREE, "0000-genesis")
    };
    let propose = |quorum: &Quorum| quorum.step("propose", &[&quorum.at("plans/genesis.toml")]);
    sweep("propose a genesis", &three().empty_softhsm().enrolled(), &propose, &go_on, KILL);
}

#[test]
fn propose_a_deletion() {
    let go_on = |quorum: &Quorum, _: &Ran| proposes_again(quorum, DELETE, &["alice", "bob"], "0001-delete");
    let propose = |quorum: &Quorum| quorum.step("propose", &[DELETE]);
    sweep("propose a deletion", &three().softhsm_in_use().founded(), &propose, &go_on, KILL);
}

/// Bob's verb.
fn decision(quorum: &Quorum, verb: &str, machine: &str, more: &[&str]) -> Command {
    let (ledger, card) = (quorum.at("ledger"), quorum.with_card("bob"));
    let mut args = vec![verb, &ledger];
    args.extend(more);
    args.extend(card.iter().map(String::as_str));
    quorum.command_as(machine, &args)
}

#[test]
fn approve_at_the_station() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice"]);
    let approve = |quorum: &Quorum| decision(quorum, "approve", "station", &[]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        goes_on(quorum::ran(&mut approve(quorum)), &["already"]);
        quorum.release_outstanding();
        quorum.execute().ok();
        deleted_once(quorum, "0001-delete");
    };
    sweep("approve at the station", &quorum, &approve, &go_on, KILL);
}

#[test]
fn approve_into_a_file() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice"]);
    let head = quorum.head().unwrap();
    let approve = |quorum: &Quorum| {
        decision(quorum, "approve", "bob", &["--head", &head, "-o", &quorum.at("files/bob.approval")])
    };
    let go_on = |quorum: &Quorum, _: &Ran| {
        let again = quorum::ran(&mut approve(quorum));
        is_made(&again);
        quorum.release_to_file("bob", &["bob.approval"]).ok();
        quorum.decide("alice", "release", &[&quorum.at("files/bob.approval")]).ok();
        // It is no secret, and stays.
        for file in ["bob.approval", ".bob.approval.tmp"] {
            let _ = std::fs::remove_file(quorum.path(&format!("files/{file}")));
        }
        quorum.execute_with(&[&quorum.at("files/bob.release")]).ok();
        deleted_once(quorum, "0001-delete");
    };
    sweep("approve into a file", &quorum, &approve, &go_on, KILL);
}

/// With the approval that goes with it, or after it.
#[test]
fn release_at_the_station() {
    for approves_before in [true, false] {
        let quorum = three().softhsm_in_use().founded();
        quorum.approved(DELETE, &["alice"]);
        if approves_before {
            quorum.approve_only("bob").ok();
        }
        let release = |quorum: &Quorum| decision(quorum, "release", "station", &[]);
        let go_on = |quorum: &Quorum, _: &Ran| {
            goes_on(quorum::ran(&mut release(quorum)), &["already"]);
            quorum.release_outstanding();
            quorum.execute().ok();
            deleted_once(quorum, "0001-delete");
        };
        sweep("release at the station", &quorum, &release, &go_on, KILL);
    }
}

#[test]
fn release_into_a_file() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice"]);
    let head = quorum.head().unwrap();
    let file = |quorum: &Quorum| quorum.at("files/bob.release");
    let release =
        |quorum: &Quorum| decision(quorum, "release", "bob", &["--head", &head, "-o", &file(quorum)]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        let again = quorum::ran(&mut release(quorum));
        is_made(&again);
        quorum.decide("alice", "release", &[&file(quorum)]).ok();
        quorum.execute_with(&[&file(quorum)]).ok();
        deleted_once(quorum, "0001-delete");
    };
    sweep("release into a file", &quorum, &release, &go_on, KILL);
}

#[test]
fn execute_a_genesis_on_an_empty_slot() {
    let quorum = three().empty_softhsm().enrolled();
    quorum.approved(&quorum.at("plans/genesis.toml"), THREE);
    let go_on = |quorum: &Quorum, _: &Ran| to_the_end(quorum, "0000-genesis");
    sweep("execute a genesis, empty slot", &quorum, &execute, &go_on, KILL);
}

#[test]
fn execute_a_genesis_by_take_over() {
    let quorum = three().softhsm_in_use().enrolled();
    quorum.approved(&quorum.at("plans/genesis.toml"), THREE);
    sweep("execute a genesis, take-over", &quorum, &execute, &then_look, KILL);
}

/// To the end; then, if it was in doubt which PINs hold, another ceremony with those that were installed.
fn then_look(quorum: &Quorum, _: &Ran) {
    let in_doubt =
        quorum.lines("0000-genesis", "intended") == 1 && quorum.lines("0000-genesis", "concluded") == 0;
    to_the_end(quorum, "0000-genesis");
    if in_doubt {
        quorum.approved(INVENTORY, &["alice", "carol"]);
        quorum.execute().ok();
        quorum.ended("0001-inventory");
    }
}

#[test]
fn execute_a_deletion() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice"]);
    quorum.release_to_file("bob", &[]).ok();
    quorum.decide("alice", "release", &[&quorum.at("files/bob.release")]).ok();
    let file = |quorum: &Quorum| quorum.at("files/bob.release");
    let execute = |quorum: &Quorum| quorum.step("execute", &[&file(quorum)]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        goes_on(quorum.execute_with(&[&file(quorum)]), &["ended: completed"]);
        deleted_once(quorum, "0001-delete");
    };
    sweep("execute a deletion", &quorum, &execute, &go_on, KILL);
}

/// Two PINs are set in it, the application's twice: whatever moment it was, the application gets one that holds.
#[test]
fn execute_a_deletion_with_a_reissued_pin() {
    let quorum = three().softhsm_in_use().reissued().founded();
    let application = Application::new(&quorum, "app");
    let before = application.takes(&quorum);
    quorum.approved(DELETE, THREE);
    let go_on = |quorum: &Quorum, _: &Ran| {
        to_the_end(quorum, "0001-delete");
        deleted_once(quorum, "0001-delete");
        let pin = application.takes(quorum);
        assert!(
            quorum.hsm().can_log_in("lab", "user", &pin) && !quorum.hsm().can_log_in("lab", "user", &before)
        );
    };
    sweep("execute a deletion, reissued PIN", &quorum, &execute, &go_on, KILL);
}

#[test]
fn execute_an_adoption() {
    let quorum = three().softhsm_in_use().founded();
    let target = Target { name: "spare", ..Target::empty("lab-2") };
    quorum.approved(&adopt(&target), THREE);
    let go_on = |quorum: &Quorum, _: &Ran| {
        to_the_end(quorum, "0001-adopt");
        let slots = quorum.hsm().tool(&["--list-token-slots"]);
        assert_eq!(slots.matches("token initialized").count(), 2, "another slot was initialised\n{slots}");
    };
    sweep("execute an adoption, empty slot", &quorum, &execute, &go_on, KILL);
}

#[test]
fn abort_a_deletion() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice", "bob"]);
    let abort =
        |quorum: &Quorum| quorum.step("abort", &["--copy", &quorum.at("copy"), "--reason", "a drill"]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        goes_on(quorum::ran(&mut abort(quorum)), &["nothing to abort"]);
        assert_eq!(quorum.lines("0001-delete", "aborted"), 1);
        assert_eq!(quorum.old_and_keep(), (1, 1));
        quorum.level();
        quorum.nothing_is_left();
        quorum.propose(INVENTORY).ok();
    };
    sweep("abort a deletion", &quorum, &abort, &go_on, KILL);
}

/// A drill at home, with the head from paper.
fn drill(quorum: &Quorum, head: &str, more: &[&str]) -> Command {
    let (ledger, card) = (quorum.at("ledger"), quorum.with_card("bob"));
    let mut args = vec!["card", "drill", "--ledger", &ledger, "--head", head];
    args.extend(more);
    args.extend(card.iter().map(String::as_str));
    quorum.command_as("bob", &args)
}

/// Every drill in the ledger counts, and none is half there.
#[track_caller]
fn drills_count(quorum: &Quorum) {
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    let drills = &status.json["drills"];
    assert_eq!(drills["set_aside"], serde_json::json!([]));
    let of_bob = drills["cards"].as_array().unwrap().iter().find(|c| c["person"] == "bob").unwrap();
    assert_eq!(of_bob["by"], "drill");
    quorum.level();
    quorum.nothing_is_left();
}

#[test]
fn drill_into_a_file() {
    let quorum = three().softhsm_in_use().founded();
    let head = quorum.head().unwrap();
    let into_file = |quorum: &Quorum| drill(quorum, &head, &["-o", &quorum.at("files/bob.drill")]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        let again = quorum::ran(&mut into_file(quorum));
        is_made(&again);
        let (ledger, copy, file) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("files/bob.drill"));
        quorum.run(&["card", "drill", "--ledger", &ledger, "--copy", &copy, "--import", &file]).ok();
        // Cut off between the two names of the file: the second one is the same statement, which is public.
        let second = quorum.path("files/.bob.drill.tmp");
        if let Ok(bytes) = std::fs::read(&second) {
            assert_eq!(bytes, std::fs::read(&file).unwrap());
            std::fs::remove_file(second).unwrap();
        }
        drills_count(quorum);
    };
    sweep("drill into a file", &quorum, &into_file, &go_on, KILL);
}

#[test]
fn drill_beside_the_ledger() {
    let quorum = three().softhsm_in_use().founded();
    let head = quorum.head().unwrap();
    let beside = |quorum: &Quorum| drill(quorum, &head, &["--copy", &quorum.at("copy")]);
    let go_on = |quorum: &Quorum, _: &Ran| {
        quorum::ran(&mut beside(quorum)).ok();
        drills_count(quorum);
    };
    sweep("drill beside the ledger", &quorum, &beside, &go_on, KILL);
}
