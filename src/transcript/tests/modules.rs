//! Another file for a target's module: whoever loads code of their own into the worker has the PINs, so it is taken only as a
//! quorum approved it, for the same token, and once the inventory that names it completed.

use crate::{
    encoding::digest::Digest,
    proposal::{
        briefing::briefing,
        document::Proposal,
        operations::{
            AdoptOperation, DeleteOperation, InventoryOperation, Operation, Plan, RecoverOperation,
        },
        place::{ModuleChange, Place},
        target::TokenIdentity,
    },
    roster::OperationKind,
    transcript::{
        event::{Closed, Concluded, Intended},
        outcome::Outcome,
        verification::remarks,
    },
};

use super::forge::{Forge, TWO, adopt, concluded, identity, intended, name, proposed, reading, text};
use super::forged;

const OLD: &str = "/nowhere/module.so";
const NEW: &str = "/elsewhere/module.so";

fn built() -> Digest {
    Digest::of(b"a new build")
}

/// The token as it answers behind the new module.
fn behind() -> TokenIdentity {
    TokenIdentity { module_sha256: Some(built()), ..identity() }
}

/// An honest inventory behind a module that moved.
fn moves(forge: &Forge) -> Proposal {
    let mut proposal = forge.inventory();
    proposal.plan += &format!("module = \"{NEW}\"\n");
    let change = ModuleChange {
        old_path: OLD.parse().unwrap(),
        old_sha256: identity().module_sha256,
        new_path: NEW.parse().unwrap(),
    };
    proposal.operation = Operation::Inventory(InventoryOperation {
        target: name("hsm"),
        identity: behind(),
        module: Some(change),
    });
    proposal
}

/// What is on record as the module of `hsm`.
fn module_of(forge: &Forge) -> (String, Option<Digest>) {
    let target = forge.state().targets[&name("hsm")].clone();
    let Place::Pkcs11 { module, .. } = target.target.place else { panic!("not behind a module") };
    (module.to_string(), target.identity.module_sha256)
}

fn on_record(path: &str, identity: &TokenIdentity) -> (String, Option<Digest>) {
    (path.to_owned(), identity.module_sha256)
}

/// The inventory to its end, as its station tells it.
fn told(outcome: Outcome, change: impl FnOnce(&mut Intended, &mut Concluded)) -> Forge {
    let mut forge = Forge::new();
    let proposal = moves(&forge);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let mut intent = intended(&TWO);
    intent.targets[0].identity = behind();
    let mut told = concluded(outcome, &[], &forge.objects());
    told.targets[0].inventory.as_mut().unwrap().identity = behind();
    change(&mut intent, &mut told);
    lines.add(intent).add(told).add(Closed { releases_destroyed: 2 });
    forge.push(&proposal, &lines);
    forge
}

#[test]
fn the_module_is_moved_as_the_plan_says_and_from_where_it_is() {
    let with = |change: &dyn Fn(&mut String, &mut TokenIdentity, &mut Option<ModuleChange>)| {
        let forge = Forge::new();
        let mut proposal = moves(&forge);
        let Operation::Inventory(InventoryOperation { identity, module, .. }) = &mut proposal.operation
        else {
            panic!()
        };
        change(&mut proposal.plan, identity, module);
        proposed(forge, &proposal)
    };
    let field = format!("module = \"{NEW}\"\n");
    drop(with(&|_, _, _| {}).state());
    // Without a word of it in the plan, or with another one.
    for plan in [String::new(), "module = \"/third/module.so\"\n".into()] {
        forged(
            &with(&|text, _, _| *text = text.replace(&field, &plan)),
            "plan-mismatch: the proposal differs from its plan: module",
        );
    }
    let pinned = format!("{field}module_sha256 = \"{}\"\n", Digest::of(b"what people looked at"));
    forged(
        &with(&|text, _, _| *text = text.replace(&field, &pinned)),
        "plan-mismatch: the proposal differs from its plan: module_sha256",
    );
    forged(
        &with(&|text, _, _| *text = text.replace("\"hsm\"", "\"other\"")),
        "plan-mismatch: the proposal differs from its plan: target",
    );
    // The same file in another place.
    drop(with(&|_, found, _| *found = identity()).state());
    // Announced, and not done.
    forged(
        &with(&|_, _, module| *module = None),
        "plan-mismatch: the proposal differs from its plan: module",
    );
    // Behind another file, and neither plan nor proposal say so.
    forged(
        &with(&|text, _, module| (*text, *module) = (text.replace(&field, ""), None)),
        "operation: hsm is not pinned as the token that the ledger has on record",
    );
    // A digest alone is another file at the same path.
    let digest = format!("module_sha256 = \"{}\"\n", built());
    forged(
        &with(&|text, _, _| *text = text.replace(&field, &digest)),
        "plan-mismatch: the proposal differs from its plan: module",
    );
    // Readers would be told of another file on record than the one that is left.
    forged(
        &with(&|_, _, module| module.as_mut().unwrap().old_path = "/third/module.so".parse().unwrap()),
        "operation: the old module that is named for hsm is not the one on",
    );
    forged(
        &with(&|_, _, module| module.as_mut().unwrap().old_sha256 = None),
        "operation: the old module that is named for hsm is not the one on",
    );
    let nothing_new = |text: &mut String, found: &mut TokenIdentity, module: &mut Option<ModuleChange>| {
        *text = text.replace(NEW, OLD);
        *found = identity();
        module.as_mut().unwrap().new_path = OLD.parse().unwrap();
    };
    forged(&with(&nothing_new), "operation: the module that is named for hsm is the one already on record");
}

