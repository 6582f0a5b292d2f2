//! What a token has from one inventory to the next, and what of it no ceremony accounts for.

use crate::{
    encoding::digest::Digest,
    proposal::target::{ObjectClass, ObjectRecord, PublicKeyEvidence},
    transcript::{event::Concluded, finding::Severity, outcome::Outcome, verification},
};

use super::{
    forge::{Forge, TWO, concluded, intended, object, reading, seen, text},
    forged,
    outcomes::{approved, honest},
    taken_up_again::{empty, hold, reset},
};

/// What is told of the objects of a ledger's targets: the codes alone.
pub(super) fn told_of_objects(forge: &Forge) -> Vec<&'static str> {
    let found = verification::remarks(&forge.state(), reading()).into_iter();
    found.map(|f| f.code).filter(|code| code.starts_with("objects-")).collect()
}

/// The record checks out, and yet a key is gone that was to stay.
#[test]
fn objects_that_come_and_go_without_a_ceremony_are_told() {
    let told = |change: fn(&mut Concluded)| -> Vec<(Severity, String)> {
        let state = approved(|_, _, lines| {
            let mut event = honest();
            change(&mut event);
            lines.add(intended(&TWO)).add(event);
        })
        .state();
        let found =
            verification::remarks(&state, reading()).into_iter().filter(|f| f.code.starts_with("objects-"));
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
fn a_reset_accounts_for_what_is_gone_only_where_it_completed() {
    let told = |told: Concluded| {
        let mut forge = Forge::new();
        let proposal = reset(&forge);
        hold(&mut forge, &proposal, &["alice", "bob", "carol"], told);
        told_of_objects(&forge)
    };
    assert_eq!(told(empty(Outcome::Completed)), Vec::<&str>::new());
    assert_eq!(told(concluded(Outcome::Indeterminate, &[], &[object("keep", "02")])), ["objects-gone"]);
}

/// A deletion can take with it what told more of an object that stays: evidence that lay beside it, and nothing else.
#[test]
fn what_is_told_otherwise_of_an_object_is_a_change_unless_a_deletion_explains_it() {
    type Change = fn(&mut ObjectRecord);
    let beside: Change = |object| {
        let public_key_sha256 = Digest::of(b"half");
        object.evidence = Some(PublicKeyEvidence { source: ObjectClass::Certificate, public_key_sha256 });
    };
    let hardened: Change = |object| object.extractable = Some(false);
    let both: Change = |object| {
        let public_key_sha256 = Digest::of(b"half");
        object.evidence = Some(PublicKeyEvidence { source: ObjectClass::Certificate, public_key_sha256 });
        object.extractable = Some(false);
    };
    let tells_more: Change = |object| object.unique_id = Some(text("u"));
    for (change, explained) in [(beside, true), (hardened, false), (both, false), (tells_more, false)] {
        let mut keep = object("keep", "02");
        change(&mut keep);
        let deletion = approved(|_, _, lines| {
            lines.add(intended(&TWO)).add(Concluded { targets: seen(&[keep.clone()]), ..honest() });
        });
        let expected: &[&str] = if explained { &[] } else { &["objects-changed"] };
        assert_eq!(told_of_objects(&deletion), expected, "{keep:?}");
        let mut looked = Forge::new();
        let inventory = looked.inventory();
        hold(&mut looked, &inventory, &TWO, concluded(Outcome::Completed, &[], &[object("old", "01"), keep]));
        assert_eq!(told_of_objects(&looked), ["objects-changed"]);
    }
}
