//! Backups, with the age identity of the authority that opens them and the key that wraps what is in them, each beside the ledger
//! that recorded it, which is a vector too.

use std::{collections::BTreeMap, fs, io::Cursor, path::Path};

use aes_kw::{KeyInit as _, KwpAes256};
use bech32::{Bech32, Hrp};
use quorate::{
    ceremony::backup::Entries,
    encoding::{
        digest::Digest,
        dsse::Mode,
        strict::{self, Base64},
    },
    ports::token::BackupSource as _,
    proposal::target::{BackupEntry, ObjectRecord},
    sealing::{hybrid::HybridIdentity, single},
    storage,
    transcript::{
        event::{BackedUp, BackupRecord},
        verification,
    },
};
use serde_json::{Value, json};

use super::{Refused, told};
use crate::support::forge::{
    Forge, backed_up, backup, name, object, recipient,
    vectors::{add, keep_as},
};

/// Whose the backup key is.
const AUTHORITY: &str = "security-officer";
const BACKUP_KEY: [u8; 32] = [0x42; 32];
const CEREMONY: u32 = 1;

/// A backup before it is sealed, and what is recorded of it.
struct Draft {
    /// Header and entries, each with its line feed.
    lines: Vec<Vec<u8>>,
    recorded: Vec<BackedUp>,
    /// To whom it is sealed.
    authority: &'static str,
    /// After it was sealed, and before it was recorded.
    damage: fn(&mut Vec<u8>),
    /// After it was recorded.
    tamper: fn(&mut Vec<u8>),
}

fn entry(object: ObjectRecord) -> BackupEntry {
    let plain = Digest::of(object.label.as_str().as_bytes());
    let mut wrapped = vec![0; 40];
    KwpAes256::new(&BACKUP_KEY.into()).wrap_key(plain.as_bytes(), &mut wrapped).unwrap();
    BackupEntry {
        object,
        mechanism: "aes-key-wrap-kwp".into(),
        blob: Base64(wrapped),
        attributes: BTreeMap::from([("CKA_SIGN".to_owned(), "01".to_owned())]),
    }
}

fn line(entry: &BackupEntry) -> Vec<u8> {
    [strict::write(entry), b"\n".to_vec()].concat()
}

impl Draft {
    fn honest(forge: &Forge, proposal: Digest) -> Self {
        let header = format!(
            "{{\"format\":\"quorate-backup-v2\",\"ledger\":\"{}\",\"ceremony\":{CEREMONY},\"proposal\":\"{proposal}\",\
             \"target\":\"hsm\"}}\n",
            forge.nonce
        );
        let mut draft = Self {
            lines: vec![header.into_bytes()],
            recorded: Vec::new(),
            authority: AUTHORITY,
            damage: |_| {},
            tamper: |_| {},
        };
        for object in forge.state().recorded(&name("hsm")) {
            let entry = entry(object.clone());
            draft
                .recorded
                .push(BackedUp { object: object.clone(), sha256: Digest::of(&strict::write(&entry)) });
            draft.lines.push(line(&entry));
        }
        draft
    }

    /// Other words in a line.
    fn replace(&mut self, place: usize, from: &str, to: &str) {
        let text = String::from_utf8(self.lines[place].clone()).unwrap();
        assert!(text.contains(from), "{from}");
        self.lines[place] = text.replacen(from, to, 1).into_bytes();
    }

    /// Another line, which is recorded.
    fn record(&mut self, place: usize, line: Vec<u8>) {
        self.recorded[place - 1].sha256 = Digest::of(line.strip_suffix(b"\n").unwrap());
        self.lines[place] = line;
    }
}

