//! SIGKILL before the calls by which a verb changes the disk: the ledger audits, and the same commands go on to the end.

use std::process::Command;

use crate::support::crash::{KILL, Stand, THREE, is_made, sweep};
use crate::support::quorum::{self, EMPTY_SOFTHSM, Ran};

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

fn execute(stand: &Stand) -> Command {
    stand.command("execute", &[])
}

fn to_the_end(stand: &Stand, directory: &str) {
    goes_on(stand.execute(&[]), &["ended: completed"]);
    stand.ended(directory);
}

/// The key is gone, the other one is not, and the PINs of the quorum are good: it was they who did it.
#[track_caller]
fn deleted_once(stand: &Stand, directory: &str) {
    stand.ended(directory);
    assert_eq!(stand.public(), (0, 1));
}

/// Proposes again. What was begun either stands, then it is as good as any; or it never was.
#[track_caller]
fn proposes_again(stand: &Stand, plan: &str, approving: &[&str], directory: &str) {
    let again = stand.propose(plan);
    if again.code == Some(0) {
        assert_eq!(stand.lines(directory, "proposed"), 1);
        stand.level();
        return;
    }
    goes_on(again, &["is still open"]);
    for name in approving {
        stand.approve(name).ok();
    }
    stand.execute(&[]).ok();
    stand.ended(directory);
}

#[test]
fn propose_a_genesis() {
    let go_on = |stand: &Stand, _: &Ran| proposes_again(stand, "genesis", &THREE, "0000-genesis");
    let propose = |stand: &Stand| stand.command("propose", &[&stand.quorum.at("plans/genesis.toml")]);
    sweep("propose a genesis", &Stand::empty(), &propose, &go_on, KILL);
}

#[test]
fn propose_a_deletion() {
    let go_on = |stand: &Stand, _: &Ran| proposes_again(stand, "delete", &["alice", "bob"], "0001-delete");
    let propose = |stand: &Stand| stand.command("propose", &[&stand.quorum.at("plans/delete.toml")]);
    sweep("propose a deletion", &Stand::taken_over(), &propose, &go_on, KILL);
}

fn approval(stand: &Stand, machine: &str, more: &[&str]) -> Command {
    let (ledger, card) = (stand.quorum.at("ledger"), stand.quorum.with_card("bob"));
    let mut args = vec!["approve", &ledger];
    args.extend(more);
    args.extend(card.iter().map(String::as_str));
    stand.quorum.command_as(machine, &args)
}

#[test]
fn approve_at_the_station() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice"]);
    let approve = |stand: &Stand| approval(stand, "station", &[]);
    let go_on = |stand: &Stand, _: &Ran| {
        goes_on(quorum::ran(&mut approve(stand)), &["already"]);
        stand.execute(&[]).ok();
        deleted_once(stand, "0001-delete");
    };
    sweep("approve at the station", &stand, &approve, &go_on, KILL);
}

#[test]
fn approve_into_a_file() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice"]);
    let head = stand.quorum.head().unwrap();
    let approve = |stand: &Stand| {
        approval(stand, "bob", &["--head", &head, "-o", &stand.quorum.at("files/bob.approval")])
    };
    let go_on = |stand: &Stand, _: &Ran| {
        let again = quorum::ran(&mut approve(stand));
        is_made(&again);
        stand.execute(&[&stand.quorum.at("files/bob.approval")]).ok();
        deleted_once(stand, "0001-delete");
    };
    sweep("approve into a file", &stand, &approve, &go_on, KILL);
}

#[test]
fn execute_a_genesis_on_an_empty_slot() {
    let stand = Stand::empty();
    stand.proposed("genesis", &THREE);
    let go_on = |stand: &Stand, _: &Ran| to_the_end(stand, "0000-genesis");
    sweep("execute a genesis, empty slot", &stand, &execute, &go_on, KILL);
}

#[test]
fn execute_a_genesis_by_take_over() {
    let stand = Stand::in_use();
    stand.proposed("genesis", &THREE);
    sweep("execute a genesis, take-over", &stand, &execute, &then_look, KILL);
}

/// To the end; then, if it was in doubt which PINs hold, another ceremony with those that were installed.
fn then_look(stand: &Stand, _: &Ran) {
    let in_doubt =
        stand.lines("0000-genesis", "intended") == 1 && stand.lines("0000-genesis", "concluded") == 0;
    to_the_end(stand, "0000-genesis");
    if in_doubt {
        stand.proposed("inventory", &["alice", "carol"]);
        stand.execute(&[]).ok();
        stand.ended("0001-inventory");
    }
}

#[test]
fn execute_a_deletion() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice"]);
    stand.quorum.approve_to_file("bob").ok();
    let file = |stand: &Stand| stand.quorum.at("files/bob.approval");
    let execute = |stand: &Stand| stand.command("execute", &[&file(stand)]);
    let go_on = |stand: &Stand, _: &Ran| {
        goes_on(stand.execute(&[&file(stand)]), &["ended: completed"]);
        deleted_once(stand, "0001-delete");
    };
    sweep("execute a deletion", &stand, &execute, &go_on, KILL);
}

