use super::*;
use crate::proposal::target::PublicKeyEvidence;

pub(crate) fn record(class: ObjectClass, id: &str, label: &str) -> ObjectRecord {
    ObjectRecord { extractable: Some(true), ..ObjectRecord::named(class, id, Line::lossy(label), "ec-p256") }
}

fn key() -> ObjectRecord {
    record(ObjectClass::PrivateKey, "01", "root")
}

fn beside(half: &[u8]) -> ObjectRecord {
    let source = ObjectClass::PublicKey;
    let evidence = PublicKeyEvidence { source, public_key_sha256: Digest::of(half) };
    ObjectRecord { evidence: Some(evidence), ..key() }
}

#[test]
fn a_record_in_words_marks_what_cannot_leave_and_says_once_that_its_label_is_cut() {
    assert_eq!(key().to_string(), "private-key \"root\" id 01 (ec-p256)");
    let staying = ObjectRecord { extractable: Some(false), ..key() };
    assert_eq!(staying.to_string(), "private-key \"root\" id 01 (ec-p256, not extractable)");
    assert_eq!(staying.particulars(), "");
    assert_eq!(ObjectRecord { extractable: Some(true), ..key() }.particulars(), "extractable true");
    for (label, shown) in
        [("a".repeat(201), format!("{}…", "a".repeat(199))), ("\u{1b}".into(), "\u{fffd}…".into())]
    {
        let cut = ObjectRecord { label: Line::lossy(&label), label_sha256: Some(Digest::of(b"")), ..key() };
        assert_eq!(cut.to_string(), format!("private-key \"{shown}\" id 01 (ec-p256)"));
    }
}

/// Same, changed, gone and come, counted.
fn counts(old: &[ObjectRecord], new: &[ObjectRecord]) -> (usize, usize, usize, usize) {
    let found = matching(old, new);
    let changed = found.changed().count();
    (found.same.len() - changed, changed, found.gone.len(), found.come.len())
}

#[test]
fn a_key_whose_neighbour_went_or_came_is_the_same() {
    assert!(key().is_same_object(&beside(b"a")) && beside(b"a").is_same_object(&beside(b"b")));
    assert_eq!(counts(&[beside(b"a")], &[key()]), (0, 1, 0, 0));
    assert_eq!(counts(&[key()], &[beside(b"a")]), (0, 1, 0, 0));
    let hardened = ObjectRecord { extractable: Some(false), ..key() };
    assert_eq!(counts(&[key()], &[hardened]), (0, 1, 0, 0));
}

#[test]
fn evidence_contradicts_only_evidence() {
    assert!(beside(b"a").is_contradicted_by(&beside(b"b")));
    assert!(!beside(b"a").is_contradicted_by(&beside(b"a")));
    assert!(!beside(b"a").is_contradicted_by(&key()) && !key().is_contradicted_by(&beside(b"a")));
}

#[test]
fn what_an_object_says_itself_tells_it_apart() {
    let half = |half: &[u8]| ObjectRecord { public_key_sha256: Some(Digest::of(half)), ..key() };
    let value = |value: &[u8]| ObjectRecord {
        value_sha256: Some(Digest::of(value)),
        ..record(ObjectClass::Certificate, "01", "root")
    };
    for (one, other) in [
        (half(b"a"), half(b"b")),
        (value(b"a"), value(b"b")),
        (key(), record(ObjectClass::PrivateKey, "", "root")),
        (key(), ObjectRecord { key_type: "ec-p384".into(), ..key() }),
        (key(), ObjectRecord { label_sha256: Some(Digest::of(b"longer")), ..key() }),
    ] {
        assert_eq!(counts(std::slice::from_ref(&one), &[other]), (0, 0, 1, 1), "{one}");
    }
}

