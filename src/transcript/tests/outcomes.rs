//! A hostile station that tells what did not happen, or keeps quiet about what did.

use crate::{
    approval::statement::Abort,
    encoding::{digest::Digest, strict},
    proposal::{
        document::Proposal,
        program::ProgramRecord,
        target::{LeftOut, ObjectRecord, Role},
    },
    transcript::{
        event::{
            Aborted, Attempted, BackupRecord, Closed, Concluded, HandedOver, Intended, PinInForce, Rejected,
        },
        finding::Severity,
        outcome::Outcome,
        verification,
    },
};

use super::forge::{
    ALL, Forge, MINUTE, START, TWO, Transcript, concluded, intended, name, object, recipient, seen, text,
};
use super::forged;

const NOT_DONE: &str = "outcome: completed, but what it shows is not what was to be done";

/// A deletion that alice and bob approved, as far as the test drives it from there.
fn approved(drive: impl FnOnce(&Forge, &Proposal, &mut Transcript)) -> Forge {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    drive(&forge, &proposal, &mut lines);
    forge.push(&proposal, &lines);
    forge
}

/// What an honest station says at the end.
fn honest() -> Concluded {
    concluded(Outcome::Completed, &[object("old", "01")], &[object("keep", "02")])
}

#[track_caller]
fn intent(change: impl FnOnce(&mut Intended), code: &str) {
    let forge = approved(|_, _, lines| {
        let mut event = intended(&TWO);
        change(&mut event);
        lines.add(event);
    });
    forged(&forge, code);
}

#[track_caller]
fn conclusion(change: impl FnOnce(&mut Concluded), code: &str) {
    let forge = approved(|_, _, lines| {
        let mut event = honest();
        change(&mut event);
        lines.add(intended(&TWO)).add(event);
    });
    forged(&forge, code);
}

#[test]
fn nothing_has_an_outcome_without_an_intent() {
    for outcome in [Outcome::Completed, Outcome::Failed, Outcome::Indeterminate] {
        let forge = approved(|_, _, lines| {
            lines.add(Concluded { outcome, ..honest() });
        });
        forged(&forge, "outcome: an outcome without an intent");
    }
}

#[test]
fn what_was_intended_was_not_refused() {
    conclusion(
        |c| *c = concluded(Outcome::Refused, &[], &[]),
        "outcome: refused, although the intent was written",
    );
    conclusion(
        |c| {
            *c = concluded(Outcome::Refused, &[], &[]);
            c.targets.clear();
        },
        "outcome: refused, although the intent was written",
    );
}

#[test]
fn a_refusal_has_a_reason_and_changes_nothing() {
    let refused = |by: &[&str], change: &dyn Fn(&mut Concluded)| {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        for who in by {
            lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
        }
        let mut event = Concluded { targets: Vec::new(), ..concluded(Outcome::Refused, &[], &[]) };
        change(&mut event);
        lines.add(event);
        forge.push(&proposal, &lines);
        forge
    };
    let three = ["alice", "bob", "carol"];
    drop(refused(&three, &|_| {}).state());
    // One custodian who rejects three times is one.
    for by in [&[][..], &["alice", "bob"], &["alice", "alice", "alice"]] {
        forged(&refused(by, &|_| {}), "outcome: refused, although a quorum could still be reached: only an");
    }
    forged(&refused(&three, &|c| c.targets = seen(&[])), "outcome: refused, but something was done");
    forged(
        &refused(&three, &|c| c.deleted.push(object("old", "01"))),
        "outcome: refused, but something was done",
    );
    forged(
        &refused(&three, &|c| c.restored.push(object("old", "01"))),
        "outcome: refused, but something was done",
    );
    let left = || LeftOut { object: object("old", "01"), reason: text("it would not go") };
    forged(&refused(&three, &move |c| c.left_out.push(left())), "outcome: refused, but something was done");
    forged(&refused(&three, &move |c| c.unkept.push(left())), "outcome: refused, but something was done");
    let ran = ProgramRecord { run: None, check_exit_code: None };
    forged(
        &refused(&three, &move |c| c.program = Some(ran.clone())),
        "outcome: refused, but something was done",
    );
    let pin = || PinInForce { target: name("hsm"), role: Role::UserPin, version: 1 };
    forged(&refused(&three, &move |c| c.pins.push(pin())), "outcome: refused, but something was done");
    let backup = || BackupRecord {
        target: name("hsm"),
        key_version: 1,
        sha256: Digest::of(b"backup"),
        length: 1,
        entries: Vec::new(),
    };
    forged(&refused(&three, &move |c| c.backup = Some(backup())), "outcome: refused, but something was done");
    let handed = || HandedOver {
        target: name("hsm"),
        recipient: recipient("application"),
        version: 1,
        sha256: Digest::of(b"sealed"),
    };
    forged(
        &refused(&three, &move |c| c.handovers.push(handed())),
        "outcome: refused, but something was done",
    );
}

