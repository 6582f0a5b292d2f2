//! Shares as they are sealed to a card, with the age identity of the card, beside the roster whose dealing they are of.

use std::{fs, path::Path};

use bech32::{Bech32, Hrp};
use quorate::{
    encoding::{digest::Digest, strict},
    memory::ShareSecret,
    roster::{Roster, RosterDocument},
    sealing::{hybrid::HybridIdentity, single},
    sharing::share::{MAX_SHARE, UnverifiedShare, share_name},
};
use serde_json::{Value, json};

use super::{Refused, told};
use crate::support::{
    forge::vectors::add,
    roster::{Dealing, Recipe, name, person, share_recipient},
};

/// The roster, beside the vectors.
const ROSTER: &str = "roster.json";
const AUTHORITY: &str = "crypto-officer";

pub(super) fn make(dir: &Path) {
    let dealing = Recipe::of(2, 3).deal();
    fs::write(dir.join(ROSTER), strict::write(dealing.roster.document())).unwrap();
    let own = || dealing.document(AUTHORITY, 1).to_vec();
    let replaced = |from: &str, to: &str| {
        let text = String::from_utf8(own()).unwrap();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let later = Recipe { epoch: 2, ..Recipe::of(2, 3) }.deal();
    let of_other = Recipe { ledger: Digest::of(b"another"), ..Recipe::of(2, 3) }.deal();
    let two = [dealing.document(AUTHORITY, 1), dealing.document(AUTHORITY, 2)].concat();
    for (defect, document) in [
        ("honest_share", own()),
        ("share_of_another_epoch", later.document(AUTHORITY, 1).to_vec()),
        ("share_of_another_ledger", of_other.document(AUTHORITY, 1).to_vec()),
        ("share_of_somebody_else", dealing.document(AUTHORITY, 2).to_vec()),
        ("share_of_another_index", replaced("index 1", "index 2")),
        ("share_of_another_threshold", replaced("threshold 2", "threshold 3")),
        ("share_with_other_bytes", with_secret(&dealing, &[7; 32])),
        ("share_that_is_too_short", with_secret(&dealing, &[7; 31])),
        ("share_without_a_line", replaced("index 1\n", "")),
        ("share_with_another_title", replaced("quorate-share-v2", "quorate-share-v9")),
        ("share_with_another_after_it", two),
    ] {
        let sealed = single::seal_to(&share_recipient(1), &document).unwrap();
        let mut entry = json!({
            "kind": "share", "roster": ROSTER, "authority": AUTHORITY, "custodian": "person-1",
            "identity": identity(1),
        });
        entry["errors"] = told(check(&sealed, &entry, &dealing.roster));
        assert_eq!(entry["errors"] == json!([]), defect == "honest_share", "{defect}: {entry}");
        add(defect, dir, entry, |path| fs::write(path, &sealed).unwrap());
    }
}

/// The first custodian's document with other bytes as its share.
fn with_secret(dealing: &Dealing, bytes: &[u8]) -> Vec<u8> {
    let share = share_name(&dealing.roster, &name(AUTHORITY), &person(1)).unwrap();
    let secret = quorate::memory::LockedBytes::copy_of(bytes).unwrap();
    UnverifiedShare::write(&share, &ShareSecret::new(secret)).unwrap().expose().to_vec()
}

/// The age identity of a custodian's card, as `age -i` takes it.
fn identity(number: u8) -> String {
    let secret = Digest::of(format!("share key {number}").as_bytes());
    let prefix = Hrp::parse("AGE-SECRET-KEY-PQ-").unwrap();
    bech32::encode::<Bech32>(prefix, secret.as_bytes()).unwrap().to_uppercase()
}

pub(super) fn read(vector: &Value, dir: &Path) -> Result<(), Refused> {
    let at = |key: &str| fs::read(dir.join(vector[key].as_str().unwrap())).unwrap();
    let document: RosterDocument = strict::parse(&at("roster")).unwrap();
    check(&at("file"), vector, &Roster::validate(document).unwrap())
}

fn check(sealed: &[u8], vector: &Value, roster: &Roster) -> Result<(), Refused> {
    let text = |key: &str| vector[key].as_str().unwrap();
    let words = |error: &dyn std::fmt::Display| (None, error.to_string());
    let (_, seed) = bech32::decode(text("identity")).unwrap();
    let identity = HybridIdentity::from_seed(&seed.try_into().unwrap()).unwrap();
    let opened = single::open_with(&identity, sealed, MAX_SHARE).map_err(|error| words(&error))?;
    let (share, rest) = UnverifiedShare::read(opened.expose()).map_err(|error| words(&error))?;
    let share = share.verify(roster, &name(text("authority")), &name(text("custodian")));
    share.map(drop).map_err(|error| words(&error))?;
    if rest.is_empty() { Ok(()) } else { Err((None, "something follows the share".into())) }
}
