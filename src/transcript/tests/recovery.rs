//! Recoveries: they end a ceremony of a lost station, so they are a way to make one disappear.

use crate::{
    encoding::{absolute_path::AbsolutePath, digest::Digest},
    proposal::{
        briefing::briefing,
        document::Proposal,
        operations::{InventoryOperation, Operation, Plan, RecoverOperation},
        place::ModuleChange,
        target::TokenIdentity,
    },
    roster::OperationKind,
    transcript::{
        event::{Aborted, Closed, Concluded, Intended, Rejected},
        outcome::Outcome,
    },
};

use super::forge::{ALL, Forge, TWO, concluded, identity, intended, name, object, text};
use super::{forged, targets::retire};

const THREE: [&str; 3] = ["alice", "bob", "carol"];

/// A ledger whose station was lost in the middle of a deletion, and the last line of that.
fn lost(executed: bool) -> (Forge, Digest) {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    if executed {
        forge.approve(&mut lines, &proposal, &TWO);
        lines.add(intended(&TWO));
    }
    forge.push(&proposal, &lines);
    (forge, lines.head())
}

fn untouched(outcome: Outcome) -> Concluded {
    Concluded { targets: Vec::new(), ..concluded(outcome, &[], &[]) }
}

/// The intent of a recovery; where nothing had been tried there is nothing to look at.
fn recovering(by: &[&str], executed: bool) -> Intended {
    let mut event = intended(by);
    if !executed {
        event.targets.clear();
    }
    event
}

#[test]
fn a_quorum_recovers_and_the_outcome_is_what_is_known() {
    for (executed, outcome) in [(false, Outcome::Refused), (true, Outcome::Indeterminate)] {
        let (forge, last) = lost(executed);
        let proposal = forge.recover(1, last, executed);
        let forge = forge.with(&proposal, |forge, lines| {
            forge.approve(lines, &proposal, &THREE);
            lines.add(recovering(&THREE, executed)).add(untouched(Outcome::Completed));
            lines.add(Closed { releases_destroyed: 3 });
        });
        let state = forge.state();
        assert_eq!(state.ceremonies.number(1).unwrap().outcome(), Some(outcome));
        assert!(state.pending().is_none());
        // Its own end is not that of an earlier ceremony.
        let has_ended = |recovery: &Proposal| state.recovered_by(recovery).unwrap().has_ended;
        assert!(!has_ended(&proposal));
        assert!(has_ended(&Proposal { ceremony: 3, ..proposal }));
    }
}

/// What sets no PINs is not made up for: a target leaves the quorum only where that is seen to its end.
#[test]
fn a_retirement_that_was_lost_retires_nothing() {
    let mut forge = Forge::new();
    let proposal = retire(&forge);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &THREE);
    lines.add(recovering(&THREE, false));
    forge.push(&proposal, &lines);
    let mut recovery = forge.recover(1, lines.head(), true);
    if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut recovery.operation {
        *interrupted = OperationKind::Retire;
    }
    let forge = forge.with(&recovery, |forge, lines| {
        forge.approve(lines, &recovery, &THREE);
        lines.add(recovering(&THREE, false)).add(untouched(Outcome::Completed));
        lines.add(Closed { releases_destroyed: 3 });
    });
    let state = forge.state();
    assert!(state.targets.contains_key(&name("hsm")) && state.retired.is_empty());
}

/// Who answers is not known before it is looked at; but what goes on record as the target is the token that was pinned.
#[test]
fn a_recovery_puts_no_other_token_in_the_place_of_the_target() {
    let told = |change: fn(&mut TokenIdentity)| {
        let (forge, last) = lost(true);
        let proposal = forge.recover(1, last, true);
        forge.with(&proposal, |forge, lines| {
            forge.approve(lines, &proposal, &THREE);
            let mut told = concluded(Outcome::Completed, &[], &[object("keep", "02")]);
            change(&mut told.targets[0].inventory.as_mut().unwrap().identity);
            lines.add(intended(&THREE)).add(told);
        })
    };
    drop(told(|_| {}).state());
    for change in [
        (|i| i.serial = text("9999")) as fn(&mut TokenIdentity),
        |i| i.label = text("mine"),
        |i| i.module_sha256 = Some(Digest::of(b"another module")),
    ] {
        forged(&told(change), "outcome: the target is a different token afterwards");
    }
}

/// A lost inventory had let the quorum approve another file for its target's module: what answers then is behind that one.
#[test]
fn an_update_of_the_module_does_not_stand_in_the_way_of_its_recovery() {
    let module = Digest::of(b"another module");
    let mut forge = Forge::new();
    let mut proposal = forge.inventory();
    proposal.plan += &format!("module_sha256 = \"{module}\"\n");
    let updated = TokenIdentity { module_sha256: Some(module), ..identity() };
    let path: AbsolutePath = "/nowhere/module.so".parse().unwrap();
    let old_sha256 = identity().module_sha256;
    let change = ModuleChange { old_path: path.clone(), old_sha256, new_path: path };
    proposal.operation = Operation::Inventory(InventoryOperation {
        target: name("hsm"),
        identity: updated.clone(),
        module: Some(change),
    });
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let mut intent = intended(&TWO);
    intent.targets[0].identity = updated.clone();
    lines.add(intent);
    forge.push(&proposal, &lines);
    let mut recovery = forge.recover(1, lines.head(), true);
    if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut recovery.operation {
        *interrupted = OperationKind::Inventory;
    }
    let forge = forge.with(&recovery, |forge, lines| {
        forge.approve(lines, &recovery, &THREE);
        let mut told = concluded(Outcome::Completed, &[], &forge.objects());
        told.targets[0].inventory.as_mut().unwrap().identity = updated.clone();
        lines.add(intended(&THREE)).add(told).add(Closed { releases_destroyed: 3 });
    });
    assert_eq!(forge.state().targets[&name("hsm")].identity, updated);
}

