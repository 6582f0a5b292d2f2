//! Ceremonies that ended while nobody knew which PINs hold: a recovery takes them up again, and nothing else may pass as one.

use crate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        operations::{AdoptOperation, InventoryOperation, Operation, RecoverOperation, ResetOperation},
        target::{Custody, Inventory, Role},
    },
    roster::OperationKind,
    transcript::{
        event::{Aborted, Closed, Concluded, ObservedTarget, PinInForce, TargetState},
        outcome::Outcome,
        recovery::Rest,
        verification,
    },
};

use super::forge::{
    ALL, Forge, TWO, Transcript, adopt, adopted, concluded, credential, identity, intended, name, object,
    seen, text,
};
use super::{forged, targets::retire};

const THREE: [&str; 3] = ["alice", "bob", "carol"];

/// A reset of the token, which sets both its PINs.
pub(super) fn reset(forge: &Forge) -> Proposal {
    let plan = "kind = \"reset\"\ntitle = \"Reset\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nserial = \"0001\"\n\
                label = \"lab\"\nnew_label = \"lab-2\"\n";
    let operation = Operation::Reset(ResetOperation {
        target: name("hsm"),
        identity: identity(),
        objects: forge.objects(),
        new_label: "lab-2".parse().unwrap(),
    });
    let mut proposal = forge.other("Reset", plan, operation);
    let version = forge.state().next_version(&name("hsm"), Role::SoPin);
    proposal.credentials = vec![
        credential(Role::SoPin, "security-officer", version),
        credential(Role::UserPin, "crypto-officer", version),
        credential(Role::UserPin, "security-officer", version),
    ];
    proposal
}

fn untouched(outcome: Outcome) -> Concluded {
    Concluded { targets: Vec::new(), ..concluded(outcome, &[], &[]) }
}

/// The token after the reset.
pub(super) fn empty(outcome: Outcome) -> Concluded {
    let mut told = concluded(outcome, &[], &[]);
    told.targets[0].inventory.as_mut().unwrap().identity.label = text("lab-2");
    told
}

/// A ceremony from its proposal to its last line. Its head.
pub(super) fn hold(forge: &mut Forge, proposal: &Proposal, by: &[&str], told: Concluded) -> Digest {
    let mut lines = forge.begin(proposal);
    forge.approve(&mut lines, proposal, by);
    lines.add(intended(by)).add(told).add(Closed { releases_destroyed: 3 });
    forge.push(proposal, &lines);
    lines.head()
}

/// A reset that ended like this, and its head.
fn ended(outcome: Outcome) -> (Forge, Digest) {
    let mut forge = Forge::new();
    let proposal = reset(&forge);
    let head = hold(&mut forge, &proposal, &THREE, untouched(outcome));
    (forge, head)
}

fn recover(forge: &Forge, number: u32, head: Digest, kind: OperationKind) -> Proposal {
    let mut proposal = forge.recover(number, head, true);
    if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut proposal.operation {
        *interrupted = kind;
    }
    proposal
}

fn only_begun(mut forge: Forge, proposal: &Proposal) -> Forge {
    let lines = forge.begin(proposal);
    forge.push(proposal, &lines);
    forge
}

fn remarks(forge: &Forge, code: &str) -> usize {
    verification::remarks(&forge.state(), super::forge::reading()).iter().filter(|f| f.code == code).count()
}

