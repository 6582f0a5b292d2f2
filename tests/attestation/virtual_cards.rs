//! The same with cards behind the real PC/SC stack: what `quorate card enroll` brings is what a genesis takes.

use std::fs;

use quorate::roster::card::EnrolledCard;
use virtual_card::{Card, Daemon, Firmware, Manufacturer, Touch};

use super::{
    founded::practice_target,
    lab::{ADMIN, CUSTODIANS, Lab, Ran},
    yubikeys::{Hands, PIN, PUK},
};

/// Everybody has a soft card; Alice's spare is a YubiKey by this maker.
fn hands(maker: Manufacturer, card: Card) -> Hands {
    card.set_touch(Touch::Now);
    let daemon = Daemon::with_cards(&[&card]);
    let mut lab = Lab::bare();
    for name in CUSTODIANS.iter().chain([&ADMIN]) {
        lab.enroll(name, "");
    }
    lab.environment.extend(daemon.environment());
    for (file, text) in [("cards/pin", PIN), ("cards/puk", PUK)] {
        fs::write(lab.path(file), format!("{text}\n")).unwrap();
    }
    fs::write(lab.path("plans/roots.pem"), maker.bundle_pem()).unwrap();
    Hands { lab, maker, daemon, cards: [("alice-spare".to_owned(), card)].into() }
}

fn propose(hands: &Hands) -> Ran {
    let target = practice_target(&hands.lab.path("tokens/hsm.token"));
    let policy = format!(
        "[policy]\nattestation_roots = [\"{}\"]\nattestation_certificates = \"roots.pem\"\n",
        hands.maker.root_sha256()
    );
    let text = hands.lab.genesis_text(&CUSTODIANS, &target).replace("[policy]\n", &policy);
    hands.lab.propose(&hands.lab.plan("genesis", &text))
}

#[test]
fn an_enrolled_yubikey_is_attested_whoever_made_it() {
    for maker in [Manufacturer::new(), Manufacturer::with_intermediates()] {
        let card = Card::new(&maker, 10_000_001, Firmware::V5_7_1);
        let hands = hands(maker, card);
        hands.enroll("alice-spare", &[]).ok();
        propose(&hands).ok();
        // The same certificates on their own.
        let bytes = fs::read(hands.lab.path("enrolments/alice-spare.json")).unwrap();
        let mut args = vec!["card".to_owned(), "attestation".into()];
        for (place, der) in EnrolledCard::parse(&bytes).unwrap().attestation().enumerate() {
            args.push(hands.lab.at(&format!("files/{place}.der")));
            fs::write(args.last().unwrap(), der).unwrap();
        }
        args.extend(["--roots".into(), hands.lab.at("plans/roots.pem")]);
        args.extend(["--trust".into(), hands.maker.root_sha256()]);
        let ran = hands.lab.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).ok();
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
    let hands = hands(maker, card);
    hands.enroll("alice-spare", &[]).ok();
    let ran = propose(&hands).expect(3);
    assert!(ran.error().contains("alice's yubikey card 10000001"), "{}", ran.error());
    assert!(!hands.lab.path("ledger/0000-genesis").exists());
}

#[test]
fn an_old_card_and_an_expired_maker_are_refused() {
    let maker = Manufacturer::new();
    let card = Card::new(&maker, 10_000_001, Firmware::V5_4_3);
    let old = hands(maker, card);
    old.enroll("alice-spare", &[]).ok();
    let ran = propose(&old).expect(3);
    assert!(ran.error().contains("its firmware is 5.4.3"), "{}", ran.error());

    let maker = Manufacturer::between("20160314000000Z", "20200314000000Z");
    let card = Card::new(&maker, 10_000_001, Firmware::V5_7_1);
    let expired = hands(maker, card);
    expired.enroll("alice-spare", &[]).ok();
    let ran = propose(&expired).expect(3);
    assert!(ran.error().contains("is valid from"), "{}", ran.error());
}
