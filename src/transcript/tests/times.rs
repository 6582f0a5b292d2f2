//! Clocks that are wrong by years, and what a ledger does with lines that they wrote.

use crate::{
    approval::statement::Approval,
    encoding::{digest::Digest, time::Timestamp},
    proposal::{
        document::Proposal,
        operations::{Operation, RecoverOperation},
    },
    roster::OperationKind,
    transcript::{
        event::{Aborted, Approved, Closed, Rejected},
        finding::Severity,
        outcome::Outcome,
        verification,
    },
};

use super::forge::{Forge, START, TWO, Transcript, concluded, intended, reading, time};
use super::forged;

/// 9998-01-01.
const FAR: u64 = 253_339_228_800;
const HOUR: u64 = 3600;
/// What is found where a line is earlier than one that binds it.
const BACKWARDS: &str = "time-backwards: the time of the line before it";

/// An inventory that is proposed at this time.
fn inventory_at(forge: &Forge, created: u64) -> Proposal {
    Proposal { created: time(created), expires: time(created + HOUR), ..forge.inventory() }
}

/// An honest inventory of its day, and nothing after it.
fn next(forge: &Forge) -> Forge {
    forge.with(&forge.inventory(), |_, _| {})
}

fn complete(forge: &Forge, proposal: &Proposal) -> Forge {
    forge.with(proposal, |forge, lines| {
        forge.approve(lines, proposal, &TWO);
        lines.add(intended(&TWO)).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.add(Closed { releases_destroyed: 2 });
    })
}