#[test]
fn the_same_token_answers_behind_it() {
    for change in [
        (|i| i.serial = text("9999")) as fn(&mut TokenIdentity),
        |i| i.label = text("mine"),
        |i| i.manufacturer = text("mine"),
        |i| i.model = text("mine"),
    ] {
        let forge = Forge::new();
        let mut proposal = moves(&forge);
        let Operation::Inventory(InventoryOperation { identity, .. }) = &mut proposal.operation else {
            panic!()
        };
        change(identity);
        forged(
            &proposed(forge, &proposal),
            "operation: hsm is not pinned as the token that the ledger has on record",
        );
        forged(
            &told(Outcome::Completed, |intent, _| change(&mut intent.targets[0].identity)),
            "intent-targets: a target was not the token that was pinned",
        );
        let after = |_: &mut Intended, told: &mut Concluded| {
            change(&mut told.targets[0].inventory.as_mut().unwrap().identity);
        };
        forged(&told(Outcome::Completed, after), "outcome: the target is a different token afterwards");
        forged(&told(Outcome::Indeterminate, after), "outcome: the target is a different token afterwards");
    }
    // Behind a third file, although the token is the same.
    let third = |told: &mut Concluded| {
        let seen = &mut told.targets[0].inventory.as_mut().unwrap().identity;
        seen.module_sha256 = Some(Digest::of(b"a third file"));
    };
    forged(
        &told(Outcome::Completed, |_, told| third(told)),
        "outcome: the target is a different token afterwards",
    );
}

#[test]
fn it_is_on_record_once_the_inventory_completed_and_not_before() {
    let old = on_record(OLD, &identity());
    assert_eq!(module_of(&proposed(Forge::new(), &moves(&Forge::new()))), old);
    // Also where the token was looked at behind it, and something else went wrong.
    let given_up = told(Outcome::Indeterminate, |_, _| {});
    assert_eq!(module_of(&given_up), old);
    assert!(given_up.state().targets[&name("hsm")].inventory.is_some());
    assert_eq!(module_of(&told(Outcome::Failed, |_, _| {})), old);
    // Nothing is pinned to it before.
    let mut early = Forge::new().delete();
    let Operation::Delete(DeleteOperation { identity: pinned, .. }) = &mut early.operation else { panic!() };
    *pinned = behind();
    forged(
        &proposed(Forge::new(), &early),
        "operation: hsm is not pinned as the token that the ledger has on record",
    );
    let moved = told(Outcome::Completed, |_, _| {});
    assert_eq!(module_of(&moved), on_record(NEW, &behind()));
    // From then on it is the old one that nothing is pinned to.
    forged(
        &proposed(moved.clone(), &moved.delete()),
        "operation: hsm is not pinned as the token that the ledger has on record",
    );
    let mut next = moved.delete();
    let Operation::Delete(DeleteOperation { identity: pinned, .. }) = &mut next.operation else { panic!() };
    *pinned = behind();
    drop(proposed(moved.clone(), &next).state());
    let note = remarks(&moved.state(), reading());
    let note = note.iter().find(|finding| finding.code == "module-changed").unwrap();
    for said in [OLD, NEW, &built().to_string(), &identity().module_sha256.unwrap().to_string()] {
        assert!(note.message.contains(said), "{}", note.message);
    }
    let notes = remarks(&given_up.state(), reading());
    assert!(notes.iter().all(|finding| finding.code != "module-changed"));
}

