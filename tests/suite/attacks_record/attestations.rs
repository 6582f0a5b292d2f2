//! Attestations lie beside the transcript: a bad one breaks nothing, and fewer than a quorum of good ones prove little.

use quorate::{
    approval::statement::Attestation,
    encoding::digest::Digest,
    transcript::{
        finding::{Finding, Severity},
        verification::{self, Verified},
    },
};

use super::{codes, quorate};
use crate::support::forge::{Forge, name};

/// The findings about a closed deletion with these attestations, each signed by a card and changed before.
fn findings(attested: &[(&str, &str, fn(&mut Attestation))]) -> Vec<Finding> {
    with(|forge| {
        let (proposal, lines) = forge.complete_delete();
        attested
            .iter()
            .map(|(who, card, change)| {
                let mut said = forge.attestation(&proposal, &lines, who, true);
                change(&mut said);
                forge.sign(card, &said).write()
            })
            .collect()
    })
    .1
}

fn with(make: impl FnOnce(&mut Forge) -> Vec<Vec<u8>>) -> (Forge, Vec<Finding>) {
    let mut forge = Forge::new();
    let bytes = make(&mut forge);
    forge.files[1].attestations =
        bytes.into_iter().enumerate().map(|(at, bytes)| (format!("{at}.json"), bytes)).collect();
    let Verified { state, mut findings } = forge.verify();
    findings.extend(verification::remarks(&state.unwrap(), crate::support::forge::reading()));
    let of_last = |f: &Finding| f.ceremony.as_deref() == Some("0001-delete");
    findings.retain(of_last);
    (forge, findings)
}

fn count(findings: &[Finding], code: &str) -> usize {
    findings.iter().filter(|f| f.code == code).count()
}

const AS_IS: fn(&mut Attestation) = |_| {};
const DISAGREES: fn(&mut Attestation) = |a| {
    a.agrees = false;
    a.remark = crate::support::forge::text("it smoked");
};

#[test]
fn a_quorum_of_custodians_attests() {
    assert_eq!(findings(&[("alice", "alice", AS_IS), ("bob", "bob", AS_IS)]), []);
}

#[test]
fn fewer_than_a_quorum_leave_the_station_s_word_only() {
    for few in [
        &[][..],
        &[("alice", "alice", AS_IS)],
        // Twice the same person, with two cards; people who are no custodians.
        &[("alice", "alice", AS_IS), ("alice", "alice-spare", AS_IS)],
        &[("alice", "alice", AS_IS), ("grace", "grace", AS_IS), ("frank", "frank", AS_IS)],
        // One of the two does not agree, or says both.
        &[("alice", "alice", AS_IS), ("bob", "bob", DISAGREES)],
        &[("alice", "alice", AS_IS), ("bob", "bob", AS_IS), ("bob", "bob", DISAGREES)],
    ] {
        let found = findings(few);
        assert_eq!(count(&found, "station-word-only"), 1, "{few:?} {found:#?}");
        assert!(found.iter().all(|f| f.severity < Severity::Error));
    }
}

#[test]
fn one_who_does_not_agree_is_shown_with_his_reason() {
    let found = findings(&[("alice", "alice", AS_IS), ("bob", "bob", AS_IS), ("grace", "grace", DISAGREES)]);
    let said: Vec<_> = found.iter().map(|f| (f.code, f.severity)).collect();
    assert_eq!(said, [("attestation-disagrees", Severity::Objection)]);
    assert!(found[0].message.contains("grace") && found[0].message.contains("it smoked"));
}

#[test]
fn a_bad_attestation_is_a_warning_and_counts_nothing() {
    let bad: [(&str, &str, fn(&mut Attestation)); 8] = [
        ("alice", "alice", |a| a.head = Digest::of(b"another head")),
        ("alice", "alice", |a| a.ledger = Digest::of(b"another ledger")),
        ("alice", "alice", |a| a.ceremony = 0),
        ("alice", "alice", |a| a.person = name("mallory")),
        ("alice", "bob", AS_IS),
        ("mallory", "mallory", AS_IS),
        ("alice", "mallory", AS_IS),
        ("alice", "station-1", AS_IS),
    ];
    for one in bad {
        let found = findings(&[one, ("bob", "bob", AS_IS)]);
        assert_eq!(count(&found, "attestation-bad"), 1, "{one:?} {found:#?}");
        assert_eq!(count(&found, "station-word-only"), 1);
        assert!(found.iter().all(|f| f.severity < Severity::Error));
    }
}

#[test]
fn what_is_no_attestation_is_a_warning() {
    let (_, found) = with(|forge| {
        let (proposal, _) = forge.complete_delete();
        let approval = forge.sign("alice", &forge.approval(&proposal, "alice")).write();
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        vec![Vec::new(), b"{}".to_vec(), b"\xff\xfe\n".to_vec(), b"\n\n\n".to_vec(), deep, approval]
    });
    assert_eq!(count(&found, "attestation-bad"), 6, "{found:#?}");
}

#[test]
fn an_attestation_of_another_ceremony_is_not_one_of_this() {
    let mut forge = Forge::new();
    let (proposal, lines) = forge.complete_delete();
    let attestation = forge.sign("alice", &forge.attestation(&proposal, &lines, "alice", true)).write();
    forge.files[0].attestations.push(("alice.json".into(), attestation));
    let found = forge.verify().findings;
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), ["attestation-bad"]);
    assert_eq!(found[0].ceremony.as_deref(), Some("0000-genesis"));
}

#[test]
fn the_audit_prints_them() {
    let (forge, _) = with(|forge| {
        let (proposal, lines) = forge.complete_delete();
        let mut said = forge.attestation(&proposal, &lines, "grace", false);
        said.agrees = false;
        vec![forge.sign("grace", &said).write(), b"nonsense".to_vec()]
    });
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    forge.write(&ledger);
    let state = forge.state();
    let (genesis, head) = (state.genesis.to_string(), state.head().unwrap().to_string());
    let done =
        quorate(&["audit", "--json", ledger.to_str().unwrap(), "--genesis", &genesis, "--head", &head])
            .expect(3);
    assert_eq!(done.text("verdict"), "contradicted");
    let warnings = codes(&done, "warning");
    assert!(warnings.contains(&"attestation-bad".into()), "{warnings:?}");
    assert_eq!(codes(&done, "objection"), ["attestation-disagrees"]);
    assert!(codes(&done, "note").contains(&"station-word-only".into()));
    assert!(done.stderr.contains("it smoked") && done.stderr.contains("1.json"), "{}", done.stderr);
}
