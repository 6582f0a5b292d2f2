//! PINs for applications: a station that hands one to itself, or tells that it handed over what it did not.

use std::sync::OnceLock;

use crate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        operations::{GenesisOperation, Operation, RecoverOperation},
        sealed::SealedHandover,
        target::{Custody, Role},
    },
    roster::{OperationKind, OperationRule},
    transcript::{
        event::{Closed, Concluded, HandedOver, PinInForce},
        outcome::Outcome,
    },
};

use super::forge::{
    ALL, Forge, application, concluded, credential, intended, name, object, proposed, recipient, refit,
    sealed_to, text,
};
use super::{forged, honest, taken_up_again::hold, targets::retire};

const THREE: [&str; 3] = ["alice", "bob", "carol"];

fn handover(version: u32, to: &str) -> SealedHandover {
    let file = sealed_to(&[&recipient(to)]);
    SealedHandover { target: name("hsm"), recipient: application(to), version, file }
}

/// A genesis whose user PIN is reissued to `application`.
fn genesis(forge: &Forge) -> Proposal {
    genesis_for(forge, "application")
}

/// The same for whoever has this key.
fn genesis_for(forge: &Forge, owner: &str) -> Proposal {
    let mut proposal = forge.genesis();
    let text = format!(
        "user-pin = {{ authority = \"security-officer\", custody = \"reissued\", recipient = \"{}\" }}\n",
        application(owner)
    );
    let held = "user-pin = { authority = \"crypto-officer\", custody = \"held\" }\n";
    assert!(proposal.plan.contains(held));
    proposal.plan = proposal.plan.replace(held, &text).replace("delete = [\"crypto", "delete = [\"security");
    let document = proposal.new_roster.as_mut().unwrap();
    let rule = OperationRule::of(vec![name("security-officer")]);
    document.operations.insert(OperationKind::Delete, rule);
    proposal.roster = refit(document);
    if let Operation::Genesis(GenesisOperation { targets }) = &mut proposal.operation {
        let rule = &mut targets[0].credentials[1];
        rule.authority = name("security-officer");
        rule.custody = Custody::Reissued;
        rule.recipient = Some(application(owner));
    }
    proposal.credentials[1] = credential(Role::UserPin, "security-officer", 1);
    proposal.handovers = vec![handover(1, owner)];
    proposal
}

fn found(forge: &mut Forge, proposal: &Proposal, change: impl FnOnce(&mut Concluded)) {
    let mut lines = forge.begin(proposal);
    forge.approve(&mut lines, proposal, &ALL);
    let mut told = concluded(Outcome::Completed, &[], &forge.objects());
    told.handovers = proposal.handovers.iter().map(HandedOver::of).collect();
    change(&mut told);
    lines.add(intended(&ALL)).add(told).add(Closed { releases_destroyed: 4 });
    forge.push(proposal, &lines);
}

fn empty() -> Forge {
    let mut forge = Forge::new();
    forge.files.clear();
    forge
}

/// A ledger of such a genesis; made once, since sealing is random.
pub(super) fn founded() -> Forge {
    static MADE: OnceLock<Forge> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let mut forge = empty();
        let proposal = genesis(&forge);
        found(&mut forge, &proposal, |_| {});
        forge
    });
    made.clone()
}

fn delete(forge: &Forge) -> Proposal {
    let mut proposal = forge.renewing_delete(2);
    proposal.credentials = vec![
        credential(Role::SoPin, "security-officer", 2),
        credential(Role::UserPin, "security-officer", 2),
    ];
    proposal.handovers = vec![handover(2, "application")];
    proposal
}

fn proposing(change: impl FnOnce(&mut Proposal)) -> Forge {
    let mut forge = founded();
    let mut proposal = delete(&forge);
    change(&mut proposal);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forge
}

fn concluding(change: impl FnOnce(&mut Concluded)) -> Forge {
    let mut forge = founded();
    let proposal = delete(&forge);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &THREE);
    let mut told = concluded(Outcome::Completed, &[object("old", "01")], &[object("keep", "02")]);
    told.pins = vec![PinInForce { target: name("hsm"), role: Role::SoPin, version: 2 }];
    told.handovers = proposal.handovers.iter().map(HandedOver::of).collect();
    change(&mut told);
    lines.add(intended(&THREE)).add(told).add(Closed { releases_destroyed: 3 });
    forge.push(&proposal, &lines);
    forge
}

#[test]
fn the_honest_ones_hold() {
    let state = honest(&concluding(|_| {}));
    let credentials = &state.targets[&name("hsm")].credentials;
    assert_eq!(credentials[&Role::SoPin].iter().map(|c| c.sealed.version).collect::<Vec<_>>(), [2]);
    // The application's PIN is not the quorum's.
    assert!(!credentials.contains_key(&Role::UserPin));
    drop(proposing(|_| {}).state());
    // Only a completion has handed over what was to be handed over.
    let state = concluding(|c| {
        (c.outcome, c.deleted) = (Outcome::Failed, Vec::new());
        c.pins.clear();
        c.handovers.clear();
        c.targets[0].inventory.as_mut().unwrap().objects = vec![object("old", "01"), object("keep", "02")];
        c.targets[0].inventory.as_mut().unwrap().objects.sort();
    })
    .state();
    let candidates = &state.targets[&name("hsm")].credentials[&Role::SoPin];
    assert_eq!(candidates.iter().map(|c| c.sealed.version).collect::<Vec<_>>(), [2, 1]);
}

