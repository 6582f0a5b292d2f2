//! A hostile station that tells what did not happen, or keeps quiet about what did.

use crate::{
    approval::statement::Abort,
    encoding::{digest::Digest, strict},
    proposal::{
        document::Proposal,
        program::ProgramRecord,
        target::{LeftOut, Role},
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
        forged(&forge, "outcome");
    }
}

#[test]
fn what_was_intended_was_not_refused() {
    conclusion(|c| *c = concluded(Outcome::Refused, &[], &[]), "outcome");
    conclusion(
        |c| {
            *c = concluded(Outcome::Refused, &[], &[]);
            c.targets.clear();
        },
        "outcome",
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
        forged(&refused(by, &|_| {}), "outcome");
    }
    forged(&refused(&three, &|c| c.targets = seen(&[])), "outcome");
    forged(&refused(&three, &|c| c.deleted.push(object("old", "01"))), "outcome");
    forged(&refused(&three, &|c| c.restored.push(object("old", "01"))), "outcome");
    let left = || LeftOut { object: object("old", "01"), reason: text("it would not go") };
    forged(&refused(&three, &move |c| c.left_out.push(left())), "outcome");
    forged(&refused(&three, &move |c| c.unkept.push(left())), "outcome");
    let ran = ProgramRecord { run: None, check_exit_code: None };
    forged(&refused(&three, &move |c| c.program = Some(ran.clone())), "outcome");
    let pin = || PinInForce { target: name("hsm"), role: Role::UserPin, version: 1 };
    forged(&refused(&three, &move |c| c.pins.push(pin())), "outcome");
    let handed = || HandedOver {
        target: name("hsm"),
        recipient: recipient("application"),
        version: 1,
        sha256: Digest::of(b"sealed"),
    };
    forged(&refused(&three, &move |c| c.handovers.push(handed())), "outcome");
}

#[test]
fn a_deletion_is_complete_when_every_object_was_seen_to_be_gone() {
    conclusion(|c| c.deleted.clear(), "outcome");
    conclusion(|c| c.deleted = vec![object("keep", "02")], "outcome");
    // Listed as gone, and still in the inventory.
    conclusion(|c| c.targets = seen(&[object("keep", "02"), object("old", "01")]), "outcome");
    // Nobody looked.
    conclusion(|c| c.targets.clear(), "outcome");
    conclusion(|c| c.targets[0].inventory = None, "outcome");
}

/// What the plan did not say was not to be done: a record that lists it owns up to it as if it had been approved.
#[test]
fn what_is_listed_was_to_be_done() {
    conclusion(|c| c.deleted.push(object("keep", "02")), "outcome");
    conclusion(|c| c.restored.push(object("old", "01")), "outcome");
    let reason = text("it would not go");
    conclusion(|c| c.left_out.push(LeftOut { object: object("old", "01"), reason }), "outcome");
    let backup = BackupRecord {
        target: name("hsm"),
        key_version: 1,
        sha256: Digest::of(b"backup"),
        length: 1,
        entries: Vec::new(),
    };
    conclusion(|c| c.backup = Some(backup.clone()), "outcome");
    // What did not complete lies no better.
    for outcome in [Outcome::Failed, Outcome::Indeterminate] {
        conclusion(
            |c| {
                c.outcome = outcome;
                c.deleted.push(object("keep", "02"));
            },
            "outcome",
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
        forged(&forge, "outcome");
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
    forged(&with(&|c| c.targets[0].inventory.as_mut().unwrap().objects.reverse()), "outcome");
    let same_id = |c: &mut Concluded| {
        let objects = &mut c.targets[0].inventory.as_mut().unwrap().objects;
        objects.iter_mut().skip(1).for_each(|object| object.unique_id = Some(text("u")));
    };
    forged(&with(&same_id), "outcome");
}

#[test]
fn the_outcome_is_about_the_target_of_the_operation() {
    conclusion(|c| c.targets[0].name = name("other"), "outcome");
    conclusion(|c| c.targets.extend(seen(&[])), "outcome");
    conclusion(|c| c.targets[0].inventory.as_mut().unwrap().identity.serial = text("9999"), "outcome");
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
    forged(&forge, "outcome");
}

#[test]
fn the_intent_is_for_the_target_with_copies_and_in_time() {
    intent(|i| i.targets.clear(), "intent-targets");
    intent(|i| i.targets[0].name = name("other"), "intent-targets");
    intent(|i| i.targets.push(i.targets[0].clone()), "intent-targets");
    intent(|i| i.copies = 1, "copies");
    let forge = approved(|_, proposal, lines| {
        lines.at(proposal.expires.unix() + 1).add(intended(&TWO));
    });
    forged(&forge, "proposal-expired");
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
    forged(&genesis(false, true), "copies");
}

#[test]
fn an_attempt_did_not_complete() {
    for (outcome, before) in [(Outcome::Completed, false), (Outcome::Refused, false), (Outcome::Failed, true)]
    {
        let forge = approved(|_, _, lines| {
            if !before {
                lines.add(intended(&TWO));
            }
            lines.add(Attempted { outcome, summary: text("tried") });
        });
        forged(&forge, if before { "line-order" } else { "outcome" });
    }
}

#[test]
fn every_line_has_its_place() {
    let close = Closed { releases_destroyed: 2 };
    let wrong: [&dyn Fn(&mut Transcript); 7] = [
        &|lines| {
            lines.add(close.clone());
        },
        &|lines| {
            lines.add(intended(&TWO)).add(close.clone());
        },
        &|lines| {
            lines.add(intended(&TWO)).add(intended(&TWO));
        },
        &|lines| {
            lines.add(intended(&TWO)).add(honest()).add(honest());
        },
        &|lines| {
            lines.add(intended(&TWO)).add(honest()).add(intended(&TWO));
        },
        &|lines| {
            lines.add(intended(&TWO)).add(honest()).add(close.clone()).add(honest());
        },
        &|lines| {
            let attempt = Attempted { outcome: Outcome::Failed, summary: text("tried") };
            lines.add(intended(&TWO)).add(honest()).add(attempt);
        },
    ];
    for drive in wrong {
        forged(&approved(|_, _, lines| drive(lines)), "line-order");
    }
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
    forged(&abort("frank", |_| {}, true), "line-order");
    forged(&abort("alice", |a| a.administrator = name("alice"), false), "statement-author");
    forged(&abort("alice", |_| {}, false), "statement-card");
    forged(&abort("frank", |a| a.proposal = Digest::of(b"another proposal"), false), "other-proposal");
}

#[test]
fn time_does_not_go_back() {
    let forge = approved(|_, _, lines| {
        let now = lines.now();
        lines.at(now - MINUTE - 1).add(intended(&TWO));
    });
    forged(&forge, "time-backwards");
    // Nor from one ceremony to the next.
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    proposal.created = super::forge::time(START + 1);
    proposal.expires = super::forge::time(START + 3601);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forged(&forge, "time-backwards");
}
