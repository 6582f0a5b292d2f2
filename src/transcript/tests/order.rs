//! Lines in their order: what may follow what, and the intent that stands between the approvals and the outcome.

use crate::{
    approval::statement::Abort,
    encoding::{digest::Digest, dsse::Mode},
    proposal::document::Proposal,
    transcript::{
        event::{Aborted, Attempted, Closed, Concluded, Intended, Rejected},
        outcome::Outcome,
    },
};

use super::{
    forge::{ALL, Forge, MINUTE, START, TWO, Transcript, concluded, intended, name, refit, text},
    forged,
    outcomes::{approved, honest},
};

#[track_caller]
fn intent(change: impl FnOnce(&mut Intended), code: &str) {
    let forge = approved(|_, _, lines| {
        let mut event = intended(&TWO);
        change(&mut event);
        lines.add(event);
    });
    forged(&forge, code);
}

#[test]
fn the_intent_is_for_the_target_with_copies_and_in_time() {
    intent(|i| i.targets.clear(), "intent-targets: it names targets other than those of the operation");
    intent(
        |i| i.targets[0].name = name("other"),
        "intent-targets: it names targets other than those of the operation",
    );
    intent(
        |i| i.targets.push(i.targets[0].clone()),
        "intent-targets: it names targets other than those of the operation",
    );
    intent(|i| i.copies = 1, "copies: 1 copies of the ledger, the policy requires 2");
    let forge = approved(|_, proposal, lines| {
        lines.at(proposal.expires.unix() + 1).add(intended(&TWO));
    });
    forged(&forge, "proposal-expired: it was executed after it had expired");
    let forge = approved(|_, proposal, lines| {
        lines.at(proposal.expires.unix()).add(intended(&TWO));
    });
    drop(forge.state());
}

#[test]
fn copies_lie_on_one_file_system_where_the_policy_allows_it() {
    let genesis = |mode: Mode, allowed: bool, same_medium: bool| {
        let mut forge = Forge::of(mode);
        forge.files.clear();
        let mut proposal = forge.genesis();
        let says = format!("allow_same_medium = {allowed}");
        proposal.plan = proposal.plan.replace("allow_same_medium = true", &says);
        let document = proposal.new_roster.as_mut().unwrap();
        document.policy.allow_same_medium = allowed;
        proposal.roster = refit(document);
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &ALL);
        lines.add(Intended { same_medium, ..intended(&ALL) });
        forge.push(&proposal, &lines);
        forge
    };
    let production = Mode::Production;
    for (allowed, same_medium) in [(true, true), (true, false), (false, false)] {
        drop(genesis(production, allowed, same_medium).state());
    }
    let refused = "copies: the copies were on one file system, which the policy refuses";
    forged(&genesis(production, false, true), refused);
    // A rehearsal has one machine.
    drop(genesis(Mode::Rehearsal, false, true).state());
}

#[test]
fn an_attempt_did_not_complete() {
    let conclusion = "outcome: an attempt that completed is a conclusion";
    for (outcome, expected) in [
        (Outcome::Completed, conclusion),
        (Outcome::Refused, conclusion),
        (Outcome::Failed, "line-order: attempted is not allowed here"),
    ] {
        let forge = approved(|_, _, lines| {
            if expected == conclusion {
                lines.add(intended(&TWO));
            }
            lines.add(Attempted { outcome, summary: text("tried") });
        });
        forged(&forge, expected);
    }
    for outcome in [Outcome::Failed, Outcome::Indeterminate] {
        let forge = approved(|_, _, lines| {
            lines.add(intended(&TWO)).add(Attempted { outcome, summary: text("tried") });
        });
        assert_eq!(forge.state().open().unwrap().attempts.len(), 1);
    }
}