/// What a recovery does to the target is in another proposal than the one that is signed: it is told all the same.
#[test]
fn its_briefing_tells_what_is_still_to_come() {
    let told = |begun: &dyn Fn(&Forge) -> Proposal| {
        let mut forge = Forge::new();
        let proposal = begun(&forge);
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &THREE);
        lines.add(intended(&THREE));
        forge.push(&proposal, &lines);
        let mut recovery = forge.recover(1, lines.head(), true);
        if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut recovery.operation {
            *interrupted = proposal.operation.kind();
        }
        let state = forge.state();
        let lost = state.recovered_by(&recovery);
        let plan = Plan::parse(recovery.plan.as_bytes()).unwrap();
        let roster = state.roster().unwrap();
        let requirement = crate::transcript::recovery::requirement(Some(&state), &recovery.operation, roster);
        let sections = briefing((&recovery, &plan), Digest::of(b"proposal"), &requirement, lost);
        sections.iter().flat_map(|section| &section.lines).cloned().collect::<Vec<_>>().join("\n")
    };
    let delete = told(&|forge| forge.renewing_delete(2));
    for line in ["hsm: token \"lab\", serial 0001", "the user-pin, which the target and its module see"] {
        assert!(delete.contains(line), "{line}: {delete}");
    }
    assert!(!delete.contains("\"old\" id"), "the deletion is not gone on with: {delete}");
    let reset = told(&super::taken_up_again::reset);
    for line in ["EVERYTHING in it will be destroyed", "its label is \"lab-2\"", "\"keep\" id 02"] {
        assert!(reset.contains(line), "{line}: {reset}");
    }
}

#[test]
fn a_recovery_needs_all_authorities() {
    let (forge, last) = lost(true);
    let proposal = forge.recover(1, last, true);
    let forge = forge.with(&proposal, |forge, lines| {
        forge.approve(lines, &proposal, &TWO);
        lines.add(recovering(&TWO, true));
    });
    forged(&forge, "quorum-missing: it was executed without a quorum: crypto-officer 0 of 2,");
}

#[test]
fn only_what_is_open_is_recovered_and_as_it_is() {
    let mut closed = Forge::new();
    let (_, lines) = closed.complete_delete();
    let proposal = closed.recover(1, lines.head(), true);
    forged(
        &closed.with(&proposal, |_, _| {}),
        "recover: what it recovers is not open, and left no PINs that may",
    );

    let (forge, last) = lost(true);
    for (number, line, executed) in
        [(1, last, false), (1, Digest::of(b"another line"), true), (0, last, true)]
    {
        let proposal = forge.recover(number, line, executed);
        forged(&forge.with(&proposal, |_, _| {}), "ceremony-open: ceremony 1 had not ended");
    }
    let mut proposal = forge.recover(1, last, true);
    if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut proposal.operation {
        *interrupted = OperationKind::Inventory;
    }
    forged(&forge.with(&proposal, |_, _| {}), "ceremony-open: ceremony 1 had not ended");
}

#[test]
fn what_is_recovered_is_what_the_plan_names() {
    let (forge, last) = lost(true);
    let mut proposal = forge.recover(1, last, true);
    proposal.plan = proposal.plan.replace("ceremony = 1", "ceremony = 0");
    forged(&forge.with(&proposal, |_, _| {}), "plan-mismatch: the proposal differs from its plan: ceremony");
}

/// A recovery that came to nothing must not clear the way.
#[test]
fn a_recovery_that_was_given_up_or_refused_ends_nothing() {
    for refused in [false, true] {
        let (forge, last) = lost(true);
        let proposal = forge.recover(1, last, true);
        let forge = forge.with(&proposal, |forge, lines| {
            if refused {
                for who in THREE {
                    lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
                }
                lines.add(untouched(Outcome::Refused)).add(Closed { releases_destroyed: 0 });
            } else {
                lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
            }
        });
        assert_eq!(forge.state().pending().map(|c| c.number()), Some(1));
        let next = forge.inventory();
        forged(&forge.with(&next, |_, _| {}), "ceremony-open: ceremony 1 had not ended");
        let again = forge.recover(1, last, true);
        drop(forge.with(&again, |_, _| {}).state());
    }
}

/// The station of the recovery may be lost as well, before it acted.
#[test]
fn a_genesis_lends_its_roster_through_a_recovery_that_was_lost() {
    let mut forge = Forge::new();
    forge.files.clear();
    let genesis = forge.genesis();
    let mut lines = forge.begin(&genesis);
    forge.approve(&mut lines, &genesis, &ALL);
    lines.add(intended(&ALL));
    forge.push(&genesis, &lines);
    let mut last = lines.head();
    for (lost, kind) in [(0, OperationKind::Genesis), (1, OperationKind::Recover)] {
        let mut recovery = forge.recover(lost, last, lost == 0);
        recovery.roster = genesis.roster;
        if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut recovery.operation {
            *interrupted = kind;
        }
        let lines = forge.begin(&recovery);
        last = lines.head();
        forge.push(&recovery, &lines);
    }
    assert_eq!(forge.state().ceremonies.number(2).unwrap().roster.digest(), genesis.roster);
}

#[test]
fn a_genesis_that_touched_nothing_lends_no_roster() {
    let mut forge = Forge::new();
    forge.files.clear();
    let proposal = forge.genesis();
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    let mut next = forge.recover(0, lines.head(), false);
    next.roster = proposal.roster;
    if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut next.operation {
        *interrupted = OperationKind::Genesis;
    }
    forged(
        &forge.with(&next, |_, _| {}),
        "roster: no genesis has touched its targets, so there is no roster",
    );
}