/// What a cut-off deletion handed over may stay unknown; a genesis that is completed later has handed over all of it.
#[test]
fn a_recovery_hands_over_what_it_completes() {
    let recovered = |proposal: &Proposal, mut forge: Forge, kind, by: &[&str], told: Concluded| {
        let mut lines = forge.begin(proposal);
        forge.approve(&mut lines, proposal, by);
        lines.add(intended(by));
        forge.push(proposal, &lines);
        let mut recovery = forge.recover(proposal.ceremony, lines.head(), true);
        recovery.roster = proposal.roster;
        if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut recovery.operation {
            *interrupted = kind;
        }
        let mut lines = forge.begin(&recovery);
        forge.approve(&mut lines, &recovery, &THREE);
        lines.add(intended(&THREE)).add(told).add(Closed { releases_destroyed: 3 });
        forge.push(&recovery, &lines);
        forge
    };
    let forge = founded();
    let seen = concluded(Outcome::Completed, &[], &forge.objects());
    let deletion = delete(&forge);
    drop(recovered(&deletion, forge, OperationKind::Delete, &THREE, seen.clone()).state());
    let founding = genesis(&empty());
    forged(
        &recovered(&founding, empty(), OperationKind::Genesis, &ALL, seen.clone()),
        "handover: completed, but a PIN that was to be handed over is not reported",
    );
    let handovers = founding.handovers.iter().map(HandedOver::of).collect();
    let told = Concluded { handovers, ..seen };
    drop(recovered(&founding, empty(), OperationKind::Genesis, &ALL, told).state());
}

#[test]
fn a_pin_goes_to_its_application_and_to_nobody_else() {
    forged(
        &proposing(|p| p.handovers = vec![handover(2, "mallory")]),
        "handover: the user-pin of hsm is not for",
    );
    forged(
        &proposing(|p| p.handovers.push(handover(2, "mallory"))),
        "handover: the user-pin of hsm is not for",
    );
    forged(
        &proposing(|p| p.handovers.push(handover(2, "application"))),
        "handover: the user-pin of hsm is to be handed over once",
    );
    forged(&proposing(|p| p.handovers.clear()), "handover: the user-pin of hsm is to be handed over once");
    forged(
        &proposing(|p| p.handovers[0].version = 1),
        "handover: the user-pin of hsm that is handed over is not the one that is",
    );
    forged(
        &proposing(|p| p.handovers[0].target = name("other")),
        "handover: the user-pin of other is not for",
    );
    let two = sealed_to(&[&recipient("application"), &recipient("mallory")]);
    forged(
        &proposing(|p| p.handovers[0].file = two),
        "handover: the sealed user-pin of hsm: it has 2 recipients instead of exactly",
    );
    forged(
        &proposing(|p| p.handovers[0].file.0.truncate(40)),
        "handover: the sealed user-pin of hsm: it is damaged, or not an age file",
    );
    // What nobody can set is not handed over.
    forged(
        &proposing(|p| p.credentials.truncate(1)),
        "credential: the user-pin of hsm for security-officer is missing",
    );
}

/// Whoever holds a share would have the PIN as well.
#[test]
fn an_application_has_a_key_of_its_own() {
    for whose in ["alice", "frank", "crypto-officer"] {
        let mut forge = empty();
        let proposal = genesis_for(&forge, whose);
        found(&mut forge, &proposal, |_| {});
        forged(&forge, "operation: hsm: its application's recipient is a key of the quorum");
    }
}

#[test]
fn only_a_reissued_pin_is_handed_over() {
    let mut forge = Forge::new();
    let mut proposal = forge.renewing_delete(2);
    proposal.handovers = vec![handover(2, "mallory")];
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forged(&forge, "handover: the user-pin of hsm is not for");
}

#[test]
fn what_was_handed_over_is_what_was_proposed() {
    forged(
        &concluding(|c| c.handovers.clear()),
        "handover: completed, but a PIN that was to be handed over is not reported",
    );
    forged(
        &concluding(|c| c.handovers[0].recipient = application("mallory")),
        "handover: it reports a PIN that was not to be handed over, or not to",
    );
    forged(
        &concluding(|c| c.handovers[0].sha256 = Digest::of(b"another file")),
        "handover: it reports a PIN that was not to be handed over, or not to",
    );
    forged(
        &concluding(|c| c.handovers[0].version = 1),
        "handover: it reports a PIN that was not to be handed over, or not to",
    );
    forged(
        &concluding(|c| c.handovers[0].target = name("other")),
        "handover: it reports a PIN that was not to be handed over, or not to",
    );
    forged(&concluding(|c| c.handovers.push(c.handovers[0].clone())), "handover: it reports one PIN twice");
    forged(
        &concluding(|c| c.pins.clear()),
        "pins: completed, but a PIN that was to be changed is not reported as changed",
    );
    let user = PinInForce { target: name("hsm"), role: Role::UserPin, version: 2 };
    forged(&concluding(|c| c.pins.push(user)), "pins: it reports a PIN that was not to be changed");
}