#[test]
fn a_deletion_is_complete_when_every_object_was_seen_to_be_gone() {
    conclusion(|c| c.deleted.clear(), "outcome: completed, but what it shows is not what was to be done");
    conclusion(
        |c| c.deleted = vec![object("keep", "02")],
        "outcome: it lists what the operation was not to do",
    );
    // Listed as gone, and still in the inventory.
    conclusion(
        |c| c.targets = seen(&[object("keep", "02"), object("old", "01")]),
        "outcome: completed, but what it shows is not what was to be done",
    );
    // The same key under another name is not gone.
    let renamed =
        ObjectRecord { public_key_sha256: object("old", "01").public_key_sha256, ..object("new", "09") };
    let shows =
        |renamed: ObjectRecord| move |c: &mut Concluded| c.targets = seen(&[object("keep", "02"), renamed]);
    conclusion(shows(renamed), NOT_DONE);
    // Nobody looked.
    conclusion(|c| c.targets.clear(), "outcome: completed, but the target was not looked at afterwards");
    conclusion(
        |c| c.targets[0].inventory = None,
        "outcome: completed, but the target was not looked at afterwards",
    );
}

/// What the plan did not say was not to be done: a record that lists it owns up to it as if it had been approved.
#[test]
fn what_is_listed_was_to_be_done() {
    conclusion(
        |c| c.deleted.push(object("keep", "02")),
        "outcome: it lists what the operation was not to do",
    );
    conclusion(
        |c| c.restored.push(object("old", "01")),
        "outcome: it lists what the operation was not to do",
    );
    let reason = text("it would not go");
    conclusion(
        |c| c.left_out.push(LeftOut { object: object("old", "01"), reason }),
        "outcome: completed, but what it shows is not what was to be done",
    );
    let backup = BackupRecord {
        target: name("hsm"),
        key_version: 1,
        sha256: Digest::of(b"backup"),
        length: 1,
        entries: Vec::new(),
    };
    conclusion(|c| c.backup = Some(backup.clone()), "outcome: it lists what the operation was not to do");
    // What did not complete lies no better.
    for outcome in [Outcome::Failed, Outcome::Indeterminate] {
        conclusion(
            |c| {
                c.outcome = outcome;
                c.deleted.push(object("keep", "02"));
            },
            "outcome: it lists what the operation was not to do",
        );
    }
    // An inventory does nothing.
    let left = || LeftOut { object: object("old", "01"), reason: text("it would not go") };
    let changes: [&dyn Fn(&mut Concluded); 5] = [
        &|c| c.deleted.push(object("old", "01")),
        &|c| c.restored.push(object("keep", "02")),
        &|c| c.left_out.push(left()),
        &|c| c.unkept.push(left()),
        &|c| c.backup = Some(backup.clone()),
    ];
    for change in changes {
        let mut forge = Forge::new();
        let proposal = forge.inventory();
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &TWO);
        let mut told = concluded(Outcome::Completed, &[], &forge.objects());
        change(&mut told);
        lines.add(intended(&TWO)).add(told);
        forge.push(&proposal, &lines);
        forged(&forge, "outcome: it lists what the operation was not to do");
    }
}

