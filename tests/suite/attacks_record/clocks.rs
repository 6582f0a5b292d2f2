//! Clocks that are wrong by years, and what a ledger does with lines that they wrote.

use quorate::{
    approval::statement::Approval,
    encoding::time::Timestamp,
    proposal::document::Proposal,
    transcript::{
        event::{Aborted, Approved, Closed, Rejected},
        finding::Severity,
        outcome::Outcome,
        verification,
    },
};

use super::{
    audit,
    desk::{Desk, INVENTORY},
    forged, rehearsed,
};
use crate::support::forge::{Forge, START, TWO, Transcript, concluded, intended, reading, time};

/// 9998-01-01.
const FAR: u64 = 253_339_228_800;
const HOUR: u64 = 3600;

/// A ceremony in the ledger as far as the test drives it.
fn with(forge: &Forge, proposal: &Proposal, drive: impl FnOnce(&Forge, &mut Transcript)) -> Forge {
    let mut forge = forge.clone();
    let mut lines = forge.begin(proposal);
    drive(&forge, &mut lines);
    forge.push(proposal, &lines);
    forge
}

/// An inventory that is proposed at this time.
fn inventory_at(forge: &Forge, created: u64) -> Proposal {
    Proposal { created: time(created), expires: time(created + HOUR), ..forge.inventory() }
}

/// An honest inventory of its day, and nothing after it.
fn next(forge: &Forge) -> Forge {
    with(forge, &forge.inventory(), |_, _| {})
}

fn complete(forge: &Forge, proposal: &Proposal) -> Forge {
    with(forge, proposal, |forge, lines| {
        forge.approve(lines, proposal, &TWO);
        lines.add(intended(&TWO)).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.add(Closed { releases_destroyed: 2 });
    })
}

/// A ledger whose ceremony 1 had a quorum, and a clock that jumped while it acted.
fn jumped() -> Forge {
    let forge = Forge::new();
    let proposal = forge.inventory();
    with(&forge, &proposal, |forge, lines| {
        forge.approve(lines, &proposal, &TWO);
        lines.add(intended(&TWO)).at(FAR).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.add(Closed { releases_destroyed: 2 });
    })
}

/// When the last line of [`jumped`] was written.
const RECORDED: u64 = FAR + 60;

/// The next inventory, which disputes these times.
fn disputing(forge: &Forge, present: u64, disputed: &[(u32, u64)]) -> Proposal {
    let mut proposal = forge.inventory();
    let each: Vec<String> = disputed
        .iter()
        .map(|(number, recorded)| format!("{{ ceremony = {number}, recorded = \"{}\" }}", time(*recorded)))
        .collect();
    proposal.plan +=
        &format!("[disputed_times]\npresent = \"{}\"\nceremonies = [{}]\n", time(present), each.join(", "));
    proposal
}

/// The same, honestly.
fn honest_dispute(forge: &Forge) -> Proposal {
    disputing(forge, forge.now(), &[(1, RECORDED)])
}

fn remarks(forge: &Forge, code: &str, severity: Severity) -> usize {
    let found = verification::remarks(&forge.state(), reading());
    found.iter().filter(|f| f.code == code && f.severity == severity).count()
}

/// One administrator and a clock: nobody else has agreed to it.
#[test]
fn what_never_had_a_quorum_does_not_freeze_the_ledger() {
    let forge = Forge::new();
    let proposal = inventory_at(&forge, FAR);
    let aborted = with(&forge, &proposal, |forge, lines| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    });
    let refused = with(&forge, &proposal, |forge, lines| {
        for who in ["alice", "bob", "carol"] {
            lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
        }
        let mut told = concluded(Outcome::Refused, &[], &[]);
        told.targets.clear();
        lines.add(told).add(Closed { releases_destroyed: 0 });
    });
    for forge in [aborted, refused] {
        assert_eq!(remarks(&forge, "time-ahead", Severity::Warning), 1);
        let honest = complete(&forge, &forge.inventory());
        drop(next(&honest).state());
        // What had one is a floor as before.
        let early = inventory_at(&honest, START);
        forged(&with(&honest, &early, |_, _| {}), "time-backwards");
    }
    // One approval is not a quorum; a rejection later does not undo one.
    for (by, rejecting, frozen) in [(&TWO[..1], &[][..], false), (&TWO[..], &TWO[..], true)] {
        let forge = with(&forge, &proposal, |forge, lines| {
            forge.approve(lines, &proposal, by);
            for who in rejecting {
                lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
            }
            lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
        });
        match frozen {
            true => forged(&next(&forge), "time-backwards"),
            false => drop(next(&forge).state()),
        }
    }
}