#[test]
fn every_line_has_its_place() {
    let close = Closed { releases_destroyed: 2 };
    let wrong: [(&str, &dyn Fn(&mut Transcript)); 7] = [
        ("closed", &|lines| {
            lines.add(close.clone());
        }),
        ("closed", &|lines| {
            lines.add(intended(&TWO)).add(close.clone());
        }),
        ("intended", &|lines| {
            lines.add(intended(&TWO)).add(intended(&TWO));
        }),
        ("concluded", &|lines| {
            lines.add(intended(&TWO)).add(honest()).add(honest());
        }),
        ("intended", &|lines| {
            lines.add(intended(&TWO)).add(honest()).add(intended(&TWO));
        }),
        ("concluded", &|lines| {
            lines.add(intended(&TWO)).add(honest()).add(close.clone()).add(honest());
        }),
        ("attempted", &|lines| {
            let attempt = Attempted { outcome: Outcome::Failed, summary: text("tried") };
            lines.add(intended(&TWO)).add(honest()).add(attempt);
        }),
    ];
    for (event, drive) in wrong {
        forged(&approved(|_, _, lines| drive(lines)), &format!("line-order: {event} is not allowed here"));
    }
}

/// What was refused, given up or begun takes neither approvals nor rejections, and what was given up has no outcome.
#[test]
fn nobody_decides_on_what_is_decided() {
    let after = |before: &dyn Fn(&Forge, &Proposal, &mut Transcript), reject: bool| {
        approved(|forge, proposal, lines| {
            before(forge, proposal, lines);
            if reject {
                lines.add(Rejected { rejection: forge.sign("carol", &forge.rejection(proposal, "carol")) });
            } else {
                forge.approve(lines, proposal, &["dave"]);
            }
        })
    };
    let given_up = |forge: &Forge, proposal: &Proposal, lines: &mut Transcript| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(proposal, "frank")) });
    };
    let refused = |forge: &Forge, proposal: &Proposal, lines: &mut Transcript| {
        for who in ["alice", "bob", "carol"] {
            lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(proposal, who)) });
        }
        lines.add(Concluded { targets: Vec::new(), ..concluded(Outcome::Refused, &[], &[]) });
    };
    let begun = |_: &Forge, _: &Proposal, lines: &mut Transcript| {
        lines.add(intended(&TWO));
    };
    for before in [&given_up as &dyn Fn(&Forge, &Proposal, &mut Transcript), &refused, &begun] {
        forged(&after(before, true), "line-order: rejected is not allowed here");
        forged(&after(before, false), "line-order: approved is not allowed here");
    }
    let concluded_afterwards = approved(|forge, proposal, lines| {
        given_up(forge, proposal, lines);
        lines.add(Concluded { targets: Vec::new(), ..concluded(Outcome::Refused, &[], &[]) });
    });
    forged(&concluded_afterwards, "line-order: concluded is not allowed here");
}

#[test]
fn only_an_administrator_gives_up_and_only_before_the_intent() {
    let abort = |card: &'static str, change: fn(&mut Abort), after: bool| {
        approved(|forge, proposal, lines| {
            if after {
                lines.add(intended(&TWO));
            }
            let mut abort = forge.abort(proposal, "frank");
            change(&mut abort);
            lines.add(Aborted { abort: forge.sign(card, &abort) });
        })
    };
    drop(abort("frank", |_| {}, false).state());
    forged(&abort("frank", |_| {}, true), "line-order: aborted is not allowed here");
    forged(
        &abort("alice", |a| a.administrator = name("alice"), false),
        "statement-author: alice is not an administrator of this quorum",
    );
    forged(&abort("alice", |_| {}, false), "statement-card: on none of frank's cards");
    forged(
        &abort("frank", |a| a.proposal = Digest::of(b"another proposal"), false),
        "other-proposal: the abort is of another proposal",
    );
}

#[test]
fn time_does_not_go_back() {
    let forge = approved(|_, _, lines| {
        let now = lines.now();
        lines.at(now - MINUTE - 1).add(intended(&TWO));
    });
    forged(&forge, "time-backwards: the time of the line before it");
    // Nor from one ceremony to the next.
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    proposal.created = super::forge::time(START + 1);
    proposal.expires = super::forge::time(START + 3601);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forged(&forge, "time-backwards: the time of the line before it");
}
