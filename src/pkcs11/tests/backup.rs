//! Backup and restoration under a key of the quorum.

use super::*;
use crate::{
    memory::CredentialSecret,
    ports::token::{BackupSink, BackupSource, Effect, Export, Restoration},
    proposal::target::{BackupEntry, ObjectClass},
};

#[derive(Default)]
pub(super) struct Tape(pub(super) Vec<BackupEntry>, pub(super) bool);

impl BackupSink for Tape {
    fn entry(&mut self, entry: BackupEntry) -> Result<(), std::io::Error> {
        if self.1 {
            return Err(std::io::Error::other("no space left on device"));
        }
        self.0.push(entry);
        Ok(())
    }
}

pub(super) struct Player(pub(super) std::vec::IntoIter<BackupEntry>);

impl BackupSource for Player {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn entry(&mut self) -> Result<Option<BackupEntry>, std::io::Error> {
        Ok(self.0.next())
    }
}

pub(super) fn backup_key(byte: u8) -> CredentialSecret {
    CredentialSecret::copy_of(&[byte; 32]).unwrap()
}

pub(super) fn extractable(hsm: &SoftHsm, kind: &str, label: &str, id: &str) {
    let args =
        ["--keypairgen", "--key-type", kind, "--label", label, "--id", id, "--usage-sign", "--extractable"];
    hsm.user("ca", USER_PIN, &args);
}

/// Keys of every kind that SoftHSM makes, a certificate's place taken by a data object.
pub(super) fn filled() -> SoftHsm {
    let hsm = SoftHsm::with_token("ca");
    extractable(&hsm, "EC:prime256v1", "p256", "01");
    extractable(&hsm, "EC:secp384r1", "p384", "02");
    extractable(&hsm, "rsa:2048", "rsa", "03");
    extractable(&hsm, "EC:secp521r1", "p521", "08");
    extractable(&hsm, "EC:edwards25519", "ed", "04");
    hsm.make_secret("ca", "AES:32", "aes", "05");
    hsm.make_secret("ca", "GENERIC:20", "odd", "06");
    hsm.make_key("ca", "EC:prime256v1", "stays", "07");
    let note = hsm.dir.path().join("note");
    std::fs::write(&note, "a public note").unwrap();
    let path = note.to_str().unwrap();
    hsm.user("ca", USER_PIN, &["--write-object", path, "--type", "data", "--label", "note"]);
    hsm
}

fn backup(hsm: &SoftHsm, tape: &mut Tape) -> Result<Export, TokenError> {
    token(hsm, by_label("ca")).backup(right(), &pin(USER_PIN), &backup_key(7), tape, &mut Silent)
}

fn restore(
    hsm: &SoftHsm,
    label: &str,
    key: u8,
    entries: Vec<BackupEntry>,
) -> Result<Restoration, TokenError> {
    let mut player = Player(entries.into_iter());
    token(hsm, by_label(label)).restore(right(), &pin(USER_PIN), &backup_key(key), &mut player, &mut Silent)
}

/// All was restored, as it was.
fn all_of(restoration: Restoration) -> Vec<ObjectRecord> {
    assert_eq!((&restoration.left_out, &restoration.unkept), (&Vec::new(), &Vec::new()));
    restoration.restored
}

/// Nothing was restored, and each object is named.
fn none_of(restoration: Restoration) {
    assert_eq!((restoration.restored.len(), restoration.left_out.len()), (0, 1), "{restoration:?}");
}

#[test]
fn every_object_is_backed_up_or_named_and_comes_back() {
    let hsm = filled();
    let mut tape = Tape::default();
    let left_out = backup(&hsm, &mut tape).unwrap().left_out;
    let all = token(&hsm, by_label("ca")).inventory(&pin(USER_PIN)).unwrap().objects;
    assert_eq!(tape.0.len() + left_out.len(), all.len());
    let left: Vec<(&str, ObjectClass)> =
        left_out.iter().map(|l| (l.object.label.as_str(), l.object.class)).collect();
    for (label, class) in &left {
        assert!(
            matches!(
                (*label, *class),
                ("ed" | "stays", ObjectClass::PrivateKey) | ("odd", ObjectClass::SecretKey)
            ),
            "{left_out:?}"
        );
    }
    // Ed25519 cannot be wrapped by SoftHSM 2.6.1, and the other may not leave.
    assert!(
        left.contains(&("ed", ObjectClass::PrivateKey)) && left.contains(&("stays", ObjectClass::PrivateKey))
    );

    hsm.init_token("spare");
    let restored = all_of(restore(&hsm, "spare", 7, tape.0.clone()).unwrap());
    assert_eq!(restored.len(), tape.0.len());
    for (entry, now) in tape.0.iter().zip(&restored) {
        assert!(crate::pkcs11::proof::same_type(&entry.object, now), "{now}");
        assert_eq!(entry.object.public_key_sha256, now.public_key_sha256, "{now}");
        // SoftHSM computes none for keys that were unwrapped.
        assert!(now.check_value.is_none() || entry.object.check_value == now.check_value);
        assert_eq!(entry.object.extractable, now.extractable);
    }
    assert_eq!(hsm.count("spare", USER_PIN, "p256"), 2);
    // Once more: all is there, verified, and not doubled.
    all_of(restore(&hsm, "spare", 7, tape.0.clone()).unwrap());
    assert_eq!(hsm.count("spare", USER_PIN, "p256"), 2);
}

