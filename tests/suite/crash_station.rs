//! The station or the ledger's medium is lost in the middle of a ceremony.

use std::fs;

use crate::support::{
    crash::{Call, DELETE, INVENTORY, KILL, three, traced},
    quorum::{self, Quorum},
    recipe::Recipe,
    tokens::THREE,
};

/// Runs `execute` to be killed before the first call that this describes.
fn killed_at(quorum: &Quorum, here: impl Fn(&Call) -> bool) {
    let rehearsed = quorum.twin();
    let whole = traced(&rehearsed, &rehearsed.step("execute", &[]), None);
    let point = whole.calls.iter().find(|call| call.is_on_disk && here(call)).unwrap();
    kill(quorum, point);
    quorum.audits();
}

fn kill(quorum: &Quorum, call: &Call) {
    (KILL.check)(&traced(quorum, &quorum.step("execute", &[]), Some(&(KILL.inject)(call))).ran);
}

/// Before the transcript is written for the first time.
fn before_intent(call: &Call) -> bool {
    call.name == "write" && call.on.contains("/ledger/") && call.on.contains("transcript")
}

/// When the ledger has the intent and the copy is about to get it: the module has not been called.
fn before_the_act(quorum: &Quorum) {
    killed_at(quorum, |call| {
        call.name == "fsync" && call.on.contains("/copy/") && call.on.contains("transcript")
    });
    assert_eq!(quorum.lines(&open(quorum), "intended"), 1);
}

/// When the act is done and its outcome is not written.
fn after_the_act(quorum: &Quorum) {
    let rehearsed = quorum.twin();
    let whole = traced(&rehearsed, &rehearsed.step("execute", &[]), None);
    let writes = whole.calls.iter().filter(|call| before_intent(call)).collect::<Vec<_>>();
    assert_eq!(writes.len(), 3, "intended, concluded, closed");
    kill(quorum, writes[1]);
    assert_eq!(quorum.lines(&open(quorum), "concluded"), 0);
    quorum.audits();
}

/// Directory of the ceremony that is open.
fn open(quorum: &Quorum) -> String {
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    status.json["open"]["directory"].as_str().unwrap().to_owned()
}

/// Loses the station; `execute` on another machine says what to do.
fn lose_the_station(quorum: &Quorum) {
    fs::remove_dir_all(quorum.path("state-station")).unwrap();
    let ran = quorum.execute().expect(3);
    assert!(ran.error().contains("has no station secrets of this ceremony"), "{}", ran.stderr);
    assert!(ran.stderr.contains("recover"), "{}", ran.stderr);
}

fn recovery(number: u32) -> String {
    format!("kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 1\nceremony = {number}\n")
}

/// The quorum closes the open ceremony, and the next one is as good as any.
fn recover(quorum: &Quorum, number: u32) -> serde_json::Value {
    quorum.approved(&recovery(number), THREE);
    let done = quorum.execute().ok();
    quorum.ended(&format!("{:04}-recover", number + 1));
    done.json
}

/// What `status` says that a ceremony came to.
fn outcome(quorum: &Quorum, number: usize) -> String {
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    status.json["ceremonies"][number]["outcome"].as_str().unwrap_or_default().to_owned()
}

fn deletion() -> Quorum {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice", "bob"]);
    quorum
}

fn delete_again(quorum: &Quorum, directory: &str) {
    quorum.approved(DELETE, &["bob", "carol"]);
    quorum.execute().ok();
    quorum.ended(directory);
    assert_eq!(quorum.old_and_keep(), (0, 1));
}

#[test]
fn a_deletion_before_its_intent_is_closed_as_refused() {
    let quorum = deletion();
    killed_at(&quorum, before_intent);
    lose_the_station(&quorum);
    let done = recover(&quorum, 1);
    assert!(done["summary"].as_str().unwrap().contains("closed as refused"), "{done}");
    assert_eq!(outcome(&quorum, 1), "refused");
    delete_again(&quorum, "0003-delete");
}

