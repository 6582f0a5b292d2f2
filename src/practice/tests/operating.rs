use super::*;

#[test]
fn only_public_objects_show_without_login() {
    let mut bench = Bench::seeded();
    let public = bench.token.observe().unwrap().public_objects;
    assert_eq!(public.len(), 4);
    assert!(public.iter().all(|o| matches!(o.class, ObjectClass::PublicKey | ObjectClass::Data)));
    let all = bench.objects();
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted());
    let private = bench.object(ObjectClass::PrivateKey, "document-signing");
    let half = bench.object(ObjectClass::PublicKey, "document-signing");
    assert_eq!((private.id, private.public_key_sha256), (half.id, half.public_key_sha256));
}

#[test]
fn exactly_the_named_objects_are_destroyed() {
    let mut bench = Bench::seeded();
    let wanted = vec![
        bench.object(ObjectClass::PrivateKey, "document-signing"),
        bench.object(ObjectClass::PublicKey, "document-signing"),
        bench.object(ObjectClass::SecretKey, "archive-kek"),
    ];
    let before = bench.objects();
    let deletion = bench.delete(&wanted, Attempt::First).unwrap();
    assert_eq!(deletion, Deletion { destroyed: wanted.clone(), ..Deletion::default() });
    let after = bench.objects();
    assert_eq!(after.len(), before.len() - 3);
    assert!(wanted.iter().all(|record| !after.contains(record)));
    // Again: an error in a first run, known in a resumed one.
    assert_eq!(bench.delete(&wanted, Attempt::First).unwrap_err().effect, Effect::None);
    let resumed = bench.delete(&wanted, Attempt::Resumed).unwrap();
    assert_eq!(resumed, Deletion { already_gone: wanted, ..Deletion::default() });
}

#[test]
fn a_resumed_deletion_tells_what_it_did_from_what_was_done() {
    let mut bench = Bench::seeded();
    let first = bench.object(ObjectClass::PrivateKey, "document-signing");
    let second = bench.object(ObjectClass::SecretKey, "archive-kek");
    bench.delete(std::slice::from_ref(&first), Attempt::First).unwrap();
    let resumed = bench.delete(&[first.clone(), second.clone()], Attempt::Resumed).unwrap();
    assert_eq!((resumed.destroyed, resumed.already_gone), (vec![second], vec![first]));
}

#[test]
fn an_object_goes_alone_and_what_resembles_it_stays() {
    let user = pin(USER_PIN);
    // One of the same label, then one of the same id.
    for (label, id) in [("document-signing", 9), ("innocent", 1)] {
        let mut bench = Bench::seeded();
        let victim = bench.object(ObjectClass::PrivateKey, "document-signing");
        let twin = bench.token.generate(&user, Sample::Ed25519, label, &[id], Extractable::Yes).unwrap();
        let deletion = bench.delete(std::slice::from_ref(&victim), Attempt::First).unwrap();
        assert_eq!(deletion.destroyed, std::slice::from_ref(&victim));
        assert_eq!(
            bench.delete(std::slice::from_ref(&victim), Attempt::Resumed).unwrap().already_gone,
            [victim]
        );
        assert!(twin.iter().all(|record| bench.objects().contains(record)));
    }
}

#[test]
fn twins_go_together_or_not_at_all() {
    let mut bench = Bench::initialised();
    let user = pin(USER_PIN);
    for _ in 0..2 {
        bench.token.generate(&user, Sample::Data(b"same"), "notes", &[], Extractable::Yes).unwrap();
    }
    let record = bench.object(ObjectClass::Data, "notes");
    assert_eq!(bench.delete(std::slice::from_ref(&record), Attempt::First).unwrap_err().effect, Effect::None);
    assert_eq!(bench.objects().len(), 2);
    let both = [record.clone(), record];
    assert_eq!(bench.delete(&both, Attempt::First).unwrap().destroyed, both);
    assert!(bench.objects().is_empty());
}

#[test]
fn a_record_that_differs_in_anything_is_not_the_object() {
    let mut bench = Bench::seeded();
    let honest = bench.object(ObjectClass::PrivateKey, "document-signing");
    let mut other = honest.clone();
    other.public_key_sha256 = bench.object(ObjectClass::PrivateKey, "code-signing").public_key_sha256;
    let mut relabelled = honest.clone();
    relabelled.key_type = "ed25519".into();
    for record in [other, relabelled] {
        assert_eq!(
            bench.delete(std::slice::from_ref(&record), Attempt::First).unwrap_err().effect,
            Effect::None
        );
        assert_eq!(
            bench.delete(std::slice::from_ref(&record), Attempt::Resumed).unwrap().already_gone,
            [record]
        );
    }
    assert!(bench.objects().contains(&honest));
}

#[test]
fn a_backup_holds_every_extractable_object_and_names_the_others() {
    let mut bench = Bench::seeded();
    let before = bench.objects();
    let (entries, left_out) = bench.backup();
    assert_eq!(left_out.len(), 1);
    assert_eq!(left_out[0].object, bench.object(ObjectClass::PrivateKey, "bound-to-this-token"));
    assert!(left_out[0].reason.as_str().contains("CKR_KEY_UNEXTRACTABLE"));
    assert_eq!(entries.len(), 7);
    assert_eq!(bench.objects(), before);
    for entry in &entries {
        let secret = matches!(entry.object.class, ObjectClass::PrivateKey | ObjectClass::SecretKey);
        assert_eq!(entry.mechanism, if secret { "aes-key-wrap-kwp" } else { "copy" });
    }
    let short = CredentialSecret::copy_of(&[1; 16]).unwrap();
    let user = pin(USER_PIN);
    let mut shelf = Shelf::default();
    assert!(bench.token.backup(allowed(), &user, &short, &mut shelf, &mut Silent).is_err());
    assert!(shelf.0.is_empty());
}
