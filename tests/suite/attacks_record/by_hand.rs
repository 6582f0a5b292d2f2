//! `examples/verify-by-hand.sh`: openssl, jq and sha256sum come to the verdict of the audit, on good and on bad ledgers.

use std::{path::Path, process::Command};

use quorate::{
    approval::statement::Approval,
    encoding::{digest::Digest, time::Timestamp},
    transcript::event::{Approved, Closed, Rejected},
};

use super::{errors, rehearsed};
use crate::support::forge::{Forge, Key, TWO, intended};

/// Runs the script; its exit code and what it printed.
fn by_hand(ledger: &Path, genesis: &str, head: &str) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify-by-hand.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(ledger).args(["--genesis", genesis, "--head", head]);
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

/// Both verifiers on a forged ledger, pinned to whatever it says of itself: with a lie in it the script says `wanted`.
#[track_caller]
fn refused(forge: &Forge, wanted: &str) {
    assert!(!errors(&forge.files, forge.mode).is_empty(), "the audit takes it");
    let dir = tempfile::tempdir().unwrap();
    forge.write(dir.path());
    let any = "0".repeat(64);
    let (code, said) = by_hand(dir.path(), &any, &any);
    assert_eq!((code, said.contains(wanted)), (Some(1), true), "{said}");
}

#[test]
fn an_honest_ledger_checks_out_by_hand_and_only_with_both_numbers_from_paper() {
    let honest = rehearsed();
    let (code, said) = by_hand(&honest.ledger, &honest.genesis, &honest.head);
    assert_eq!(code, Some(0), "{said}");
    for file in &honest.files {
        assert!(said.contains(&format!("{}: completed; approved by ", file.directory)), "{said}");
    }
    assert!(said.ends_with("All of this checks out, from your genesis to your head.\n"), "{said}");

    let mut forge = Forge::new();
    let (_, lines) = forge.complete_delete();
    let dir = tempfile::tempdir().unwrap();
    forge.write(dir.path());
    let (genesis, head) = (forge.state().genesis.to_string(), lines.head().to_string());
    for (pins, wanted) in [((&head, &head), "its genesis is"), ((&genesis, &genesis), "its head is")] {
        let (code, said) = by_hand(dir.path(), pins.0, pins.1);
        assert_eq!((code, said.contains(wanted)), (Some(1), true), "{said}");
        assert!(said.contains("approved by alice bob; attested by 0"), "{said}");
    }
    // In capital letters, too; what it cannot read is not called another number. A folder of something else is none of its business.
    std::fs::create_dir(dir.path().join("1photos")).unwrap();
    let (code, said) = by_hand(dir.path(), &genesis.to_uppercase(), &head.to_uppercase());
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = by_hand(dir.path(), "aardvark adroitness", &head);
    assert_eq!((code, said.contains("does not read PGP words")), (Some(2), true), "{said}");
}

/// As in the audit: a bad attestation is a warning, and a good one of a head that is gone is not.
#[test]
fn attestations_are_judged_by_hand_as_in_the_audit() {
    let mut forge = Forge::new();
    let (proposal, lines) = forge.complete_delete();
    let genesis = forge.state().genesis.to_string();
    let good = forge.sign("alice", &forge.attestation(&proposal, &lines, "alice", true)).write();
    let mut bad = good.clone();
    let at = bad.windows(7).rposition(|part| part == b"\"sig\":\"").unwrap() + 10;
    bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
    let mut of_another = forge.attestation(&proposal, &lines, "alice", true);
    of_another.ledger = Digest::of(b"another ledger");
    let of_another = forge.sign("alice", &of_another).write();
    let checked = |forge: &Forge, attestation: &[u8], place: usize| {
        let mut forge = forge.clone();
        forge.files[place].attestations.push(("it.json".into(), attestation.to_vec()));
        let dir = tempfile::tempdir().unwrap();
        forge.write(dir.path());
        let head = forge.state().head().unwrap().to_string();
        by_hand(dir.path(), &genesis, &head)
    };
    for (attestation, place, wanted) in [
        (&good, 1, "0001-delete: completed; approved by alice bob; attested by 1"),
        (&bad, 1, "it.json: attestation: the signature does not verify"),
        (&of_another, 1, "it.json: it does not count: it was made in another ledger"),
        (&good, 0, "it.json: it attests the head of another ceremony"),
    ] {
        let (code, said) = checked(&forge, attestation, place);
        assert_eq!((code, said.contains(wanted)), (Some(0), true), "{wanted}: {said}");
    }
    forge.files.pop();
    let (code, said) = checked(&forge, &good, 0);
    assert_eq!(
        (code, said.contains("alice signed a head that this ledger does not have")),
        (Some(1), true),
        "{said}"
    );
}

