//! YubiKeys in a production roster: what their enrolments must carry, and what a plan may let pass.
//!
//! The soft cards beside them run the ceremonies.

use std::fs;

use quorate::{
    encoding::{
        digest::Digest,
        strict::{self, Base64},
    },
    roster::card::CardKind,
};

use super::spare::{Spare, audited, expect_refusal, pinned, propose, root, secret};
use crate::support::{
    certificates::{Issuer, LONG, Pair, Yubikey, authority, yubico},
    forge::Forge,
    founded::{genesis, practice_target},
    quorum::Quorum,
};

#[test]
fn an_attested_card_belongs_and_a_root_of_ones_own_is_a_deviation() {
    let (quorum, ran) = Spare::new().propose(&pinned());
    let genesis = ran.ok().text("proposal");
    let warnings = audited(&quorum, &genesis);
    let root = format!("an authority that is not Yubico's: SHA-256 {}", root().digest());
    assert!(warnings.iter().any(|w| w.contains(&root)), "{warnings:?}");
    assert!(!warnings.iter().any(|w| w.contains("attests") || w.contains("EUCLEAK")), "{warnings:?}");
    let shown = quorum.run(&["show", &quorum.at("ledger")]).ok();
    assert!(shown.stderr.contains(&root[..30]), "{}", shown.stderr);
}

#[test]
fn a_witness_needs_the_attestation_of_her_signing_key_only() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let mut card = Spare::new();
    card.certificates.truncate(2);
    fs::write(quorum.path("enrolments/wendy.json"), card.file("wendy", false).write()).unwrap();
    propose(&quorum, &pinned()).ok();
}

#[test]
fn what_is_not_attested_is_refused_unless_the_plan_waives_it() {
    let mut bare = Spare::new();
    bare.certificates.clear();
    bare.refused("alice's card 12345678 says that it is hardware, and nothing attests that");
    let waived = "require_attestation = false\n";
    let (quorum, ran) = bare.propose(waived);
    let genesis = ran.ok().text("proposal");
    let warnings = audited(&quorum, &genesis);
    for words in ["nothing attests alice's yubikey card 12345678", "cards without attestation are allowed"] {
        assert!(warnings.iter().any(|w| w.contains(words)), "{warnings:?}");
    }
    // What is there must hold all the same.
    let (quorum, ran) = Spare::new().propose(waived);
    expect_refusal(&quorum, ran, "the certificate of its issuer \"CN=Test PIV Root\" is not there");
}

#[test]
fn an_imported_key_has_no_attestation() {
    let mut card = Spare::new();
    card.certificates.truncate(2);
    card.refused("2 certificates attest it");
    // Somebody fills the gap: the same attestation again, or one that they made.
    let (signing, own) = (card.certificates[1].clone(), Spare::new());
    card.certificates.push(signing);
    card.refused("its share key is in slot 9c: 82 to 95 are for it");
    let forged = own.card.draft("82", &Pair::P256(own.share.clone())).signed(&Pair::P256(own.share.clone()));
    own.with(2, forged).refused("was not signed by \"CN=Yubico PIV Attestation\"");
}

#[test]
fn attestations_of_other_keys_are_refused() {
    let other = Pair::p256("another key");
    let card = Spare::new();
    let attested = card.card.attest("9c", &other);
    card.with(1, attested)
        .refused("the attestation of slot 9c is of another key than the card's signing key");
    let card = Spare::new();
    let attested = card.card.attest("82", &other);
    card.with(2, attested).refused("the attestation of slot 82 is of another key than the card's share key");
    let card = Spare::new();
    let attested = card.card.attest("82", &Pair::ed25519("another kind"));
    card.with(2, attested).refused("the attestation of slot 82 is of another key than the card's share key");
    // The other half of the pair: x is the same, y is not.
    let card = Spare::new();
    let negated = secret_negated(&card.share);
    let attested = card.card.attest("82", &Pair::P256(negated));
    card.with(2, attested).refused("is of another key than the card's share key");
    // In the wrong order, and with the keys of each in the other's place.
    let mut card = Spare::new();
    card.certificates.swap(1, 2);
    card.refused("its signing key is in slot 82: 9c is for it");
}

/// The key whose point is the negative of this one's.
fn secret_negated(key: &p256::ecdsa::SigningKey) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from(-*key.as_nonzero_scalar())
}

#[test]
fn another_card_is_refused() {
    let mut card = Spare::new();
    card.serial = "12345679".into();
    card.refused("the attestation of slot 9c is of card 12345678, not of card 12345679");
    let mut card = Spare::new();
    card.serial = "012345678".into();
    card.refused("has the serial \"012345678\": not as such a card spells it");
    // The share key lives on another card of the same maker: its own certificate did not sign.
    let card = Spare::new();
    let other = Yubikey::made_by(&root(), 87_654_321, [5, 7, 1]);
    let attested = other.attest("82", &Pair::P256(card.share.clone()));
    card.with(2, attested).refused("was not signed by \"CN=Yubico PIV Attestation\"");
    // Without a serial it could be any card.
    let card = Spare::new();
    let mut draft = card.card.draft("9c", &Pair::P256(card.signing.clone()));
    draft.extensions.remove(1);
    let attested = draft.signed(&card.card.f9.pair);
    card.with(1, attested).refused("is of card without a serial");
    // A soft card that borrows the attestation of another.
    let mut card = Spare::new();
    card.kind = CardKind::Soft;
    card.refused("a soft card cannot attest its keys");
}