#[test]
fn a_reset_is_complete_when_its_token_is_empty_under_its_new_label() {
    let told = |change: fn(&mut Concluded)| {
        let mut forge = Forge::new();
        let proposal = reset(&forge);
        let mut told = empty(Outcome::Completed);
        change(&mut told);
        hold(&mut forge, &proposal, &THREE, told);
        forge
    };
    drop(told(|_| {}).state());
    forged(
        &told(|c| c.targets[0].inventory.as_mut().unwrap().objects.push(object("old", "01"))),
        "outcome: completed, but what it shows is not what was to be done",
    );
    forged(
        &told(|c| c.targets[0].inventory.as_mut().unwrap().identity.label = text("lab")),
        "outcome: the target is a different token afterwards",
    );
    // It may have another serial number afterwards, and is of the same make.
    drop(told(|c| c.targets[0].inventory.as_mut().unwrap().identity.serial = text("0009")).state());
    forged(
        &told(|c| c.targets[0].inventory.as_mut().unwrap().identity.model = text("other")),
        "outcome: the target is a different token afterwards",
    );
    forged(&told(|c| c.targets.clear()), "outcome: completed, but the target was not looked at afterwards");
    forged(
        &told(|c| c.deleted.push(object("old", "01"))),
        "outcome: it lists what the operation was not to do",
    );
}

#[test]
fn a_reset_is_what_its_plan_says() {
    for (says, other, expected) in [
        ("\"hsm\"", "\"other\"", "plan-mismatch: the proposal differs from its plan: target"),
        ("\"0001\"", "\"0009\"", "plan-mismatch: the proposal differs from its plan: serial or label"),
        (
            "\nlabel = \"lab\"",
            "\nlabel = \"lob\"",
            "plan-mismatch: the proposal differs from its plan: serial or label",
        ),
        ("\"lab-2\"", "\"lab-3\"", "plan-mismatch: the proposal differs from its plan: new_label"),
        (
            "\"lab-2\"",
            "\"lab\"",
            "plan: its plan is not valid: new_label is the present label: a reset is recognised by",
        ),
    ] {
        let forge = Forge::new();
        let mut proposal = reset(&forge);
        assert!(proposal.plan.contains(says), "{says}");
        proposal.plan = proposal.plan.replacen(says, other, 1);
        forged(&only_begun(forge, &proposal), expected);
    }
}

#[test]
fn a_recovery_puts_the_pins_of_a_reset_in_force_and_its_label_on_record() {
    let (mut forge, head) = ended(Outcome::Indeterminate);
    assert_eq!(remarks(&forge, "pins-unsettled"), 1);
    let proposal = recover(&forge, 1, head, OperationKind::Reset);
    // One that came to nothing leaves it as it was.
    hold(&mut forge, &proposal, &THREE, untouched(Outcome::Indeterminate));
    assert_eq!(remarks(&forge, "pins-unsettled"), 1);
    let proposal = recover(&forge, 1, head, OperationKind::Reset);
    hold(&mut forge, &proposal, &THREE, empty(Outcome::Completed));
    let state = forge.state();
    let target = &state.targets[&name("hsm")];
    assert_eq!(target.identity.label, text("lab-2"));
    for role in [Role::SoPin, Role::UserPin] {
        let held: Vec<u32> = target.credentials[&role].iter().map(|c| c.sealed.version).collect();
        let rule = target.target.rule(role).unwrap();
        assert_eq!((held, rule.custody), (vec![2], Custody::Held));
        // One authority must install the user PIN of another, and does not keep it.
        assert_eq!(target.credentials[&role][0].sealed.authority, rule.authority);
    }
    assert_eq!(state.ceremonies.number(1).unwrap().outcome(), Some(Outcome::Indeterminate));
    assert_eq!(
        state.ceremonies.number(1).unwrap().standing(),
        text("indeterminate, completed by ceremony 3")
    );
    assert_eq!(remarks(&forge, "pins-unsettled"), 0);
    // Once.
    let again = recover(&forge, 1, head, OperationKind::Reset);
    forged(&only_begun(forge, &again), "recover: what it recovers is not open, and left no PINs that may");
}

