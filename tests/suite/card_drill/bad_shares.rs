//! A hostile station dealt a share that is not what its commitment says, and wrote that all of them approved it: the
//! drill finds it, and says whose share of what is not good.

use std::fs;

use quorate::{
    encoding::{digest::Digest, dsse::Mode, strict, strict::Base64},
    memory::ShareSecret,
    proposal::document::Proposal,
    roster::{
        RosterDocument,
        card::{EnrolledCard, EnrolmentFile},
        deal::DealtCard,
    },
    sharing::{
        commitment::{ShareName, commitment},
        share::UnverifiedShare,
    },
    transcript::{
        event::{Closed, Confirmed},
        outcome::Outcome,
    },
};

use super::on_own_machine;
use crate::support::{
    forge::{ALL, Forge, concluded, intended, refit},
    forgery::{name, sign},
    quorum::{Quorum, Ran},
};

const FIRST: &str = "crypto-officer";
const SECOND: &str = "security-officer";

/// A card as it was really enrolled.
fn enrolled_card(quorum: &Quorum) -> EnrolledCard {
    EnrolledCard::parse(&fs::read(quorum.path("enrolments/alice.json")).unwrap()).unwrap()
}

/// Gives Alice a real card and two good shares, in a roster of the forger's.
fn with_real_card(document: &mut RosterDocument, quorum: &Quorum) {
    let card = enrolled_card(quorum);
    let file: EnrolmentFile = card.file().clone();
    document.custodians[0].full_name = card.enrolment().full_name.clone();
    document.custodians[0].cards = vec![file];
    let recipient = card.share_recipient().cloned().unwrap();
    document.deal.custodians[0].cards = vec![DealtCard { keyid: card.keyid(), share_recipient: recipient }];
    let mut spare = false;
    document.sealed_shares.retain(|s| {
        let alices = s.custodian == name("alice");
        spare = alices && !spare;
        !alices || spare
    });
    // Before the shares, which name the dealing id.
    refit(document);
    for authority in [FIRST, SECOND] {
        put(document, quorum, authority, |_| {}, b"good");
    }
}

/// Seals a share to Alice's card whose name was changed; the commitment is to the share of `seed`.
fn put(
    document: &mut RosterDocument,
    quorum: &Quorum,
    authority: &str,
    change: fn(&mut ShareName),
    seed: &[u8],
) {
    let card = enrolled_card(quorum);
    let threshold = document.deal.authority(&name(authority)).unwrap().threshold;
    let mut share_name = ShareName {
        dealing: document.deal.dealing_id(),
        epoch: document.deal.epoch,
        authority: name(authority),
        custodian: name("alice"),
        index: 1,
        threshold,
    };
    let secret = ShareSecret::copy_of(Digest::of(seed).as_bytes()).unwrap();
    let promised = commitment(&share_name, &secret);
    let at = document.commitments.iter().position(|c| c.authority == name(authority)).unwrap();
    document.commitments[at].commitment = promised;
    change(&mut share_name);
    let text = UnverifiedShare::write(&share_name, &secret).unwrap();
    seal(document, authority, &card, text.expose());
}

fn seal(document: &mut RosterDocument, authority: &str, card: &EnrolledCard, text: &[u8]) {
    let recipient = card.share_recipient().cloned().unwrap();
    let sealed = document.sealed_shares.iter_mut();
    let mut sealed = sealed.filter(|s| s.custodian == name("alice") && s.authority == name(authority));
    let sealed = sealed.next().unwrap();
    sealed.card = card.keyid();
    sealed.file = Base64(recipient.seal(text).unwrap());
}