#[test]
fn an_open_ceremony_of_the_far_future_is_closed_by_a_recovery() {
    let forge = Forge::new();
    let open = with(&forge, &inventory_at(&forge, FAR), |_, _| {});
    let last = open.state().ceremonies.number(1).unwrap().last_line;
    let mut recovery = open.recover(1, last, false);
    if let quorate::proposal::operations::Operation::Recover(
        quorate::proposal::operations::RecoverOperation { interrupted, .. },
    ) = &mut recovery.operation
    {
        *interrupted = quorate::roster::OperationKind::Inventory;
    }
    drop(with(&open, &recovery, |_, _| {}).state());
}

#[test]
fn a_quorum_goes_on_after_a_time_that_cannot_be() {
    let forge = jumped();
    forged(&next(&forge), "time-backwards");
    assert_eq!(remarks(&forge, "time-ahead", Severity::Warning), 1);
    let went_on = complete(&forge, &honest_dispute(&forge));
    assert_eq!(remarks(&went_on, "time-ahead", Severity::Warning), 0);
    assert_eq!(remarks(&went_on, "time-disputed", Severity::Note), 1);
    // From then on its own lines are the floor.
    drop(next(&went_on).state());
    let early = inventory_at(&went_on, START);
    forged(&with(&went_on, &early, |_, _| {}), "time-backwards");
    // Proposed, and given up: nobody but the administrator has said so.
    let proposal = honest_dispute(&forge);
    let given_up = with(&forge, &proposal, |forge, lines| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    });
    forged(&next(&given_up), "time-backwards");
    drop(with(&given_up, &honest_dispute(&given_up), |_, _| {}).state());
}

/// A ceremony that acted on that clock and is still open: a recovery may dispute it as well.
#[test]
fn a_recovery_may_dispute_the_ceremony_that_it_closes() {
    let forge = Forge::new();
    let proposal = forge.inventory();
    let open = with(&forge, &proposal, |forge, lines| {
        forge.approve(lines, &proposal, &TWO);
        lines.add(intended(&TWO)).at(FAR).add(concluded(Outcome::Completed, &[], &forge.objects()));
    });
    let last = open.state().ceremonies.number(1).unwrap().last_line;
    let mut recovery = open.recover(1, last, true);
    if let quorate::proposal::operations::Operation::Recover(
        quorate::proposal::operations::RecoverOperation { interrupted, .. },
    ) = &mut recovery.operation
    {
        *interrupted = quorate::roster::OperationKind::Inventory;
    }
    forged(&with(&open, &recovery, |_, _| {}), "time-backwards");
    recovery.plan += &format!(
        "[disputed_times]\npresent = \"{}\"\nceremonies = [{{ ceremony = 1, recorded = \"{}\" }}]\n",
        time(open.now()),
        time(FAR)
    );
    drop(with(&open, &recovery, |_, _| {}).state());
}

#[test]
fn each_approvers_own_clock_lies_before_what_is_disputed() {
    let forge = jumped();
    let proposal = honest_dispute(&forge);
    let created = proposal.created.unix();
    let approved_at = |clock: u64| {
        with(&forge, &proposal, |forge, lines| {
            let approval = Approval { time: time(clock), ..forge.approval(&proposal, "bob") };
            lines.add(Approved { approval: forge.sign("bob", &approval) });
        })
    };
    for good in [created - HOUR, created, created + HOUR] {
        drop(approved_at(good).state());
    }
    forged(&approved_at(created - HOUR - 1), "approval-early");
    // No expiry is longer for it.
    forged(&approved_at(created + HOUR + 1), "approval-late");
    let late = with(&forge, &proposal, |forge, lines| {
        forge.approve(lines, &proposal, &TWO);
        lines.at(created + HOUR + 1).add(intended(&TWO));
    });
    forged(&late, "proposal-expired");
    // Where the proposal itself runs up to the disputed time.
    let recorded = created + 600;
    let mut near = Forge::new();
    let first = near.inventory();
    near = with(&near, &first, |forge, lines| {
        forge.approve(lines, &first, &TWO);
        lines.add(intended(&TWO)).at(recorded).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.at(recorded).add(Closed { releases_destroyed: 2 });
    });
    let proposal = disputing(&near, near.now(), &[(1, recorded)]);
    for (clock, good) in [(recorded - 1, true), (recorded, false)] {
        let forge = with(&near, &proposal, |forge, lines| {
            let approval = Approval { time: time(clock), ..forge.approval(&proposal, "bob") };
            lines.add(Approved { approval: forge.sign("bob", &approval) });
        });
        match good {
            true => drop(forge.state()),
            false => forged(&forge, "approval-after-disputed"),
        }
    }
}

