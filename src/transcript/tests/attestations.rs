//! What lies beside the transcript: a bad attestation breaks nothing, fewer than a quorum of good ones prove little, and a
//! rejection counts.

use crate::{
    approval::statement::Attestation,
    encoding::{digest::Digest, dsse::Envelope},
    proposal::document::Proposal,
    transcript::{
        attested::Attesting,
        event::{Aborted, Rejected},
        finding::{Finding, Severity},
        verification::{self, Verified},
    },
};

use super::forge::{Forge, TWO, intended, name, proposed, reading, text};

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
    findings.extend(verification::remarks(&state.unwrap(), reading()));
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
    a.remark = text("it smoked");
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
    // Once, however often they say it.
    assert_eq!(count(&findings(&[("bob", "bob", DISAGREES); 2]), "attestation-disagrees"), 1);
    assert!(found[0].message.contains("grace") && found[0].message.contains("it smoked"));
}

#[test]
fn a_bad_attestation_is_a_warning_and_counts_nothing() {
    let (stranger, other_card) = ("mallory is no", "that is on none of alice's cards");
    let bad: [(&str, &str, fn(&mut Attestation), &str); 8] = [
        ("alice", "alice", |a| a.head = Digest::of(b"another head"), "it attests another head"),
        ("alice", "alice", |a| a.ledger = Digest::of(b"another ledger"), "it was made in another ledger"),
        ("alice", "alice", |a| a.ceremony = 0, "it attests another head"),
        ("alice", "alice", |a| a.person = name("mallory"), stranger),
        ("alice", "bob", AS_IS, other_card),
        ("mallory", "mallory", AS_IS, stranger),
        ("alice", "mallory", AS_IS, other_card),
        ("alice", "station-1", AS_IS, other_card),
    ];
    for (who, card, change, words) in bad {
        let found = findings(&[(who, card, change), ("bob", "bob", AS_IS)]);
        let said: Vec<_> = found.iter().filter(|f| f.code == "attestation-bad").collect();
        let is_expected = said.len() == 1 && said[0].message.starts_with("0.json: ");
        assert!(is_expected && said[0].message.contains(words), "{words} {found:#?}");
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
    assert_eq!(found[0].message, "alice.json: it attests another head");
}

/// The objections to a ledger: code, ceremony and words.
fn objections(forge: &Forge) -> Vec<(&'static str, Option<String>, String)> {
    let mut found = verification::remarks(&forge.state(), reading());
    found.retain(|f| f.severity == Severity::Objection);
    found.into_iter().map(|f| (f.code, f.ceremony, f.message)).collect()
}

/// What alice signed is valid, and the ledger does not have it: the head of a ceremony that was cut, or removed, or aborted.
#[test]
fn an_attestation_of_a_head_that_was_cut_off_is_an_objection() {
    let mut whole = Forge::new();
    let (proposal, lines) = whole.complete_delete();
    let attestation = whole.sign("alice", &whole.attestation(&proposal, &lines, "alice", true)).write();
    let beside = |mut forge: Forge, place: usize| {
        forge.files[place].attestations.push(("alice.json".into(), attestation.clone()));
        objections(&forge)
    };
    let cut = "alice signed another head of ceremony 1 than this ledger has: lines were cut off, this is an old copy, or it \
               was written anew";
    let in_deletion = [("attestation-other-head", Some("0001-delete".into()), cut.into())];
    let all = whole.files[1].transcript.clone();
    let ends: Vec<usize> =
        all.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    for end in &ends[..ends.len() - 1] {
        let mut forge = whole.clone();
        forge.files[1].transcript.truncate(*end);
        assert_eq!(beside(forge, 1), in_deletion, "cut after {end} bytes");
    }
    let mut gone = whole.clone();
    gone.files.pop();
    let message = "alice signed the head of ceremony 1, which this ledger does not have: lines were cut off, this is an old \
                   copy, or it was written anew";
    assert_eq!(
        beside(gone.clone(), 0),
        [("attestation-other-head", Some("0000-genesis".into()), message.into())]
    );
    // Another ceremony has its number.
    let other = gone.inventory();
    let mut lines = gone.begin(&other);
    let abort = gone.sign("frank", &gone.abort(&other, "frank"));
    lines.add(Aborted { abort });
    gone.push(&other, &lines);
    assert_eq!(beside(gone.clone(), 1)[0].2, cut);
    // The head of an aborted ceremony is attested as any other.
    let of_aborted = gone.sign("alice", &gone.attestation(&other, &lines, "alice", true)).write();
    gone.files[1].attestations.push(("alice.json".into(), of_aborted));
    assert_eq!(objections(&gone), []);
    // Nobody honest signs a head that is not the last.
    let mut open = whole.clone();
    open.files[1].transcript.truncate(ends[ends.len() - 2]);
    let of_open = Attestation {
        head: open.state().open().unwrap().last_line,
        ..whole.attestation(&proposal, &lines, "alice", true)
    };
    let of_open = open.sign("alice", &of_open).write();
    open.files[0].attestations.push(("alice.json".into(), of_open));
    assert_eq!(objections(&open), [("attestation-other-head", Some("0000-genesis".into()), cut.into())]);
    // The ledger has it, in another place.
    assert_eq!(beside(whole.clone(), 0), []);
    assert_eq!(beside(whole, 1), []);
}

/// A member alone can object; a stranger, or somebody of another ledger, cannot.
#[test]
fn only_a_member_s_signature_over_a_head_of_this_ledger_objects() {
    let of = |card: &str, change: fn(&mut Attestation)| {
        let (forge, _) = with(|forge| {
            let (proposal, lines) = forge.complete_delete();
            let mut said = forge.attestation(&proposal, &lines, "alice", true);
            said.head = Digest::of(b"another head");
            change(&mut said);
            vec![forge.sign(card, &said).write()]
        });
        objections(&forge).len()
    };
    assert_eq!(of("alice", AS_IS), 1);
    assert_eq!(of("mallory", AS_IS), 0);
    assert_eq!(of("alice", |a| a.person = name("mallory")), 0);
    assert_eq!(of("alice", |a| a.ledger = Digest::of(b"another ledger")), 0);
}

/// Who acted and has not said anything, and how many of the custodians agree.
#[test]
fn those_who_acted_and_said_nothing_are_named() {
    let attesting = |attested: &[(&str, bool)]| {
        let (forge, _) = with(|forge| {
            let (proposal, lines) = forge.complete_delete();
            let said = |(who, agrees): &(&str, bool)| {
                forge.sign(who, &forge.attestation(&proposal, &lines, who, *agrees)).write()
            };
            attested.iter().map(said).collect()
        });
        forge.state().ceremonies.number(1).unwrap().attesting().unwrap()
    };
    let names = |names: &[&str]| names.iter().map(|who| name(who)).collect::<Vec<_>>();
    for (attested, have, missing) in [
        (&[][..], 0, &["alice", "bob", "frank"][..]),
        (&[("bob", true), ("grace", true)], 1, &["alice", "frank"]),
        (&[("bob", false), ("carol", true), ("frank", true)], 1, &["alice"]),
        (&[("alice", true), ("bob", true), ("frank", true)], 2, &[]),
    ] {
        assert_eq!(attesting(attested), Attesting { needed: 2, have, missing: names(missing) });
    }
    // Nothing is attested where nothing was tried, or before the end.
    let forge = proposed(Forge::new(), &Forge::new().delete());
    assert_eq!(forge.state().ceremonies.number(1).unwrap().attesting(), None);
}

/// The rejections beside a deletion that acted or did not.
fn beside(acted: bool, files: impl FnOnce(&Forge, &Proposal) -> Vec<Vec<u8>>) -> (Forge, Vec<Finding>) {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    if acted {
        lines.add(intended(&TWO));
    }
    forge.push(&proposal, &lines);
    let files = files(&forge, &proposal).into_iter().enumerate();
    forge.files[1].approvals = files.map(|(at, bytes)| (format!("{at}.json"), bytes)).collect();
    let findings = forge.verify().findings;
    (forge, findings)
}

#[test]
fn a_rejection_beside_the_transcript_counts_although_the_station_did_not_record_it() {
    let by_bob = |forge: &Forge, proposal: &Proposal| {
        let line = forge.sign("bob", &forge.rejection(proposal, "bob")).write();
        vec![line.clone(), [&line[..], b"\n"].concat()]
    };
    let (forge, found) = beside(false, by_bob);
    assert_eq!(found, []);
    let state = forge.state();
    let open = state.open().unwrap();
    assert_eq!(open.unrecorded.len(), 1);
    assert_eq!(open.rejecting(), [name("bob")].into());
    assert_eq!(open.voices().approving(), TWO.map(name).into());
    let (_, found) = beside(true, by_bob);
    let told: Vec<_> = found.iter().map(|f| (f.code, f.severity, f.ceremony.as_deref())).collect();
    assert_eq!(told, [("rejection-unrecorded", Severity::Objection, Some("0001-delete"))]);
    assert_eq!(found[0].message, "bob rejected it (no), and that is not in the transcript");
}

#[test]
fn what_lies_beside_and_is_not_a_rejection_of_this_counts_nothing() {
    let (forge, found) = beside(true, |forge, proposal| {
        let other = Proposal { nonce: Digest::of(b"proposed again"), ..proposal.clone() };
        let of_other = forge.sign("bob", &forge.rejection(&other, "bob"));
        let by_stranger = forge.sign("mallory", &forge.rejection(proposal, "bob"));
        let approval = forge.sign("bob", &forge.approval(proposal, "bob"));
        [of_other, by_stranger, approval].iter().map(Envelope::write).chain([b"{}".to_vec()]).collect()
    });
    assert_eq!(found, []);
    let state = forge.state();
    assert!(state.ceremonies.number(1).unwrap().unrecorded.is_empty());
    // What is not a statement at all is named: it may have been meant as one.
    let mut told = verification::remarks(&state, reading());
    told.retain(|f| f.ceremony.as_deref() == Some("0001-delete"));
    let told: Vec<_> = told
        .into_iter()
        .map(|f| (f.code, f.severity, f.message))
        .filter(|f| f.0 == "statement-unread")
        .collect();
    let message = "approvals/3.json: it is not an approval or a rejection".to_owned();
    assert_eq!(told, [("statement-unread", Severity::Warning, message)]);
}

/// One that is on record is not told a second time.
#[test]
fn a_recorded_rejection_is_not_one_beside_the_transcript() {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &["alice", "carol"]);
    let rejection = forge.sign("bob", &forge.rejection(&proposal, "bob"));
    lines.add(Rejected { rejection: rejection.clone() }).add(intended(&["alice", "carol"]));
    forge.push(&proposal, &lines);
    forge.files[1].approvals.push(("bob.json".into(), rejection.write()));
    assert_eq!(forge.verify().findings, []);
    assert!(forge.state().ceremonies.number(1).unwrap().unrecorded.is_empty());
}
