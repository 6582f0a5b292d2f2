//! Targets that join and leave: a station that retires another target than it said, or adopts one under a name that has
//! credentials already.

use crate::{
    proposal::{
        document::Proposal,
        joining::StartKind,
        operations::{AdoptOperation, GenesisOperation, Operation, RetireOperation},
        place::Place,
        target::{Custody, Role},
    },
    transcript::{
        event::{Closed, Concluded, PinInForce},
        finding::Severity,
        outcome::Outcome,
        verification,
    },
};

use super::forge::{
    Forge, TWO, adopt, adopted, concluded, credential, identity, intended, name, proposed, reading, text,
};
use super::{forged, honest};

const THREE: [&str; 3] = ["alice", "bob", "carol"];

pub(super) fn retire(forge: &Forge) -> Proposal {
    let plan = "kind = \"retire\"\ntitle = \"Retire\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nserial = \"0001\"\nlabel = \"lab\"\n";
    let operation = Operation::Retire(RetireOperation { target: name("hsm"), identity: identity() });
    forge.other("Retire", plan, operation)
}

/// A retirement to its end.
fn retired(by: &[&str], change: impl FnOnce(&mut Concluded)) -> Forge {
    let mut forge = Forge::new();
    let proposal = retire(&forge);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, by);
    let mut intent = intended(by);
    intent.targets.clear();
    let mut told = Concluded { targets: Vec::new(), ..concluded(Outcome::Completed, &[], &[]) };
    change(&mut told);
    lines.add(intent).add(told).add(Closed { releases_destroyed: 3 });
    forge.push(&proposal, &lines);
    forge
}

#[test]
fn a_retired_target_is_in_no_operation_any_more() {
    let forge = retired(&THREE, |_| {});
    let state = forge.state();
    assert!(state.targets.is_empty());
    assert_eq!(state.retired[&name("hsm")].by, 1);
    let told = verification::remarks(&state, reading());
    let retired = told.iter().find(|f| f.code == "target-retired").unwrap();
    let words =
        "hsm was retired by ceremony 1: its credentials in this ledger still open it, unless it was reset";
    assert_eq!((retired.severity, retired.message.as_str()), (Severity::Note, words));
    // What it was sealed is still there, for its backups.
    assert!(state.any_target(&name("hsm")).is_some());
    forged(&proposed(forge.clone(), &forge.inventory()), "operation: hsm is not a target of this quorum");
    forged(&proposed(forge.clone(), &forge.delete()), "operation: hsm is not a target of this quorum");
    forged(&proposed(forge.clone(), &retire(&forge)), "operation: hsm is not a target of this quorum");
    forged(
        &proposed(forge.clone(), &adopt(&forge, "hsm")),
        "operation: hsm is the name of a target that the quorum has or had",
    );
    drop(proposed(forge.clone(), &adopt(&forge, "spare")).state());
}

#[test]
fn only_all_authorities_retire_where_the_roster_names_none() {
    forged(
        &retired(&TWO, |_| {}),
        "quorum-missing: it was executed without a quorum: crypto-officer 2 of 2,",
    );
}

#[test]
fn the_target_that_leaves_is_the_one_that_was_named() {
    let with = |change: &dyn Fn(&mut Proposal)| {
        let forge = Forge::new();
        let mut proposal = retire(&forge);
        change(&mut proposal);
        proposed(forge, &proposal)
    };
    drop(with(&|_| {}).state());
    let other = |serial: &str, target: &str| {
        let mut token = identity();
        token.serial = text(serial);
        Operation::Retire(RetireOperation { target: name(target), identity: token })
    };
    forged(
        &with(&|p| p.operation = other("0001", "other")),
        "plan-mismatch: the proposal differs from its plan: target",
    );
    forged(
        &with(&|p| p.operation = other("0002", "hsm")),
        "plan-mismatch: the proposal differs from its plan: serial or label",
    );
    forged(
        &with(&|p| p.plan = p.plan.replace("\"lab\"", "\"lob\"")),
        "plan-mismatch: the proposal differs from its plan: serial or label",
    );
    let renamed = |p: &mut Proposal| {
        p.plan = p.plan.replace("0001", "0002");
        p.operation = other("0002", "hsm");
    };
    forged(&with(&renamed), "operation: hsm is not pinned as the token that the ledger has on record");
    // It sets no PIN, and hands none over.
    forged(
        &with(&|p| p.credentials = vec![credential(Role::UserPin, "crypto-officer", 2)]),
        "credential: the user-pin of hsm for crypto-officer is not one that this",
    );
}

#[test]
fn a_retirement_touches_nothing() {
    forged(
        &retired(&THREE, |c| c.targets = super::forge::seen(&[])),
        "outcome: it reports targets that the operation does not have, or one",
    );
    let pin = PinInForce { target: name("hsm"), role: Role::UserPin, version: 1 };
    forged(&retired(&THREE, |c| c.pins = vec![pin]), "pins: it reports a PIN that was not to be changed");
}

#[test]
fn a_target_that_joins_belongs_to_authorities_that_there_are() {
    let forge = Forge::new();
    let mut proposal = adopt(&forge, "spare");
    proposal.plan = proposal.plan.replace("\"crypto-officer\"", "\"nobody\"");
    if let Operation::Adopt(AdoptOperation { target }) = &mut proposal.operation {
        target.credentials[1].authority = name("nobody");
    }
    forged(&proposed(forge, &proposal), "operation: there is no authority nobody");
}

