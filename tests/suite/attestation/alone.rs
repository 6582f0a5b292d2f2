//! `quorate card attestation FILE…`

use std::fs;

use quorate::{
    encoding::time::Timestamp,
    roster::attestation::{AttestationError, Certificate, Trust, YUBICO, verify},
};

use crate::support::{
    certificates::{Draft, Issuer, LONG, Pair, Yubikey, authority, extension, integer, pem, yubico},
    lab::{Lab, Ran},
};

fn root() -> Issuer {
    Issuer::root("Test PIV Root", Pair::p256("root"))
}

/// Runs it on these certificates, with one pin.
pub fn judge(certificates: &[&[u8]], trusted: &Issuer) -> Ran {
    judge_with(certificates, &[], &[trusted])
}

fn judge_with(certificates: &[&[u8]], keys: &[&Pair], trusted: &[&Issuer]) -> Ran {
    let lab = Lab::bare();
    let mut args = vec!["card".to_owned(), "attestation".into()];
    for (place, der) in certificates.iter().enumerate() {
        let path = lab.at(&format!("files/{place}"));
        // PEM and DER by turns.
        let text = pem("CERTIFICATE", der);
        fs::write(&path, if place % 2 == 0 { text.as_bytes() } else { *der }).unwrap();
        args.push(path);
    }
    for (place, key) in keys.iter().enumerate() {
        let path = lab.at(&format!("files/key{place}"));
        fs::write(&path, pem("PUBLIC KEY", &key.spki())).unwrap();
        args.push(path);
    }
    let roots = lab.at("files/roots.pem");
    let bundle: Vec<String> = trusted.iter().map(|r| pem("CERTIFICATE", &r.certificate)).collect();
    fs::write(&roots, format!("Authorities\n\n{}", bundle.join("and\n"))).unwrap();
    args.extend(["--roots".into(), roots]);
    args.extend(trusted.iter().flat_map(|r| ["--trust".into(), r.digest().to_string()]));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    lab.run(&args)
}

/// Refused, with exit code 3 and these words.
#[track_caller]
pub fn refused(ran: Ran, words: &str) {
    let ran = ran.expect(3);
    let reason = ran.json["attestations"].as_array().map(|all| {
        all.iter()
            .map(|a| a["reason"].as_str().unwrap_or("verified").to_owned())
            .collect::<Vec<_>>()
            .join("; ")
    });
    let said = reason.unwrap_or_else(|| ran.error());
    assert!(said.contains(words), "{said}");
    if ran.json["attestations"].is_array() {
        assert_eq!(ran.text("verdict"), "refused");
    }
}

#[test]
fn every_kind_of_key_is_verified_and_shown() {
    let root = root();
    let card = Yubikey::made_by(&root, 12_345_678, [5, 7, 1]);
    let rsa = Pair::rsa(2048);
    let x25519 =
        Pair::Public([&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0][..], &[9; 32]].concat());
    for (kind, key) in [
        ("p-256", Pair::p256("key")),
        ("p-384", Pair::p384("key")),
        ("ed25519", Pair::ed25519("key")),
        ("rsa-2048", rsa),
        ("x25519", x25519),
    ] {
        let slot = card.attest("9c", &key);
        for order in [[&slot[..], &card.f9.certificate], [&card.f9.certificate, &slot[..]]] {
            let ran = judge_with(&order, &[&key], &[&root]).ok();
            assert_eq!(ran.text("verdict"), "verified");
            let attested = &ran.json["attestations"][0];
            assert_eq!(attested["key"], kind);
            assert_eq!(attested["serial"], 12_345_678);
            assert_eq!(attested["firmware"], "5.7.1");
            assert_eq!(attested["slot"], "9c");
            assert_eq!(
                (&attested["pin_policy"], &attested["touch_policy"]),
                (&"always".into(), &"always".into())
            );
            assert_eq!(attested["form_factor"], "USB-C keychain");
            assert_eq!(attested["fips"], false);
            assert_eq!(attested["chain"].as_array().unwrap().len(), 3);
        }
    }
}

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
    let lab = Lab::bare();
    let bundle: String =
        [parts[0], parts[1], &other.certificate].iter().map(|der| pem("CERTIFICATE", der)).collect();
    fs::write(lab.path("all.pem"), bundle).unwrap();
    refused(lab.run(&["card", "attestation", &lab.at("all.pem")]), "which is not pinned");
    // Said to be one's own root, but for a digest of something else.
    let ran = lab.run(&["card", "attestation", &lab.at("all.pem"), "--trust", &root.digest().to_string()]);
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
    // With a certificate of f9 of his own: he may overwrite slot f9.
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