/// The record holds, and yet a key is gone that was to stay.
#[test]
fn objects_that_come_and_go_without_a_ceremony_are_told() {
    let told = |change: fn(&mut Concluded)| -> Vec<(Severity, String)> {
        let state = approved(|_, _, lines| {
            let mut event = honest();
            change(&mut event);
            lines.add(intended(&TWO)).add(event);
        })
        .state();
        let found = verification::remarks(&state, super::forge::reading())
            .into_iter()
            .filter(|f| f.code.starts_with("objects-"));
        found.map(|f| (f.severity, f.message)).collect()
    };
    assert_eq!(told(|_| {}), []);
    let gone = told(|c| c.targets = seen(&[]));
    assert!(gone.len() == 1 && gone[0].0 == Severity::Warning && gone[0].1.contains("keep"), "{gone:?}");
    let come = told(|c| c.targets = seen(&[object("keep", "02"), object("planted", "03")]));
    assert!(come.len() == 1 && come[0].0 == Severity::Note && come[0].1.contains("planted"), "{come:?}");
    // A key that was hardened is the same key.
    let changed = told(|c| c.targets[0].inventory.as_mut().unwrap().objects[0].extractable = Some(false));
    assert!(
        changed.len() == 1 && changed[0].0 == Severity::Note && changed[0].1.contains("changed"),
        "{changed:?}"
    );
}

/// Twins are two objects. Sorted otherwise, or with one unique id for both, no honest station wrote the list.
#[test]
fn an_inventory_is_in_order_and_has_no_unique_id_twice() {
    let with = |change: &dyn Fn(&mut Concluded)| {
        approved(|_, _, lines| {
            let mut event = honest();
            event.targets = seen(&[object("keep", "02"), object("twin", "03"), object("twin", "03")]);
            change(&mut event);
            lines.add(intended(&TWO)).add(event);
        })
    };
    drop(with(&|_| {}).state());
    forged(
        &with(&|c| c.targets[0].inventory.as_mut().unwrap().objects.reverse()),
        "outcome: an inventory is not in order, or has a unique id twice",
    );
    let same_id = |c: &mut Concluded| {
        let objects = &mut c.targets[0].inventory.as_mut().unwrap().objects;
        objects.iter_mut().skip(1).for_each(|object| object.unique_id = Some(text("u")));
    };
    forged(&with(&same_id), "outcome: an inventory is not in order, or has a unique id twice");
}

#[test]
fn the_outcome_is_about_the_target_of_the_operation() {
    conclusion(
        |c| c.targets[0].name = name("other"),
        "outcome: it reports targets that the operation does not have, or one",
    );
    conclusion(
        |c| c.targets.extend(seen(&[])),
        "outcome: it reports targets that the operation does not have, or one",
    );
    conclusion(
        |c| c.targets[0].inventory.as_mut().unwrap().identity.serial = text("9999"),
        "outcome: the target is a different token afterwards",
    );
    // Nor does a genesis take another token in than the one that it took over.
    let mut forge = Forge::new();
    forge.files.clear();
    let proposal = forge.genesis();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &ALL);
    let mut told = concluded(Outcome::Completed, &[], &forge.objects());
    told.targets[0].inventory.as_mut().unwrap().identity.serial = text("9999");
    lines.add(intended(&ALL)).add(told);
    forge.push(&proposal, &lines);
    forged(&forge, "outcome: the target is a different token afterwards");
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
    let genesis = |allowed: bool, same_medium: bool| {
        let mut forge = Forge::new();
        forge.files.clear();
        let mut proposal = forge.genesis();
        let says = format!("allow_same_medium = {allowed}");
        proposal.plan = proposal.plan.replace("allow_same_medium = true", &says);
        let document = proposal.new_roster.as_mut().unwrap();
        document.policy.allow_same_medium = allowed;
        proposal.roster = Digest::of(&strict::write(document));
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &ALL);
        lines.add(Intended { same_medium, ..intended(&ALL) });
        forge.push(&proposal, &lines);
        forge
    };
    for (allowed, same_medium) in [(true, true), (true, false), (false, false)] {
        drop(genesis(allowed, same_medium).state());
    }
    forged(&genesis(false, true), "copies: the copies were on one file system, which the policy refuses");
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