#[test]
fn an_adopted_target_has_its_own_credentials() {
    let state = honest(&adopted(|_| {}));
    let spare = &state.targets[&name("spare")];
    assert_eq!(spare.credentials[&Role::SoPin][0].sealed.target, name("spare"));
    assert_eq!(state.targets[&name("hsm")].credentials[&Role::SoPin][0].sealed.target, name("hsm"));
    forged(
        &adopted(|c| c.targets.clear()),
        "outcome: completed, but the target was not looked at afterwards",
    );
    forged(
        &adopted(|c| c.targets[0].name = name("hsm")),
        "outcome: it reports targets that the operation does not have, or one",
    );
}

#[test]
fn only_a_new_target_joins_with_new_credentials() {
    let with = |change: &dyn Fn(&mut Proposal)| {
        let forge = Forge::new();
        let mut proposal = adopt(&forge, "spare");
        change(&mut proposal);
        proposed(forge, &proposal)
    };
    drop(with(&|_| {}).state());
    forged(
        &with(&|p| drop(p.credentials.pop())),
        "credential: the user-pin of spare for crypto-officer is missing",
    );
    forged(
        &with(&|p| p.credentials[1].target = name("hsm")),
        "credential: the user-pin of hsm for crypto-officer is not one that this",
    );
    forged(
        &with(&|p| p.credentials[0].authority = name("crypto-officer")),
        "credential: the so-pin of spare for crypto-officer is not one that this",
    );
    forged(
        &with(&|p| p.plan = p.plan.replace("spare\"\nkind", "other\"\nkind")),
        "plan-mismatch: the proposal differs from its plan: target",
    );
    let same_token = |p: &mut Proposal| {
        p.plan = p.plan.replace("label = \"spare\"", "label = \"lab\"").replace("0002", "0001");
        if let Operation::Adopt(AdoptOperation { target }) = &mut p.operation {
            target.identity = identity();
            target.label = text("lab");
        }
    };
    forged(&with(&same_token), "operation: spare is the same token as hsm");
    let forge = Forge::new();
    forged(
        &proposed(forge.clone(), &adopt(&forge, "hsm")),
        "operation: hsm is the name of a target that the quorum has or had",
    );
}

/// Empty tokens of one make can look alike: only one in use is known by its identity.
#[test]
fn an_empty_token_that_looks_like_one_in_use_joins() {
    let forge = Forge::new();
    let mut proposal = adopt(&forge, "spare");
    proposal.plan = proposal
        .plan
        .replace("\"take-over\"", "\"initialise\"")
        .replace("label = \"spare\"", "label = \"lab\"")
        .replace("serial = \"0002\"\n", "");
    if let Operation::Adopt(AdoptOperation { target }) = &mut proposal.operation {
        target.start = StartKind::Initialise;
        target.place = Place::Pkcs11 { module: "/nowhere/module.so".parse().unwrap(), slot: Some(3) };
        (target.identity, target.label) = (identity(), text("lab"));
    }
    proposal.plan = proposal.plan.replace("module.so\"\n", "module.so\"\nslot = 3\n");
    drop(proposed(forge, &proposal).state());
}

#[test]
fn a_program_joins_in_a_genesis_only() {
    let forge = Forge::new();
    let mut proposal = adopt(&forge, "spare");
    let digest = identity().module_sha256.unwrap();
    proposal.plan = format!(
        "kind = \"adopt\"\ntitle = \"Adopt\"\nexpires_in_hours = 1\n[target]\nname = \"spare\"\nkind = \"command\"\n\
         program = \"/usr/bin/signer\"\nsha256 = \"{digest}\"\n[target.credentials]\n\
         secret = {{ authority = \"crypto-officer\", custody = \"held\" }}\n"
    );
    let words = "a program becomes a target in a genesis only: an adoption takes a token";
    forged(&proposed(forge, &proposal), &format!("plan: its plan is not valid: {words}"));
}

/// A genesis that takes one token in under two names: to the quorum, and to somebody who knows its user PIN.
#[test]
fn a_genesis_takes_a_token_in_once() {
    let mut forge = Forge::new();
    forge.files.clear();
    let mut proposal = forge.genesis();
    let again = "[[targets]]\nname = \"again\"\nkind = \"pkcs11\"\nmodule = \"/nowhere/module.so\"\nslot = 3\n\
                 start = \"take-over\"\nlabel = \"lab\"\nserial = \"0001\"\n[targets.credentials]\n\
                 user-pin = { authority = \"crypto-officer\", custody = \"borrowed\" }\n";
    proposal.plan += again;
    let Operation::Genesis(GenesisOperation { targets }) = &mut proposal.operation else { panic!() };
    let mut twin = targets[0].clone();
    twin.name = name("again");
    twin.place = Place::Pkcs11 { module: "/nowhere/module.so".parse().unwrap(), slot: Some(3) };
    twin.credentials.retain(|rule| rule.role == Role::UserPin);
    twin.credentials[0].custody = Custody::Borrowed;
    targets.push(twin);
    forged(&proposed(forge.clone(), &proposal), "operation: hsm and again are one token");
    // Another token, and it is good.
    proposal.plan = proposal.plan.replace(again, &again.replace("0001", "0002"));
    let Operation::Genesis(GenesisOperation { targets }) = &mut proposal.operation else { panic!() };
    targets[1].identity.serial = text("0002");
    drop(proposed(forge, &proposal).state());
}
