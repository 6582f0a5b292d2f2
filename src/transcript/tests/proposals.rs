//! Proposals that must not be believed, although an administrator and a station signed them.

use std::sync::Arc;

use crate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        strict::{self, Base64},
        text::Name,
    },
    proposal::{
        document::Proposal,
        operations::{
            BackupOperation, DeleteOperation, InventoryOperation, Operation, ResetOperation, RestoreOperation,
        },
        sealed::SealedCredential,
        target::{ObjectRecord, Role},
    },
    roster::{
        Roster, RosterDocument,
        card::{CardKind, ENROLMENT_TYPE, Enrolment},
    },
    sealing::{
        piv_p256::PivRecipient,
        recipient::{ShareRecipient, X25519Recipient},
        single, under_pin,
    },
    transcript::{
        event::{Aborted, Approved, Closed, Proposed},
        outcome::Outcome,
    },
};
use sha2::Digest as _;

use super::forge::{
    Forge, Key, TWO, concluded, credential, environment, identity, intended, name, object, recipient,
    roster_document, sealed_to, station_keys, text, time,
};
use super::forged;

/// The finding about a deletion that was changed before it was signed.
#[track_caller]
fn delete(change: impl FnOnce(&mut Proposal), code: &str) {
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    change(&mut proposal);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forge.files[1].directory = "0001-delete".into();
    forged(&forge, code);
}

/// The same for a genesis.
#[track_caller]
fn genesis(change: impl FnOnce(&mut Proposal), code: &str) {
    let mut forge = Forge::new();
    forge.files.clear();
    let mut proposal = forge.genesis();
    change(&mut proposal);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forged(&forge, code);
}

/// The same for a genesis with a changed roster, which the proposal names properly.
#[track_caller]
fn roster(change: impl FnOnce(&mut RosterDocument), code: &str) {
    genesis(
        |p| {
            let document = p.new_roster.as_mut().unwrap();
            change(document);
            p.roster = Digest::of(&strict::write(document));
        },
        code,
    );
}

#[test]
fn only_an_administrator_proposes_with_his_own_card() {
    for who in ["alice", "grace", "mallory"] {
        delete(
            |p| p.proposer = name(who),
            &format!("statement-author: {who} is no administrator of this quorum"),
        );
    }
    for card in ["alice", "mallory", "station-1"] {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let lines = forge.begin_with(&proposal, forge.sign(card, &proposal));
        forge.push(&proposal, &lines);
        forged(&forge, "statement-card: on none of frank's cards");
    }
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let good = forge.sign("frank", &proposal);
    let mut sig = good.signature().sig.0.clone();
    sig[40] ^= 1;
    let damaged =
        Envelope::new(good.payload_type.clone(), good.payload.0.clone(), good.signature().keyid, sig);
    let lines = forge.begin_with(&proposal, damaged);
    forge.push(&proposal, &lines);
    forged(&forge, "statement-signature: frank: the signature does not verify");
}

#[test]
fn the_lines_are_of_the_station_that_the_administrator_signed() {
    delete(|p| p.station.keys = station_keys("another station"), "line-signature: not signed by the station");
    genesis(
        |p| p.station.keys = station_keys("another station"),
        "station-keys: its shares were dealt by another station than the one that is",
    );
    roster(
        |r| r.deal.station = station_keys("another station"),
        "station-keys: its shares were dealt by another station than the one that is",
    );
}