#[test]
fn approvals_that_do_not_count_are_not_counted_by_hand() {
    let few = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &["alice"]);
        lines.add(intended(&["alice"]));
    });
    refused(&few, "intended with 0 approvals, 2 are needed");
    let rejected = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &TWO);
        lines.add(Rejected { rejection: forge.sign("alice", &forge.rejection(proposal, "alice")) });
        lines.add(intended(&TWO));
    });
    refused(&rejected, "intended with 1 approvals, 2 are needed");
    // Alice with both of her cards is one custodian.
    let twice = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &["alice"]);
        let said = forge.approval(proposal, "alice");
        let again = Approval { time: said.time.plus(1), ..said };
        lines.add(Approved { approval: forge.sign("alice-spare", &again) });
        lines.add(intended(&["alice"]));
    });
    refused(&twice, "intended with 0 approvals, 2 are needed");
}

#[test]
fn an_approval_is_of_one_proposal_in_time_and_by_the_card_of_its_custodian_by_hand() {
    let changed = |card: &str, change: fn(&mut Approval), wanted: &str| {
        let forge = Forge::deletion(|forge, proposal, lines| {
            let mut approval = forge.approval(proposal, "bob");
            change(&mut approval);
            lines.add(Approved { approval: forge.sign(card, &approval) });
        });
        refused(&forge, wanted);
    };
    changed("bob", |a| a.proposal = Digest::of(b"another"), "an approval of another proposal");
    changed(
        "bob",
        |a| a.time = Timestamp::from_unix(a.time.unix() + 3600).unwrap(),
        "an approval after the expiry",
    );
    changed("alice", |_| {}, "did not sign it with a card of their own");
    changed("mallory", |_| {}, "signed by a key that is not in the roster");
}

#[test]
fn lines_that_were_taken_out_swapped_cut_or_signed_by_others_are_found_by_hand() {
    let stranger = Forge::deletion(|forge, proposal, lines| {
        let approval = forge.sign("alice", &forge.approval(proposal, "alice"));
        lines.add_by(&Key::of("stranger"), Approved { approval });
    });
    refused(&stranger, "approved: signed by another key");
    let unfinished = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &TWO);
        lines.add(intended(&TWO)).add(Closed { releases_destroyed: 0 });
    });
    refused(&unfinished, "the line 'closed' cannot follow there");
    let backwards = Forge::deletion(|forge, proposal, lines| {
        lines.at(proposal.created.unix() - 1);
        forge.approve(lines, proposal, &TWO);
    });
    refused(&backwards, "its time lies before that of the line before");

    let mut forge = Forge::new();
    forge.complete_delete();
    let honest = forge.files[1].transcript.clone();
    let lines = super::split(&honest);
    forge.files[1].transcript = [&lines[..1], &lines[2..]].concat().concat();
    refused(&forge, "it is not in its place");
    forge.files[1].transcript = honest[..honest.len() - 1].to_vec();
    refused(&forge, "the last line is torn");
    // One character of a signature, which still is base64.
    let mut text = String::from_utf8(honest).unwrap();
    let at = text.rfind("\"sig\":\"").unwrap() + 10;
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    text.replace_range(at..=at, other);
    forge.files[1].transcript = text.into_bytes();
    refused(&forge, "the signature does not verify");
}

#[test]
fn who_proposes_is_an_administrator_of_the_roster_and_ceremonies_are_chained_by_hand() {
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    let envelope = forge.sign("alice", &proposal.statement());
    let lines = forge.begin_with(&proposal, envelope);
    forge.push(&proposal, &lines);
    refused(&forge, "did not sign it with a card of their own");
    let mut forge = Forge::new();
    proposal.predecessor = Some(Digest::of(b"another head"));
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    refused(&forge, "the proposal follows another ceremony");
}
