//! Approval files for the open ceremony of a ledger, which is a vector too.

use std::{fs, path::Path};

use quorate::{
    approval::statement::{Approval, Signed},
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
    },
    storage,
    transcript::{ceremony, verification},
};
use serde_json::{Value, json};

use super::{Refused, told};
use crate::support::forge::{
    Forge, name, proposed,
    vectors::{add, keep_as},
};

/// The ledger, as the index names it.
const LEDGER: &str = "waiting-for-approvals-1";

pub(super) fn make(dir: &Path) {
    let proposal = Forge::new().delete();
    let forge = proposed(Forge::new(), &proposal);
    keep_as("waiting_for_approvals", dir, (&forge.files, forge.mode), &[]);
    let honest = |who: &str| forge.approval(&proposal, who);
    let signed = |card: &str, change: &dyn Fn(&mut Approval)| {
        let mut approval = honest("bob");
        change(&mut approval);
        file(forge.sign(card, &approval))
    };
    let mut other_mode = forge.clone();
    other_mode.mode = Mode::Rehearsal;
    let mut more = signed("bob", &|_| {});
    more.insert(1, b' ');
    let late = proposal.expires.plus(1);
    let early = proposal.created.minus(1);
    for (name, bytes) in [
        ("honest_approval", signed("bob", &|_| {})),
        ("approval_of_another_proposal", signed("bob", &|a| a.proposal = Digest::of(b"another"))),
        ("approval_of_another_roster", signed("bob", &|a| a.roster = Digest::of(b"another"))),
        ("approval_too_late", signed("bob", &|a| a.time = late)),
        ("approval_too_early", signed("bob", &|a| a.time = early)),
        ("approval_by_another_s_card", signed("alice", &|_| {})),
        ("approval_by_a_stranger", signed("mallory", &|a| a.person = name("mallory"))),
        ("approval_by_a_witness", signed("grace", &|a| a.person = name("grace"))),
        ("approval_of_a_rehearsal", file(other_mode.sign("bob", &honest("bob")))),
        ("approval_that_is_a_rejection", file(forge.sign("bob", &forge.rejection(&proposal, "bob")))),
        ("approval_with_a_blank", more),
    ] {
        let mut entry = json!({ "kind": "approval", "mode": forge.mode.to_string(), "ledger": LEDGER });
        entry["errors"] = told(check(&bytes, &dir.join(LEDGER)));
        assert_eq!(entry["errors"] == json!([]), name == "honest_approval", "{name}: {entry}");
        add(name, dir, entry, |path| fs::write(path, &bytes).unwrap());
    }
}

fn file(statement: Envelope) -> Vec<u8> {
    [&statement.write()[..], b"\n"].concat()
}

pub(super) fn read(vector: &Value, dir: &Path) -> Result<(), Refused> {
    let at = |key: &str| dir.join(vector[key].as_str().unwrap());
    check(&fs::read(at("file")).unwrap(), &at("ledger"))
}

fn check(bytes: &[u8], ledger: &Path) -> Result<(), Refused> {
    let files = storage::ledger::read(ledger).unwrap();
    let state = verification::verify(&files, Mode::Production).sound().unwrap();
    let open = state.open().unwrap();
    let words = |error: &dyn std::fmt::Display| (None, error.to_string());
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let statement = Envelope::parse(line).map_err(|error| words(&error))?;
    let signed = Signed::<Approval>::verify(statement, Mode::Production, &open.roster);
    let signed = signed.map_err(|error| words(&error))?;
    ceremony::check_approval(open, signed.statement()).map_err(|f| (Some(f.code), f.message))
}
