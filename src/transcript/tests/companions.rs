//! YubiKeys whose share keys have a companion that they must not have, or none.

use crate::{
    encoding::{
        digest::Digest,
        dsse::Mode,
        strict::{self, Base64},
    },
    roster::{
        Roster, RosterDocument,
        card::{ENROLMENT_TYPE, Enrolment},
    },
    sealing::{companion::CompanionedRecipient, hybrid::HybridRecipient, recipient::ShareRecipient, single},
};

use super::{
    forge::{recipient, refit, roster_document, with_point},
    practice::{give_hardware_cards, signed},
};

/// The card of the first custodian.
const SERIAL: &str = "1001";

fn hardware() -> RosterDocument {
    let mut document = roster_document(Mode::Production, Digest::of(b"ledger"), "station-0");
    document.policy.allow_soft_cards = false;
    document.policy.attestation.required = false;
    give_hardware_cards(&mut document);
    refit(&mut document);
    document
}

fn companion(document: &RosterDocument, custodian: usize) -> HybridRecipient {
    match &document.deal.custodians[custodian].cards[0].share_recipient {
        ShareRecipient::Yubikey(recipient) => recipient.companion.clone(),
        other => panic!("{other:?}"),
    }
}

/// Gives the first custodian's card this recipient: the enrolment names it, and the deal has it.
fn give(document: &mut RosterDocument, recipient: ShareRecipient) {
    let card = &mut document.custodians[0].cards[0];
    let mut enrolment: Enrolment = strict::parse(&card.statement.payload.0).unwrap();
    enrolment.share_recipient = Some(recipient.digest());
    card.statement = signed(SERIAL, ENROLMENT_TYPE.into(), strict::write(&enrolment));
    card.share_recipient = Some(recipient.clone());
    document.deal.custodians[0].cards[0].share_recipient = recipient;
    refit(document);
}

#[track_caller]
fn refused(document: RosterDocument, words: &str) {
    let error = Roster::validate(document).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

/// The first custodian's card has this companion, with everything else in order.
#[track_caller]
fn with_companion(change: impl FnOnce(&RosterDocument) -> HybridRecipient, words: &str) {
    let mut document = hardware();
    let companion = change(&document);
    let ShareRecipient::Yubikey(own) = document.deal.custodians[0].cards[0].share_recipient.clone() else {
        panic!("a YubiKey")
    };
    give(&mut document, ShareRecipient::Yubikey(CompanionedRecipient { companion, ..own }));
    refused(document, words);
}

#[test]
fn a_companion_has_one_role_and_so_has_each_of_its_halves() {
    Roster::validate(hardware()).unwrap();
    let twice = "is listed twice, maybe in another spelling";
    with_companion(|document| companion(document, 1), twice);
    with_companion(|document| with_point(&companion(document, 1), companion(document, 0).halves().1), twice);
    with_companion(|document| with_point(&companion(document, 0), companion(document, 1).halves().1), twice);
    with_companion(
        |document| document.deal.authorities[0].recipient.clone(),
        "a key of crypto-officer is listed twice",
    );
    with_companion(|document| document.deal.station.recipient.clone(), twice);
    // A stranger's is nobody's in this roster, and its holder says that it is theirs.
    let mut document = hardware();
    let ShareRecipient::Yubikey(own) = document.deal.custodians[0].cards[0].share_recipient.clone() else {
        panic!("a YubiKey")
    };
    let companion = recipient("mallory");
    give(&mut document, ShareRecipient::Yubikey(CompanionedRecipient { companion, ..own }));
    Roster::validate(document).unwrap();
}

#[test]
fn a_yubikey_without_a_companion_or_with_a_swapped_one_is_refused() {
    // What is not a pair is not the share key of a YubiKey.
    let mut document = hardware();
    let only = companion(&document, 0);
    give(&mut document, ShareRecipient::Hybrid(only));
    refused(document, "has no share key");
    // Swapped beside the statement, by who has no key of the card.
    let mut document = hardware();
    let other = document.custodians[1].cards[0].share_recipient.clone();
    document.custodians[0].cards[0].share_recipient = other;
    refit(&mut document);
    refused(document, "its share recipient is not the one that the card's statement names");
    let mut document = hardware();
    document.custodians[0].cards[0].share_recipient = None;
    refit(&mut document);
    refused(document, "its share recipient is not the one that the card's statement names");
    // In the deal alone.
    let mut document = hardware();
    let ShareRecipient::Yubikey(own) = document.deal.custodians[0].cards[0].share_recipient.clone() else {
        panic!("a YubiKey")
    };
    let swapped = CompanionedRecipient { companion: companion(&document, 1), ..own };
    document.deal.custodians[0].cards[0].share_recipient = ShareRecipient::Yubikey(swapped);
    refit(&mut document);
    refused(document, "its custodians or their keys are others");
}

/// The inner file cannot be seen, but whom the outer is for.
#[test]
fn the_outer_file_has_the_tag_of_its_card() {
    let mut document = hardware();
    let other = document.deal.custodians[1].cards[0].share_recipient.clone();
    document.sealed_shares[0].file = Base64(other.seal(b"sealed by a forger").unwrap());
    refused(document, "is not sealed to the card that it is listed for");
    let mut document = hardware();
    let inner = single::seal_to(&companion(&document, 0), b"sealed by a forger").unwrap();
    document.sealed_shares[0].file = Base64(inner);
    refused(document, "is not sealed to the card that it is listed for");
}