/// What is still to be done of a lost ceremony follows from what it is for and from how far it came.
#[test]
fn only_what_was_begun_and_has_no_end_on_record_is_gone_on_with() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Came {
        Proposed,
        Intended,
        Concluded,
        Closed,
    }
    use Came::{Closed as Ended, Concluded as Told, Intended as Begun, Proposed as Asked};
    type Make = fn(&Forge) -> Proposal;
    let of = |make: Make, came: Came| {
        let mut forge = Forge::new();
        let proposal = make(&forge);
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &THREE);
        if came != Asked {
            lines.add(intended(&THREE));
        }
        if matches!(came, Told | Ended) {
            lines.add(untouched(Outcome::Indeterminate));
        }
        if came == Ended {
            lines.add(Closed { releases_destroyed: 3 });
        }
        forge.push(&proposal, &lines);
        (forge, lines.head())
    };
    let delete: Make = |forge| forge.delete();
    for (make, came, rest) in [
        (delete, Asked, Rest::Nothing),
        (delete, Begun, Rest::Look),
        (delete, Told, Rest::Nothing),
        (delete, Ended, Rest::Nothing),
        (reset, Asked, Rest::Nothing),
        (reset, Begun, Rest::Everything),
        (reset, Told, Rest::Nothing),
        (reset, Ended, Rest::Everything),
    ] {
        let (forge, head) = of(make, came);
        let recovery = forge.recover(1, head, came != Asked);
        let state = forge.state();
        assert_eq!(state.recovery(&recovery.operation).unwrap().rest, rest, "{came:?}: {rest:?}");
        assert!(state.recovery(&make(&forge).operation).is_none());
    }
    // A lost recovery has nothing of its own to look at; the ceremony that it was for is recovered by itself.
    let (forge, head) = of(reset, Begun);
    let recovery = recover(&forge, 1, head, OperationKind::Reset);
    let mut lost = forge.clone();
    let mut lines = lost.begin(&recovery);
    lost.approve(&mut lines, &recovery, &THREE);
    lines.add(intended(&THREE));
    lost.push(&recovery, &lines);
    let of_it = recover(&lost, 2, lines.head(), OperationKind::Recover);
    assert_eq!(lost.state().recovery(&of_it.operation).unwrap().rest, Rest::Nothing);
    // What one has completed is not completed again.
    let mut completed = forge;
    hold(&mut completed, &recovery, &THREE, empty(Outcome::Completed));
    assert!(!completed.state().recovery(&recovery.operation).unwrap().finishes());
}

/// A reset that nobody approved, or that was given up before it acted, has set nothing.
#[test]
fn what_never_acted_leaves_no_pins_unsettled() {
    let mut forge = Forge::new();
    let proposal = reset(&forge);
    let mut lines = forge.begin(&proposal);
    let abort = forge.sign("frank", &forge.abort(&proposal, "frank"));
    lines.add(Aborted { abort });
    forge.push(&proposal, &lines);
    assert_eq!(remarks(&forge, "pins-unsettled"), 0);
    let proposal = recover(&forge, 1, lines.head(), OperationKind::Reset);
    forged(&only_begun(forge, &proposal), "recover: what it recovers is not open, and left no PINs that may");
}

/// It sets PINs, and has them in force if it completes: there is nothing to tell of single ones.
#[test]
fn a_reset_tells_of_no_changed_pin() {
    let mut forge = Forge::new();
    let proposal = reset(&forge);
    let pins = vec![PinInForce { target: name("hsm"), role: Role::UserPin, version: 2 }];
    hold(&mut forge, &proposal, &THREE, Concluded { pins, ..empty(Outcome::Completed) });
    forged(&forge, "pins: it reports changed PINs, and was not to change any");
}