#[test]
fn keys_in_other_slots_are_refused() {
    for (place, slot, words) in [
        (1, "9a", "its signing key is in slot 9a: 9c is for it"),
        (1, "82", "its signing key is in slot 82"),
        (2, "9d", "its share key is in slot 9d: 82 to 95 are for it"),
        (2, "96", "its share key is in slot 96"),
        (2, "81", "its share key is in slot 81"),
        (2, "f9", "its share key is in slot f9"),
        (1, "9C", "it is not an attestation"),
        (1, "9c ", "not an attestation"),
    ] {
        let card = Spare::new();
        let key = if place == 1 { &card.signing } else { &card.share };
        let attested = card.card.attest(slot, &Pair::P256(key.clone()));
        card.with(place, attested).refused(words.trim_start_matches("it is "));
    }
    for slot in ["83", "95"] {
        let card = Spare::new();
        let attested = card.card.attest(slot, &Pair::P256(card.share.clone()));
        card.with(2, attested).propose(&pinned()).1.ok();
    }
}

#[test]
fn weak_policies_are_refused() {
    for (policies, words) in [
        ([1, 2], "asks for the PIN: never; always is required"),
        ([2, 2], "asks for the PIN: once; always is required"),
        ([5, 2], "asks for the PIN: match-always; always is required"),
        ([3, 1], "asks for a touch: never; always is required"),
        ([3, 3], "asks for a touch: cached; always is required"),
        ([3, 0], "extension 1.3.6.1.4.1.41482.3.8 cannot be read"),
        ([9, 2], "extension 1.3.6.1.4.1.41482.3.8 cannot be read"),
    ] {
        let card = Spare::new();
        let attested = card.card.attest_with("9c", &Pair::P256(card.signing.clone()), policies);
        card.with(1, attested).refused(words);
        let card = Spare::new();
        let attested = card.card.attest_with("82", &Pair::P256(card.share.clone()), policies);
        card.with(2, attested).refused(words);
    }
}

#[test]
fn old_firmware_is_refused_unless_the_plan_takes_the_risk() {
    let old = || Spare::of(Yubikey::made_by(&root(), 12_345_678, [5, 4, 3]));
    old().refused("its firmware is 5.4.3, and the policy asks for 5.7.0 or later");
    Spare::of(Yubikey::made_by(&root(), 12_345_678, [5, 6, 255])).refused("its firmware is 5.6.255");
    let (quorum, ran) = old().propose(&format!("{}min_firmware = \"5.4.4\"\n", pinned()));
    expect_refusal(&quorum, ran, "asks for 5.4.4 or later");
    let (quorum, ran) = old().propose(&format!("{}min_firmware = \"5.4.3\"\n", pinned()));
    let genesis = ran.ok().text("proposal");
    let warnings = audited(&quorum, &genesis);
    assert!(
        warnings.iter().any(|w| w.contains("firmware 5.4.3 or later") && w.contains("EUCLEAK")),
        "{warnings:?}"
    );
    for bad in ["5.7", "5.7.0.1", "05.7.0", "5.7.256", "+5.7.0", "latest"] {
        let ran = old().propose(&format!("min_firmware = \"{bad}\"\n")).1.expect(3);
        assert!(ran.error().contains("not a firmware version"), "{}", ran.error());
    }
}

#[test]
fn other_roots_are_believed_by_plan_only() {
    let certificates = "attestation_certificates = \"roots.pem\"\n";
    let (quorum, ran) = Spare::new().propose(certificates);
    expect_refusal(&quorum, ran, "which is not pinned");
    // A root that comes with the enrolment is a certificate like any other.
    let mut card = Spare::new();
    card.certificates.push(root().certificate);
    let (quorum, ran) = card.propose("");
    expect_refusal(&quorum, ran, "which is not pinned");
    card.propose(&format!("attestation_roots = [\"{}\"]\n", root().digest())).1.ok();
    // One of the same name.
    let other = Issuer::root("Test PIV Root", Pair::p256("not that one"));
    Spare::of(Yubikey::made_by(&other, 12_345_678, [5, 7, 1]))
        .refused("was not signed by \"CN=Test PIV Root\"");
    // Intermediates may come with the card, four of them.
    let middle = Issuer::under(Some(&root()), "Middle", Pair::p256("middle"), vec![authority(None)], LONG);
    let mut card = Spare::of(Yubikey::made_by(&middle, 12_345_678, [5, 7, 4]));
    card.refused("the certificate of its issuer \"CN=Middle\" is not there");
    card.certificates.push(middle.certificate.clone());
    card.propose(&pinned()).1.ok();
    card.certificates.extend(vec![middle.certificate; 4]);
    card.refused("not an enrolment: more than 7 entries");
}