pub(super) fn make(dir: &Path) {
    const OTHER: &str = "the backup is of another ledger";
    const NOT_RECORDED: &str = "is not the one that was recorded";
    type Change = fn(&mut Draft);
    let cases: [(&str, &str, Change); 18] = [
        ("honest_backup", "", |_| {}),
        ("backup_changed_since", "SHA-256 differs", |d| d.tamper = |sealed| sealed.push(0)),
        ("backup_of_another_ledger", OTHER, |d| {
            let another = Digest::of(b"another").to_string();
            let own = Digest::of(b"ledger").to_string();
            d.replace(0, &own, &another);
        }),
        ("backup_of_another_ceremony", OTHER, |d| d.replace(0, "\"ceremony\":1", "\"ceremony\":2")),
        ("backup_of_another_proposal", OTHER, |d| {
            let another = format!("\"proposal\":\"{}\"", Digest::of(b"another"));
            let own = String::from_utf8_lossy(&d.lines[0]).into_owned();
            let own = own.split(',').find(|field| field.starts_with("\"proposal\"")).unwrap();
            d.replace(0, own, &another);
        }),
        ("backup_of_another_target", OTHER, |d| d.replace(0, "\"target\":\"hsm\"", "\"target\":\"spare\"")),
        ("backup_of_another_format", OTHER, |d| d.replace(0, "backup-v2", "backup-v9")),
        ("backup_with_a_field_more", "unknown field", |d| {
            d.replace(0, "\"target\"", "\"colour\":1,\"target\"")
        }),
        ("backup_without_its_last_entry", "the backup is cut off", |d| d.lines.truncate(2)),
        ("backup_with_half_a_line", "a line of the backup is cut off, or too long", |d| {
            d.replace(2, "\n", "");
        }),
        ("backup_with_an_entry_more", "more entries than its ceremony recorded", |d| {
            d.lines.push(line(&entry(object("planted", "03"))));
        }),
        ("backup_with_another_entry", NOT_RECORDED, |d| {
            d.replace(2, "\"CKA_SIGN\":\"01\"", "\"CKA_SIGN\":\"00\"")
        }),
        ("backup_in_another_order", NOT_RECORDED, |d| d.lines.swap(1, 2)),
        ("backup_with_the_entry_of_another_object", "is for another object", |d| {
            d.record(1, line(&entry(object("planted", "03"))));
        }),
        ("backup_with_a_wrong_entry", "missing field", |d| d.record(1, b"{}\n".to_vec())),
        ("backup_of_nothing", "the backup is empty", |d| d.lines.clear()),
        ("backup_for_another_authority", "No matching keys found", |d| d.authority = "crypto-officer"),
        ("backup_that_is_cut_off", "decryption error", |d| {
            d.damage = |sealed| sealed.truncate(sealed.len() - 1)
        }),
    ];
    for (defect, words, change) in cases {
        let forge = Forge::new();
        let proposal = backup(&forge, false);
        let mut draft = Draft::honest(&forge, proposal.digest());
        change(&mut draft);
        let mut sealed = single::seal_to(&recipient(draft.authority), &draft.lines.concat()).unwrap();
        (draft.damage)(&mut sealed);
        let forge = backed_up(false, |told| {
            told.backup = Some(BackupRecord {
                target: name("hsm"),
                key_version: 1,
                sha256: Digest::of(&sealed),
                length: u64::try_from(sealed.len()).unwrap(),
                entries: draft.recorded.clone(),
            });
        });
        (draft.tamper)(&mut sealed);
        let ledger = format!("ledger_of_{defect}");
        keep_as(&ledger, dir, (&forge.files, forge.mode), &[]);
        let mut entry = json!({
            "kind": "backup", "mode": forge.mode.to_string(), "ledger": format!("{}-1", ledger.replace('_', "-")),
            "ceremony": CEREMONY, "identity": identity(AUTHORITY), "backup_key": base16ct::lower::encode_string(&BACKUP_KEY),
        });
        let refused = check(&sealed, &entry, dir);
        match &refused {
            Ok(()) => assert_eq!(words, "", "{defect}"),
            Err((_, message)) => assert!(!words.is_empty() && message.contains(words), "{defect}: {message}"),
        }
        entry["errors"] = told(refused);
        add(defect, dir, entry, |path| fs::write(path, &sealed).unwrap());
    }
}

/// The age identity of an authority, as `age -i` takes it.
fn identity(authority: &str) -> String {
    let secret = Digest::of(authority.as_bytes());
    let prefix = Hrp::parse("AGE-SECRET-KEY-PQ-").unwrap();
    bech32::encode::<Bech32>(prefix, secret.as_bytes()).unwrap().to_uppercase()
}

pub(super) fn read(vector: &Value, dir: &Path) -> Result<(), Refused> {
    check(&fs::read(dir.join(vector["file"].as_str().unwrap())).unwrap(), vector, dir)
}

fn check(sealed: &[u8], vector: &Value, dir: &Path) -> Result<(), Refused> {
    let text = |key: &str| vector[key].as_str().unwrap();
    let words = |error: std::io::Error| (None, error.to_string());
    let files = storage::ledger::read(&dir.join(text("ledger"))).unwrap();
    let state = verification::verify(&files, Mode::Production).sound().unwrap();
    let ceremony = u32::try_from(vector["ceremony"].as_u64().unwrap()).unwrap();
    if Digest::of(sealed) != state.backups[&ceremony].sha256 {
        return Err((None, "it is not the backup that the ledger recorded (SHA-256 differs)".into()));
    }
    let (_, secret) = bech32::decode(text("identity")).unwrap();
    let identity = HybridIdentity::from_seed(&secret.try_into().unwrap()).unwrap();
    let file = Box::new(Cursor::new(sealed.to_vec()));
    let mut entries = Entries::recorded(file, &identity, (&state, ceremony)).map_err(words)?;
    let key: [u8; 32] = base16ct::lower::decode_vec(text("backup_key")).unwrap().try_into().unwrap();
    while let Some(entry) = entries.entry().map_err(words)? {
        let mut plain = [0; 32];
        KwpAes256::new(&key.into()).unwrap_key(&entry.blob.0, &mut plain).unwrap();
    }
    Ok(())
}
