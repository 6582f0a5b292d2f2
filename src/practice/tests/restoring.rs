use super::*;
use crate::{
    encoding::{digest::Digest, strict::Base64},
    ports::token::Progress,
    practice::{
        keys::{KeyKind, Material},
        state::{Content, State},
        wrapping,
    },
};

fn position(entries: &[BackupEntry], class: ObjectClass, label: &str) -> usize {
    entries.iter().position(|e| e.object.class == class && e.object.label.as_str() == label).unwrap()
}

#[test]
fn keys_come_back_after_a_reset_and_on_another_token() {
    let mut bench = Bench::seeded();
    let bound = bench.object(ObjectClass::PrivateKey, "bound-to-this-token");
    let mut expected = bench.objects();
    expected.retain(|record| *record != bound);
    let (entries, _) = bench.backup();
    bench.reset(Attempt::First, SO_PIN, SO_PIN, USER_PIN).unwrap();
    assert!(bench.objects().is_empty());
    let mut elsewhere = Bench::initialised();
    for bench in [&mut bench, &mut elsewhere] {
        let mut restored = bench.restore(entries.clone());
        restored.sort();
        assert_eq!(restored, expected);
        assert_eq!(bench.objects(), expected);
        // Again: verified and kept.
        assert_eq!(bench.restore(entries.clone()).len(), 7);
        assert_eq!(bench.objects(), expected);
        // What was restored can be backed up and is the same key.
        assert_eq!(bench.backup().0.len(), 7);
    }
}

#[test]
fn a_flipped_bit_in_a_blob_is_refused_and_adds_nothing() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    for (index, entry) in entries.iter().enumerate() {
        for at in [0, entry.blob.0.len() / 2, entry.blob.0.len() - 1] {
            let mut changed = entry.clone();
            changed.blob.0[at] ^= 0x10;
            let refused = target.refused(changed);
            assert!(refused.starts_with("C_UnwrapKey: "), "entry {index}: {refused}");
        }
    }
    assert!(target.objects().is_empty());
}

#[test]
fn a_known_key_under_the_original_label_is_refused() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    let kinds = [
        (ObjectClass::PrivateKey, "document-signing", KeyKind::P256),
        (ObjectClass::PrivateKey, "code-signing", KeyKind::Ed25519),
        (ObjectClass::SecretKey, "archive-kek", KeyKind::Aes256),
    ];
    for (class, label, kind) in kinds {
        let mut forged = entries[position(&entries, class, label)].clone();
        let known = Material::generate(kind).unwrap().to_plain().unwrap();
        // Rightly wrapped: the backup key alone does not make it the recorded key.
        forged.blob = Base64(wrapping::wrap(&backup_key(), &known).unwrap());
        let refused = target.refused(forged.clone());
        assert!(refused.contains("another key than recorded"), "{refused}");
        for mechanism in ["copy", "aes-cbc", ""] {
            forged.mechanism = mechanism.into();
            target.refused(forged.clone());
        }
    }
    assert!(target.objects().is_empty());
}

#[test]
fn a_key_that_cannot_be_proven_is_refused() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    let mut pair = entries[position(&entries, ObjectClass::PrivateKey, "code-signing")].clone();
    pair.object.public_key_sha256 = None;
    let mut secret = entries[position(&entries, ObjectClass::SecretKey, "archive-kek")].clone();
    secret.object.check_value = None;
    let mut bound = entries[position(&entries, ObjectClass::PrivateKey, "document-signing")].clone();
    bound.object.extractable = Some(false);
    let mut odd = entries[0].clone();
    odd.object.key_type = "rsa-3072".into();
    let mut attribute = entries[0].clone();
    attribute.attributes.insert("../../x".into(), "01".into());
    for entry in [pair, secret, bound, odd, attribute] {
        target.refused(entry);
    }
    assert!(target.objects().is_empty());
}

#[test]
fn exchanged_public_values_are_refused() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    let mut key = entries[position(&entries, ObjectClass::PublicKey, "document-signing")].clone();
    let other = &entries[position(&entries, ObjectClass::PublicKey, "code-signing")];
    key.blob = other.blob.clone();
    target.refused(key.clone());
    // Not even when the record goes along: the type does not fit.
    key.object.public_key_sha256 = Some(Digest::of(&key.blob.0));
    target.refused(key);
    let mut data = entries[position(&entries, ObjectClass::Data, "issuer-profile")].clone();
    data.blob.0.push(0);
    target.refused(data);
    assert!(target.objects().is_empty());
}