#[test]
fn a_genesis_hands_over_as_well() {
    let genesis_with = |change: &dyn Fn(&mut Proposal), told: &dyn Fn(&mut Concluded)| {
        let mut forge = empty();
        let mut proposal = genesis(&forge);
        change(&mut proposal);
        found(&mut forge, &proposal, told);
        forge
    };
    drop(genesis_with(&|_| {}, &|_| {}).state());
    forged(
        &genesis_with(&|p| p.handovers.clear(), &|_| {}),
        "handover: the user-pin of hsm is to be handed over once",
    );
    forged(
        &genesis_with(&|p| p.handovers = vec![handover(1, "mallory")], &|_| {}),
        "handover: the user-pin of hsm is not for",
    );
    forged(
        &genesis_with(&|_| {}, &|c| c.handovers.clear()),
        "handover: completed, but a PIN that was to be handed over is not reported",
    );
    let other = |p: &mut Proposal| {
        if let Operation::Genesis(GenesisOperation { targets }) = &mut p.operation {
            targets[0].credentials[1].recipient = Some(application("mallory"));
        }
        p.handovers = vec![handover(1, "mallory")];
    };
    forged(&genesis_with(&other, &|_| {}), "plan-mismatch: the proposal differs from its plan: targets");
}

/// Nothing logs in to a target that is retired.
/// A reset sets the application's PIN too, although it does not log in.
#[test]
fn a_reset_hands_over_the_new_pin() {
    let resetting = |handovers: Vec<SealedHandover>| {
        let forge = founded();
        let mut proposal = super::taken_up_again::reset(&forge);
        proposal.credentials =
            [Role::SoPin, Role::UserPin].map(|role| credential(role, "security-officer", 2)).to_vec();
        proposal.handovers = handovers;
        forge.with(&proposal, |_, _| {})
    };
    drop(resetting(vec![handover(2, "application")]).state());
    forged(&resetting(Vec::new()), "handover: the user-pin of hsm is to be handed over once");
}

#[test]
fn a_retirement_hands_nothing_over() {
    drop(proposed(founded(), &retire(&founded())).state());
}

/// The SO PIN may have the version that the user PIN had before.
#[test]
fn the_version_that_is_handed_over_is_that_of_the_user_pin() {
    let mut forge = founded();
    let mut first = delete(&forge);
    first.plan = first.plan.replace("target =", "keep_pins = true\ntarget =");
    first.credentials.remove(0);
    let mut told = concluded(Outcome::Failed, &[], &forge.objects());
    told.handovers = first.handovers.iter().map(HandedOver::of).collect();
    hold(&mut forge, &first, &THREE, told);
    let mut second = delete(&forge);
    second.credentials[1].version = 3;
    second.handovers = vec![handover(3, "application")];
    drop(proposed(forge.clone(), &second).state());
    second.handovers[0].version = 2;
    forged(
        &proposed(forge, &second),
        "handover: the user-pin of hsm that is handed over is not the one that is",
    );
}

/// Two targets, each with an application.
#[test]
fn each_target_hands_over_its_own_pin() {
    let forge = empty();
    let mut proposal = genesis(&forge);
    let spare = proposal.plan[proposal.plan.find("[[targets]]").unwrap()..].to_owned();
    let spare = spare.replace("\"hsm\"", "\"spare\"").replace("\"lab\"", "\"spare\"").replace("0001", "0002");
    let spare = spare.lines().filter(|line| !line.starts_with("backup-key")).collect::<Vec<_>>().join("\n");
    proposal.plan += &spare;
    let Operation::Genesis(GenesisOperation { targets }) = &mut proposal.operation else { panic!() };
    let mut twin = targets[0].clone();
    twin.credentials.pop();
    (twin.name, twin.label) = (name("spare"), text("spare"));
    (twin.identity.label, twin.identity.serial) = (text("spare"), text("0002"));
    targets.push(twin);
    for role in [Role::SoPin, Role::UserPin] {
        let mut of_spare = credential(role, "security-officer", 1);
        of_spare.target = name("spare");
        proposal.credentials.push(of_spare);
    }
    let mut of_spare = handover(1, "application");
    of_spare.target = name("spare");
    proposal.handovers.push(of_spare);
    drop(proposed(forge.clone(), &proposal).state());
    proposal.handovers.remove(0);
    forged(&proposed(forge, &proposal), "handover: the user-pin of hsm is to be handed over once");
}