#[test]
fn the_attested_key_of_one_card_makes_no_second_card() {
    // What the true card would sign, if its holder asked it to: a certificate for keys that they have on a laptop.
    let card = Spare::new();
    let nine_c = Issuer {
        name: "YubiKey PIV Attestation 9c".into(),
        pair: Pair::P256(card.signing.clone()),
        certificate: card.certificates[1].clone(),
    };
    let fake = Yubikey { f9: nine_c.clone(), ..card.card.clone() };
    let (signing, share) = (secret("laptop"), secret("laptop share"));
    let certificates = vec![
        nine_c.certificate,
        fake.attest("9c", &Pair::P256(signing.clone())),
        fake.attest("82", &Pair::P256(share.clone())),
        card.card.f9.certificate.clone(),
    ];
    Spare { signing, share, certificates, ..card }
        .refused("is the attestation of a slot's key and not a card's own");
}

#[test]
fn dates_are_those_of_the_enrolment_and_of_the_genesis() {
    let mut card = Spare::new();
    card.created = "2015-01-01T00:00:00Z";
    card.refused("not at 2015-01-01T00:00:00Z");
    // Good when it was enrolled, expired when the genesis was proposed.
    let mut card = Yubikey::made_by(&root(), 12_345_678, [5, 7, 1]);
    let extensions = vec![yubico(3, &[5, 7, 1]), authority(Some(0))];
    let dates = ("160314000000Z", "260201000000Z");
    card.f9 = Issuer::under(Some(&root()), &card.f9.name.clone(), card.f9.pair.clone(), extensions, dates);
    Spare::of(card).refused("is valid from 2016-03-14T00:00:00Z to 2026-02-01T00:00:00Z");
}

#[test]
fn certificates_that_the_card_did_not_name_are_refused() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let mut file = Spare::new().file("alice", true);
    file.attestation.swap(1, 2);
    fs::write(quorum.path("enrolments/alice-spare.json"), file.write()).unwrap();
    expect_refusal(&quorum, propose(&quorum, &pinned()), "its certificates are not those");
}

#[test]
fn a_bad_file_of_authorities_is_refused() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let text = genesis(&quorum, &practice_target(&quorum.path("tokens/hsm.token")))
        .policy("attestation_certificates = \"bad.pem\"")
        .text();
    let not_x509 = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for (content, words, code) in [
        (None, "bad.pem", 1),
        (Some("nothing"), "neither PEM nor a certificate", 3),
        (Some(not_x509), "not an X.509 certificate", 3),
    ] {
        if let Some(content) = content {
            fs::write(quorum.path("plans/bad.pem"), content).unwrap();
        }
        let ran = quorum.propose(&text).expect(code);
        assert!(ran.error().contains(words), "{}", ran.error());
    }
}

/// A station that checks nothing, and an administrator who signs what it made.
#[test]
fn a_forged_genesis_with_a_card_that_is_not_attested_is_no_ledger() {
    let audit = |spare: &Spare, change: &dyn Fn(&mut quorate::roster::AttestationPolicy)| {
        let mut forge = Forge::new();
        forge.files.clear();
        let mut proposal = forge.genesis();
        let roster = proposal.new_roster.as_mut().unwrap();
        let full_name = roster.custodians[0].full_name.to_string();
        roster.custodians[0].cards.push(spare.file_of("alice", &full_name, true));
        change(&mut roster.policy.attestation);
        proposal.roster = Digest::of(&strict::write(roster));
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        let quorum = Quorum::bare();
        forge.write(&quorum.path("ledger"));
        let ran = quorum.run(&["audit", &quorum.at("ledger")]).expect(3);
        let finding =
            ran.json["findings"].as_array().unwrap().iter().find(|f| f["code"] == "roster").unwrap();
        finding["message"].as_str().unwrap().to_owned()
    };
    let mut bare = Spare::new();
    bare.certificates.clear();
    let believed = |policy: &mut quorate::roster::AttestationPolicy| {
        policy.roots = vec![root().digest()];
        policy.certificates = vec![Base64(root().certificate)];
    };
    assert!(audit(&bare, &believed).contains("nothing attests"));
    assert!(audit(&Spare::new(), &|_| ()).contains("the certificate of its issuer"));
    let card = Spare::new();
    let touchless = card.card.attest_with("9c", &Pair::P256(card.signing.clone()), [3, 1]);
    assert!(audit(&card.with(1, touchless), &believed).contains("asks for a touch: never"));
    // A good one gets past these rules, to the deal that knows nothing of the card.
    assert!(audit(&Spare::new(), &believed).contains("the deal does not fit the members"));
}