/// A ledger whose ceremony 1 had a quorum, and a clock that jumped while it acted.
fn jumped() -> Forge {
    let forge = Forge::new();
    let proposal = forge.inventory();
    forge.with(&proposal, |forge, lines| {
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

/// The recovery of ceremony 1, which was an inventory.
fn recovery_of_inventory(forge: &Forge, last_line: Digest, intended: bool) -> Proposal {
    let operation = Operation::Recover(RecoverOperation {
        ceremony: 1,
        last_line,
        interrupted: OperationKind::Inventory,
        intended,
    });
    Proposal { operation, ..forge.recover(1, last_line, intended) }
}

fn remarks(forge: &Forge, code: &str, severity: Severity) -> usize {
    let found = verification::remarks(&forge.state(), reading());
    found.iter().filter(|f| f.code == code && f.severity == severity).count()
}

/// Handed over into the folder of an open ceremony, and not recorded yet. Where it is recorded, or cannot be any more, it is not told
/// a second time.
#[test]
fn an_approval_beside_the_transcript_that_is_ahead_is_warned_of() {
    let (forge, proposal) = (Forge::new(), Forge::new().inventory());
    let (time_of, digest) = (time(reading().unix() + HOUR), Digest::of(b"another proposal"));
    let said = Approval { time: time_of, ..forge.approval(&proposal, "alice") };
    let of_other = Approval { proposal: digest, ..said.clone() };
    let warned = |said: &Approval, by: &str, drive: &dyn Fn(&Forge, &mut Transcript)| {
        let mut forge = forge.with(&proposal, drive);
        let handed_over = forge.sign(by, said).write();
        forge.files[1].approvals.push(("0.json".into(), handed_over));
        let found = verification::remarks(&forge.state(), reading()).into_iter();
        found.filter(|f| f.code == "time-ahead").map(|f| f.message).collect::<Vec<_>>()
    };
    let [told] = &warned(&said, "alice", &|_, _| {})[..] else { panic!("it is not told once") };
    assert!(told.starts_with(&format!("alice's approval says {time_of}")), "{told}");
    assert_eq!(warned(&forge.approval(&proposal, "alice"), "alice", &|_, _| {}), [""; 0]);
    assert_eq!(warned(&of_other, "alice", &|_, _| {}), [""; 0]);
    assert_eq!(warned(&said, "mallory", &|_, _| {}), [""; 0]);
    assert_eq!(warned(&said, "alice", &|forge, lines| forge.approve(lines, &proposal, &["alice"])), [""; 0]);
    let aborted = |forge: &Forge, lines: &mut Transcript| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    };
    assert_eq!(warned(&said, "alice", &aborted), [""; 0]);
}

/// A ledger that rested for longer than quorums usually do: an operator is asked whether the clock is right.
#[test]
fn a_clock_far_past_the_last_line_is_asked_about() {
    let days = 400 * 24 * HOUR;
    for forge in [Forge::new(), jumped()] {
        let state = forge.state();
        // A line ahead of the clock says nothing about how long the ledger rested.
        let last = state.ceremonies.number(0).unwrap().times.1;
        assert_eq!(state.jump(last), None);
        assert_eq!(state.jump(last.plus(days)), None);
        assert_eq!(state.jump(last.plus(days + 1)), Some((400, last)));
        assert_eq!(state.jump(last.plus(days + 24 * HOUR)), Some((401, last)));
        assert_eq!(state.jump(time(START - HOUR)), None);
    }
    // The last line counts at its own second, however long the ledger had rested before it.
    assert_eq!(jumped().state().jump(time(RECORDED)), None);
}

#[test]
fn the_next_line_follows_the_open_ceremony_or_else_the_floor() {
    let latest = |forge: &Forge| forge.state().latest().map(|ceremony| ceremony.number());
    assert_eq!(latest(&Forge::new()), Some(0));
    assert_eq!(latest(&next(&Forge::new())), Some(1));
    assert_eq!(latest(&jumped()), Some(1));
    let went_on = complete(&jumped(), &honest_dispute(&jumped()));
    assert_eq!(latest(&went_on), Some(2));
    // One that is given up binds nobody.
    let proposal = went_on.inventory();
    let given_up = went_on.with(&proposal, |forge, lines| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    });
    assert_eq!(latest(&given_up), Some(2));
}

/// One of two clocks is wrong, and a quorum may have said which.
#[test]
fn an_approval_that_is_ahead_of_the_reader_is_told_unless_its_time_is_disputed() {
    let told = |forge: &Forge, now: Timestamp| -> Vec<(Option<String>, String)> {
        let found = forge.state().ahead(now).into_iter();
        let approvals = found.filter(|f| f.message.contains("'s approval says"));
        approvals.map(|f| (f.ceremony, format!("{} {}: {}", f.severity, f.code, f.message))).collect()
    };
    let forge = jumped();
    let approved = forge.state().ceremonies.number(1).unwrap().approvals[0].statement().time;
    assert_eq!(told(&forge, approved), []);
    // Nor is a line ahead that says the same as the reader's clock.
    assert_eq!(
        (forge.state().ahead(time(RECORDED)), forge.state().ahead(time(RECORDED - 1)).len()),
        (Vec::new(), 1)
    );
    let now = approved.minus(1);
    let ahead = TWO.map(|who| {
        let words = format!(
            "{who}'s approval says {approved}, and this machine's clock {now}: one of the two clocks is wrong"
        );
        (Some("0001-inventory".to_owned()), format!("warning time-ahead: {words}"))
    });
    assert_eq!(told(&forge, now), ahead);
    let disputed = complete(&forge, &honest_dispute(&forge));
    let left: Vec<_> = told(&disputed, now).into_iter().filter_map(|(ceremony, _)| ceremony).collect();
    assert_eq!(left, ["0002-inventory"; 2]);
}

/// One administrator and a clock: nobody else has agreed to it.
#[test]
fn what_never_had_a_quorum_does_not_freeze_the_ledger() {
    let forge = Forge::new();
    let proposal = inventory_at(&forge, FAR);
    let aborted = forge.with(&proposal, |forge, lines| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    });
    let refused = forge.with(&proposal, |forge, lines| {
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
        forged(&honest.with(&early, |_, _| {}), BACKWARDS);
    }
    // One approval is not a quorum; a rejection later does not undo one.
    for (by, rejecting, frozen) in [(&TWO[..1], &[][..], false), (&TWO[..], &TWO[..], true)] {
        let forge = forge.with(&proposal, |forge, lines| {
            forge.approve(lines, &proposal, by);
            for who in rejecting {
                lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
            }
            lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
        });
        if frozen {
            forged(&next(&forge), BACKWARDS);
        } else {
            drop(next(&forge).state());
        }
    }
}

#[test]
fn an_open_ceremony_of_the_far_future_is_closed_by_a_recovery() {
    let forge = Forge::new();
    let open = forge.with(&inventory_at(&forge, FAR), |_, _| {});
    let last = open.state().ceremonies.number(1).unwrap().last_line;
    drop(open.with(&recovery_of_inventory(&open, last, false), |_, _| {}).state());
}

#[test]
fn a_quorum_goes_on_after_a_time_that_cannot_be() {
    let forge = jumped();
    forged(&next(&forge), BACKWARDS);
    assert_eq!(remarks(&forge, "time-ahead", Severity::Warning), 1);
    let went_on = complete(&forge, &honest_dispute(&forge));
    assert_eq!(remarks(&went_on, "time-ahead", Severity::Warning), 0);
    assert_eq!(remarks(&went_on, "time-disputed", Severity::Note), 1);
    // From then on its own lines are the floor.
    drop(next(&went_on).state());
    let early = inventory_at(&went_on, START);
    forged(&went_on.with(&early, |_, _| {}), BACKWARDS);
    // Proposed, and given up: nobody but the administrator has said so.
    let proposal = honest_dispute(&forge);
    let given_up = forge.with(&proposal, |forge, lines| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    });
    forged(&next(&given_up), BACKWARDS);
    drop(given_up.with(&honest_dispute(&given_up), |_, _| {}).state());
}