#[test]
fn a_station_has_keys_of_its_own() {
    // Those of the genesis once more; the administrator's; a custodian's share key; an authority's.
    delete(
        |p| p.station.keys.recipient = station_keys("station-0").recipient,
        "station-keys: its station's keys are in use elsewhere",
    );
    for whose in ["frank", "alice", "alice-spare", "crypto-officer"] {
        delete(
            |p| p.station.keys.recipient = recipient(whose),
            "station-keys: its station's keys are in use elsewhere",
        );
    }
    // What is not a recipient is refused where it is read.
    let forge = Forge::new();
    let proposal = forge.delete();
    let (text, own) =
        (String::from_utf8(strict::write(&proposal)).unwrap(), recipient("station-1").to_string());
    assert!(text.contains(&own));
    for bad in ["age1nobody".to_owned(), own.to_uppercase(), "a".repeat(4097), String::new()] {
        let mut forge = forge.clone();
        let payload = text.replace(&own, &bad).into_bytes();
        let envelope = Key::of("frank").envelope(
            forge.mode.payload_type(<Proposal as quorate::approval::statement::Statement>::EVENT),
            payload,
        );
        let lines = forge.begin_with(&proposal, envelope);
        forge.push(&proposal, &lines);
        forged(&forge, "statement-document: not an X25519 recipient");
    }
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    proposal.station.keys.signing_key = Key::of("frank").public();
    let mut lines = forge.begin(&proposal);
    lines = {
        let envelope = forge.sign("frank", &proposal);
        let mut own = Forge::empty(forge.mode, "own").begin_with(&proposal, envelope.clone());
        own.clear();
        own.at(proposal.created.unix()).add_by(
            &Key::of("frank"),
            Proposed {
                ledger: proposal.ledger,
                ceremony: 1,
                predecessor: proposal.predecessor,
                proposal: envelope,
                environment: environment(),
            },
        );
        drop(lines);
        own
    };
    forge.push(&proposal, &lines);
    forged(&forge, "station-keys: its station's keys are in use elsewhere");
}

