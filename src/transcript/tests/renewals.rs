//! Changed PINs: a station that claims to have set one that was not proposed, or keeps quiet about one, could lock the
//! quorum out of its own token.

use crate::{
    encoding::dsse::Mode,
    proposal::{
        document::Proposal,
        operations::{GenesisOperation, Operation},
        target::{Custody, Role},
    },
    transcript::{
        event::{Closed, Concluded, PinInForce, Rejected},
        ledger::LedgerState,
        outcome::Outcome,
    },
};

use super::forge::{ALL, Forge, TWO, adopted, concluded, credential, intended, name, object, proposed};
use super::{forged, taken_up_again::hold};

fn pin(role: Role, version: u32) -> PinInForce {
    PinInForce { target: name("hsm"), role, version }
}

/// A deletion that renews the user PIN to version 2, concluded as the test says.
fn concluding(outcome: Outcome, pins: Vec<PinInForce>) -> Forge {
    let forge = Forge::new();
    let proposal = forge.renewing_delete(2);
    conclude(forge, &proposal, outcome, pins)
}

fn conclude(mut forge: Forge, proposal: &Proposal, outcome: Outcome, pins: Vec<PinInForce>) -> Forge {
    let mut lines = forge.begin(proposal);
    forge.approve(&mut lines, proposal, &TWO);
    let told = match outcome {
        Outcome::Completed => concluded(outcome, &[object("old", "01")], &[object("keep", "02")]),
        _ => concluded(outcome, &[], &forge.objects()),
    };
    lines.add(intended(&TWO)).add(Concluded { pins, ..told }).add(Closed { releases_destroyed: 2 });
    forge.push(proposal, &lines);
    forge
}

fn in_force(state: &LedgerState) -> Vec<u32> {
    let credentials = &state.targets[&name("hsm")].credentials;
    credentials[&Role::UserPin].iter().map(|c| c.sealed.version).collect()
}

#[test]
fn a_renewal_puts_the_new_pin_in_force_and_nothing_else() {
    let forge = concluding(Outcome::Completed, vec![pin(Role::UserPin, 2)]);
    let state = forge.state();
    assert_eq!(in_force(&state), [2]);
    assert_eq!(state.targets[&name("hsm")].credentials[&Role::SoPin][0].sealed.version, 1);
}

#[test]
fn what_is_not_known_stays_in_force_until_it_is() {
    let forge = concluding(Outcome::Indeterminate, Vec::new());
    assert_eq!(in_force(&forge.state()), [2, 1]);
    // The next one tries both, and may end in the same way.
    let next = forge.renewing_delete(3);
    assert_eq!(in_force(&conclude(forge.clone(), &next, Outcome::Failed, Vec::new()).state()), [3, 2, 1]);
    for known in [1, 2, 3] {
        let told = vec![pin(Role::UserPin, known)];
        assert_eq!(in_force(&conclude(forge.clone(), &next, Outcome::Failed, told).state()), [known]);
    }
    assert_eq!(in_force(&concluding(Outcome::Failed, vec![pin(Role::UserPin, 1)]).state()), [1]);
}

#[test]
fn a_renewal_that_was_not_proposed_is_not_believed() {
    let neither = "pins: the PIN that it reports as in force was neither proposed nor in force before";
    let unchanged = "pins: it reports a PIN that was not to be changed";
    let twice = "pins: it reports one PIN twice";
    let elsewhere = "pins: it reports a PIN of a target that the quorum does not have";
    for (expected, told) in [
        (neither, vec![pin(Role::UserPin, 3)]),
        (neither, vec![pin(Role::UserPin, 0)]),
        (unchanged, vec![pin(Role::SoPin, 1)]),
        (unchanged, vec![pin(Role::BackupKey, 1)]),
        (twice, vec![pin(Role::UserPin, 2), pin(Role::UserPin, 2)]),
        (twice, vec![pin(Role::UserPin, 2), pin(Role::UserPin, 1)]),
        (elsewhere, vec![PinInForce { target: name("other"), ..pin(Role::UserPin, 2) }]),
    ] {
        for outcome in [Outcome::Completed, Outcome::Indeterminate, Outcome::Failed] {
            forged(&concluding(outcome, told.clone()), expected);
        }
    }
}

/// It set nothing: the PIN that it proposed was never in force, and is no candidate.
#[test]
fn a_renewal_that_was_refused_leaves_the_pin_as_it_was() {
    let mut forge = Forge::new();
    let proposal = forge.renewing_delete(2);
    let mut lines = forge.begin(&proposal);
    for who in ["alice", "bob", "carol"] {
        lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(&proposal, who)) });
    }
    let refused = Concluded { targets: Vec::new(), ..concluded(Outcome::Refused, &[], &[]) };
    lines.add(refused).add(Closed { releases_destroyed: 0 });
    forge.push(&proposal, &lines);
    assert_eq!(in_force(&forge.state()), [1]);
}

/// The same role of another target is another PIN.
#[test]
fn a_pin_is_of_one_target() {
    let elsewhere = PinInForce { target: name("spare"), ..pin(Role::UserPin, 2) };
    for pins in [vec![elsewhere.clone()], vec![pin(Role::UserPin, 2), elsewhere]] {
        let forge = adopted(|_| {});
        let proposal = forge.renewing_delete(2);
        let told = conclude(forge, &proposal, Outcome::Indeterminate, pins);
        forged(&told, "pins: it reports a PIN that was not to be changed");
    }
}

