//! The same with cards behind the real PC/SC stack: what `quorate card enroll` brings is what a genesis takes.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use quorate::roster::{attestation::Certificate, card::EnrolledCard};
use virtual_card::{Action, Algorithm, Card, Daemon, Firmware, Manufacturer, Touch, Trigger};

use crate::support::{
    certificates::pem,
    founded::practice_target,
    quorum::{ADMIN, CUSTODIANS, Quorum, Ran},
    yubikeys::{PIN, PUK, YubiKeys},
};

/// Everybody has a soft card; Alice's spare is a YubiKey by this maker.
fn yubikeys(maker: Manufacturer, card: Card) -> YubiKeys {
    card.set_touch(Touch::Now);
    let daemon = Daemon::with_cards(&[&card]);
    let mut quorum = Quorum::bare();
    for name in CUSTODIANS.iter().chain([&ADMIN]) {
        quorum.enroll(name, "");
    }
    quorum.environment.extend(daemon.environment());
    for (file, text) in [("cards/pin", PIN), ("cards/puk", PUK)] {
        fs::write(quorum.path(file), format!("{text}\n")).unwrap();
    }
    fs::write(quorum.path("plans/roots.pem"), maker.bundle_pem()).unwrap();
    YubiKeys { quorum, maker, daemon, cards: [("alice-spare".to_owned(), card)].into() }
}

fn propose(yubikeys: &YubiKeys) -> Ran {
    let target = practice_target(&yubikeys.quorum.path("tokens/hsm.token"));
    let text = yubikeys.genesis(&CUSTODIANS, "roots.pem").targets(&target).text();
    yubikeys.quorum.propose(&text)
}

#[test]
fn an_enrolled_yubikey_is_attested_whoever_made_it() {
    for maker in [Manufacturer::new(), Manufacturer::with_intermediates()] {
        let card = Card::new(&maker, 10_000_001, Firmware::V5_7_1);
        let yubikeys = yubikeys(maker, card);
        yubikeys.enroll("alice-spare", &[]).ok();
        propose(&yubikeys).ok();
        // Anyone who has the certificates and says whom they trust sees it, in the enrolment or on the card.
        let (file, roots) =
            (yubikeys.quorum.at("enrolments/alice-spare.json"), yubikeys.quorum.at("plans/roots.pem"));
        let pin = yubikeys.maker.root_sha256();
        for what in [file.as_str(), "yubikey"] {
            let with_roots = ["card", "show", what, "--roots", &roots];
            for (args, verdict, words) in [
                (&with_roots[..3], "incomplete", "NOT VERIFIED: the chain breaks off at"),
                (&with_roots[..], "refused", "REFUSED: the chain leads to"),
                (
                    &[&with_roots[..], &["--trust", &pin]].concat()[..],
                    "verified",
                    "up to an authority that --trust named",
                ),
            ] {
                let shown = yubikeys.quorum.run(args).ok();
                assert_eq!(shown.json["attestation"]["verdict"], verdict, "{what}");
                let said = shown.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(said.contains(words), "{said}");
            }
        }
        let shown = yubikeys.quorum.run(&["show", &file]).ok();
        assert_eq!(shown.json["attestation"]["verdict"], "incomplete");
        // The same certificates on their own.
        let bytes = fs::read(yubikeys.quorum.path("enrolments/alice-spare.json")).unwrap();
        let mut args = vec!["card".to_owned(), "attestation".into()];
        for (place, der) in EnrolledCard::parse(&bytes).unwrap().attestation().enumerate() {
            args.push(yubikeys.quorum.at(&format!("files/{place}.der")));
            fs::write(args.last().unwrap(), der).unwrap();
        }
        args.extend(["--roots".into(), yubikeys.quorum.at("plans/roots.pem")]);
        args.extend(["--trust".into(), yubikeys.maker.root_sha256()]);
        let ran = yubikeys.quorum.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        let attested = ran.json["attestations"].as_array().unwrap();
        assert_eq!(attested.len(), 2);
        for key in attested {
            assert_eq!(key["serial"], 10_000_001);
            assert_eq!((&key["pin_policy"], &key["touch_policy"]), (&"always".into(), &"always".into()));
        }
    }
}

#[test]
fn a_card_whose_f9_was_overwritten_is_refused() {
    let (maker, other) = (Manufacturer::new(), Manufacturer::new());
    let card = Card::with_attestation(other.attestation(Firmware::V5_7_1), 10_000_001, Firmware::V5_7_1);
    let yubikeys = yubikeys(maker, card);
    yubikeys.enroll("alice-spare", &[]).ok();
    let ran = propose(&yubikeys).expect(3);
    assert!(ran.error().contains("alice's yubikey card 10000001"), "{}", ran.error());
    assert!(!yubikeys.quorum.path("ledger/0000-genesis").exists());
}

#[test]
fn an_old_card_and_an_expired_maker_are_refused() {
    let maker = Manufacturer::new();
    let card = Card::new(&maker, 10_000_001, Firmware::V5_4_3);
    let old = yubikeys(maker, card);
    refused(
        &old,
        "its firmware is 5.4.3, and the policy asks for 5.7.0 or later",
        "firmware cannot be updated: use a newer card, or take the risk with policy.min_firmware in the plan",
    );

    let maker = Manufacturer::between("20160314000000Z", "20200314000000Z");
    let card = Card::new(&maker, 10_000_001, Firmware::V5_7_1);
    let expired = yubikeys(maker, card);
    expired.enroll("alice-spare", &[]).ok();
    let file = fs::read(expired.quorum.path("enrolments/alice-spare.json")).unwrap();
    let at = EnrolledCard::parse(&file).unwrap().enrolment().created;
    refused_as_it_is(
        &expired,
        &format!(
            "\"CN=Virtual PIV Attestation\" is valid from 2016-03-14T00:00:00Z to 2020-03-14T00:00:00Z, not at {at}"
        ),
        "check the clock of the machine; if it is right, use another card",
    );
}

