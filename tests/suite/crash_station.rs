//! The station or the ledger's medium is lost in the middle of a ceremony.

use crate::support::quorum;
use std::fs;

use crate::support::crash::{Call, KILL, Stand, THREE, traced};

/// Runs `execute` to be killed before the first call that this describes.
fn killed_at(stand: &Stand, here: impl Fn(&Call) -> bool) {
    let rehearsed = stand.twin();
    let whole = traced(&rehearsed, &rehearsed.command("execute", &[]), None);
    let point = whole.calls.iter().find(|call| call.is_on_disk && here(call)).unwrap();
    kill(stand, point);
    stand.audits();
}

fn kill(stand: &Stand, call: &Call) {
    (KILL.check)(&traced(stand, &stand.command("execute", &[]), Some(&(KILL.inject)(call))).ran);
}

/// Before the transcript is written for the first time.
fn before_intent(call: &Call) -> bool {
    call.name == "write" && call.on.contains("/ledger/") && call.on.contains("transcript")
}

/// When the ledger has the intent and the copy is about to get it: the module has not been called.
fn before_the_act(stand: &Stand) {
    killed_at(stand, |call| {
        call.name == "fsync" && call.on.contains("/copy/") && call.on.contains("transcript")
    });
    assert_eq!(stand.lines(&open(stand), "intended"), 1);
}

/// When the act is done and its outcome is not written.
fn after_the_act(stand: &Stand) {
    let rehearsed = stand.twin();
    let whole = traced(&rehearsed, &rehearsed.command("execute", &[]), None);
    let writes = whole.calls.iter().filter(|call| before_intent(call)).collect::<Vec<_>>();
    assert_eq!(writes.len(), 3, "intended, concluded, closed");
    kill(stand, writes[1]);
    assert_eq!(stand.lines(&open(stand), "concluded"), 0);
    stand.audits();
}

/// Directory of the ceremony that is open.
fn open(stand: &Stand) -> String {
    let status = stand.quorum.run(&["status", &stand.quorum.at("ledger")]).ok();
    status.json["open"]["directory"].as_str().unwrap().to_owned()
}

/// Loses the station; `execute` on another machine says what to do.
fn lose_the_station(stand: &Stand) {
    fs::remove_dir_all(stand.quorum.path("state-station")).unwrap();
    let ran = stand.execute(&[]).expect(3);
    assert!(ran.error().contains("has no station secrets of this ceremony"), "{}", ran.stderr);
    assert!(ran.stderr.contains("recover"), "{}", ran.stderr);
}

/// The quorum closes the open ceremony, and the next one is as good as any.
fn recover(stand: &Stand, number: u32) -> serde_json::Value {
    let text = format!(
        "kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 1\nceremony = {number}\n"
    );
    stand.quorum.plan("recover", &text);
    stand.proposed("recover", &THREE);
    let done = stand.execute(&[]).ok();
    stand.ended(&format!("{:04}-recover", number + 1));
    done.json
}

/// What `status` says that a ceremony came to.
fn outcome(stand: &Stand, number: usize) -> String {
    let status = stand.quorum.run(&["status", &stand.quorum.at("ledger")]).ok();
    status.json["ceremonies"][number]["outcome"].as_str().unwrap_or_default().to_owned()
}

fn deletion() -> Stand {
    let stand = Stand::taken_over();
    stand.proposed("delete", &["alice", "bob"]);
    stand
}

fn delete_again(stand: &Stand, directory: &str) {
    stand.proposed("delete", &["bob", "carol"]);
    stand.execute(&[]).ok();
    stand.ended(directory);
    assert_eq!(stand.public(), (0, 1));
}

#[test]
fn a_deletion_before_its_intent_is_closed_as_refused() {
    let stand = deletion();
    killed_at(&stand, before_intent);
    lose_the_station(&stand);
    let done = recover(&stand, 1);
    assert!(done["summary"].as_str().unwrap().contains("closed as refused"), "{done}");
    assert_eq!(outcome(&stand, 1), "refused");
    delete_again(&stand, "0003-delete");
}

#[test]
fn a_deletion_after_its_intent_is_closed_with_the_target_as_seen() {
    let stand = deletion();
    before_the_act(&stand);
    lose_the_station(&stand);
    let done = recover(&stand, 1);
    assert!(done["summary"].as_str().unwrap().contains("0 of 2 objects"), "{done}");
    assert_eq!(outcome(&stand, 1), "indeterminate");
    delete_again(&stand, "0003-delete");
}

#[test]
fn a_deletion_that_was_done_is_closed_with_the_target_as_seen() {
    let stand = deletion();
    after_the_act(&stand);
    assert_eq!(stand.public().0, 0);
    lose_the_station(&stand);
    let done = recover(&stand, 1);
    assert!(done["summary"].as_str().unwrap().contains("2 of 2 objects"), "{done}");
    let again = stand.propose("delete").expect(3);
    assert!(again.error().contains("no object of the last inventory"), "{}", again.stderr);
}

#[test]
fn a_genesis_before_its_intent_has_nothing_to_recover() {
    let stand = Stand::empty();
    stand.proposed("genesis", &THREE);
    killed_at(&stand, before_intent);
    lose_the_station(&stand);
    stand.quorum.plan(
        "recover",
        "kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 1\nceremony = 0\n",
    );
    let ran = stand.propose("recover").expect(3);
    assert!(ran.error().contains("nothing to recover"), "{}", ran.stderr);
    assert!(ran.stderr.contains("begin another ledger"), "{}", ran.stderr);
    fs::remove_dir_all(stand.quorum.path("ledger")).unwrap();
    fs::remove_dir_all(stand.quorum.path("copy")).unwrap();
    stand.proposed("genesis", &THREE);
    stand.execute(&[]).ok();
    stand.ended("0000-genesis");
}

#[test]
fn a_genesis_after_its_intent_is_brought_to_its_end() {
    for cut in [before_the_act, after_the_act] {
        let stand = Stand::in_use();
        stand.proposed("genesis", &THREE);
        cut(&stand);
        lose_the_station(&stand);
        recover(&stand, 0);
        stand.proposed("delete", &["alice", "bob"]);
        stand.execute(&[]).ok();
        stand.ended("0002-delete");
        assert_eq!(stand.public(), (0, 1));
    }
}

#[test]
fn a_genesis_on_an_empty_slot_is_brought_to_its_end() {
    for cut in [before_the_act, after_the_act] {
        let stand = Stand::empty();
        stand.proposed("genesis", &THREE);
        cut(&stand);
        lose_the_station(&stand);
        recover(&stand, 0);
        stand.proposed("inventory", &["alice", "bob"]);
        stand.execute(&[]).ok();
        stand.ended("0002-inventory");
    }
}

#[test]
fn the_copy_is_enough_when_the_ledger_is_lost() {
    for cut in [before_the_act, after_the_act] {
        let stand = deletion();
        cut(&stand);
        fs::remove_dir_all(stand.quorum.path("ledger")).unwrap();
        let gone = stand.execute(&[]).expect(1);
        assert!(gone.error().contains("no such file or directory"), "{}", gone.stderr);
        let (copy, another) = (stand.quorum.at("copy"), stand.quorum.at("another"));
        stand.quorum.run_with(quorum::ADMIN, &["execute", &copy, "--copy", &another]).ok();
        fs::rename(copy, stand.quorum.path("ledger")).unwrap();
        fs::rename(another, stand.quorum.path("copy")).unwrap();
        stand.ended("0001-delete");
        assert_eq!(stand.public(), (0, 1));
    }
}
