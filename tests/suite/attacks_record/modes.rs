//! What was signed in a rehearsal is worth nothing in production, and the reverse.

use quorate::encoding::dsse::Mode;

use super::{codes, finds, forged, quorate, rehearsed};
use crate::support::forge::Forge;

#[test]
fn a_rehearsal_is_no_production_ledger_and_the_reverse() {
    let honest = rehearsed();
    let path = honest.ledger.to_str().unwrap();
    let pins = ["--genesis", honest.genesis.as_str(), "--head", honest.head.as_str()];
    let done = quorate(&[&["audit", "--json", path], &pins[..]].concat()).expect(3);
    assert_eq!(codes(&done, "error"), ["mode-mismatch"]);
    assert!(done.stderr.contains("is the ledger of a rehearsal: add --rehearsal"), "{}", done.stderr);
    for verb in ["status", "show"] {
        let done = quorate(&[verb, path]).expect(3);
        assert!(done.stderr.contains("is the ledger of a rehearsal"), "{}", done.stderr);
        assert!(done.stderr.contains(&format!("  quorate {verb} {path} --rehearsal")), "{}", done.stderr);
    }

    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    Forge::new().write(&ledger);
    let path = ledger.to_str().unwrap();
    quorate(&["audit", path]).expect(6);
    let done = quorate(&["audit", "--json", "--rehearsal", path]).expect(3);
    assert_eq!(codes(&done, "error"), ["mode-mismatch"]);
    quorate(&["status", "--rehearsal", path]).expect(3);
}

#[test]
fn a_ceremony_of_the_other_mode_does_not_continue_a_ledger() {
    // The same people, cards, nonce and station keys in both.
    let mut forge = Forge::new();
    let mut rehearsal = Forge::of(Mode::Rehearsal);
    rehearsal.complete_delete();
    forge.files.push(rehearsal.files[1].clone());
    forged(&forge, "mode-mismatch");
    // Some lines of it.
    let mut forge = Forge::new();
    forge.complete_delete();
    let own = super::split(&forge.files[1].transcript);
    let other = super::split(&rehearsal.files[1].transcript);
    forge.files[1].transcript = [&own[..2], &other[2..]].concat().concat();
    forged(&forge, "mode-mismatch");
}

#[test]
fn a_rehearsal_under_another_label_is_still_one() {
    let mut files = rehearsed().files.clone();
    for file in &mut files {
        let text = String::from_utf8(file.transcript.clone()).unwrap();
        file.transcript = text.replace("vnd.quorate-rehearsal.", "vnd.quorate.").into_bytes();
    }
    // The lines' own types were exchanged; the statements in them are the rehearsal's.
    finds(&files[..1], Mode::Production, "statement-type");
}

#[test]
fn a_roster_of_soft_cards_is_refused_in_production_unless_its_policy_says_so() {
    let forge = Forge::new();
    let audit = quorate::transcript::verification::remarks(&forge.state(), crate::support::forge::reading());
    let warned = audit.iter().filter(|f| f.message.contains("soft cards are allowed")).count();
    assert_eq!(warned, 1);
}
