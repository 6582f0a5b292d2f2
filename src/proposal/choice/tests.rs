use super::*;
use crate::proposal::{identity::tests::record, target::PublicKeyEvidence};

fn key(id: &str) -> ObjectRecord {
    record(ObjectClass::PrivateKey, id, "root")
}

fn beside(half: &[u8]) -> ObjectRecord {
    let source = ObjectClass::PublicKey;
    let evidence = PublicKeyEvidence { source, public_key_sha256: Digest::of(half) };
    ObjectRecord { evidence: Some(evidence), ..key("01") }
}

fn certificate(value: &[u8]) -> ObjectRecord {
    ObjectRecord { value_sha256: Some(Digest::of(value)), ..record(ObjectClass::Certificate, "01", "ca") }
}

#[test]
fn an_object_beside_its_like_is_meant_alone() {
    let (old, renewal) = (certificate(b"2020"), certificate(b"2026"));
    let there = [renewal.clone(), old.clone()];
    assert_eq!(choose(&there, std::slice::from_ref(&old)).unwrap().meant, [1]);
    let choice = choose([&renewal], std::slice::from_ref(&old)).unwrap();
    assert_eq!((choice.meant.len(), choice.missing), (0, vec![&old]));
}

#[test]
fn missing_evidence_is_tolerated_and_other_evidence_is_not() {
    let (pinned, other, silent) = (beside(b"a"), beside(b"b"), key("01"));
    assert_eq!(choose([&silent], std::slice::from_ref(&pinned)).unwrap().meant, [0]);
    assert!(matches!(choose([&other], &[pinned]), Err(Doubt::Contradicted(_))));
    assert_eq!(choose([&other], &[silent]).unwrap().meant, [0]);
}

#[test]
fn twins_are_meant_together() {
    let twice = [key("01"), key("01")];
    assert_eq!(choose(&twice, &twice).unwrap().meant.len(), 2);
    assert_eq!(choose([&twice[0]], &twice).unwrap().missing.len(), 1);
    assert!(matches!(choose(&twice, &twice[..1]), Err(Doubt::Ambiguous { there: 2, approved: 1, .. })));
    let mut mixed = twice.clone();
    mixed[1].extractable = Some(false);
    assert_eq!(choose(&mixed, &mixed[1..]).unwrap().meant, [1]);
}

#[test]
fn what_is_left_is_found_by_identity_and_by_key() {
    let left = |recorded: &[ObjectRecord], approved: &[ObjectRecord], after: &[ObjectRecord]| {
        survivors(recorded, approved, after).len()
    };
    let (one, other) = (key("01"), key("02"));
    let recorded = [one.clone(), other.clone()];
    assert_eq!(left(&recorded, &recorded[..1], &recorded[1..]), 0);
    assert_eq!(left(&recorded, &recorded[..1], &recorded), 1);
    // Of twins one more than was to stay.
    let twins = [one.clone(), one.clone()];
    assert_eq!(left(&twins, &twins[..1], &twins[..1]), 0);
    assert_eq!(left(&twins, &twins[..1], &twins), 1);
    // The key came back under another name, as far as a neighbour tells.
    let renamed = ObjectRecord { id: "77".into(), ..beside(b"a") };
    assert_eq!(left(&[beside(b"a")], &[beside(b"a")], std::slice::from_ref(&renamed)), 1);
    // It was on record under both: the other was to stay.
    assert_eq!(left(&[beside(b"a"), renamed.clone()], &[beside(b"a")], std::slice::from_ref(&renamed)), 0);
    assert_eq!(duplicates(&[beside(b"a"), renamed.clone()], &[beside(b"a")]), [&renamed]);
}
