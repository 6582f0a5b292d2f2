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
    let deletion = bench.delete(&wanted, Run::First).unwrap();
    assert_eq!(deletion, Deletion { destroyed: wanted.clone(), ..Deletion::default() });
    let after = bench.objects();
    assert_eq!(after.len(), before.len() - 3);
    assert!(wanted.iter().all(|record| !after.contains(record)));
    // Again: an error in a first run, known in a resumed one.
    assert_eq!(bench.delete(&wanted, Run::First).unwrap_err().effect, Effect::None);
    let resumed = bench.delete(&wanted, Run::Resumed).unwrap();
    assert_eq!(resumed, Deletion { already_gone: wanted, ..Deletion::default() });
}

#[test]
fn a_resumed_deletion_tells_what_it_did_from_what_was_done() {
    let mut bench = Bench::seeded();
    let first = bench.object(ObjectClass::PrivateKey, "document-signing");
    let second = bench.object(ObjectClass::SecretKey, "archive-kek");
    bench.delete(std::slice::from_ref(&first), Run::First).unwrap();
    let resumed = bench.delete(&[first.clone(), second.clone()], Run::Resumed).unwrap();
    assert_eq!((resumed.destroyed, resumed.already_gone), (vec![second], vec![first]));
}

#[test]
fn twins_are_refused_before_anything_is_destroyed() {
    let mut bench = Bench::seeded();
    let victim = bench.object(ObjectClass::PrivateKey, "document-signing");
    let other = bench.object(ObjectClass::SecretKey, "archive-kek");
    let user = pin(USER_PIN);
    // One of the same label, then one of the same id.
    for (label, id) in [("document-signing", 9), ("innocent", 1)] {
        let twin = bench.token.generate(&user, Sample::Ed25519, label, &[id], Extractable::Yes).unwrap();
        let before = bench.objects();
        for run in [Run::First, Run::Resumed] {
            let refused = bench.delete(&[other.clone(), victim.clone()], run).unwrap_err();
            assert!(refused.message.contains("resembled"), "{refused}");
        }
        assert_eq!(bench.objects(), before);
        bench.delete(&twin, Run::First).unwrap_err();
        // Both named: none of them is spared, none by mistake.
        let mut both = twin.clone();
        both.extend([victim.clone(), bench.object(ObjectClass::PublicKey, victim.label.as_str())]);
        if label == "innocent" {
            assert_eq!(bench.delete(&both, Run::First).unwrap().destroyed.len(), 4);
        } else {
            remove_behind_its_back(&bench, &twin);
        }
    }
}

/// As another application with the user PIN could.
fn remove_behind_its_back(bench: &Bench, records: &[ObjectRecord]) {
    let mut state = crate::practice::state::State::read(&bench.path).unwrap();
    state.objects.retain(|object| !records.contains(&object.record));
    state.write(&bench.path).unwrap();
}

#[test]
fn an_object_that_occurs_twice_is_ambiguous() {
    let mut bench = Bench::initialised();
    let user = pin(USER_PIN);
    for _ in 0..2 {
        bench.token.generate(&user, Sample::Data(b"same"), "notes", &[], Extractable::Yes).unwrap();
    }
    let record = bench.object(ObjectClass::Data, "notes");
    assert_eq!(bench.delete(std::slice::from_ref(&record), Run::First).unwrap_err().effect, Effect::None);
    assert!(bench.delete(&[record.clone(), record], Run::First).is_err());
    assert_eq!(bench.objects().len(), 2);
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
        assert_eq!(bench.delete(std::slice::from_ref(&record), Run::First).unwrap_err().effect, Effect::None);
        // In a resumed run it is not taken for gone while its like is there.
        assert!(bench.delete(&[record], Run::Resumed).is_err());
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