#[test]
fn a_deletion_after_its_intent_is_closed_with_the_target_as_seen() {
    let quorum = deletion();
    before_the_act(&quorum);
    lose_the_station(&quorum);
    let done = recover(&quorum, 1);
    assert!(done["summary"].as_str().unwrap().contains("0 of 2 objects"), "{done}");
    assert_eq!(outcome(&quorum, 1), "indeterminate");
    delete_again(&quorum, "0003-delete");
}

#[test]
fn a_deletion_that_was_done_is_closed_with_the_target_as_seen() {
    let quorum = deletion();
    after_the_act(&quorum);
    assert_eq!(quorum.old_and_keep().0, 0);
    lose_the_station(&quorum);
    let done = recover(&quorum, 1);
    assert!(done["summary"].as_str().unwrap().contains("2 of 2 objects"), "{done}");
    let again = quorum.propose(DELETE).expect(3);
    assert!(again.error().contains("no object of the last inventory"), "{}", again.stderr);
}

#[test]
fn a_genesis_before_its_intent_has_nothing_to_recover() {
    let quorum = three().empty_softhsm().enrolled();
    quorum.approved(&quorum.at("plans/genesis.toml"), THREE);
    killed_at(&quorum, before_intent);
    lose_the_station(&quorum);
    let ran = quorum.propose(&recovery(0)).expect(3);
    assert!(ran.error().contains("nothing to recover"), "{}", ran.stderr);
    assert!(ran.stderr.contains("begin another ledger"), "{}", ran.stderr);
    fs::remove_dir_all(quorum.path("ledger")).unwrap();
    fs::remove_dir_all(quorum.path("copy")).unwrap();
    quorum.approved(&quorum.at("plans/genesis.toml"), THREE);
    quorum.execute().ok();
    quorum.ended("0000-genesis");
}

/// A genesis whose station was lost at this point, after its recovery and a ceremony of this plan, which ends in this directory.
fn brought_to_its_end(recipe: &Recipe, cut: fn(&Quorum), plan: &str, directory: &str) -> Quorum {
    let quorum = recipe.enrolled();
    quorum.approved(&quorum.at("plans/genesis.toml"), THREE);
    cut(&quorum);
    lose_the_station(&quorum);
    recover(&quorum, 0);
    quorum.approved(plan, &["alice", "bob"]);
    quorum.execute().ok();
    quorum.ended(directory);
    quorum
}

#[test]
fn a_genesis_after_its_intent_is_brought_to_its_end() {
    for cut in [before_the_act, after_the_act] {
        let quorum = brought_to_its_end(&three().softhsm_in_use(), cut, DELETE, "0002-delete");
        assert_eq!(quorum.old_and_keep(), (0, 1));
    }
}

#[test]
fn a_genesis_on_an_empty_slot_is_brought_to_its_end() {
    for cut in [before_the_act, after_the_act] {
        brought_to_its_end(&three().empty_softhsm(), cut, INVENTORY, "0002-inventory");
    }
}

#[test]
fn the_copy_is_enough_when_the_ledger_is_lost() {
    for cut in [before_the_act, after_the_act] {
        let quorum = deletion();
        cut(&quorum);
        fs::remove_dir_all(quorum.path("ledger")).unwrap();
        let gone = quorum.execute().expect(1);
        assert!(gone.error().contains("no such file or directory"), "{}", gone.stderr);
        let (copy, another) = (quorum.at("copy"), quorum.at("another"));
        quorum.run_with(quorum::ADMIN, &["execute", &copy, "--copy", &another]).ok();
        fs::rename(copy, quorum.path("ledger")).unwrap();
        fs::rename(another, quorum.path("copy")).unwrap();
        quorum.ended("0001-delete");
        assert_eq!(quorum.old_and_keep(), (0, 1));
    }
}