#[test]
fn twins_are_counted() {
    let twice = [key(), key()];
    assert_eq!(counts(&twice, &[key()]), (1, 0, 1, 0));
    assert_eq!(counts(&[key()], &twice), (1, 0, 0, 1));
    assert!(!is_same_set(&twice, &[key()]) && is_same_set(&twice, &[beside(b"a"), key()]));
    assert!(is_among(&[key()], &twice) && !is_among(&twice, &[key()]));
    // Of two that differ in an attribute, the one that is there is not the one that went.
    let hardened = ObjectRecord { extractable: Some(false), ..key() };
    let both = [hardened.clone(), key()];
    let found = matching(&both, [&hardened]);
    assert_eq!((found.changed().count(), found.gone), (0, vec![&key()]));
}

#[test]
fn the_order_of_a_list_is_of_no_account() {
    let of = |id: &str| record(ObjectClass::PrivateKey, id, "root");
    let (one, other) = ([of("01"), of("02"), of("03")], [of("03"), of("01"), of("02")]);
    assert_eq!((counts(&one, &other), counts(&other, &one)), ((3, 0, 0, 0), (3, 0, 0, 0)));
    assert!(is_same_set(&one, &other) && is_among(&other, &one) && is_among(&one[..2], &other));
    assert!(matching(&one, &other).same.iter().all(|(was, is)| was == is));
}

#[test]
fn a_token_that_tells_more_after_an_update_has_the_same_objects() {
    let told = ObjectRecord { unique_id: Some(Line::lossy("u1")), ..key() };
    let half = ObjectRecord { public_key_sha256: Some(Digest::of(b"a")), ..told.clone() };
    assert_eq!(counts(&[key()], std::slice::from_ref(&told)), (0, 1, 0, 0));
    assert_eq!(counts(std::slice::from_ref(&half), &[key()]), (0, 1, 0, 0));
    let other = ObjectRecord { unique_id: Some(Line::lossy("u2")), ..half.clone() };
    assert_eq!(counts(&[half], &[other]), (0, 0, 1, 1));
}

#[test]
fn what_was_made_again_is_compared_as_far_as_both_tokens_tell() {
    let aes = |kind: &str, check: Option<&str>, unique: &str| ObjectRecord {
        key_type: kind.into(),
        check_value: check.map(str::to_owned),
        unique_id: Some(Line::lossy(unique)),
        ..record(ObjectClass::SecretKey, "07", "kek")
    };
    let gone = |originals: &[ObjectRecord], found: &[ObjectRecord]| made_again(originals, found).gone.len();
    let original = aes("aes-256", Some("aabbcc"), "a");
    assert_eq!(gone(std::slice::from_ref(&original), &[aes("aes", Some("aabbcc"), "b")]), 0);
    assert_eq!(gone(std::slice::from_ref(&original), &[aes("aes-256", None, "b")]), 0);
    assert_eq!(gone(std::slice::from_ref(&original), &[aes("aes-256", Some("ddeeff"), "b")]), 1);
    assert_eq!(gone(std::slice::from_ref(&original), &[aes("aes-128", Some("aabbcc"), "b")]), 1);
    // The choosier one takes what fits it, the other what is left.
    let untold = aes("aes-256", None, "c");
    let found = [aes("aes-256", Some("aabbcc"), "d"), aes("aes-256", Some("ddeeff"), "e")];
    assert_eq!(gone(&[untold.clone(), original.clone()], &found), 0);
    assert_eq!(gone(&[original.clone(), original.clone()], &found), 1);
    assert_eq!(gone(&[untold, original.clone(), original], &found), 1);
    // The same with public halves.
    for (own, other) in [(b"a", b"b"), (b"b", b"a")] {
        let half = |half: &[u8]| ObjectRecord { public_key_sha256: Some(Digest::of(half)), ..key() };
        assert_eq!(gone(&[key(), half(own)], &[half(own), half(other)]), 0);
    }
}

