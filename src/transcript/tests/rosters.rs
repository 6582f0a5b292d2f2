//! Rosters that must not be believed: another one than the one in force, or one that cheats.

use std::sync::Arc;

use crate::{
    encoding::{digest::Digest, dsse::Mode, strict},
    roster::{
        OperationKind, OperationRule, Roster, RosterDocument,
        card::{CardKind, ENROLMENT_TYPE, Enrolment},
    },
    sealing::{hybrid::HybridIdentity, recipient::ShareRecipient},
    transcript::{
        ceremonies::Ceremonies,
        event::{Aborted, Confirmed},
    },
};

use super::forge::{Forge, Key, name, recipient, refit, roster_document, sealed_to, text, with_point};
use super::{
    forged,
    proposals::{delete, genesis, roster},
};

#[test]
fn the_roster_is_the_one_in_force() {
    delete(
        |p| p.roster = Digest::of(b"another roster"),
        "roster-digest: it names a roster other than the one in force",
    );
    // A roster of the proposer's own, in which everybody is a friend of theirs.
    let own = roster_document(crate::encoding::dsse::Mode::Production, Digest::of(b"ledger"), "station-1");
    delete(
        |p| {
            p.roster = Digest::of(&strict::write(&own));
            p.new_roster = Some(own);
        },
        "roster: it carries a roster of its own",
    );
    genesis(
        |p| p.roster = Digest::of(b"another roster"),
        "roster-digest: it names a roster other than the one in force",
    );
    genesis(|p| p.new_roster = None, "genesis: a genesis is the first ceremony and carries its roster");
}

#[test]
fn a_roster_that_cheats_is_refused() {
    roster(
        |r| r.sealed_shares[0].file = sealed_to(&[&recipient("alice"), &recipient("mallory")]),
        "roster: the sealed share of alice for crypto-officer has 2 recipients:",
    );
    roster(
        |r| r.sealed_shares[0].file.0.truncate(100),
        "roster: the sealed share of alice for crypto-officer cannot be read: it",
    );
    roster(
        |r| r.deal.authorities[0].threshold = 1,
        "roster: authority crypto-officer: threshold 1 is not between 2 and the",
    );
    roster(
        |r| r.deal.authorities[0].threshold = 5,
        "roster: authority crypto-officer: threshold 5 is not between 2 and the",
    );
    roster(
        |r| r.custodians[1] = r.custodians[0].clone(),
        "roster: alice (ALICE Example) is listed twice: a person belongs to a",
    );
    roster(
        |r| r.custodians[1].cards = r.custodians[0].cards.clone(),
        "roster: a card listed for bob was enrolled by alice",
    );
    roster(
        |r| r.custodians[1].cards.extend_from_within(..),
        "roster: card serial soft bob is listed twice (bob and bob)",
    );
    roster(
        |r| drop(r.custodians.pop()),
        "roster: the deal does not fit the members: its custodians or their keys",
    );
    roster(|r| r.administrators.clear(), "roster: no administrator: nobody could propose a ceremony");
    roster(
        |r| drop(r.commitments.pop()),
        "roster: the deal does not fit the members: commitments are missing or",
    );
    roster(
        |r| r.sealed_shares.swap(0, 1),
        "roster: the deal does not fit the members: sealed shares are missing or",
    );
    roster(
        |r| r.policy.allow_soft_cards = false,
        "roster: alice's card is a soft card, and this is a production quorum",
    );
    roster(
        |r| r.operations.values_mut().for_each(|rule| rule.authorities.clear()),
        "roster: operation inventory: needs at least one authority",
    );
    roster(
        |r| r.deal.authorities[0].recipient = recipient("alice"),
        "roster: a key of crypto-officer is listed twice, maybe in another",
    );
    roster(
        |r| r.deal.ledger = Digest::of(b"another ledger"),
        "roster-deal: its shares were dealt for another ledger, or in the other mode",
    );
    roster(
        |r| r.deal.mode = crate::encoding::dsse::Mode::Rehearsal,
        "roster-deal: its shares were dealt for another ledger, or in the other mode",
    );
    roster(|r| r.deal.epoch = 2, "roster-deal: a genesis deals epoch 1");
}

/// Each share names the dealing id, and that covers the whole roster: who was shown other people, operations or another policy
/// has shares of another dealing.
#[test]
fn a_deal_was_made_for_the_whole_roster() {
    let changes: [fn(&mut RosterDocument); 4] = [
        |r| r.witnesses.clear(),
        |r| r.policy.copies = 1,
        |r| {
            drop(
                r.operations.insert(OperationKind::Delete, OperationRule::of(vec![name("security-officer")])),
            )
        },
        |r| r.deal.rest = Digest::of(b"another rest"),
    ];
    let honest = roster_document(Mode::Production, Digest::of(b"ledger"), "station-0");
    let dealing = Roster::validate(honest.clone()).unwrap().dealing_id();
    for change in changes {
        let mut document = honest.clone();
        change(&mut document);
        let refused = Roster::validate(document.clone()).map(|_| ()).unwrap_err().to_string();
        assert!(refused.ends_with("it was made for other people, operations or another policy"), "{refused}");
        document.deal.rest = document.rest().digest();
        let is_honest = document == honest;
        assert_eq!(Roster::validate(document).unwrap().dealing_id() == dealing, is_honest);
    }
    genesis(
        |p| {
            let document = p.new_roster.as_mut().unwrap();
            document.policy.drill_every_days = Some(1);
            p.roster = Digest::of(&strict::write(document));
        },
        "roster: the deal does not fit the members: it was made for other people, operations or",
    );
}

