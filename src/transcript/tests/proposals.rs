//! Proposals that must not be believed, although an administrator and a station signed them.

use crate::{
    encoding::{digest::Digest, dsse::Envelope},
    proposal::{
        document::{Proposal, ProposalStatement},
        operations::{DeleteOperation, Operation},
    },
    roster::RosterDocument,
    transcript::event::Proposed,
};

use super::forge::{Forge, TWO, environment, intended, name, object, refit, text, time};
use super::forged;

/// The finding about a deletion that was changed before it was signed.
#[track_caller]
pub(super) fn delete(change: impl FnOnce(&mut Proposal), code: &str) {
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    change(&mut proposal);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forge.files[1].directory = "0001-delete".into();
    forged(&forge, code);
}

/// The same for a genesis.
#[track_caller]
pub(super) fn genesis(change: impl FnOnce(&mut Proposal), code: &str) {
    let mut forge = Forge::new();
    forge.files.clear();
    let mut proposal = forge.genesis();
    change(&mut proposal);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forged(&forge, code);
}

/// The same for a genesis with a changed roster, which the proposal names properly.
#[track_caller]
pub(super) fn roster(change: impl FnOnce(&mut RosterDocument), code: &str) {
    genesis(
        |p| {
            let document = p.new_roster.as_mut().unwrap();
            change(document);
            p.roster = refit(document);
        },
        code,
    );
}

#[test]
fn only_an_administrator_proposes_with_his_own_card() {
    for who in ["alice", "grace", "mallory"] {
        delete(
            |p| p.proposer = name(who),
            &format!("statement-author: {who} is not an administrator of this quorum"),
        );
    }
    for card in ["alice", "mallory", "station-1"] {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let lines = forge.begin_with(&proposal, forge.sign(card, &proposal.statement()));
        forge.push(&proposal, &lines);
        forged(&forge, "statement-card: on none of frank's cards");
    }
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let good = forge.sign("frank", &proposal.statement());
    let mut sig = good.signature().sig.0.clone();
    sig[40] ^= 1;
    let damaged =
        Envelope::new(good.payload_type.clone(), good.payload.0.clone(), good.signature().keyid, sig);
    let lines = forge.begin_with(&proposal, damaged);
    forge.push(&proposal, &lines);
    forged(&forge, "statement-signature: frank: the signature does not verify");
}

/// What a path without a root means depends on who opens it, and where.
#[test]
fn a_path_in_a_signed_proposal_is_absolute() {
    let mut forge = Forge::new();
    forge.files.clear();
    let proposal = forge.genesis();
    for path in ["nowhere/module.so", "./module.so", "/nowhere/../module.so", ""] {
        let module = |path: &str| format!("\"module\":\"{path}\"");
        let mut lines = forge.begin(&proposal);
        lines.respell(|line| {
            assert!(line.contains(&module("/nowhere/module.so")));
            line.replace(&module("/nowhere/module.so"), &module(path))
        });
        let mut forge = forge.clone();
        forge.push(&proposal, &lines);
        let expected = format!("line-syntax: {path:?} is not an absolute path without '..'");
        forged(&forge, &expected);
    }
}