/// A deletion whose station was lost, and the recovery that looked at its target.
fn recovered(intended_by_lost: bool, told_by_lost: Option<Vec<PinInForce>>, pins: Vec<PinInForce>) -> Forge {
    const THREE: [&str; 3] = ["alice", "bob", "carol"];
    let mut forge = Forge::new();
    let proposal = forge.renewing_delete(2);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    if intended_by_lost {
        lines.add(intended(&TWO));
    }
    let looks = intended_by_lost && told_by_lost.is_none();
    if let Some(pins) = told_by_lost {
        lines.add(Concluded { pins, ..concluded(Outcome::Indeterminate, &[], &forge.objects()) });
    }
    forge.push(&proposal, &lines);
    let recovery = forge.recover(1, lines.head(), intended_by_lost);
    let mut lines = forge.begin(&recovery);
    forge.approve(&mut lines, &recovery, &THREE);
    let (mut intent, mut told) = (intended(&THREE), concluded(Outcome::Completed, &[], &forge.objects()));
    if !looks {
        intent.targets.clear();
        told.targets.clear();
    }
    lines.add(intent).add(Concluded { pins, ..told }).add(Closed { releases_destroyed: 3 });
    forge.push(&recovery, &lines);
    forge
}

#[test]
fn a_recovery_finds_out_which_pin_a_lost_deletion_left() {
    let (old, new) = (pin(Role::UserPin, 1), pin(Role::UserPin, 2));
    assert_eq!(in_force(&recovered(true, None, vec![new.clone()]).state()), [2]);
    assert_eq!(in_force(&recovered(true, None, vec![old.clone()]).state()), [1]);
    // Or not, and then both are tried.
    assert_eq!(in_force(&recovered(true, None, Vec::new()).state()), [2, 1]);
    // What never acted changed nothing, and what told of its PINs has told.
    assert_eq!(in_force(&recovered(false, None, Vec::new()).state()), [1]);
    assert_eq!(in_force(&recovered(true, Some(vec![new.clone()]), Vec::new()).state()), [2]);
    assert_eq!(in_force(&recovered(true, Some(Vec::new()), Vec::new()).state()), [2, 1]);
    for untold in [recovered(false, None, vec![old.clone()]), recovered(true, Some(Vec::new()), vec![new])] {
        forged(&untold, "pins: it reports changed PINs, and was not to change any");
    }
    forged(
        &recovered(true, None, vec![pin(Role::UserPin, 3)]),
        "pins: the PIN that it reports as in force was neither proposed nor in force before",
    );
}

#[test]
fn what_is_completed_has_set_every_new_pin() {
    forged(
        &concluding(Outcome::Completed, Vec::new()),
        "pins: completed, but a PIN that was to be changed is not reported as changed",
    );
    forged(
        &concluding(Outcome::Completed, vec![pin(Role::UserPin, 1)]),
        "pins: completed, but a PIN that was to be changed is not reported as changed",
    );
}

#[test]
fn a_ceremony_that_keeps_the_pins_tells_of_none() {
    let forge = Forge::new();
    let proposal = forge.delete();
    forged(
        &conclude(forge, &proposal, Outcome::Completed, vec![pin(Role::UserPin, 1)]),
        "pins: it reports a PIN that was not to be changed",
    );
}

#[test]
fn a_proposal_renews_what_its_plan_says() {
    let propose = |change: &dyn Fn(&mut Proposal)| {
        let mut forge = Forge::new();
        let mut proposal = forge.renewing_delete(2);
        change(&mut proposal);
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forge
    };
    drop(propose(&|_| {}).state());
    forged(
        &propose(&|p| p.credentials.clear()),
        "credential: the user-pin of hsm for crypto-officer is missing",
    );
    forged(
        &propose(&|p| p.credentials[0].version = 1),
        "credential: the user-pin of hsm has version 1, the next one is 2",
    );
    forged(
        &propose(&|p| p.credentials = vec![credential(Role::SoPin, "security-officer", 2)]),
        "credential: the so-pin of hsm for security-officer is not one that this",
    );
    // To another authority it would be theirs alone.
    forged(
        &propose(&|p| p.credentials = vec![credential(Role::UserPin, "security-officer", 2)]),
        "credential: the user-pin of hsm for security-officer is not one that this",
    );
    forged(
        &propose(&|p| p.plan = p.plan.replace("target =", "keep_pins = true\ntarget =")),
        "credential: the user-pin of hsm for crypto-officer is not one that this",
    );
}

/// What its owner keeps is not the quorum's to change.
#[test]
fn a_borrowed_pin_is_not_renewed() {
    let mut forge = Forge::empty(Mode::Production, "ledger");
    let mut genesis = forge.genesis();
    let user_pin = "user-pin = { authority = \"crypto-officer\", custody = ";
    genesis.plan = genesis.plan.replace(&format!("{user_pin}\"held\""), &format!("{user_pin}\"borrowed\""));
    if let Operation::Genesis(GenesisOperation { targets }) = &mut genesis.operation {
        targets[0].credentials[1].custody = Custody::Borrowed;
    }
    genesis.credentials.remove(1);
    let told = concluded(Outcome::Completed, &[], &forge.objects());
    hold(&mut forge, &genesis, &ALL, told);
    let mut proposal = forge.renewing_delete(1);
    forged(
        &proposed(forge.clone(), &proposal),
        "credential: the user-pin of hsm for crypto-officer is not one that this",
    );
    proposal.credentials.clear();
    drop(proposed(forge, &proposal).state());
}