/// The roster with one custodian's cards enrolled anew, as somebody who writes enrolments can.
#[track_caller]
fn enrolled(change: impl Fn(&mut Enrolment), refused: &str) {
    enrolled_with(change, None, refused);
}

/// The same, maybe with another recipient, which the statement names.
#[track_caller]
fn enrolled_with(change: impl Fn(&mut Enrolment), recipient: Option<ShareRecipient>, refused: &str) {
    let mut document = roster_document(Mode::Production, Digest::of(b"ledger"), "station-0");
    let card = &mut document.custodians[1].cards[0];
    let mut enrolment: Enrolment = strict::parse(&card.statement.payload.0).unwrap();
    change(&mut enrolment);
    let full_name = enrolment.full_name.clone();
    if let Some(recipient) = recipient {
        enrolment.share_recipient = Some(recipient.digest());
        card.share_recipient = Some(recipient);
    }
    card.statement = Key::of("bob").envelope(ENROLMENT_TYPE.into(), strict::write(&enrolment));
    document.custodians[1].full_name = full_name;
    let error = Roster::validate(document).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(refused), "{error}");
}

#[test]
fn a_person_or_a_card_in_another_spelling_is_the_same() {
    for twin in ["ALICE Example", "alice  EXAMPLE", "\u{ff21}LICE\u{a0}Example"] {
        enrolled(|e| e.full_name = text(twin), "is listed twice");
    }
    for blank in [" BOB Example", "BOB Example ", "BOB Example\u{3000}", ""] {
        enrolled(|e| e.full_name = text(blank), "blank at an end");
    }
    for serial in ["ALICE", "", " bob", "b\u{f6}b"] {
        enrolled(|e| e.serial = text(serial), "not as such a card spells it");
    }
    enrolled(|e| (e.kind, e.serial) = (CardKind::Yubikey, text("0012")), "not as such a card spells it");
    // Nor does one card belong to two people.
    enrolled(|e| e.serial = text("alice"), "card serial soft alice is listed twice");
    enrolled(|e| e.holder = name("carol"), "was enrolled by carol");
}

#[test]
fn a_key_in_two_roles_is_seen_in_every_spelling() {
    // The scalar of an Ed25519 seed is a clamped half of its SHA-512: whoever has the seed of a signing key computes with this
    // half of a recipient, too.
    let own_half = |who: &str| {
        let key = Key::of(who).public();
        let stranger = HybridIdentity::from_seed(&[0x7e; 32]).unwrap().recipient();
        with_point(&stranger, key.as_ed25519().unwrap().to_montgomery().to_bytes())
    };
    let twin = own_half("alice");
    enrolled_with(|_| {}, Some(ShareRecipient::Hybrid(twin.clone())), "is listed twice");
    delete(
        |p| p.station.keys.recipient = twin.clone(),
        "station-keys: its station's keys are in use elsewhere",
    );
    roster(
        |r| r.deal.authorities[0].recipient = twin.clone(),
        "roster: a key of crypto-officer is listed twice, maybe in another",
    );
    delete(
        |p| p.station.keys.recipient = own_half("station-1"),
        "station-keys: its station's keys are in use elsewhere",
    );
    // The ML-KEM half of another's, with a point of its own.
    let (_, point) = recipient("stranger").halves();
    let half = with_point(&recipient("alice"), point);
    enrolled_with(|_| {}, Some(ShareRecipient::Hybrid(half.clone())), "is listed twice");
    roster(
        |r| r.deal.authorities[0].recipient = half.clone(),
        "roster: a key of crypto-officer is listed twice, maybe in another",
    );
}

#[test]
fn ceremonies_share_the_roster_in_force() {
    let mut forge = Forge::new();
    for _ in 0..3 {
        let proposal = forge.inventory();
        let mut lines = forge.begin(&proposal);
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
        forge.push(&proposal, &lines);
    }
    let state = forge.state();
    let in_force = state.roster().unwrap();
    assert_eq!((state.ceremonies.len(), state.ceremonies.is_empty()), (4, false));
    assert!(Ceremonies::default().is_empty());
    assert!(state.ceremonies.iter().all(|ceremony| Arc::ptr_eq(&ceremony.roster, in_force)));
}

/// One station, two people, two genesis rosters: who approved one has not approved the other, and a ledger cannot have both.
#[test]
fn two_rosters_shown_to_two_people_are_no_genesis_of_both() {
    let mut forge = Forge::new();
    forge.files.clear();
    let shown_to_most = forge.genesis();
    let mut shown_to_bob = shown_to_most.clone();
    let document = shown_to_bob.new_roster.as_mut().unwrap();
    document.policy.copies = 1;
    shown_to_bob.roster = refit(document);
    let of_most = forge.confirmation(&shown_to_most, "bob");
    let of_bob = forge.confirmation(&shown_to_bob, "bob");
    assert_ne!((of_bob.proposal, of_bob.roster), (of_most.proposal, of_most.roster));
    let mut mixed = of_bob.clone();
    mixed.proposal = of_most.proposal;
    for (confirmation, code) in [
        (of_bob, "other-proposal: bob confirmed shares for another proposal"),
        (mixed, "other-roster: bob verified another roster"),
    ] {
        let mut forge = forge.clone();
        let mut lines = forge.begin(&shown_to_most);
        forge.approve(&mut lines, &shown_to_most, &["alice"]);
        lines.add(Confirmed { confirmation: forge.sign("bob", &confirmation), drills: Vec::new() });
        forge.push(&shown_to_most, &lines);
        forged(&forge, code);
    }
}
