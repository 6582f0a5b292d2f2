//! Chains of certificates, from a slot's to an authority that is trusted: who may issue, and where a chain ends.

use std::fs;

use quorate::{
    encoding::time::Timestamp,
    roster::attestation::{AttestationError, Certificate, Trust, verify},
};

use super::alone::{judge, refused, root};
use crate::support::{
    certificates::{Draft, Issuer, LONG, Pair, Yubikey, authority, extension, integer, pem, yubico},
    quorum::Quorum,
};

#[test]
fn every_kind_of_authority_is_followed_through_its_intermediates() {
    for pair in [Pair::rsa(2048), Pair::p384("root"), Pair::p256("root")] {
        let root = Issuer::root("Test Attestation Root 1", pair.clone());
        let middle = Issuer::under(
            Some(&root),
            "Test Intermediate A 1",
            Pair::p384("middle"),
            vec![authority(None)],
            LONG,
        );
        let piv =
            Issuer::under(Some(&middle), "Test PIV Attestation A 1", pair, vec![authority(Some(1))], LONG);
        let card = Yubikey::made_by(&piv, 7, [5, 7, 4]);
        let slot = card.attest("9a", &Pair::p256("key"));
        let parts = [slot.as_slice(), &card.f9.certificate, &middle.certificate, &piv.certificate];
        let ran = judge(&parts, &root).ok();
        assert_eq!(ran.json["attestations"][0]["chain"].as_array().unwrap().len(), 5);
        // A pinned intermediate ends the chain.
        let ran = judge(&parts[..2], &piv).ok();
        assert_eq!(ran.json["attestations"][0]["chain"].as_array().unwrap().len(), 3);
        // Any link that is missing breaks it.
        refused(
            judge(&[parts[0], parts[1], parts[2]], &root),
            "the chain breaks off at \"CN=Yubico PIV Attestation\"",
        );
        refused(
            judge(&[parts[0], parts[1], parts[3]], &root),
            "breaks off at \"CN=Test PIV Attestation A 1\"",
        );
        refused(
            judge(&[parts[0], parts[2], parts[3]], &root),
            "breaks off at \"CN=YubiKey PIV Attestation 9a\"",
        );
    }
}

#[test]
fn every_kind_of_key_in_slot_f9_attests() {
    let root = root();
    let key = Pair::p256("key");
    for pair in [Pair::rsa(2048), Pair::p256("f9"), Pair::p384("f9").signing_sha256()] {
        let extensions = vec![yubico(3, &[5, 7, 4]), authority(Some(0))];
        let f9 = Issuer::under(Some(&root), "Yubico PIV Attestation", pair, extensions, LONG);
        let card = Yubikey { serial: 7, firmware: [5, 7, 4], f9 };
        judge(&[&card.attest("9c", &key), &card.f9.certificate], &root).ok();
    }
    // RSA of 1024 bits is shown where it is attested, and attests nothing.
    let f9 =
        Issuer::under(Some(&root), "Yubico PIV Attestation", Pair::rsa(1024), vec![authority(Some(0))], LONG);
    let card = Yubikey { serial: 7, firmware: [5, 7, 4], f9 };
    refused(judge(&[&card.attest("9c", &key), &card.f9.certificate], &root), "was not signed by");
}

#[test]
fn a_root_that_only_has_the_name_is_refused() {
    let (root, other) = (root(), Issuer::root("Test PIV Root", Pair::p256("another root")));
    let card = Yubikey::made_by(&other, 7, [5, 7, 1]);
    let slot = card.attest("9c", &Pair::p256("key"));
    let parts = [slot.as_slice(), &card.f9.certificate];
    // The wanted root did not sign; the one that did is not pinned.
    refused(judge(&parts, &root), "was not signed by \"CN=Test PIV Root\"");
    refused(judge(&[parts[0], parts[1], &other.certificate], &root), "which is not pinned");
    // Nothing is pinned but Yubico's.
    let quorum = Quorum::bare();
    let bundle: String =
        [parts[0], parts[1], &other.certificate].iter().map(|der| pem("CERTIFICATE", der)).collect();
    fs::write(quorum.path("all.pem"), bundle).unwrap();
    refused(quorum.run(&["card", "attestation", &quorum.at("all.pem")]), "which is not pinned");
    // Said to be one's own root, but for a digest of something else.
    let ran =
        quorum.run(&["card", "attestation", &quorum.at("all.pem"), "--trust", &root.digest().to_string()]);
    refused(ran, "which is not pinned");
}