/// A ledger that verifies, with this change to an honest dealing; then Alice drills.
fn drilled(change: impl FnOnce(&mut RosterDocument, &Quorum)) -> (Quorum, Ran) {
    let quorum = Quorum::bare();
    quorum.enroll("alice", "");
    let mut forge = Forge::empty(Mode::Production, "ledger");
    let mut proposal: Proposal = forge.genesis();
    let mut document = proposal.new_roster.take().unwrap();
    with_real_card(&mut document, &quorum);
    change(&mut document, &quorum);
    let old = "full_name = \"ALICE Example\"\nenrolments = [\"alice.json\", \"alice-spare.json\"]";
    assert!(proposal.plan.contains(old));
    let new = "full_name = \"Alice Example\"\nenrolments = [\"alice.json\"]";
    proposal.plan = proposal.plan.replace(old, new);
    proposal.roster = Digest::of(&strict::write(&document));
    proposal.new_roster = Some(document);
    let mut lines = forge.begin(&proposal);
    let confirmation = sign(&quorum, "alice", Mode::Production, &forge.confirmation(&proposal, "alice"));
    lines.add(Confirmed { confirmation, drills: Vec::new() });
    forge.approve(&mut lines, &proposal, &ALL[1..]);
    lines.add(intended(&ALL)).add(concluded(Outcome::Completed, &[], &forge.objects()));
    lines.add(Closed { releases_destroyed: 4 });
    forge.push(&proposal, &lines);
    forge.write(&quorum.path("ledger"));
    let head = quorum.head().unwrap();
    let ran = on_own_machine(&quorum, "alice", "ledger", &["--head", &head]);
    (quorum, ran)
}

#[test]
fn an_honest_dealing_of_the_forgers_passes() {
    let (quorum, ran) = drilled(|_, _| {});
    ran.ok();
    assert!(quorum.path(super::OUTPUT).exists());
}

#[test]
fn a_bad_share_is_named_by_its_authority_and_nothing_is_signed() {
    type Change = fn(&mut RosterDocument, &Quorum);
    let cases: [(Change, &str, &str); 7] = [
        (|d, quorum| put(d, quorum, SECOND, |n| n.epoch = 2, b"good"), SECOND, "belongs to epoch 2"),
        (
            |d, quorum| put(d, quorum, FIRST, |n| n.dealing = Digest::of(b"another"), b"good"),
            FIRST,
            "belongs to another dealing",
        ),
        (|d, quorum| put(d, quorum, FIRST, |n| n.index = 2, b"good"), FIRST, "share 2 of crypto-officer"),
        (
            |d, quorum| put(d, quorum, FIRST, |n| n.custodian = name("bob"), b"good"),
            FIRST,
            "it is bob's share 1",
        ),
        (
            |d, quorum| {
                put(d, quorum, SECOND, |_| {}, b"good");
                let at = d.commitments.iter().position(|c| c.authority == name(SECOND)).unwrap();
                d.commitments[at].commitment = Digest::of(b"another share");
            },
            SECOND,
            "does not match its commitment",
        ),
        (|d, quorum| seal(d, FIRST, &enrolled_card(quorum), b"no share"), FIRST, "not a quorate-share-v2"),
        (
            |d, _| {
                // Sealed to somebody else's card.
                let bobs = d.sealed_shares.iter().find(|s| s.custodian == name("bob")).unwrap().file.clone();
                d.sealed_shares[0].file = bobs;
            },
            FIRST,
            "cannot open",
        ),
    ];
    for (change, authority, reason) in cases {
        let (quorum, ran) = drilled(change);
        let ran = ran.expect(3);
        let message = ran.json["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("has no valid share of {authority}")), "{reason}: {message}");
        assert!(ran.json["error"]["details"][0].as_str().unwrap().starts_with(&format!("{authority}: ")));
        if reason != "cannot open" {
            assert!(ran.error().contains(reason), "{reason}: {}", ran.error());
        }
        let hint = ran.json["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("nothing was signed") && hint.contains("no spare card"), "{hint}");
        assert!(!quorum.path(super::OUTPUT).exists());
    }
}

#[test]
fn both_bad_shares_are_named() {
    let (_, ran) = drilled(|document, quorum| {
        for authority in [FIRST, SECOND] {
            seal(document, authority, &enrolled_card(quorum), b"no share");
        }
    });
    let ran = ran.expect(3);
    assert!(ran.error().contains("no valid share of crypto-officer and security-officer"), "{}", ran.error());
    assert_eq!(ran.json["error"]["details"].as_array().unwrap().len(), 2);
}