#[test]
fn a_recovery_that_looked_behind_it_puts_it_on_record() {
    for looked in [true, false] {
        let mut forge = Forge::new();
        let proposal = moves(&forge);
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &TWO);
        let mut intent = intended(&TWO);
        intent.targets[0].identity = behind();
        lines.add(intent);
        forge.push(&proposal, &lines);
        let mut recovery = forge.recover(1, lines.head(), true);
        if let Operation::Recover(RecoverOperation { interrupted, .. }) = &mut recovery.operation {
            *interrupted = OperationKind::Inventory;
        }
        let mut lines = forge.begin(&recovery);
        let by = ["alice", "bob", "carol"];
        forge.approve(&mut lines, &recovery, &by);
        let mut told = concluded(Outcome::Completed, &[], &forge.objects());
        if looked {
            told.targets[0].inventory.as_mut().unwrap().identity = behind();
        } else {
            told.targets[0].inventory = None;
        }
        lines.add(intended(&by)).add(told).add(Closed { releases_destroyed: 3 });
        forge.push(&recovery, &lines);
        let expected = if looked { on_record(NEW, &behind()) } else { on_record(OLD, &identity()) };
        assert_eq!(module_of(&forge), expected);
    }
}

/// The old module still reaches the token: under another name it would have two owners.
#[test]
fn a_token_is_not_adopted_again_through_another_module() {
    let moved = told(Outcome::Completed, |_, _| {});
    let mut proposal = adopt(&moved, "spare");
    proposal.plan = proposal.plan.replace("label = \"spare\"", "label = \"lab\"").replace("0002", "0001");
    let Operation::Adopt(AdoptOperation { target }) = &mut proposal.operation else { panic!() };
    (target.identity, target.label) = (identity(), text("lab"));
    forged(&proposed(moved, &proposal), "operation: spare is the same token as hsm");
}

#[test]
fn its_briefing_gives_both_paths_and_both_digests() {
    let forge = Forge::new();
    let roster = forge.state().roster().unwrap().clone();
    let moved = moves(&forge);
    let plan = Plan::parse(moved.plan.as_bytes()).unwrap();
    let sections =
        briefing((&moved, &plan), Digest::of(b"proposal"), &roster.requirement(moved.operation.kind()), None);
    let lines = sections.iter().flat_map(|section| &section.lines).cloned().collect::<Vec<_>>().join("\n");
    assert!(lines.contains("ANOTHER FILE IS USED AS ITS MODULE"), "{lines}");
    let (old, new) = (identity().module_sha256.unwrap(), built());
    assert!(lines.contains(&format!("on record: {OLD}, SHA-256 {old}")), "{lines}");
    assert!(lines.contains(&format!("from then on: {NEW}, SHA-256 {new}")), "{lines}");
}

#[test]
fn an_operation_finds_its_target_behind_the_file_that_was_approved_with_it() {
    let forge = Forge::new();
    let state = forge.state();
    let behind_which = |operation: &Operation| {
        let target = state.targets[&name("hsm")].as_approved(operation);
        let Place::Pkcs11 { module, .. } = target.target.place else { panic!("not behind a module") };
        (module.to_string(), target.identity.module_sha256)
    };
    assert_eq!(behind_which(&moves(&forge).operation), on_record(NEW, &behind()));
    assert_eq!(behind_which(&forge.delete().operation), on_record(OLD, &identity()));
    let in_place = InventoryOperation { target: name("hsm"), identity: behind(), module: None };
    assert_eq!(behind_which(&Operation::Inventory(in_place)), on_record(OLD, &behind()));
}