#[test]
fn a_certificate_that_its_holder_wrote_into_the_slot_is_refused() {
    let root = root();
    let card = Yubikey::made_by(&root, 7, [5, 7, 1]);
    let own = Pair::p256("a key made on a laptop");
    // Signed by itself, with every extension; then with the issuer's name as well; then as its own issuer.
    let forged = card.draft("9c", &own).signed(&own);
    refused(
        judge(&[&forged, &card.f9.certificate], &root),
        "was not signed by \"CN=Yubico PIV Attestation\"",
    );
    let mut draft = card.draft("9c", &own);
    draft.issuer.clone_from(&draft.subject);
    refused(judge(&[&draft.signed(&own), &card.f9.certificate], &root), "is the attestation of a slot's key");
    // With a certificate of f9 of their own: they may overwrite slot f9.
    let mine = Issuer::under(None, "Yubico PIV Attestation", own.clone(), vec![authority(Some(0))], LONG);
    let forged = card.draft("9c", &own).signed(&own);
    refused(judge(&[&forged, &mine.certificate], &root), "which is not pinned");
}

#[test]
fn an_attested_key_cannot_attest_another() {
    let root = root();
    let card = Yubikey::made_by(&root, 7, [5, 7, 1]);
    let nine_c = Pair::p256("the attested key in 9c");
    let true_one = card.attest("9c", &nine_c);
    judge(&[&true_one, &card.f9.certificate], &root).ok();
    // The card signs what it is given: a certificate with all of Yubico's extensions.
    let copied = Pair::p256("a key made on a laptop");
    for issuer in ["YubiKey PIV Attestation 9c", "Yubico PIV Attestation"] {
        let mut draft = card.draft("9c", &copied);
        draft.issuer = issuer.into();
        let fake = draft.signed(&nine_c);
        let ran = judge(&[&fake, &true_one, &card.f9.certificate], &root);
        let words = if issuer.starts_with("YubiKey") {
            "\"CN=YubiKey PIV Attestation 9c\" is the attestation of a slot's key and not a card's own certificate"
        } else {
            "was not signed by"
        };
        refused(ran, words);
    }
    // A second card under the first one's key: the attestation in the place of an intermediate.
    let second = Issuer::under(
        Some(&Issuer {
            name: "YubiKey PIV Attestation 9c".into(),
            pair: nine_c,
            certificate: true_one.clone(),
        }),
        "Yubico PIV Attestation",
        Pair::p256("f9 of nobody"),
        vec![yubico(3, &[5, 7, 1]), authority(Some(0))],
        LONG,
    );
    let fake = Yubikey { serial: 8, firmware: [5, 7, 1], f9: second.clone() };
    let slot = fake.attest("9c", &copied);
    refused(
        judge(&[&slot, &second.certificate, &true_one, &card.f9.certificate], &root),
        "is the attestation of a slot's key and not a card's own certificate",
    );
    // The card's certificate in the place of an intermediate: were the f9 key to sign another f9.
    let third = Issuer::under(Some(&card.f9), "Another", Pair::p256("third"), vec![authority(Some(0))], LONG);
    let fake = Yubikey { serial: 9, firmware: [5, 7, 1], f9: third.clone() };
    refused(
        judge(&[&fake.attest("9c", &copied), &third.certificate, &card.f9.certificate], &root),
        "its path length does not allow another authority below",
    );
}

#[test]
fn what_may_not_issue_does_not_count() {
    let root = root();
    let key = Pair::p256("key");
    let with = |firmware: [u8; 3], extensions: Vec<Vec<u8>>| {
        let f9 = Issuer::under(Some(&root), "Yubico PIV Attestation", Pair::p256("f9"), extensions, LONG);
        let card = Yubikey { serial: 7, firmware, f9 };
        judge(&[&card.attest("9c", &key), &card.f9.certificate], &root)
    };
    let no_ca = extension("2.5.29.19", true, &[0x30, 0]);
    // Some YubiKeys 4 and a 5Ci of 5.2.4 lack the mark: what counts is that the root itself signed it, and that is said.
    with([4, 3, 3], vec![yubico(3, &[4, 3, 3])]).ok();
    with([4, 3, 3], vec![yubico(3, &[4, 3, 3]), no_ca.clone()]).ok();
    let unmarked = with([5, 2, 4], vec![yubico(3, &[5, 2, 4])]).ok();
    assert_eq!(unmarked.json["attestations"][0]["card_is_marked"], false);
    let said = unmarked.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("is not marked as an authority's"), "{said}");
    let marked = with([5, 7, 1], vec![yubico(3, &[5, 7, 1]), authority(Some(0))]).ok();
    assert_eq!(marked.json["attestations"][0]["card_is_marked"], true);
    assert!(!marked.stderr.contains("not marked"), "{}", marked.stderr);
    refused(with([5, 2, 4], vec![]), "may not issue certificates");
    refused(with([5, 7, 1], vec![yubico(3, &[5, 7, 1]), no_ca.clone()]), "may not issue certificates");
    refused(with([4, 3, 3], vec![no_ca.clone()]), "may not issue certificates");
    // Key usage: digital signature only.
    let usage = extension("2.5.29.15", true, &[3, 2, 7, 0x80]);
    refused(with([5, 7, 1], vec![authority(Some(0)), usage.clone()]), "may not issue certificates");
    with([5, 7, 1], vec![authority(Some(0)), extension("2.5.29.15", true, &[3, 2, 2, 4])]).ok();
    // A critical extension that nobody knows.
    let unknown = extension("1.2.3.4", true, &[5, 0]);
    refused(with([5, 7, 1], vec![authority(Some(0)), unknown]), "critical extension that is not understood");
    // An intermediate without the right, and the exception for firmware 4 right below a root only.
    for (extensions, words) in [
        (vec![], "its basic constraints do not say CA"),
        (vec![no_ca], "its basic constraints do not say CA"),
        (vec![authority(Some(0))], "its path length"),
        (vec![authority(Some(1)), usage], "its key usage does not allow it"),
    ] {
        let middle = Issuer::under(Some(&root), "Middle", Pair::p256("middle"), extensions, LONG);
        let card = Yubikey::made_by(&middle, 7, [5, 7, 1]);
        let slot = card.attest("9c", &key);
        refused(judge(&[&slot, &card.f9.certificate, &middle.certificate], &root), words);
    }
    let middle = Issuer::under(Some(&root), "Middle", Pair::p256("middle"), vec![authority(None)], LONG);
    for firmware in [[4, 3, 3], [5, 2, 4]] {
        let extensions = vec![yubico(3, &firmware)];
        let f9 = Issuer::under(Some(&middle), "Yubico PIV Attestation", Pair::p256("f9"), extensions, LONG);
        let card = Yubikey { serial: 7, firmware, f9 };
        let slot = card.attest("9c", &key);
        refused(
            judge(&[&slot, &card.f9.certificate, &middle.certificate], &root),
            "may not issue certificates",
        );
    }
}