/// Two PINs are set in it, the application's twice: whatever moment it was, the application gets one that holds.
#[test]
fn execute_a_deletion_with_a_reissued_pin() {
    let stand = Stand::reissued();
    let before = stand.handed_over();
    stand.proposed("delete", &THREE);
    let go_on = |stand: &Stand, _: &Ran| {
        to_the_end(stand, "0001-delete");
        deleted_once(stand, "0001-delete");
        let pin = stand.handed_over();
        assert!(stand.hsm.can_log_in("lab", "user", &pin) && !stand.hsm.can_log_in("lab", "user", &before));
    };
    sweep("execute a deletion, reissued PIN", &stand, &execute, &go_on, KILL);
}

#[test]
fn execute_an_adoption() {
    let stand = Stand::taken_over();
    let target = EMPTY_SOFTHSM.replace("[[targets]]", "[target]").replace("[targets.", "[target.");
    let target = target.replace("name = \"hsm\"", "name = \"spare\"").replace("\"lab\"", "\"lab-2\"");
    let plan = format!("kind = \"adopt\"\ntitle = \"Adopt\"\nexpires_in_hours = 1\n{target}");
    stand.quorum.plan("adopt", &plan);
    stand.proposed("adopt", &THREE);
    let go_on = |stand: &Stand, _: &Ran| {
        to_the_end(stand, "0001-adopt");
        let slots = stand.hsm.tool(&["--list-token-slots"]);
        assert_eq!(slots.matches("token initialized").count(), 2, "another slot was initialised\n{slots}");
    };
    sweep("execute an adoption, empty slot", &stand, &execute, &go_on, KILL);
}

#[test]
fn abort_a_deletion() {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice", "bob"]);
    let abort =
        |stand: &Stand| stand.command("abort", &["--copy", &stand.quorum.at("copy"), "--reason", "a drill"]);
    let go_on = |stand: &Stand, _: &Ran| {
        goes_on(quorum::ran(&mut abort(stand)), &["nothing to abort"]);
        assert_eq!(stand.lines("0001-delete", "aborted"), 1);
        assert_eq!(stand.public(), (1, 1));
        stand.level();
        stand.nothing_is_left();
        stand.propose("inventory").ok();
    };
    sweep("abort a deletion", &stand, &abort, &go_on, KILL);
}

/// A drill at home, with the head from paper.
fn drill(stand: &Stand, head: &str, more: &[&str]) -> Command {
    let (ledger, card) = (stand.quorum.at("ledger"), stand.quorum.with_card("bob"));
    let mut args = vec!["card", "drill", "--ledger", &ledger, "--head", head];
    args.extend(more);
    args.extend(card.iter().map(String::as_str));
    stand.quorum.command_as("bob", &args)
}

/// Every drill in the ledger counts, and none is half there.
#[track_caller]
fn drills_count(stand: &Stand) {
    let status = stand.quorum.run(&["status", &stand.quorum.at("ledger")]).ok();
    let drills = &status.json["drills"];
    assert_eq!(drills["set_aside"], serde_json::json!([]));
    let of_bob = drills["cards"].as_array().unwrap().iter().find(|c| c["person"] == "bob").unwrap();
    assert_eq!(of_bob["by"], "drill");
    stand.level();
    stand.nothing_is_left();
}

#[test]
fn drill_into_a_file() {
    let stand = Stand::taken_over();
    let head = stand.quorum.head().unwrap();
    let into_file = |stand: &Stand| drill(stand, &head, &["-o", &stand.quorum.at("files/bob.drill")]);
    let go_on = |stand: &Stand, _: &Ran| {
        let again = quorum::ran(&mut into_file(stand));
        is_made(&again);
        let (ledger, copy, file) =
            (stand.quorum.at("ledger"), stand.quorum.at("copy"), stand.quorum.at("files/bob.drill"));
        stand.quorum.run(&["card", "drill", "--ledger", &ledger, "--copy", &copy, "--import", &file]).ok();
        // Cut off between the two names of the file: the second one is the same statement, which is public.
        let second = stand.quorum.path("files/.bob.drill.tmp");
        if let Ok(bytes) = std::fs::read(&second) {
            assert_eq!(bytes, std::fs::read(&file).unwrap());
            std::fs::remove_file(second).unwrap();
        }
        drills_count(stand);
    };
    sweep("drill into a file", &stand, &into_file, &go_on, KILL);
}

#[test]
fn drill_beside_the_ledger() {
    let stand = Stand::taken_over();
    let head = stand.quorum.head().unwrap();
    let beside = |stand: &Stand| drill(stand, &head, &["--copy", &stand.quorum.at("copy")]);
    let go_on = |stand: &Stand, _: &Ran| {
        quorum::ran(&mut beside(stand)).ok();
        drills_count(stand);
    };
    sweep("drill beside the ledger", &stand, &beside, &go_on, KILL);
}
