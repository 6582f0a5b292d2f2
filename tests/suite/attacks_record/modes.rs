//! What was signed in a rehearsal is worth nothing in production, and the reverse.

use super::{codes, quorate, rehearsed};
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
fn a_roster_of_soft_cards_is_refused_in_production_unless_its_policy_says_so() {
    let forge = Forge::new();
    let audit = quorate::transcript::verification::remarks(&forge.state(), crate::support::forge::reading());
    let warned = audit.iter().filter(|f| f.message.contains("soft cards are allowed")).count();
    assert_eq!(warned, 1);
}
