//! The practice token from outside, through its port.

mod administering;
mod installing;
mod many;
mod operating;
mod restoring;

use std::{fs, path::PathBuf};

use super::{Extractable, PracticeToken, Sample};
use crate::{
    approval::authorization::Authorization,
    encoding::text::Name,
    memory::{CredentialSecret, Pin},
    ports::token::{
        Attempt, BackupSink, BackupSource, Condition, Deletion, Effect, Installation, LeftOut, Reset,
        Restoration, Silent, Target as _, Token as _, TokenError,
    },
    proposal::target::{BackupEntry, ObjectClass, ObjectRecord, Tries},
};

const SO_PIN: &str = "so-pin-1";
const USER_PIN: &str = "user-pin-1";
const NEW_SO: &str = "so-pin-2";
const NEW_USER: &str = "user-pin-2";

fn pin(text: &str) -> Pin {
    Pin::copy_of(text.as_bytes()).unwrap()
}

fn backup_key() -> CredentialSecret {
    CredentialSecret::copy_of(&[0x42; 32]).unwrap()
}

fn allowed() -> Authorization {
    Authorization::for_test(Name::new("issuer").unwrap())
}

/// A token in its own directory.
struct Bench {
    _dir: tempfile::TempDir,
    path: PathBuf,
    token: PracticeToken,
}

impl Bench {
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        PracticeToken::create_empty(&path, None).unwrap();
        let token = PracticeToken::open(Name::new("issuer").unwrap(), &path).unwrap();
        Self { _dir: dir, path, token }
    }

    fn initialised() -> Self {
        let mut bench = Self::empty();
        bench.token.initialise(&"practice".parse().unwrap(), &pin(SO_PIN), &pin(USER_PIN)).unwrap();
        bench
    }

    fn seeded() -> Self {
        let mut bench = Self::initialised();
        for (id, (sample, label, extractable)) in (1..).zip([
            (Sample::P256, "document-signing", Extractable::Yes),
            (Sample::Ed25519, "code-signing", Extractable::Yes),
            (Sample::Aes256, "archive-kek", Extractable::Yes),
            (Sample::P256, "bound-to-this-token", Extractable::No),
            (Sample::Data(b"rehearsal"), "issuer-profile", Extractable::Yes),
        ]) {
            bench.token.generate(&pin(USER_PIN), sample, label, &[id], extractable).unwrap();
        }
        bench
    }

    /// Under the label `reset-1`.
    fn reset(&mut self, run: Attempt, so: &str, new_so: &str, new_user: &str) -> Result<(), TokenError> {
        let (so, new_so, new_user) = (pin(so), pin(new_so), pin(new_user));
        let (so_pin, new_so_pin, new_user_pin) = (&so, &new_so, &new_user);
        let reset = Reset { run, so_pin, new_label: &"reset-1".parse().unwrap(), new_so_pin, new_user_pin };
        self.token.reset(allowed(), &reset)
    }

    fn objects(&mut self) -> Vec<ObjectRecord> {
        self.token.inventory(&pin(USER_PIN)).unwrap().objects
    }

    fn object(&mut self, class: ObjectClass, label: &str) -> ObjectRecord {
        let objects = self.objects();
        objects.into_iter().find(|o| o.class == class && o.label.as_str() == label).unwrap()
    }

    fn delete(&mut self, objects: &[ObjectRecord], run: Attempt) -> Result<Deletion, TokenError> {
        self.token.delete(allowed(), &pin(USER_PIN), objects, run, &mut Silent)
    }

    fn backup(&mut self) -> (Vec<BackupEntry>, Vec<LeftOut>) {
        let mut shelf = Shelf::default();
        let export =
            self.token.backup(allowed(), &pin(USER_PIN), &backup_key(), &mut shelf, &mut Silent).unwrap();
        (shelf.0, export.left_out)
    }

    fn restoration(&mut self, entries: Vec<BackupEntry>) -> Restoration {
        let mut shelf = Shelf(entries);
        shelf.0.reverse();
        self.token.restore(allowed(), &pin(USER_PIN), &backup_key(), &mut shelf, &mut Silent).unwrap()
    }

    /// What was restored: all of it.
    fn restore(&mut self, entries: Vec<BackupEntry>) -> Vec<ObjectRecord> {
        let restoration = self.restoration(entries);
        assert_eq!(restoration.left_out, []);
        restoration.restored
    }

    /// Why an entry is not restored.
    fn refused(&mut self, entry: BackupEntry) -> String {
        let restoration = self.restoration(vec![entry.clone()]);
        assert_eq!(restoration.restored, []);
        let [left] = restoration.left_out.try_into().unwrap();
        assert_eq!(left.object, entry.object);
        left.reason.as_str().to_owned()
    }
}

/// A backup in memory.
#[derive(Default)]
struct Shelf(Vec<BackupEntry>);

impl BackupSink for Shelf {
    fn entry(&mut self, entry: BackupEntry) -> Result<(), std::io::Error> {
        self.0.push(entry);
        Ok(())
    }
}

impl BackupSource for Shelf {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn entry(&mut self) -> Result<Option<BackupEntry>, std::io::Error> {
        Ok(self.0.pop())
    }
}