/// Two pairs with one id and label: which private key is which, no token shows.
#[test]
fn keys_that_look_alike_come_back_each() {
    let hsm = SoftHsm::with_token("ca");
    extractable(&hsm, "EC:prime256v1", "twin", "09");
    extractable(&hsm, "EC:prime256v1", "twin", "09");
    let mut tape = Tape::default();
    assert_eq!(backup(&hsm, &mut tape).unwrap(), Export::default());
    hsm.init_token("spare");
    for _ in 0..2 {
        assert_eq!(all_of(restore(&hsm, "spare", 7, tape.0.clone()).unwrap()).len(), 4);
        assert_eq!(hsm.count("spare", USER_PIN, "twin"), 4);
    }
    // A third one that nobody backed up.
    hsm.make_key("spare", "EC:prime256v1", "twin", "09");
    let left = restore(&hsm, "spare", 7, tape.0.clone()).unwrap().left_out;
    let keys = left.iter().filter(|left| left.object.class == ObjectClass::PrivateKey);
    assert_eq!(
        keys.filter(|left| left.reason.as_str().contains("more often than it was restored")).count(),
        2,
        "{left:?}"
    );
}

/// A token that lost some of the objects that look alike: those come back, and what is left of them is not doubled.
#[test]
fn what_is_missing_of_objects_that_look_alike_comes_back() {
    let hsm = SoftHsm::with_token("ca");
    let note = hsm.dir.path().join("note");
    std::fs::write(&note, "a public note").unwrap();
    let data = ["--write-object", note.to_str().unwrap(), "--type", "data", "--label", "note"];
    for application in ["one", "one", "two"] {
        hsm.user("ca", USER_PIN, &[&data[..], &["--application-label", application]].concat());
    }
    for _ in 0..2 {
        extractable(&hsm, "EC:prime256v1", "twin", "09");
    }
    let mut tape = Tape::default();
    assert_eq!(backup(&hsm, &mut tape).unwrap(), Export::default());
    let delete = ["--delete-object", "--type"];
    hsm.user("ca", USER_PIN, &[&delete[..], &["privkey", "--id", "09"]].concat());
    for _ in 0..2 {
        hsm.user("ca", USER_PIN, &[&delete[..], &["data", "--label", "note"]].concat());
    }
    assert_eq!(all_of(restore(&hsm, "ca", 7, tape.0.clone()).unwrap()).len(), 7);
    // Each as it was, not one of them twice.
    let mut again = Tape::default();
    assert_eq!(backup(&hsm, &mut again).unwrap(), Export::default());
    let attributes = |tape: &Tape| {
        let mut all: Vec<_> = tape.0.iter().map(|entry| entry.attributes.clone()).collect();
        all.sort();
        all
    };
    assert_eq!(attributes(&again), attributes(&tape));
}

#[test]
fn another_backup_key_and_a_changed_entry_restore_nothing() {
    let hsm = filled();
    let mut tape = Tape::default();
    backup(&hsm, &mut tape).unwrap();
    let key = tape
        .0
        .iter()
        .find(|e| e.object.class == ObjectClass::PrivateKey && e.object.label.as_str() == "p256");
    let key = key.unwrap().clone();
    hsm.init_token("spare");
    none_of(restore(&hsm, "spare", 8, vec![key.clone()]).unwrap());
    // A good blob under the name and public key of another key.
    let other = tape.0.iter().find(|e| e.object.label.as_str() == "p384").unwrap();
    let swapped = BackupEntry { blob: other.blob.clone(), ..key.clone() };
    none_of(restore(&hsm, "spare", 7, vec![swapped]).unwrap());
    let mut renamed = key.clone();
    renamed.attributes.insert("CKA_VALUE".to_owned(), "00".to_owned());
    none_of(restore(&hsm, "spare", 7, vec![renamed]).unwrap());
    assert!(token(&hsm, by_label("spare")).inventory(&pin(USER_PIN)).unwrap().objects.is_empty());
}

#[test]
fn a_sink_that_fails_ends_the_backup() {
    let hsm = filled();
    let error = backup(&hsm, &mut Tape(Vec::new(), true)).unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert!(error.message.contains("no space left"), "{error}");
}

#[test]
fn a_restoration_cut_by_a_crash_is_taken_up_again() {
    let hsm = filled();
    let mut tape = Tape::default();
    backup(&hsm, &mut tape).unwrap();
    hsm.init_token("spare");
    let module = faulty(&hsm);
    // The throw-away keys are not unwrapped by the token: these are the restored ones.
    module.order("C_UnwrapKey", 2, "crash-after");
    let mut player = Player(tape.0.clone().into_iter());
    let error = faulty_token(&hsm, &module, by_label("spare"))
        .restore(right(), &pin(USER_PIN), &backup_key(7), &mut player, &mut Silent)
        .unwrap_err();
    assert_eq!(error.effect, Effect::Unknown, "{error}");
    let restored = all_of(restore(&hsm, "spare", 7, tape.0.clone()).unwrap());
    assert_eq!(restored.len(), tape.0.len());
}
