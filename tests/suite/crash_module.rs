//! The module dies or lies in C_DestroyObject, before and after the effect: what is known is recorded, and `execute` goes on.

use crate::support::crash::{DELETE, three};

/// The fault at the nth destroy of a deletion of two objects: exit code, objects left, and what the next run says.
fn destroy(kind: &str, nth: u32, code: i32, left: usize) {
    let (quorum, module) = three().softhsm_in_use().behind_a_faulty_module();
    quorum.approved(DELETE, &["alice", "bob"]);
    module.order("C_DestroyObject", nth, kind);
    let ran = quorum.execute().expect(code);
    assert_eq!(module.calls("C_DestroyObject"), nth as usize, "{kind}: not called again after a fault");
    quorum.audits();
    if code != 0 {
        assert_eq!(quorum.lines("0001-delete", "attempted"), 1);
        let seen = match left {
            2 => "none of 2 objects was deleted",
            1 => "1 of 2 objects are gone, the others are not",
            _ => "all 2 objects are gone, but the token reported",
        };
        assert!(ran.error().contains(seen), "{}", ran.stderr);
        let words: Vec<&str> = ran.stderr.split_whitespace().collect();
        assert!(words.join(" ").contains("run 'quorate execute' again"), "{}", ran.stderr);
        let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
        assert_eq!(status.json["open"]["attempts"].as_array().unwrap().len(), 1, "{}", status.stdout);
        let next = &status.json["next"];
        assert_eq!(next["verb"], "execute", "{next}");
        let way_out = "'quorate execute' tries again; 'quorate execute --give-up' records what is known";
        assert!(next["reason"].as_str().unwrap().contains(way_out), "{next}");
        module.behave();
        let done = quorum.execute().ok();
        assert_eq!(module.calls("C_DestroyObject"), left, "{kind}: what is gone is not destroyed again");
        assert_eq!(done.json["deleted"].as_array().unwrap().len(), 2, "{}", done.stdout);
    }
    quorum.ended("0001-delete");
    assert_eq!(quorum.old_and_keep(), (0, 1));
}

#[test]
fn a_crash_before_the_first_destroy_did_nothing() {
    destroy("crash", 1, 4, 2);
}

#[test]
fn a_crash_after_the_first_destroy_leaves_the_second() {
    destroy("crash-after", 1, 5, 1);
}

#[test]
fn a_crash_after_the_last_destroy_is_completed_by_the_next_run() {
    destroy("crash-after", 2, 5, 0);
}

#[test]
fn an_exit_that_claims_success_is_none() {
    destroy("exit0", 2, 5, 1);
}

#[test]
fn an_error_after_the_effect_is_seen_through() {
    destroy("late-error", 2, 0, 0);
}

#[test]
fn an_error_without_effect_is_a_failure() {
    destroy("error", 1, 4, 2);
}

/// The token cannot be looked at afterwards: nobody knows, and that is said.
#[test]
fn a_token_that_does_not_answer_afterwards_is_indeterminate() {
    let (quorum, module) = three().softhsm_in_use().behind_a_faulty_module();
    quorum.approved(DELETE, &["alice", "bob"]);
    let (tokens, away) = (quorum.hsm().tokens(), quorum.hsm().dir.path().join("away"));
    module.script(&format!("mv '{}' '{}'; mkdir '{0}'", tokens.display(), away.display()));
    module.order("C_DestroyObject", 1, "remove");
    let ran = quorum.execute().expect(5);
    assert!(ran.error().contains("could not be read"), "{}", ran.stderr);
    assert_eq!(quorum.lines("0001-delete", "attempted"), 1);
    quorum.audits();
    std::fs::remove_dir_all(&tokens).unwrap();
    std::fs::rename(&away, &tokens).unwrap();
    module.behave();
    quorum.execute().ok();
    quorum.ended("0001-delete");
    assert_eq!(quorum.old_and_keep(), (0, 1));
}

/// What cannot be brought to its end is recorded as it is seen, on demand.
#[test]
fn giving_up_records_what_is_known() {
    let (quorum, module) = three().softhsm_in_use().behind_a_faulty_module();
    quorum.approved(DELETE, &["alice", "bob"]);
    module.order("C_DestroyObject", 1, "crash");
    quorum.execute_with(&["--give-up"]).expect(4);
    quorum.ended("0001-delete");
    assert_eq!(quorum.old_and_keep(), (1, 1));
    module.behave();
    quorum.approved(DELETE, &["carol", "bob"]);
    quorum.execute().ok();
    quorum.ended("0002-delete");
    assert_eq!(quorum.old_and_keep(), (0, 1));
}