#[test]
fn only_times_that_are_on_record_and_ahead_are_disputed() {
    let forge = jumped();
    let now = forge.now();
    let day = 24 * HOUR;
    for (present, disputed) in [
        (now, &[(1, RECORDED - 1)][..]),
        (now, &[(1, RECORDED), (2, RECORDED)]),
        (now + day + 1, &[(1, RECORDED)]),
        (now - day - 1, &[(1, RECORDED)]),
    ] {
        forged(&with(&forge, &disputing(&forge, present, disputed), |_, _| {}), "disputed-times");
    }
    // An honest past is not undone: the genesis is not ahead of a proposal that is made after it.
    let honest = Forge::new();
    let ended = honest.state().ceremonies.number(0).unwrap().times.1.unix();
    let proposal = disputing(&honest, ended - 1, &[(0, ended)]);
    forged(&with(&honest, &proposal, |_, _| {}), "disputed-times");
    // Naming one of two leaves the other.
    let proposal = inventory_at(&forge, RECORDED + 60);
    let twice = complete(&forge, &proposal);
    let second: Timestamp = twice.state().ceremonies.number(2).unwrap().times.1;
    let one = disputing(&twice, twice.now(), &[(2, second.unix())]);
    forged(&with(&twice, &one, |_, _| {}), "time-backwards");
    let both = disputing(&twice, twice.now(), &[(1, RECORDED), (2, second.unix())]);
    drop(with(&twice, &both, |_, _| {}).state());
}

/// A clock that is 35 years ahead, and one that is still further.
const LATER: &str = "+13000d";
const LATER_STILL: &str = "+13030d";

#[test]
fn a_clock_that_jumps_is_asked_about_and_its_lines_are_warned_of() {
    let honest = rehearsed();
    let desk = Desk::new();
    let ran = desk.propose(INVENTORY, Some(LATER)).ok();
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("days past the ledger's last line"), "{said}");
    desk.abort(Some(LATER)).ok();
    let pins = ["--genesis", &honest.genesis, "--head", &desk.head()];
    let audited = audit(&[&desk.ledger], &pins).ok();
    let ahead = |findings: &serde_json::Value| {
        findings.as_array().unwrap().iter().filter(|f| f["code"] == "time-ahead").count()
    };
    assert_eq!(ahead(&audited.json["findings"]), 1, "{}", audited.json);
    assert_eq!(ahead(&desk.status(None).json["ahead"]), 1);
    assert_eq!(ahead(&desk.status(Some(LATER_STILL)).json["ahead"]), 0);
    // The ledger is not frozen, and whoever approves is told.
    let ran = desk.propose(INVENTORY, None).ok();
    assert!(!ran.stderr.contains("days past"), "{}", ran.stderr);
    let ran = desk.approve("alice", None, &["--head", &desk.head()]).ok();
    assert!(ran.stderr.contains("time-ahead"), "{}", ran.stderr);
}

#[test]
fn a_whole_ceremony_of_another_century_is_disputed_by_people_whose_clocks_agree() {
    let people = ["alice", "bob", "carol"];
    let desk = Desk::new();
    let ceremony = |plan: &str, clock: Option<&str>| {
        let head = desk.head();
        desk.propose(plan, clock).ok();
        for who in people {
            desk.approve(who, clock, &["--head", &head]).ok();
        }
        desk.execute(&people, clock).ok();
    };
    ceremony(INVENTORY, Some(LATER));
    let ran = desk.propose(INVENTORY, None).expect(3);
    assert!(ran.error().contains("before the ledger's last line"), "{}", ran.stderr);
    assert!(ran.stderr.contains("[disputed_times]"), "{}", ran.stderr);
    let state = verification::verify(
        &quorate::storage::ledger::read(&desk.ledger).unwrap(),
        quorate::encoding::dsse::Mode::Rehearsal,
    );
    let recorded = state.state.unwrap().ceremonies.last().unwrap().times.1;
    let plan = |present: Timestamp| {
        format!(
            "{INVENTORY}[disputed_times]\npresent = \"{present}\"\n\
             ceremonies = [{{ ceremony = 5, recorded = \"{recorded}\" }}]\n"
        )
    };
    use quorate::ports::clock::Clock as _;
    let now = quorate::storage::SystemClock.now();
    let ran = desk.propose(&plan(now.minus(2 * 24 * HOUR)), None).expect(3);
    assert!(ran.error().contains("more than a day apart"), "{}", ran.stderr);
    let head = desk.head();
    let ran = desk.propose(&plan(now), None).ok();
    assert!(ran.stderr.contains("TIMES IN THIS LEDGER THAT ARE SAID TO BE WRONG"), "{}", ran.stderr);
    // Somebody whose clock says that the ledger is right does not approve it, and may reject it.
    let later = desk.approve("dave", Some(LATER_STILL), &["--head", &head]).expect(3);
    assert!(later.error().contains("is not ahead of it"), "{}", later.stderr);
    let early = desk.approve("dave", Some("-2h"), &["--head", &head]).expect(3);
    assert!(early.error().contains("more than an hour before the proposal"), "{}", early.stderr);
    // Half an hour behind is nobody's fault.
    desk.approve("alice", Some("-30m"), &["--head", &head]).ok();
    for who in ["bob", "carol"] {
        desk.approve(who, None, &["--head", &head]).ok();
    }
    desk.execute(&people, None).ok();
    desk.propose(INVENTORY, None).ok();
}