#[test]
fn a_key_is_restored_beside_its_namesake() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    let user = pin(USER_PIN);
    target.token.generate(&user, Sample::P256, "document-signing", &[1], Extractable::Yes).unwrap();
    let before = target.objects();
    let twins = [entries.clone(), entries.clone()].concat();
    assert_eq!(target.restore(entries).len(), 7);
    assert_eq!(target.objects().len(), before.len() + 7);
    // Twice in a backup, it is there twice.
    assert_eq!(target.restore(twins).len(), 14);
    assert_eq!(target.objects().len(), before.len() + 14);
    assert!(before.iter().all(|record| target.objects().contains(record)));
}

/// What one object lacks is no fault of the others.
#[test]
fn a_bad_object_does_not_take_the_others_with_it() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    let mut broken = entries.clone();
    broken[3].blob.0[0] ^= 1;
    let restoration = target.restoration(broken);
    let [left] = &restoration.left_out[..] else { panic!("{restoration:?}") };
    assert_eq!(left.object, entries[3].object);
    assert_eq!((restoration.restored.len(), target.objects().len()), (6, 6));
    assert_eq!(target.restore(entries).len(), 7);
}

/// A value that is not the recorded one would be refused by every restore: it does not go into a backup.
#[test]
fn what_a_restore_would_refuse_is_left_out_of_a_backup() {
    let mut bench = Bench::seeded();
    let file = bench.path.clone();
    let mut state = State::read(&file).unwrap();
    let public = state.objects.iter_mut().find(|o| o.record.class == ObjectClass::PublicKey).unwrap();
    public.content = Content::Public(Base64(b"not a key".to_vec()));
    let sealed = state.objects.iter_mut().find(|o| o.record.class == ObjectClass::SecretKey).unwrap();
    sealed.record.check_value = Some("000000".to_owned());
    state.write(&file).unwrap();
    let (entries, left_out) = bench.backup();
    let left: Vec<ObjectClass> = left_out.iter().map(|left| left.object.class).collect();
    assert_eq!(
        left,
        [ObjectClass::PrivateKey, ObjectClass::PublicKey, ObjectClass::SecretKey],
        "{left_out:?}"
    );
    assert_eq!(entries.len(), 5);
    assert_eq!(Bench::initialised().restore(entries).len(), 5);
}

/// The last step says that all of it is done.
#[test]
fn progress_ends_with_the_whole() {
    struct Steps(Vec<(usize, usize)>);
    impl Progress for Steps {
        fn step(&mut self, _what: &str, done: usize, total: usize) {
            self.0.push((done, total));
        }
    }
    let (entries, _) = Bench::seeded().backup();
    let mut steps = Steps(Vec::new());
    let mut shelf = Shelf(entries);
    let target = &mut Bench::initialised().token;
    target.restore(allowed(), &pin(USER_PIN), &backup_key(), &mut shelf, &mut steps).unwrap();
    assert_eq!((steps.0.first(), steps.0.last()), (Some(&(0, 7)), Some(&(7, 7))));
}

#[test]
fn a_wrong_backup_key_restores_nothing() {
    let (entries, _) = Bench::seeded().backup();
    let mut target = Bench::initialised();
    let wrong = CredentialSecret::copy_of(&[0x43; 32]).unwrap();
    let secret = entries.into_iter().find(|e| e.object.class == ObjectClass::SecretKey).unwrap();
    let mut shelf = Shelf(vec![secret]);
    let refused = target.token.restore(allowed(), &pin(USER_PIN), &wrong, &mut shelf, &mut Silent).unwrap();
    assert_eq!((refused.restored.len(), refused.left_out.len()), (0, 1));
    assert!(target.objects().is_empty());
}

/// The zero block under the zero key: the first of the FIPS 197 known answers (AESAVS, KAT, 256 bits).
#[test]
fn the_check_value_is_that_of_pkcs11() {
    let zero = Material::from_plain(KeyKind::Aes256, &[0; 32]).unwrap();
    assert_eq!(zero.check_value().unwrap().unwrap(), "dc95c0");
}
