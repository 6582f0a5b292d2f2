//! The crate by which quorate reaches cards, against this one. libpcsclite reads its socket's name once for each
//! process: so each conversation is a child, this very program with one test chosen.

use std::{env, sync::Arc, time::Instant};

use virtual_card::{Card, Daemon, Firmware, Manufacturer, Touch, Trigger};
use yubikey::{
    MgmKey, PinPolicy, TouchPolicy, YubiKey,
    piv::{self, AlgorithmId, RetiredSlotId, SlotId},
};

const CHILD: &str = "VIRTUAL_CARD_CHILD";

/// Runs the test `name` of this program as a child that finds `daemon`.
fn child(daemon: &Daemon, name: &str) {
    let program = env::current_exe().unwrap();
    let output = daemon
        .command(program.to_str().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, name)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
    said.lines().filter(|line| line.starts_with("  ")).for_each(|line| println!("{line}"));
}

fn is_child(name: &str) -> bool {
    env::var(CHILD).is_ok_and(|wanted| wanted == name)
}

const RETIRED: SlotId = SlotId::Retired(RetiredSlotId::R1);

/// Keys, a signature and a key agreement, the touch on each.
fn serve(algorithm: AlgorithmId) {
    let mut card = YubiKey::open().unwrap();
    assert_eq!(u32::from(card.serial()), 4711);
    assert_eq!(card.get_pin_retries().unwrap(), 3);
    card.authenticate(&MgmKey::get_default(&card).unwrap()).unwrap();
    let always = (PinPolicy::Always, TouchPolicy::Always);
    let public = piv::generate(&mut card, SlotId::Signature, algorithm, always.0, always.1).unwrap();
    piv::generate(&mut card, RETIRED, AlgorithmId::EccP256, always.0, always.1).unwrap();
    let attested = piv::attest(&mut card, SlotId::Signature).unwrap();
    let raw = public.subject_public_key.raw_bytes();
    assert!(attested.windows(raw.len()).any(|part| part == raw), "the attestation is of this key");
    let metadata = piv::metadata(&mut card, RETIRED).unwrap();
    assert_eq!(metadata.policy, Some(always));

    assert!(piv::sign_data(&mut card, &[7; 32], algorithm, SlotId::Signature).is_err(), "without a PIN");
    card.verify_pin(b"123456").unwrap();
    let begin = Instant::now();
    piv::sign_data(&mut card, &[7; 32], algorithm, SlotId::Signature).unwrap();
    println!("  {algorithm:?} signs in {:?}", begin.elapsed());
    let other = [&[4], base16ct::lower::decode_vec(P256_GENERATOR).unwrap().as_slice()].concat();
    assert!(
        piv::decrypt_data(&mut card, &other, AlgorithmId::EccP256, RETIRED).is_err(),
        "the PIN is used up"
    );
    card.verify_pin(b"123456").unwrap();
    assert_eq!(piv::decrypt_data(&mut card, &other, AlgorithmId::EccP256, RETIRED).unwrap().len(), 32);
}

const P256_GENERATOR: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                              4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

#[test]
fn old_firmware_serves() {
    if is_child("old_firmware_serves") {
        return serve(AlgorithmId::EccP256);
    }
    let card = Card::new(&Manufacturer::new(), 4711, Firmware::V5_4_3);
    child(&Daemon::with_cards(&[&card]), "old_firmware_serves");
    assert_eq!(card.touches(), 2);
    assert_eq!(card.times_left_unlocked(), 0, "the crate resets the card when it goes");
}

#[test]
fn new_firmware_serves() {
    if is_child("new_firmware_serves") {
        return serve(AlgorithmId::Ed25519);
    }
    let card = Card::new(&Manufacturer::with_intermediates(), 4711, Firmware::V5_7_4);
    child(&Daemon::with_cards(&[&card]), "new_firmware_serves");
    assert_eq!(card.touches(), 2);
}

#[test]
fn nobody_touches() {
    if is_child("nobody_touches") {
        let mut card = YubiKey::open().unwrap();
        card.verify_pin(b"123456").unwrap();
        let refused =
            piv::sign_data(&mut card, &[7; 32], AlgorithmId::EccP256, SlotId::Signature).unwrap_err();
        assert_eq!(refused, yubikey::Error::AuthenticationError);
        return;
    }
    let card = Card::new(&Manufacturer::new(), 4711, Firmware::V5_4_3);
    card.generate(0x9C, virtual_card::Algorithm::P256, 3, 2);
    card.set_touch(Touch::Never);
    card.set_touch_timeout(std::time::Duration::from_millis(300));
    child(&Daemon::with_cards(&[&card]), "nobody_touches");
    assert_eq!(card.touches(), 0);
}

#[test]
fn a_swapped_card_ends_the_conversation() {
    if is_child("a_swapped_card_ends_the_conversation") {
        let mut card = YubiKey::open().unwrap();
        card.verify_pin(b"123456").unwrap();
        let lost = piv::sign_data(&mut card, &[7; 32], AlgorithmId::EccP256, SlotId::Signature).unwrap_err();
        println!("  a swapped card is {lost:?}");
        return;
    }
    let maker = Manufacturer::new();
    let card = Card::new(&maker, 4711, Firmware::V5_4_3);
    let other = Card::new(&maker, 4712, Firmware::V5_4_3);
    card.order(Trigger::Next(0x87), virtual_card::Action::SwapFor(other.clone()));
    let daemon = Daemon::with_cards(&[&card]);
    child(&daemon, "a_swapped_card_ends_the_conversation");
    daemon.wait_for_cards();
    assert!(other.is_inserted() && !card.is_inserted());
    assert_eq!(other.count_of(0x87), 0, "what was meant for the one does not reach the other");
}

#[test]
fn pcscd_starts_again_in_the_middle() {
    if is_child("pcscd_starts_again_in_the_middle") {
        let mut card = YubiKey::open().unwrap();
        card.verify_pin(b"123456").unwrap();
        let lost = piv::sign_data(&mut card, &[7; 32], AlgorithmId::EccP256, SlotId::Signature).unwrap_err();
        println!(
            "  a pcscd that starts again is {lost:?}, then {:?}",
            card.verify_pin(b"123456").unwrap_err()
        );
        return;
    }
    let card = Card::new(&Manufacturer::new(), 4711, Firmware::V5_4_3);
    card.generate(0x9C, virtual_card::Algorithm::P256, 3, 1);
    let daemon = Arc::new(Daemon::with_cards(&[&card]));
    let restart = Arc::downgrade(&daemon);
    let run = move || restart.upgrade().unwrap().restart();
    card.order(Trigger::Next(0x87), virtual_card::Action::Run(Arc::new(run)));
    child(&daemon, "pcscd_starts_again_in_the_middle");
    daemon.wait_for_cards();
    assert_eq!(card.tries(), (3, 3));
    let status = daemon.command("yubico-piv-tool").args(["-a", "status"]).output().unwrap();
    assert!(status.status.success(), "{status:?}");
}