/// What one quorum disputed binds nobody when the next one disputes that quorum's own time.
#[test]
fn a_time_stays_disputed_although_the_quorum_that_disputed_it_was_wrong_itself() {
    let forge = jumped();
    let wrong = forge.now() + 30 * 24 * HOUR;
    let proposal = disputing(&forge, wrong, &[(1, RECORDED)]);
    let proposal = Proposal { created: time(wrong), expires: time(wrong + HOUR), ..proposal };
    let forge = complete(&forge, &proposal);
    forged(&next(&forge), BACKWARDS);
    let recorded = forge.state().ceremonies.number(2).unwrap().times.1.unix();
    drop(forge.with(&disputing(&forge, forge.now(), &[(2, recorded)]), |_, _| {}).state());
}

/// A ceremony that acted on that clock and is still open: a recovery may dispute it as well.
#[test]
fn a_recovery_may_dispute_the_ceremony_that_it_closes() {
    let forge = Forge::new();
    let proposal = forge.inventory();
    let open = forge.with(&proposal, |forge, lines| {
        forge.approve(lines, &proposal, &TWO);
        lines.add(intended(&TWO)).at(FAR).add(concluded(Outcome::Completed, &[], &forge.objects()));
    });
    let last = open.state().ceremonies.number(1).unwrap().last_line;
    let mut recovery = recovery_of_inventory(&open, last, true);
    forged(&open.with(&recovery, |_, _| {}), BACKWARDS);
    recovery.plan += &format!(
        "[disputed_times]\npresent = \"{}\"\nceremonies = [{{ ceremony = 1, recorded = \"{}\" }}]\n",
        time(open.now()),
        time(FAR)
    );
    drop(open.with(&recovery, |_, _| {}).state());
}

