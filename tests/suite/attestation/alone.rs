//! `quorate card attestation FILE…`

use std::fs;

use quorate::roster::attestation::YUBICO;

use crate::support::{
    certificates::{Issuer, Pair, Yubikey, authority, pem, yubico},
    quorum::{Quorum, Ran},
};

pub fn root() -> Issuer {
    Issuer::root("Test PIV Root", Pair::p256("root"))
}

/// Runs it on these certificates, with one pin.
pub fn judge(certificates: &[&[u8]], trusted: &Issuer) -> Ran {
    judge_with(certificates, &[], &[trusted])
}

fn judge_with(certificates: &[&[u8]], keys: &[&Pair], trusted: &[&Issuer]) -> Ran {
    let quorum = Quorum::bare();
    let mut args = vec!["card".to_owned(), "attestation".into()];
    for (place, der) in certificates.iter().enumerate() {
        let path = quorum.at(&format!("files/{place}"));
        // PEM and DER by turns.
        let text = pem("CERTIFICATE", der);
        fs::write(&path, if place % 2 == 0 { text.as_bytes() } else { *der }).unwrap();
        args.push(path);
    }
    for (place, key) in keys.iter().enumerate() {
        let path = quorum.at(&format!("files/key{place}"));
        fs::write(&path, pem("PUBLIC KEY", &key.spki())).unwrap();
        args.push(path);
    }
    let roots = quorum.at("files/roots.pem");
    let bundle: Vec<String> = trusted.iter().map(|r| pem("CERTIFICATE", &r.certificate)).collect();
    fs::write(&roots, format!("Authorities\n\n{}", bundle.join("and\n"))).unwrap();
    args.extend(["--roots".into(), roots]);
    args.extend(trusted.iter().flat_map(|r| ["--trust".into(), r.digest().to_string()]));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    quorum.run(&args)
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
    refused(ran, "it attests a key other than the one that was given");
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
    let quorum = Quorum::bare();
    let path = quorum.at("files/hostile");
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
        (card.f9.certificate.clone(), "none of the files is an attestation of a slot's key"),
    ] {
        fs::write(&path, &bytes).unwrap();
        // A file of that length is not read.
        let code = if bytes.len() == 300_000 { 1 } else { 3 };
        let ran = quorum.run(&["card", "attestation", &path]).expect(code);
        assert!(ran.error().contains(words), "{words}: {}", ran.error());
    }
    fs::write(&path, escape).unwrap();
    let ran = quorum.run(&["card", "attestation", &path]).expect(3);
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