#[test]
fn the_roster_is_the_one_in_force() {
    delete(
        |p| p.roster = Digest::of(b"another roster"),
        "roster-digest: it names another roster than the one in force",
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
        "roster-digest: it names another roster than the one in force",
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
        |r| r.operations.values_mut().for_each(Vec::clear),
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

/// The roster with one custodian's cards enrolled anew, as somebody who writes enrolments can.
#[track_caller]
fn enrolled(change: impl Fn(&mut Enrolment), refused: &str) {
    let mut document = roster_document(Mode::Production, Digest::of(b"ledger"), "station-0");
    let card = &mut document.custodians[1].cards[0];
    let mut enrolment: Enrolment = strict::parse(&card.statement.payload.0).unwrap();
    change(&mut enrolment);
    let full_name = enrolment.full_name.clone();
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
    // The scalar of an Ed25519 seed is a clamped half of its SHA-512: who has the seed of a signing key opens what is sealed
    // to this recipient.
    let scalar = sha2::Sha512::digest(Digest::of(b"alice").as_bytes());
    let identity = single::x25519_identity(scalar[..32].try_into().unwrap()).unwrap();
    let twin = X25519Recipient::of(&identity).unwrap();
    enrolled(|e| e.share_recipient = Some(ShareRecipient::X25519(twin.clone())), "is listed twice");
    delete(
        |p| p.station.keys.recipient = twin.clone(),
        "station-keys: its station's keys are in use elsewhere",
    );
    roster(
        |r| r.deal.authorities[0].recipient = twin.clone(),
        "roster: a key of crypto-officer is listed twice, maybe in another",
    );
    let scalar = sha2::Sha512::digest(Digest::of(b"station-1").as_bytes());
    let own = single::x25519_identity(scalar[..32].try_into().unwrap()).unwrap();
    delete(
        |p| p.station.keys.recipient = X25519Recipient::of(&own).unwrap(),
        "station-keys: its station's keys are in use elsewhere",
    );
}

/// A file in age's format with one stanza, which is not the one of an X25519 key.
fn under_a_passphrase() -> Base64 {
    let pin = crate::memory::Pin::copy_of(b"12345678").unwrap();
    Base64(under_pin::seal(&pin, under_pin::WorkFactor::PRACTICE, b"sealed by a forger").unwrap())
}

#[test]
fn what_is_sealed_is_sealed_as_its_recipient_is() {
    roster(
        |r| r.sealed_shares[0].file = under_a_passphrase(),
        "roster: the sealed share of alice for crypto-officer is not sealed to",
    );
    genesis(
        |p| p.credentials[0].file = under_a_passphrase(),
        "credential: the sealed so-pin of hsm: it is not sealed to this key",
    );
    let point = p256::SecretKey::from_slice(&[3; 32]).unwrap().public_key();
    let card = PivRecipient::new(point).unwrap();
    let to_a_card = || Base64(single::seal_to(&card, b"sealed by a forger").unwrap());
    roster(
        |r| r.sealed_shares[0].file = to_a_card(),
        "roster: the sealed share of alice for crypto-officer is not sealed to",
    );
    genesis(
        |p| p.credentials[0].file = to_a_card(),
        "credential: the sealed so-pin of hsm: it is not sealed to this key",
    );
}

#[test]
fn no_credential_is_said_to_have_more_bits_than_one_can_have() {
    genesis(
        |p| p.credentials[0].bits = 513,
        "credential: the so-pin of hsm is said to have 513 bits: no credential has",
    );
    genesis(
        |p| p.credentials[0].bits = u32::MAX,
        "credential: the so-pin of hsm is said to have 4294967295 bits: no",
    );
}

#[test]
fn a_list_that_is_longer_than_its_bound_is_refused_while_it_is_read() {
    let digests = |count: usize| vec![Digest::of(b"an authority"); count];
    roster(
        |r| r.policy.attestation.roots = digests(65),
        "statement-document: not a proposal: more than 64 entries",
    );
    roster(
        |r| r.policy.attestation.certificates = vec![Base64(Vec::new()); 65],
        "statement-document: not a proposal: more than 64 entries",
    );
    roster(
        |r| r.policy.attestation.certificates = vec![Base64(vec![0; 8193])],
        "statement-document: not a proposal: 8193 bytes, more than the 8192 that are allowed",
    );
    roster(
        |r| r.custodians[0].cards = vec![r.custodians[0].cards[0].clone(); 17],
        "statement-document: not a proposal: more than 16 entries",
    );
    roster(
        |r| r.custodians[0].cards[0].attestation = vec![Base64(Vec::new()); 8],
        "statement-document: not a proposal: more than 7 entries",
    );
    roster(
        |r| r.custodians = vec![r.custodians[0].clone(); 256],
        "statement-document: not a proposal: more than 255 entries",
    );
    roster(
        |r| r.administrators = vec![r.administrators[0].clone(); 65],
        "statement-document: not a proposal: more than 64 entries",
    );
    roster(
        |r| r.witnesses = vec![r.witnesses[0].clone(); 256],
        "statement-document: not a proposal: more than 255 entries",
    );
    roster(
        |r| r.deal.authorities = vec![r.deal.authorities[0].clone(); 33],
        "statement-document: not a proposal: more than 32 entries",
    );
    roster(
        |r| r.operations.values_mut().for_each(|names| *names = vec![names[0].clone(); 33]),
        "statement-document: not a proposal: more than 32 entries",
    );
    delete(
        |p| p.credentials = vec![credential(Role::UserPin, "crypto-officer", 2); 513],
        "statement-document: not a proposal: more than 512 entries",
    );
}

/// Nor is an object whose kind stands in it kept to be read later: that would take fifty times its size.
#[test]
fn an_operation_is_refused_at_the_first_field_that_is_not_of_it() {
    for (text, refused) in [
        (r#"{"kind":"genesis","targets":[0,!"#, "expected struct GenesisTarget"),
        (
            r#"{"kind":"genesis","targets":[{"name":"hsm","place":{"kind":"practice","path":7,!"#,
            "expected a string",
        ),
        (r#"{"kind":"delete","objects":[],"target":[!"#, "expected a string"),
    ] {
        let found = strict::parse::<Operation>(text.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(refused), "{text}: {found}");
    }
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
    assert_eq!(state.ceremonies.len(), 4);
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
    shown_to_bob.roster = Digest::of(&strict::write(document));
    let of_most = forge.approval(&shown_to_most, "bob");
    let of_bob = forge.approval(&shown_to_bob, "bob");
    assert_ne!((of_bob.proposal, of_bob.roster), (of_most.proposal, of_most.roster));
    let mut mixed = of_bob.clone();
    mixed.proposal = of_most.proposal;
    for (approval, code) in [
        (of_bob, "other-proposal: bob approved another proposal"),
        (mixed, "other-roster: bob verified another roster"),
    ] {
        let mut forge = forge.clone();
        let mut lines = forge.begin(&shown_to_most);
        forge.approve(&mut lines, &shown_to_most, &["alice"]);
        lines.add(Approved { approval: forge.sign("bob", &approval) });
        forge.push(&shown_to_most, &lines);
        forged(&forge, code);
    }
}

#[test]
fn the_plan_beside_it_is_the_plan_in_it_and_says_the_same() {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    for plan in [String::new(), format!("{}\n", proposal.plan), proposal.plan.replace("01", "02")] {
        forge.files[1].plan = plan.into_bytes();
        forged(&forge, "plan-mismatch: plan.toml is not the plan that was proposed");
    }
    delete(
        |p| p.plan = p.plan.replace("id = \"01\"", "id = \"02\""),
        "plan-mismatch: the proposal differs from its plan: objects",
    );
    delete(
        |p| p.plan = p.plan.replace("target = \"hsm\"", "target = \"other\""),
        "plan-mismatch: the proposal differs from its plan: target",
    );
    delete(
        |p| p.title = text("Something harmless"),
        "plan-mismatch: the proposal differs from its plan: title",
    );
    delete(
        |p| p.expires = p.expires.plus(86_400),
        "plan-mismatch: the proposal differs from its plan: expiry",
    );
    delete(
        |p| p.plan = String::from("kind = \"delete\"\n"),
        "plan: its plan is not valid: line 1, column 1: missing field `title`",
    );
    delete(
        |p| p.plan += "colour = \"blue\"\n",
        "plan: its plan is not valid: line 9, column 1: unknown field",
    );
    delete(
        |p| {
            p.plan = "kind = \"inventory\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n"
                .into();
        },
        "plan-mismatch: the proposal differs from its plan: kind",
    );
    // Two objects where the plan names one.
    let both = |p: &mut Proposal| {
        if let Operation::Delete(DeleteOperation { objects, .. }) = &mut p.operation {
            objects.push(object("keep", "02"));
        }
    };
    delete(both, "plan-mismatch: the proposal differs from its plan: objects");
    genesis(
        |p| p.plan = p.plan.replace("threshold = 3", "threshold = 4"),
        "plan-mismatch: the proposal differs from its plan: authorities",
    );
    for (says, other, what) in [
        ("/nowhere/", "/elsewhere/", "targets"),
        ("\"BOB Example\"", "\"Bob Example\"", "custodians"),
        ("\"bob.json\"", "\"bob.json\", \"spare.json\"", "custodians"),
        ("copies = 2", "copies = 3", "policy"),
        ("custody = \"held\" }\nuser-pin", "custody = \"held\", pin_length = 12 }\nuser-pin", "targets"),
    ] {
        genesis(
            |p| {
                assert!(p.plan.contains(says), "{says}");
                p.plan = p.plan.replace(says, other);
            },
            &format!("plan-mismatch: the proposal differs from its plan: {what}"),
        );
    }
}

#[test]
fn it_is_chained_to_its_ledger() {
    delete(|p| p.ledger = Digest::of(b"another ledger"), "ledger-nonce: it belongs to another ledger");
    delete(|p| p.ceremony = 2, "ceremony-number: it is ceremony 2, in the place of ceremony 1");
    delete(
        |p| p.predecessor = Some(Digest::of(b"another head")),
        "predecessor: it does not follow the head of the ceremony before it",
    );
    delete(|p| p.predecessor = None, "predecessor: it does not follow the head of the ceremony before it");
    genesis(
        |p| p.predecessor = Some(Digest::of(b"something before it")),
        "predecessor: the first ceremony cannot have a predecessor",
    );
    let framed = |change: fn(&mut Proposed)| {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut event = Proposed {
            ledger: proposal.ledger,
            ceremony: proposal.ceremony,
            predecessor: proposal.predecessor,
            proposal: forge.sign("frank", &proposal),
            environment: environment(),
        };
        change(&mut event);
        let mut lines = forge.begin(&proposal);
        lines.clear();
        lines.at(proposal.created.unix()).add(event);
        forge.push(&proposal, &lines);
        forged(&forge, "proposal-frame: the line names another ledger, number or predecessor than the");
    };
    framed(|e| e.ledger = Digest::of(b"another ledger"));
    framed(|e| e.ceremony = 2);
    framed(|e| e.predecessor = None);
}

#[test]
fn it_does_not_expire_before_it_was_made() {
    delete(|p| p.expires = p.created, "proposal-expiry: it expires before it was made");
    delete(|p| p.expires = time(0), "proposal-expiry: it expires before it was made");
}

#[test]
fn a_credential_is_sealed_to_its_authority_alone_and_once() {
    let first = |change: fn(&mut SealedCredential), words: &str| {
        genesis(|p| change(&mut p.credentials[0]), &format!("credential: {words}"));
    };
    first(
        |c| c.file = sealed_to(&[&recipient("security-officer"), &recipient("mallory")]),
        "the sealed so-pin of hsm: it has 2 recipients",
    );
    first(|c| c.file.0.truncate(50), "the sealed so-pin of hsm: it is damaged, or not an age file");
    first(|c| c.file.0.clear(), "the sealed so-pin of hsm: it is damaged, or not an age file");
    first(|c| c.version = 2, "the so-pin of hsm has version 2, the next one is 1");
    first(|c| c.version = 0, "the so-pin of hsm has version 0, the next one is 1");
    first(|c| c.authority = name("crypto-officer"), "the so-pin of hsm for crypto-officer is not one");
    first(|c| c.authority = name("nobody"), "the so-pin of hsm for nobody is not one");
    first(|c| c.target = name("other"), "the so-pin of other for security-officer is not one");
    first(|c| c.role = Role::BackupKey, "the backup-key of hsm for security-officer is not one");
    genesis(
        |p| drop(p.credentials.pop()),
        "credential: the backup-key of hsm for security-officer is missing",
    );
    genesis(
        |p| p.credentials.push(p.credentials[0].clone()),
        "credential: the so-pin of hsm for security-officer is not one that this",
    );
    // A deletion makes none; this one would be in force afterwards.
    delete(
        |p| p.credentials = vec![credential(Role::UserPin, "crypto-officer", 2)],
        "credential: the user-pin of hsm for crypto-officer is not one that this",
    );
}

#[test]
fn an_operation_is_on_what_is_on_record() {
    let plan = |kind: &str, target: &str, rest: &str| {
        format!("kind = \"{kind}\"\ntitle = \"Other\"\nexpires_in_hours = 1\ntarget = \"{target}\"\n{rest}")
    };
    let other = |words: &str, plan: &str, operation: Operation| {
        let mut forge = Forge::new();
        let proposal = forge.other("Other", plan, operation);
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forged(&forge, &format!("operation: {words}"));
    };
    let hsm: Name = name("hsm");
    let target = hsm.clone();
    other(
        "other is no target of this quorum",
        &plan("inventory", "other", ""),
        Operation::Inventory(InventoryOperation {
            target: name("other"),
            identity: identity(),
            module: None,
        }),
    );
    let mut stranger = identity();
    stranger.serial = text("9999");
    other(
        "hsm is pinned as another token than the ledger has on record",
        &plan("inventory", "hsm", ""),
        Operation::Inventory(InventoryOperation { target: hsm.clone(), identity: stranger, module: None }),
    );
    let selector = "[[objects]]\nclass = \"private-key\"\nlabel = \"old\"\n";
    let mut changed = object("old", "01");
    changed.public_key_sha256 = Some(Digest::of(b"another key"));
    for unrecorded in [object("old", "07"), changed] {
        let objects = vec![unrecorded];
        let operation =
            Operation::Delete(DeleteOperation { target: target.clone(), identity: identity(), objects });
        other("it deletes what was not on record in hsm", &plan("delete", "hsm", selector), operation);
    }
    // A reset that names nothing of what it destroys.
    let reset = "serial = \"0001\"\nlabel = \"lab\"\nnew_label = \"lab-2\"\n";
    let operation = Operation::Reset(ResetOperation {
        target: target.clone(),
        identity: identity(),
        objects: Vec::new(),
        new_label: text("lab-2"),
    });
    other("the objects of hsm are others than those on record", &plan("reset", "hsm", reset), operation);
    let backup = "output = \"/media/backup.age\"\nallow_partial = false\n";
    let operation = Operation::Backup(BackupOperation {
        target: target.clone(),
        identity: identity(),
        objects: vec![object("keep", "02")],
        output: "/media/backup.age".into(),
        allow_partial: false,
    });
    other("the objects of hsm are others than those on record", &plan("backup", "hsm", backup), operation);
    // A backup that this ledger never made.
    let restore = "backup = 0\ninput = \"/media/backup.age\"\n";
    let operation = Operation::Restore(RestoreOperation {
        target,
        identity: identity(),
        backup: 0,
        sha256: Digest::of(b"a backup of the forger's"),
        input: "/media/backup.age".into(),
        objects: vec![object("planted", "03")],
        allow_partial: false,
    });
    other("ceremony 0 recorded another backup, or none", &plan("restore", "hsm", restore), operation);
}

#[test]
fn one_ceremony_is_open_at_a_time() {
    for executed in [false, true] {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        if executed {
            forge.approve(&mut lines, &proposal, &TWO);
            lines.add(intended(&TWO));
        }
        forge.push(&proposal, &lines);
        let second = forge.inventory();
        let lines = forge.begin(&second);
        forge.push(&second, &lines);
        forged(&forge, "ceremony-open: ceremony 1 had not ended");
    }
}

/// A plan that means two objects on record, and a proposal that deletes one of them: whoever read the plan did not approve that.
#[test]
fn an_entry_that_means_two_recorded_objects_picks_neither() {
    let with = |selector: &str, objects: Vec<ObjectRecord>| {
        let mut forge = Forge::new();
        let mut inventory = forge.inventory();
        inventory.plan = inventory.plan.replace("Inventory", "Look");
        inventory.title = text("Look");
        let mut lines = forge.begin(&inventory);
        forge.approve(&mut lines, &inventory, &TWO);
        let told = concluded(
            Outcome::Completed,
            &[],
            &[object("old", "01"), object("other", "01"), object("twin", "02"), object("twin", "02")],
        );
        lines.add(intended(&TWO)).add(told).add(Closed { releases_destroyed: 2 });
        forge.push(&inventory, &lines);
        let plan = format!(
            "kind = \"delete\"\ntitle = \"Delete\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nkeep_pins = true\n\
             [[objects]]\nclass = \"private-key\"\n{selector}"
        );
        let operation =
            Operation::Delete(DeleteOperation { target: name("hsm"), identity: identity(), objects });
        let proposal = forge.other("Delete", &plan, operation);
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forge
    };
    drop(with("id = \"01\"\nlabel = \"old\"\n", vec![object("old", "01")]).state());
    forged(
        &with("id = \"01\"\n", vec![object("old", "01")]),
        "plan-mismatch: the proposal differs from its plan: its entries do not mean",
    );
    forged(
        &with("label = \"twin\"\n", vec![object("twin", "02")]),
        "plan-mismatch: the proposal differs from its plan: its entries do not mean",
    );
    drop(with("label = \"twin\"\ncount = 2\n", vec![object("twin", "02"); 2]).state());
    forged(
        &with("label = \"twin\"\ncount = 3\n", vec![object("twin", "02"); 3]),
        "operation: it deletes what was not on record in hsm",
    );
}