#[test]
fn chains_end_and_loops_do_too() {
    let root = root();
    let mut issuers = vec![root.clone()];
    for level in 0..4 {
        let parent = issuers.last().unwrap();
        let pair = Pair::p256(&format!("level {level}"));
        issuers.push(Issuer::under(
            Some(parent),
            &format!("Level {level}"),
            pair,
            vec![authority(None)],
            LONG,
        ));
    }
    for (depth, verified) in [(3, true), (4, false)] {
        let card = Yubikey::made_by(&issuers[depth], 7, [5, 7, 1]);
        let slot = card.attest("9c", &Pair::p256("key"));
        let mut parts = vec![slot.as_slice(), &card.f9.certificate];
        parts.extend(issuers[1..=depth].iter().map(|i| i.certificate.as_slice()));
        if verified {
            judge(&parts, &root).ok();
        } else {
            refused(judge(&parts, &root), "longer than any that Yubico makes");
        }
    }
    // Two authorities that issue one another.
    let pairs = [Pair::p256("one"), Pair::p256("two")];
    let one = Issuer { name: "One".into(), pair: pairs[0].clone(), certificate: Vec::new() };
    let two = Issuer::under(Some(&one), "Two", pairs[1].clone(), vec![authority(None)], LONG);
    let one = Issuer::under(Some(&two), "One", pairs[0].clone(), vec![authority(None)], LONG);
    let card = Yubikey::made_by(&one, 7, [5, 7, 1]);
    let slot = card.attest("9c", &Pair::p256("key"));
    refused(
        judge(&[&slot, &card.f9.certificate, &one.certificate, &two.certificate], &root),
        "longer than any that Yubico makes",
    );
    // Thirty certificates of one name and key: ways through them without end.
    let many: Vec<Vec<u8>> = (0..30)
        .map(|n| {
            let draft = Draft {
                subject: "One".into(),
                issuer: "One".into(),
                key: pairs[0].spki(),
                dates: LONG,
                extensions: vec![authority(None), extension("1.2.3", false, &integer(n))],
            };
            let mut draft = draft;
            draft.issuer = if n % 2 == 0 { "Two".into() } else { "One".into() };
            draft.signed(&pairs[usize::from(n % 2 == 0)])
        })
        .collect();
    let mut parts = vec![slot.as_slice(), &card.f9.certificate, &two.certificate];
    parts.extend(many.iter().map(Vec::as_slice));
    judge(&parts, &root).expect(3);
}

/// Each card alone stays below what is checked for one chain; a roster has thousands of them.
#[test]
fn the_checks_of_all_cards_together_are_bounded() {
    let root = root();
    let read = |der: &[u8]| Certificate::from_der(der).unwrap();
    let at = Timestamp::parse("2026-01-01T09:00:00Z").unwrap();
    let mut trust = Trust::new(&[root.digest()]);
    (0..60).for_each(|n| {
        trust.add(read(&Issuer::root(&root.name, Pair::p256(&format!("namesake {n}"))).certificate));
    });
    let key = Pair::p256("key");
    let attempt = |serial: u32| {
        let card = Yubikey::made_by(&root, serial, [5, 7, 1]);
        verify(&read(&card.attest("9c", &key)), &read(&card.f9.certificate), &trust.clone(), at).unwrap_err()
    };
    let cards =
        (1..=100).take_while(|serial| !matches!(attempt(*serial), AttestationError::Checks(_))).count();
    assert!((60..100).contains(&cards), "{cards}");
    // What is known by now costs nothing.
    assert!(matches!(attempt(1), AttestationError::Signature { .. }));
}