/// ATTEST.
const ATTEST: u8 = 0xF9;
const ALWAYS: u8 = 3;
const TOUCH: u8 = 2;

/// A card that lets itself be enrolled, its genesis refused in these words; nothing is in the ledger then.
#[track_caller]
fn refused(yubikeys: &YubiKeys, message: &str, hint: &str) {
    yubikeys.enroll("alice-spare", &[]).ok();
    refused_as_it_is(yubikeys, message, hint);
}

#[track_caller]
fn refused_as_it_is(yubikeys: &YubiKeys, message: &str, hint: &str) {
    let ran = propose(yubikeys).expect(3);
    let error = &ran.json["error"];
    let message = format!("the plan makes no roster: alice's yubikey card 10000001: {message}");
    assert_eq!((error["message"].as_str(), error["hint"].as_str()), (Some(message.as_str()), Some(hint)));
    assert!(!yubikeys.quorum.path("ledger/0000-genesis").exists());
}

fn name_of(der: &[u8]) -> String {
    Certificate::from_der(der).unwrap().subject().to_owned()
}

const AGAIN: &str = "have the card enrolled again";
const BRING: &str = "bring the certificates of Yubico's authorities, roots and intermediates, in one file";

#[test]
fn an_attestation_of_another_key_is_refused_in_these_words() {
    let maker = Manufacturer::new();
    let card = Card::new(&maker, 10_000_001, Firmware::V5_7_1);
    // The key that signs has a copy elsewhere. One that was made on the card takes its place while it is attested.
    let kept = Arc::new(Mutex::new(None));
    let (exchanged, put_back) = (card.clone(), card.clone());
    let (keep, kept) = (Arc::clone(&kept), kept);
    let exchange = move || {
        *keep.lock().unwrap() = exchanged.private_key(0x9C);
        exchanged.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH);
    };
    let put_back = move || {
        put_back.import(0x9C, &kept.lock().unwrap().take().unwrap(), ALWAYS, TOUCH);
    };
    card.order(Trigger::NthOf(ATTEST, 1), Action::Run(Arc::new(exchange)));
    card.order(Trigger::NthOf(ATTEST, 2), Action::Run(Arc::new(put_back)));
    let yubikeys = yubikeys(maker, card);
    refused(&yubikeys, "the attestation of slot 9c is of another key than the card's signing key", AGAIN);
}

#[test]
fn chains_that_do_not_hold_are_refused_in_these_words() {
    // Broken: the intermediates are not in the file.
    let maker = Manufacturer::with_intermediates();
    let issuer = name_of(maker.issuer().certificate());
    let card = Card::new(&maker, 10_000_001, Firmware::V5_7_4);
    let broken = yubikeys(maker, card);
    fs::write(broken.quorum.path("plans/roots.pem"), pem("CERTIFICATE", broken.maker.root())).unwrap();
    let message = format!(
        "the chain breaks off at \"CN=Virtual PIV Attestation\": the certificate of its issuer \"{issuer}\" is not there"
    );
    refused(&broken, &message, BRING);

    // Another root, whose certificate is at hand and not pinned.
    let (maker, other) = (Manufacturer::new(), Manufacturer::new());
    let card = Card::new(&other, 10_000_001, Firmware::V5_7_1);
    let (name, digest) = (name_of(other.root()), other.root_sha256());
    let elsewhere = yubikeys(maker, card);
    fs::write(elsewhere.quorum.path("plans/roots.pem"), other.bundle_pem()).unwrap();
    refused(
        &elsewhere,
        &format!("the chain leads to \"{name}\", SHA-256 {digest}, which is not pinned"),
        "the card is none of Yubico's, or its slot f9 was overwritten: use another card",
    );
}

#[test]
fn a_card_is_looked_at_and_lies() {
    let maker = Manufacturer::new();
    let yubikeys = yubikeys(maker.clone(), Card::new(&maker, 10_000_001, Firmware::V5_7_1));
    let (roots, pin) = (yubikeys.quorum.at("plans/roots.pem"), maker.root_sha256());
    let show = || yubikeys.quorum.run(&["card", "show", "yubikey", "--roots", &roots, "--trust", &pin]).ok();
    let reason = |shown: &Ran| shown.json["attestation"]["reason"].as_str().unwrap_or_default().to_owned();
    assert_eq!(show().json["attestation"]["verdict"], "none", "a new card has no keys");
    yubikeys.enroll("alice-spare", &[]).ok();
    assert_eq!(show().json["attestation"]["verdict"], "verified");
    // Another key while it is attested.
    let card = yubikeys.cards["alice-spare"].clone();
    let exchanged = card.clone();
    let exchange = move || drop(exchanged.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH));
    card.order(Trigger::NthOf(ATTEST, 1), Action::Run(Arc::new(exchange)));
    let shown = show();
    assert_eq!(reason(&shown), "the attestation of slot 9c is of another key than the card's signing key");
    // What came out of another card of the same maker.
    let other = Card::new(&maker, 10_000_002, Firmware::V5_7_1);
    for slot in [0x9C, 0x82] {
        other.import(slot, &card.private_key(slot).unwrap(), ALWAYS, TOUCH);
    }
    yubikeys.daemon.swap(0, &other);
    assert_eq!(show().json["attestation"]["verdict"], "none", "an imported key has no attestation");
}