#[test]
fn dates_count() {
    let root = root();
    let key = Pair::p256("key");
    let past = ("160314000000Z", "200314000000Z");
    let ahead = ("480314000000Z", "20520314000000Z");
    for (dates, which) in [(past, "f9"), (ahead, "f9"), (past, "slot"), (ahead, "slot")] {
        let mut card = Yubikey::made_by(&root, 7, [5, 7, 1]);
        let mut draft = card.draft("9c", &key);
        if which == "f9" {
            let extensions = vec![yubico(3, &[5, 7, 1]), authority(Some(0))];
            card.f9 =
                Issuer::under(Some(&root), &card.f9.name.clone(), card.f9.pair.clone(), extensions, dates);
        } else {
            draft.dates = dates;
        }
        refused(judge(&[&draft.signed(&card.f9.pair), &card.f9.certificate], &root), "is valid from");
    }
}

#[test]
fn another_key_than_the_given_one_is_refused() {
    let root = root();
    let card = Yubikey::made_by(&root, 7, [5, 7, 1]);
    let slot = card.attest("9c", &Pair::p256("key"));
    let ran = judge_with(&[&slot, &card.f9.certificate], &[&Pair::p256("another")], &[&root]);
    refused(ran, "it attests another key than the one that was given");
    judge_with(&[&slot, &card.f9.certificate], &[&Pair::p256("key")], &[&root]).ok();
    // The attestation of one card and the certificate of another: all cards' certificates have one name.
    let other = Yubikey::made_by(&root, 8, [5, 7, 1]);
    refused(judge(&[&slot, &other.f9.certificate], &root), "was not signed by \"CN=Yubico PIV Attestation\"");
    // Both cards at once are told apart by their signatures.
    let second = other.attest("9c", &Pair::p256("key of 8"));
    let ran = judge(&[&second, &slot, &card.f9.certificate, &other.f9.certificate], &root).ok();
    assert_eq!(ran.json["attestations"].as_array().unwrap().len(), 2);
}

#[test]
fn hostile_files_are_refused_with_a_sentence() {
    let lab = Lab::bare();
    let path = lab.at("files/hostile");
    let root = root();
    let card = Yubikey::made_by(&root, 7, [5, 7, 1]);
    let slot = card.attest("9c", &Pair::p256("key"));
    let twice = {
        let mut draft = card.draft("9c", &Pair::p256("key"));
        draft.extensions.push(yubico(3, &[5, 7, 1]));
        draft.signed(&card.f9.pair)
    };
    let escape = {
        let mut draft = card.draft("9c", &Pair::p256("key"));
        draft.issuer = "\x1b[2J\u{202e}".into();
        draft.signed(&card.f9.pair)
    };
    let large = tlv_of(100_000);
    let many = pem("CERTIFICATE", &slot).repeat(40);
    for (bytes, words) in [
        (b"".to_vec(), "neither PEM nor a certificate"),
        (vec![0; 300_000], "more than 262144 bytes"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n".to_vec(), "its end is missing"),
        (b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec(), "not base64"),
        (
            b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n".to_vec(),
            "neither a certificate",
        ),
        (vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "not an X.509 certificate"),
        (vec![0x30, 0x80, 0, 0], "not an X.509 certificate"),
        ([slot.as_slice(), b"x"].concat(), "not an X.509 certificate"),
        (large, "longer than any"),
        (many.into_bytes(), "more than 32 entries"),
        (twice, "appears twice"),
        (card.f9.certificate.clone(), "no attestation of a slot's key"),
    ] {
        fs::write(&path, &bytes).unwrap();
        // A file of that length is not read.
        let code = if bytes.len() == 300_000 { 1 } else { 3 };
        let ran = lab.run(&["card", "attestation", &path]).expect(code);
        assert!(ran.error().contains(words), "{words}: {}", ran.error());
    }
    fs::write(&path, escape).unwrap();
    let ran = lab.run(&["card", "attestation", &path]).expect(3);
    assert!(!ran.stderr.contains('\x1b') && !ran.stdout.contains('\x1b'), "{ran:?}");
}

/// A SEQUENCE of so many bytes.
fn tlv_of(length: u32) -> Vec<u8> {
    let mut out = vec![0x30, 0x83];
    out.extend(&length.to_be_bytes()[1..]);
    out.resize(out.len() + length as usize, 0);
    out
}

#[test]
fn the_page_lists_the_authorities_that_are_built_in() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man/quorate-attestation.7");
    let page = fs::read_to_string(page).unwrap();
    let hex = |line: &&str| line.len() == 64 && line.bytes().all(|b| b.is_ascii_hexdigit());
    assert_eq!(page.lines().map(str::trim).filter(hex).count(), YUBICO.len());
    for (digest, name) in YUBICO {
        assert!(page.contains(&format!("{name}\n  {digest}\n")), "{name}");
    }
}
