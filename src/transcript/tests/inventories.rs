//! What a token has from one inventory to the next, and what of it no ceremony accounts for.

use crate::transcript::{event::Concluded, finding::Severity, verification};

use super::{
    forge::{TWO, intended, object, seen, text},
    forged,
    outcomes::{approved, honest},
};

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
