//! A practice token in production: nothing real is in it, so that only a quorum that allows soft cards has one.

use std::collections::BTreeMap;

use p256::ecdsa::{SigningKey, signature::Signer as _};

use crate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict::{self, Base64},
    },
    proposal::{
        document::Proposal,
        operations::{AdoptOperation, GenesisOperation, Operation},
        place::Place,
    },
    roster::{
        RosterDocument,
        card::{CardKind, ENROLMENT_TYPE, Enrolment},
        key::PublicKey,
    },
    sealing::{
        companion::CompanionedRecipient, hybrid::HybridIdentity, piv_p256::PivRecipient,
        recipient::ShareRecipient,
    },
    transcript::{event::Closed, outcome::Outcome},
};

use super::forge::{ALL, Forge, adopt, concluded, intended, proposed, refit, text};
use super::{forged, honest};

/// The key of a hardware card: an administrator's has no other kind.
fn card_key(serial: &str) -> SigningKey {
    SigningKey::from_slice(Digest::of(serial.as_bytes()).as_bytes()).unwrap()
}

fn share_recipient(serial: &str) -> ShareRecipient {
    let secret = p256::SecretKey::from_slice(Digest::of(serial.as_bytes()).as_bytes()).unwrap();
    let companion = HybridIdentity::from_seed(Digest::of(serial.as_bytes()).as_bytes()).unwrap().recipient();
    ShareRecipient::Yubikey(CompanionedRecipient {
        key: PivRecipient::new(secret.public_key()).unwrap(),
        companion,
    })
}

pub(super) fn signed(serial: &str, payload_type: String, payload: Vec<u8>) -> Envelope {
    let key = card_key(serial);
    let signature: p256::ecdsa::Signature = key.sign(&pae(&payload_type, &payload));
    let signature = signature.normalize_s().to_der().as_bytes().to_vec();
    let keyid = PublicKey::from_p256(*key.verifying_key()).unwrap().keyid();
    Envelope::new(payload_type, payload, keyid, signature)
}

/// Gives everybody hardware cards, with serials from 1001, and returns the serial of each card that there was.
pub(super) fn give_hardware_cards(document: &mut RosterDocument) -> BTreeMap<Digest, String> {
    let mut serials = BTreeMap::new();
    let people = [&mut document.custodians, &mut document.administrators, &mut document.witnesses];
    for card in people.into_iter().flatten().flat_map(|member| &mut member.cards) {
        let serial = (1001 + serials.len()).to_string();
        let mut enrolment: Enrolment = strict::parse(&card.statement.payload.0).unwrap();
        serials.insert(enrolment.signing_key.keyid(), serial.clone());
        enrolment.kind = CardKind::Yubikey;
        enrolment.serial = text(&serial);
        enrolment.signing_key = PublicKey::from_p256(*card_key(&serial).verifying_key()).unwrap();
        card.share_recipient = card.share_recipient.take().map(|_| share_recipient(&format!("of {serial}")));
        enrolment.share_recipient = card.share_recipient.as_ref().map(ShareRecipient::digest);
        card.statement = signed(&serial, ENROLMENT_TYPE.into(), strict::write(&enrolment));
    }
    let keyid = |serial: &str| PublicKey::from_p256(*card_key(serial).verifying_key()).unwrap().keyid();
    for card in document.deal.custodians.iter_mut().flat_map(|custodian| &mut custodian.cards) {
        let serial = &serials[&card.keyid];
        card.keyid = keyid(serial);
        card.share_recipient = share_recipient(&format!("of {serial}"));
    }
    for share in &mut document.sealed_shares {
        let serial = &serials[&share.card];
        share.card = keyid(serial);
        share.file = Base64(share_recipient(&format!("of {serial}")).seal(b"sealed by a forger").unwrap());
    }
    serials
}