#[test]
fn only_what_may_have_set_pins_is_taken_up_again() {
    for outcome in [Outcome::Failed, Outcome::Completed] {
        let mut forge = Forge::new();
        let proposal = reset(&forge);
        let told = if outcome == Outcome::Completed { empty(outcome) } else { untouched(outcome) };
        let head = hold(&mut forge, &proposal, &THREE, told);
        let proposal = recover(&forge, 1, head, OperationKind::Reset);
        forged(
            &only_begun(forge, &proposal),
            "recover: what it recovers is not open, and left no PINs that may",
        );
    }
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let head = hold(&mut forge, &proposal, &TWO, untouched(Outcome::Indeterminate));
    let proposal = recover(&forge, 1, head, OperationKind::Delete);
    forged(&only_begun(forge, &proposal), "recover: what it recovers is not open, and left no PINs that may");
    // And it is named as it is.
    let (forge, head) = ended(Outcome::Indeterminate);
    for (number, line, kind) in [
        (1, Digest::of(b"another line"), OperationKind::Reset),
        (1, head, OperationKind::Genesis),
        (0, head, OperationKind::Genesis),
    ] {
        let proposal = recover(&forge, number, line, kind);
        forged(
            &only_begun(forge.clone(), &proposal),
            "recover: what it recovers is not open, and left no PINs that may",
        );
    }
}

/// A token that was seen since, under the label that it had before, was not reset.
#[test]
fn what_was_seen_to_be_as_it_was_is_not_reset_later() {
    let (mut forge, head) = ended(Outcome::Indeterminate);
    let look = forge.inventory();
    hold(&mut forge, &look, &TWO, concluded(Outcome::Completed, &[], &[object("old", "01")]));
    assert_eq!(remarks(&forge, "pins-unsettled"), 0);
    let proposal = recover(&forge, 1, head, OperationKind::Reset);
    forged(&only_begun(forge, &proposal), "recover: what it recovers is not open, and left no PINs that may");
}

/// It is still a reset: what a record of it must show, and who must approve it, is no less.
#[test]
fn the_end_of_a_reset_is_proven_as_a_reset_is() {
    let (forge, head) = ended(Outcome::Indeterminate);
    let proposal = recover(&forge, 1, head, OperationKind::Reset);
    let told = |by: &[&str], told: Concluded| {
        let mut forge = forge.clone();
        let mut lines: Transcript = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, by);
        lines.add(intended(by)).add(told);
        forge.push(&proposal, &lines);
        forge
    };
    drop(told(&THREE, empty(Outcome::Completed)).state());
    forged(
        &told(&TWO, empty(Outcome::Completed)),
        "quorum-missing: it was executed without a quorum: crypto-officer 0 of 2,",
    );
    let another = "outcome: the target is a different token afterwards";
    let mut full = empty(Outcome::Completed);
    full.targets[0].inventory.as_mut().unwrap().objects = vec![object("old", "01")];
    for (expected, lie) in [
        ("outcome: completed, but the target was not looked at afterwards", untouched(Outcome::Completed)),
        (another, concluded(Outcome::Completed, &[], &[])),
        (another, Concluded { targets: seen(&[object("old", "01")]), ..empty(Outcome::Completed) }),
        ("outcome: completed, but what it shows is not what was to be done", full),
        // Nothing is on record of a token that was not seen to be reset.
        (another, empty(Outcome::Indeterminate)),
    ] {
        forged(&told(&THREE, lie), expected);
    }
}

#[test]
fn a_genesis_is_taken_up_again_by_its_own_people() {
    let mut forge = Forge::new();
    forge.files.clear();
    let genesis = forge.genesis();
    let head = hold(&mut forge, &genesis, &ALL, untouched(Outcome::Indeterminate));
    let mut proposal = recover(&forge, 0, head, OperationKind::Genesis);
    // Nobody else's roster, and no other operation.
    forged(
        &only_begun(forge.clone(), &proposal),
        "roster-digest: it names a roster other than the one in force",
    );
    proposal.roster = genesis.roster;
    forged(
        &only_begun(forge.clone(), &Proposal { roster: genesis.roster, ..forge.inventory() }),
        "roster: no genesis has completed: no roster is in force",
    );
    let seen = concluded(Outcome::Completed, &[], &forge.objects());
    hold(&mut forge, &proposal, &THREE, seen);
    let state = forge.state();
    assert_eq!(state.roster().map(|r| r.digest()), Some(genesis.roster));
    assert_eq!(state.targets[&name("hsm")].credentials[&Role::UserPin][0].sealed.version, 1);
    forge.complete_delete();
    drop(forge.state());
}