#[test]
fn the_plan_beside_it_is_the_plan_in_it_and_says_the_same() {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    for plan in [String::new(), format!("{}\n", proposal.plan), proposal.plan.replace("01", "02")] {
        forge.files[1].plan = plan.into_bytes();
        let line = forged(&forge, "plan-mismatch: plan.toml is not the plan that was proposed");
        assert_eq!(line, None, "no line is at fault");
    }
    forge.files[1].plan = proposal.plan.replace('\n', "\r\n").into_bytes();
    forged(
        &forge,
        "plan-mismatch: plan.toml differs from the plan that was proposed only in its line endings: git",
    );
    delete(
        |p| p.plan = p.plan.replace("id = \"01\"", "id = \"02\""),
        "plan-mismatch: the proposal differs from its plan: objects",
    );
    delete(
        |p| p.plan = p.plan.replace("target = \"hsm\"", "target = \"other\""),
        "plan-mismatch: the proposal differs from its plan: target",
    );
    delete(
        |p| p.title = text("Something harmless"),
        "plan-mismatch: the proposal differs from its plan: title",
    );
    delete(
        |p| p.expires = p.expires.plus(86_400),
        "plan-mismatch: the proposal differs from its plan: expiry",
    );
    delete(
        |p| p.plan = String::from("kind = \"delete\"\n"),
        "plan: its plan is not valid: line 1, column 1: missing field `title`",
    );
    delete(
        |p| p.plan += "colour = \"blue\"\n",
        "plan: its plan is not valid: line 9, column 1: unknown field",
    );
    for (entry, words) in [
        ("class = \"private-key\"", "objects, entry 1: give id, label or another field"),
        ("class = \"private-key\"\nid = \"0\"", "id \"0\" is not in lower-case hex"),
        ("class = \"private-key\"\nid = \"AB\"", "id \"AB\" is not in lower-case hex"),
        ("class = \"secret-key\"\ncheck_value = \"0g\"", "check_value \"0g\" is not in lower-case hex"),
    ] {
        delete(
            |p| p.plan = p.plan.replace("class = \"private-key\"\nid = \"01\"", entry),
            &format!("plan: its plan is not valid: {words}"),
        );
    }
    delete(
        |p| p.plan = p.plan.replace("[[objects]]\nclass = \"private-key\"\nid = \"01\"\n", "objects = []\n"),
        "plan: its plan is not valid: objects is empty: name at least one object to delete",
    );
    delete(
        |p| {
            p.plan = "kind = \"inventory\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n"
                .into();
        },
        "plan-mismatch: the proposal differs from its plan: kind",
    );
    delete(
        |p| p.plan += "[[objects]]\nclass = \"private-key\"\nid = \"02\"\n",
        "plan-mismatch: the proposal differs from its plan: objects",
    );
    // Two objects where the plan names one.
    let both = |p: &mut Proposal| {
        if let Operation::Delete(DeleteOperation { objects, .. }) = &mut p.operation {
            objects.push(object("keep", "02"));
        }
    };
    delete(both, "plan-mismatch: the proposal differs from its plan: objects");
    genesis(
        |p| p.plan = p.plan.replace("threshold = 3", "threshold = 4"),
        "plan-mismatch: the proposal differs from its plan: authorities",
    );
    for (says, other, what) in [
        ("/nowhere/", "/elsewhere/", "targets"),
        ("\"BOB Example\"", "\"Bob Example\"", "custodians"),
        ("\"bob.json\"", "\"bob.json\", \"spare.json\"", "custodians"),
        ("copies = 2", "copies = 3", "policy"),
        ("custody = \"held\" }\nuser-pin", "custody = \"held\", pin_length = 12 }\nuser-pin", "targets"),
    ] {
        genesis(
            |p| {
                assert!(p.plan.contains(says), "{says}");
                p.plan = p.plan.replace(says, other);
            },
            &format!("plan-mismatch: the proposal differs from its plan: {what}"),
        );
    }
}

#[test]
fn it_is_chained_to_its_ledger() {
    delete(|p| p.ledger = Digest::of(b"another ledger"), "ledger-nonce: it belongs to another ledger");
    delete(|p| p.ceremony = 2, "ceremony-number: it is ceremony 2, in the place of ceremony 1");
    delete(
        |p| p.predecessor = Some(Digest::of(b"another head")),
        "predecessor: it does not follow the head of the ceremony before it",
    );
    delete(|p| p.predecessor = None, "predecessor: it does not follow the head of the ceremony before it");
    genesis(
        |p| p.predecessor = Some(Digest::of(b"something before it")),
        "predecessor: the first ceremony cannot have a predecessor",
    );
    let framed = |change: fn(&mut Proposal)| {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut other = proposal.clone();
        change(&mut other);
        let lines = forge.begin_with(&other, forge.sign("frank", &proposal.statement()));
        forge.push(&proposal, &lines);
        let refused = "proposal-frame: the statement that was signed is not that of the proposal beside it";
        forged(&forge, refused);
    };
    framed(|p| p.ledger = Digest::of(b"another ledger"));
    framed(|p| p.ceremony = 2);
    framed(|p| p.predecessor = None);
    framed(|p| p.proposer = name("mallory"));
    framed(|p| p.expires = p.expires.plus(1));
    framed(|p| p.nonce = Digest::of(b"another nonce"));
    framed(|p| p.operation = Forge::new().inventory().operation);
    // A statement that says otherwise than the body whose digest it names.
    let stated = |change: fn(&mut ProposalStatement)| {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut statement = proposal.statement();
        change(&mut statement);
        let lines = forge.begin_with(&proposal, forge.sign("frank", &statement));
        forge.push(&proposal, &lines);
        forged(&forge, "proposal-frame: the statement that was signed is not that of the proposal beside it");
    };
    stated(|s| s.ledger = Digest::of(b"another ledger"));
    stated(|s| s.ceremony = 2);
    stated(|s| s.predecessor = None);
    stated(|s| s.created = time(0));
    stated(|s| s.expires = s.expires.plus(1));
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    lines.clear();
    lines.at(proposal.created.unix() + 1).add(Proposed {
        proposal: forge.sign("frank", &proposal.statement()),
        body: proposal.clone(),
        environment: environment(),
    });
    forge.push(&proposal, &lines);
    forged(&forge, "proposal-frame: its line was not written when the proposal was made");
}

#[test]
fn it_does_not_expire_before_it_was_made() {
    delete(|p| p.expires = p.created, "proposal-expiry: it expires before it was made");
    delete(|p| p.expires = time(0), "proposal-expiry: it expires before it was made");
}

#[test]
fn one_ceremony_is_open_at_a_time() {
    for executed in [false, true] {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        if executed {
            forge.approve(&mut lines, &proposal, &TWO);
            lines.add(intended(&TWO));
        }
        forge.push(&proposal, &lines);
        let second = forge.inventory();
        let lines = forge.begin(&second);
        forge.push(&second, &lines);
        forged(&forge, "ceremony-open: ceremony 1 had not ended");
    }
}