#[test]
fn each_approvers_own_clock_lies_before_what_is_disputed() {
    let forge = jumped();
    let proposal = honest_dispute(&forge);
    let created = proposal.created.unix();
    let approved_at = |clock: u64| {
        forge.with(&proposal, |forge, lines| {
            let approval = Approval { time: time(clock), ..forge.approval(&proposal, "bob") };
            lines.add(Approved { approval: forge.sign("bob", &approval) });
        })
    };
    for good in [created - HOUR, created, created + HOUR] {
        drop(approved_at(good).state());
    }
    forged(&approved_at(created - HOUR - 1), "approval-early: bob approved before the proposal was made");
    // No expiry is longer for it.
    forged(&approved_at(created + HOUR + 1), "approval-late: bob approved after the proposal had expired");
    let late = forge.with(&proposal, |forge, lines| {
        forge.approve(lines, &proposal, &TWO);
        lines.at(created + HOUR + 1).add(intended(&TWO));
    });
    forged(&late, "proposal-expired: it was executed after it had expired");
    // Where the proposal itself runs up to the disputed time.
    let recorded = created + 600;
    let mut near = Forge::new();
    let first = near.inventory();
    near = near.with(&first, |forge, lines| {
        forge.approve(lines, &first, &TWO);
        lines.add(intended(&TWO)).at(recorded).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.at(recorded).add(Closed { releases_destroyed: 2 });
    });
    let proposal = disputing(&near, near.now(), &[(1, recorded)]);
    for (clock, good) in [(recorded - 1, true), (recorded, false)] {
        let forge = near.with(&proposal, |forge, lines| {
            let approval = Approval { time: time(clock), ..forge.approval(&proposal, "bob") };
            lines.add(Approved { approval: forge.sign("bob", &approval) });
        });
        if good {
            drop(forge.state());
        } else {
            let late = "approval-after-disputed: bob's own clock said";
            forged(&forge, &format!("{late} {0}, which is not before the disputed {0}", time(recorded)));
        }
    }
}

#[test]
fn only_times_that_are_on_record_and_ahead_are_disputed() {
    let forge = jumped();
    let now = forge.now();
    let day = 24 * HOUR;
    for (present, disputed, words) in [
        (now, &[(1, RECORDED - 1)][..], format!("the last line of ceremony 1 says {}, not", time(RECORDED))),
        (now, &[(1, RECORDED), (2, RECORDED)], "there is no ceremony 2".to_owned()),
        (now + day + 1, &[(1, RECORDED)], "they are more than a day apart".to_owned()),
        (now - day - 1, &[(1, RECORDED)], "they are more than a day apart".to_owned()),
    ] {
        let words = format!("disputed-times: {words}");
        forged(&forge.with(&disputing(&forge, present, disputed), |_, _| {}), &words);
    }
    // An honest past is not undone: the genesis is not ahead of a proposal that is made after it.
    let honest = Forge::new();
    let ended = honest.state().ceremonies.number(0).unwrap().times.1.unix();
    let proposal = disputing(&honest, ended - 1, &[(0, ended)]);
    forged(&honest.with(&proposal, |_, _| {}), "disputed-times: the last line of ceremony 0 is not ahead");
    let at_once = disputing(&forge, RECORDED - 1, &[(1, RECORDED)]);
    let at_once = Proposal { created: time(RECORDED), expires: time(RECORDED + HOUR), ..at_once };
    forged(&forge.with(&at_once, |_, _| {}), "disputed-times: the last line of ceremony 1 is not ahead");
    // Naming one of two leaves the other.
    let proposal = inventory_at(&forge, RECORDED + 60);
    let twice = complete(&forge, &proposal);
    let second: Timestamp = twice.state().ceremonies.number(2).unwrap().times.1;
    let one = disputing(&twice, twice.now(), &[(2, second.unix())]);
    forged(&twice.with(&one, |_, _| {}), BACKWARDS);
    let both = disputing(&twice, twice.now(), &[(1, RECORDED), (2, second.unix())]);
    drop(twice.with(&both, |_, _| {}).state());
}