/// Puts the token of a genesis into a file.
fn in_a_file(genesis: &mut Proposal) {
    let module = "kind = \"pkcs11\"\nmodule = \"/nowhere/module.so\"\n";
    assert!(genesis.plan.contains(module));
    genesis.plan = genesis.plan.replace(module, "kind = \"practice\"\npath = \"/nowhere/hsm.token\"\n");
    if let Operation::Genesis(GenesisOperation { targets }) = &mut genesis.operation {
        targets[0].place = Place::Practice { path: "/nowhere/hsm.token".parse().unwrap() };
    }
}

/// A genesis on hardware cards only, with its token in a file or behind a module.
fn genesis(is_practice: bool) -> Forge {
    let mut forge = Forge::empty(Mode::Production, "ledger");
    let mut proposal = forge.genesis();
    let document = proposal.new_roster.as_mut().unwrap();
    document.policy.allow_soft_cards = false;
    document.policy.attestation.required = false;
    let frank = strict::parse::<Enrolment>(&document.administrators[0].cards[0].statement.payload.0).unwrap();
    let serials = give_hardware_cards(document);
    proposal.roster = refit(document);
    proposal.plan = proposal.plan.replace(
        "allow_soft_cards = true\n",
        "allow_soft_cards = false\nrequire_attestation = false\nrequire_locked_memory = false\n",
    );
    if is_practice {
        in_a_file(&mut proposal);
    }
    let serial = &serials[&frank.signing_key.keyid()];
    let envelope = signed(serial, forge.mode.payload_type("proposal"), strict::write(&proposal.statement()));
    let lines = forge.begin_with(&proposal, envelope);
    forge.push(&proposal, &lines);
    forge
}

/// The same in a quorum whose policy allows soft cards.
fn allowed(mode: Mode) -> Forge {
    with_policy(mode, |_| {})
}

/// The same with another policy.
fn with_policy(mode: Mode, change: fn(&mut Proposal)) -> Forge {
    let mut forge = Forge::empty(mode, "ledger");
    let mut proposal = forge.genesis();
    in_a_file(&mut proposal);
    change(&mut proposal);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forge
}

#[test]
fn a_quorum_of_hardware_cards_has_no_practice_token() {
    drop(honest(&genesis(false)));
    forged(&genesis(true), "operation: hsm: a practice token in production, which the policy refuses");
    drop(honest(&allowed(Mode::Production)));
    drop(honest(&allowed(Mode::Rehearsal)));
    // A rehearsal has soft cards and practice tokens, whatever the policy of production will be.
    let strict: fn(&mut Proposal) = |genesis| {
        let document = genesis.new_roster.as_mut().unwrap();
        document.policy.allow_soft_cards = false;
        genesis.roster = refit(document);
        let policy = "allow_soft_cards = false\nrequire_locked_memory = false\n";
        genesis.plan = genesis.plan.replace("allow_soft_cards = true\n", policy);
    };
    drop(honest(&with_policy(Mode::Rehearsal, strict)));
}

/// It has no serial number that tells it from another: it is its file.
#[test]
fn a_practice_token_is_the_file_that_it_is_in() {
    let adopted = |path: &str| {
        let mut forge = Forge::empty(Mode::Rehearsal, "ledger");
        let mut genesis = forge.genesis();
        in_a_file(&mut genesis);
        let mut lines = forge.begin(&genesis);
        forge.approve(&mut lines, &genesis, &ALL);
        lines.add(intended(&ALL)).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.add(Closed { releases_destroyed: 4 });
        forge.push(&genesis, &lines);
        let mut proposal = adopt(&forge, "spare");
        let module = "kind = \"pkcs11\"\nmodule = \"/nowhere/module.so\"\n";
        proposal.plan = proposal.plan.replace(module, &format!("kind = \"practice\"\npath = \"{path}\"\n"));
        if let Operation::Adopt(AdoptOperation { target }) = &mut proposal.operation {
            target.place = Place::Practice { path: path.parse().unwrap() };
        }
        proposed(forge, &proposal)
    };
    drop(honest(&adopted("/nowhere/spare.token")));
    forged(&adopted("/nowhere/hsm.token"), "operation: spare is the same token as hsm");
}