/// Objects that differ in nothing but what only some of them tell are paired off in one pass, however many there are.
#[test]
fn a_long_list_of_one_name_is_compared_like_any_other() {
    let half =
        |number: u32| ObjectRecord { public_key_sha256: Some(Digest::of(&number.to_be_bytes())), ..key() };
    let old: Vec<ObjectRecord> = (0..5_000).map(half).collect();
    let new: Vec<ObjectRecord> = (2_500..7_500).map(half).collect();
    assert_eq!(counts(&old, &new), (2_500, 0, 2_500, 2_500));
    assert_eq!(made_again(&old, &new).same.len(), 2_500);
    let untold = vec![key(); 5_000];
    assert_eq!(made_again(&old, &untold).same.len(), 5_000);
}

#[test]
fn one_more_word_about_a_key_and_it_is_not_known_by_its_name_only() {
    assert!(key().is_known_by_name_only() && beside(b"a").is_known_by_name_only());
    let digest = Some(Digest::of(b"a"));
    for (told, particulars) in [
        (
            ObjectRecord { public_key_sha256: digest, ..key() },
            format!("public_key_sha256 {}", Digest::of(b"a")),
        ),
        (ObjectRecord { value_sha256: digest, ..key() }, format!("value_sha256 {}", Digest::of(b"a"))),
        (ObjectRecord { check_value: Some("aabbcc".into()), ..key() }, "check_value aabbcc".to_owned()),
        (ObjectRecord { unique_id: Some(Line::lossy("u1")), ..key() }, "unique_id u1".to_owned()),
    ] {
        assert!(!told.is_known_by_name_only(), "{told:?}");
        assert_eq!(told.particulars(), format!("{particulars}, extractable true"));
    }
    let cut = ObjectRecord { label_sha256: digest, ..key() };
    assert!(cut.is_known_by_name_only());
    assert_eq!(cut.particulars(), format!("label_sha256 {}, extractable true", Digest::of(b"a")));
}

#[test]
fn what_a_person_could_mistake_has_the_same_class_and_the_same_id_or_label() {
    let of = |id: &str, label: &str| record(ObjectClass::PrivateKey, id, label);
    for (one, other, alike) in [
        (of("01", "root"), of("01", "other"), true),
        (of("01", "root"), of("02", "root"), true),
        (of("01", "root"), of("02", "other"), false),
        (of("", "root"), of("", "other"), false),
        (of("01", ""), of("02", ""), false),
        (of("", "root"), of("", "root"), true),
        (of("01", ""), of("01", ""), true),
        (of("01", "root"), record(ObjectClass::PublicKey, "01", "root"), false),
    ] {
        assert_eq!((one.resembles(&other), other.resembles(&one)), (alike, alike), "{one} {other}");
    }
}

#[test]
fn a_label_that_was_cut_is_compared_as_a_whole() {
    let cut = |whole: &str| ObjectRecord { label_sha256: Some(Digest::of(whole.as_bytes())), ..key() };
    assert!(key().is_labelled("root") && !key().is_labelled("other"));
    assert!(cut("root and more").is_labelled("root and more") && !cut("root and more").is_labelled("root"));
}

#[test]
fn what_meets_an_empty_list_came_or_went() {
    assert_eq!(counts(&[key()], &[]), (0, 0, 1, 0));
    assert_eq!(counts(&[], &[key()]), (0, 0, 0, 1));
    assert_eq!(counts(&[], &[]), (0, 0, 0, 0));
    assert!(is_same_set(&[], &[]) && !is_same_set(&[], &[key()]) && !is_same_set(&[key()], &[]));
    assert!(is_among(&[], &[]) && is_among(&[], &[key()]) && !is_among(&[key()], &[]));
    // A public half, a unique id: what is found beside the key is known, what it says itself is known better.
    assert_eq!(beside(b"a").known_half(), Some(Digest::of(b"a")));
    let own = ObjectRecord { public_key_sha256: Some(Digest::of(b"own")), ..beside(b"a") };
    assert_eq!((own.known_half(), key().known_half()), (Some(Digest::of(b"own")), None));
}