/// While it is open, it is told as that.
#[test]
fn an_open_reset_is_not_unsettled() {
    let mut forge = Forge::new();
    let proposal = reset(&forge);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &THREE);
    lines.add(intended(&THREE));
    forge.push(&proposal, &lines);
    assert_eq!((remarks(&forge, "pins-unsettled"), remarks(&forge, "ceremony-unfinished")), (0, 1));
}

/// What is done with another token says nothing of this one; when it leaves the quorum, nobody asks.
#[test]
fn a_reset_stays_unsettled_until_its_own_target_is_seen_or_retired() {
    let mut forge = adopted(|_| {});
    let proposal = reset(&forge);
    hold(&mut forge, &proposal, &THREE, untouched(Outcome::Indeterminate));
    let spare = || forge.state().targets[&name("spare")].identity.clone();
    let mut look = forge.inventory();
    look.plan = look.plan.replace("\"hsm\"", "\"spare\"");
    look.operation =
        Operation::Inventory(InventoryOperation { target: name("spare"), identity: spare(), module: None });
    let mut lines = forge.begin(&look);
    forge.approve(&mut lines, &look, &TWO);
    let mut intent = intended(&TWO);
    intent.targets = vec![ObservedTarget { name: name("spare"), identity: spare() }];
    lines.add(intent).add(untouched(Outcome::Failed)).add(Closed { releases_destroyed: 2 });
    forge.push(&look, &lines);
    assert_eq!(remarks(&forge, "pins-unsettled"), 1);
    let retirement = retire(&forge);
    let mut lines = forge.begin(&retirement);
    forge.approve(&mut lines, &retirement, &THREE);
    let mut intent = intended(&THREE);
    intent.targets.clear();
    lines.add(intent).add(untouched(Outcome::Completed)).add(Closed { releases_destroyed: 3 });
    forge.push(&retirement, &lines);
    assert_eq!(remarks(&forge, "pins-unsettled"), 0);
}

/// The token of an adoption that ended in doubt is the quorum's as soon as another one completed, under whatever name.
#[test]
fn an_adoption_is_unsettled_until_its_token_or_its_name_is_the_quorums() {
    let adopting = |forge: &mut Forge, as_name: &str, serial: &str, outcome: Outcome| {
        let mut proposal = adopt(forge, as_name);
        proposal.plan = proposal.plan.replace("0002", serial);
        let Operation::Adopt(AdoptOperation { target }) = &mut proposal.operation else { panic!() };
        target.identity.serial = text(serial);
        let identity = target.identity.clone();
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &THREE);
        let mut intent = intended(&THREE);
        intent.targets = vec![ObservedTarget { name: name(as_name), identity: identity.clone() }];
        let inventory = Some(Inventory { identity, objects: Vec::new() });
        let mut told = untouched(outcome);
        if outcome == Outcome::Completed {
            told.targets = vec![TargetState { name: name(as_name), inventory }];
        }
        lines.add(intent).add(told).add(Closed { releases_destroyed: 3 });
        forge.push(&proposal, &lines);
    };
    for (as_name, serial, left) in
        [("spare", "0002", 0), ("other", "0002", 0), ("spare", "0003", 0), ("other", "0003", 1)]
    {
        let mut forge = Forge::new();
        adopting(&mut forge, "spare", "0002", Outcome::Indeterminate);
        assert_eq!(remarks(&forge, "pins-unsettled"), 1);
        adopting(&mut forge, as_name, serial, Outcome::Completed);
        assert_eq!(remarks(&forge, "pins-unsettled"), left, "{as_name} {serial}");
    }
}
