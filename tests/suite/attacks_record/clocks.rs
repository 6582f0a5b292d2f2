//! Clocks that are wrong by years, as the people at the station meet them. What a ledger does with lines that they wrote is
//! tested in `src/transcript/tests/times.rs`.

use quorate::{encoding::time::Timestamp, ports::clock::Clock as _, transcript::verification};

use super::{
    audit,
    honest::{HonestQuorum, INVENTORY},
    rehearsed,
};

const HOUR: u64 = 3600;

/// A clock that is 35 years ahead, and one that is still further.
const LATER: &str = "+13000d";
const LATER_STILL: &str = "+13030d";

#[test]
fn a_clock_that_jumps_is_asked_about_and_its_lines_are_warned_of() {
    let honest = rehearsed();
    let quorum = HonestQuorum::new();
    let ran = quorum.propose(INVENTORY, Some(LATER)).ok();
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("days past the ledger's last line"), "{said}");
    quorum.abort(Some(LATER)).ok();
    let pins = ["--genesis", &honest.genesis, "--head", &quorum.head()];
    let audited = audit(&[&quorum.ledger], &pins).ok();
    let ahead = |findings: &serde_json::Value| {
        findings.as_array().unwrap().iter().filter(|f| f["code"] == "time-ahead").count()
    };
    assert_eq!(ahead(&audited.json["findings"]), 1, "{}", audited.json);
    assert_eq!(ahead(&quorum.status(None).json["ahead"]), 1);
    assert_eq!(ahead(&quorum.status(Some(LATER_STILL)).json["ahead"]), 0);
    // The ledger is not frozen, and whoever approves is told.
    let ran = quorum.propose(INVENTORY, None).ok();
    assert!(!ran.stderr.contains("days past"), "{}", ran.stderr);
    let ran = quorum.approve("alice", None, &["--head", &quorum.head()]).ok();
    assert!(ran.stderr.contains("time-ahead"), "{}", ran.stderr);
}

#[test]
fn a_whole_ceremony_of_another_century_is_disputed_by_people_whose_clocks_agree() {
    let people = ["alice", "bob", "carol"];
    let quorum = HonestQuorum::new();
    let ceremony = |plan: &str, clock: Option<&str>| {
        let head = quorum.head();
        quorum.propose(plan, clock).ok();
        for who in people {
            quorum.approve(who, clock, &["--head", &head]).ok();
        }
        quorum.execute(&people, clock).ok();
    };
    ceremony(INVENTORY, Some(LATER));
    let ran = quorum.propose(INVENTORY, None).expect(3);
    assert!(ran.error().contains("before the ledger's last line"), "{}", ran.stderr);
    assert!(ran.stderr.contains("[disputed_times]"), "{}", ran.stderr);
    let state = verification::verify(
        &quorate::storage::ledger::read(&quorum.ledger).unwrap(),
        quorate::encoding::dsse::Mode::Rehearsal,
    );
    let recorded = state.state.unwrap().ceremonies.last().unwrap().times.1;
    let plan = |present: Timestamp| {
        format!(
            "{INVENTORY}[disputed_times]\npresent = \"{present}\"\n\
             ceremonies = [{{ ceremony = 5, recorded = \"{recorded}\" }}]\n"
        )
    };
    let now = quorate::storage::SystemClock.now();
    let ran = quorum.propose(&plan(now.minus(2 * 24 * HOUR)), None).expect(3);
    assert!(ran.error().contains("more than a day apart"), "{}", ran.stderr);
    let head = quorum.head();
    let ran = quorum.propose(&plan(now), None).ok();
    assert!(ran.stderr.contains("TIMES IN THIS LEDGER THAT THIS PLAN CALLS WRONG"), "{}", ran.stderr);
    // Somebody whose clock says that the ledger is right does not approve it, and may reject it.
    let later = quorum.approve("dave", Some(LATER_STILL), &["--head", &head]).expect(3);
    assert!(later.error().contains("is not ahead of this machine's clock"), "{}", later.stderr);
    let early = quorum.approve("dave", Some("-2h"), &["--head", &head]).expect(3);
    assert!(early.error().contains("more than an hour before the proposal"), "{}", early.stderr);
    // Half an hour behind is nobody's fault.
    quorum.approve("alice", Some("-30m"), &["--head", &head]).ok();
    for who in ["bob", "carol"] {
        quorum.approve(who, None, &["--head", &head]).ok();
    }
    quorum.execute(&people, None).ok();
    quorum.propose(INVENTORY, None).ok();
}
