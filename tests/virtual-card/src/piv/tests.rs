//! The card's manners, command by command, without a reader in between.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    Action, Algorithm, Card, Firmware, Manufacturer, Oddities, PrivateKey, Touch, Trigger, card::Outcome,
    management_key::ManagementKey, tlv::tlv,
};

fn card(firmware: Firmware) -> Card {
    let card = Card::new(&Manufacturer::new(), 1, firmware);
    card.set_present(true);
    assert_eq!(send(&card, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]).0, 0x9000);
    card
}

/// Status word and data, all parts of a long answer.
fn send(card: &Card, ins: u8, p1: u8, p2: u8, data: &[u8]) -> (u16, Vec<u8>) {
    let mut command = vec![0, ins, p1, p2, 0];
    command.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    command.extend(data);
    let Outcome::Reply(reply) = card.transmit(&command) else { return (0, Vec::new()) };
    let (data, sw) = reply.split_last_chunk::<2>().unwrap();
    (u16::from_be_bytes(*sw), data.to_vec())
}

fn verify(card: &Card, pin: &[u8; 8]) -> u16 {
    send(card, 0x20, 0, 0x80, pin).0
}

const PIN: &[u8; 8] = b"123456\xFF\xFF";
const WRONG: &[u8; 8] = b"654321\xFF\xFF";

/// One-sided proof of the factory's management key.
fn manage(card: &Card) {
    let key = ManagementKey::factory(card.lock().memory.firmware.management_algorithm());
    let (_, challenge) = send(card, 0x87, key.algorithm, 0x9B, &[0x7C, 2, 0x81, 0]);
    let answer = key.encrypt(&challenge[4..]).unwrap();
    assert_eq!(send(card, 0x87, key.algorithm, 0x9B, &tlv(0x7C, &tlv(0x82, &answer))).0, 0x9000);
}

fn sign(card: &Card, slot: u8, algorithm: Algorithm) -> u16 {
    let data = [vec![0x82, 0], tlv(0x81, &[5; 32])].concat();
    send(card, 0x87, algorithm.number(), slot, &tlv(0x7C, &data)).0
}

#[test]
fn tries_are_counted_down_and_come_back() {
    let card = card(Firmware::V5_7_1);
    assert_eq!(send(&card, 0x20, 0, 0x80, &[]).0, 0x63C3);
    assert_eq!(verify(&card, WRONG), 0x63C2);
    assert_eq!(verify(&card, PIN), 0x9000);
    assert_eq!(send(&card, 0x20, 0, 0x80, &[]).0, 0x9000, "no count while it is verified");
    assert_eq!(card.tries(), (3, 3));
    let answers: Vec<u16> = (0..4).map(|_| verify(&card, WRONG)).collect();
    assert_eq!(answers, [0x63C2, 0x63C1, 0x63C0, 0x6983]);
    assert_eq!(verify(&card, PIN), 0x6983, "the right one comes too late");

    let unblock = [b"12345678".as_slice(), WRONG].concat();
    assert_eq!(send(&card, 0x2C, 0, 0x80, &unblock).0, 0x9000);
    assert_eq!(verify(&card, WRONG), 0x9000, "it is the PIN now");
    assert_eq!(send(&card, 0xFB, 0, 0, &[]).0, 0x6985, "no reset while the PIN is good");
    let puk = [b"00000000".as_slice(), WRONG].concat();
    let answers: Vec<u16> = (0..4).map(|_| send(&card, 0x2C, 0, 0x80, &puk).0).collect();
    assert_eq!(answers, [0x63C2, 0x63C1, 0x63C0, 0x6983]);
    card.set_pin_tries(0);
    assert_eq!(send(&card, 0xFB, 0, 0, &[]).0, 0x9000);
    assert_eq!(verify(&card, PIN), 0x9000, "as from the factory");
}

#[test]
fn a_bad_new_pin_is_refused_and_costs_nothing() {
    let card = card(Firmware::V5_7_1);
    for bad in [b"12345\xFF\xFF\xFF", b"123\xFF456\xFF"] {
        assert_eq!(send(&card, 0x24, 0, 0x80, &[PIN.as_slice(), bad].concat()).0, 0x6A80);
    }
    assert_eq!(verify(&card, PIN), 0x9000);
}

#[test]
fn rules_for_pins_are_kept_and_told() {
    let odd = |oddities| {
        let card = card(Firmware::V5_7_1);
        card.set_oddities(oddities);
        card
    };
    let change = |card: &Card, new: &[u8; 8]| send(card, 0x24, 0, 0x80, &[PIN.as_slice(), new].concat()).0;
    let complex = odd(Oddities { pin_complexity: true, ..Oddities::default() });
    assert_eq!(change(&complex, b"777777\xFF\xFF"), 0x6985);
    assert_eq!(verify(&complex, PIN), 0x9000, "nothing was changed");
    assert_eq!(change(&complex, b"271828\xFF\xFF"), 0x9000);
    let fips = odd(Oddities { fips: true, ..Oddities::default() });
    assert_eq!(change(&fips, b"271828\xFF\xFF"), 0x6A80);
    assert_eq!(send(&fips, 0xA4, 4, 0, &[0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17]).0, 0x9000);
    assert_eq!(send(&fips, 0x1D, 1, 0, &[]).1, [11, 0x14, 2, 0, 2, 0x15, 2, 0, 0, 0x16, 1, 0]);
    let bio = odd(Oddities { no_puk: true, hidden_serial: true, ..Oddities::default() });
    assert_eq!(send(&bio, 0xF7, 0, 0x81, &[]).0, 0x6A88);
    assert_eq!(send(&bio, 0xF8, 0, 0, &[]).0, 0x6D00);
    let near = odd(Oddities { refuses_piv: Some(0x6985), ..Oddities::default() });
    assert_eq!(send(&near, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]).0, 0x6985);
}

#[test]
fn each_pin_policy_is_kept() {
    let card = card(Firmware::V5_7_1);
    for (slot, policy) in [(0x82, 1), (0x83, 2), (0x84, 3)] {
        card.generate(slot, Algorithm::P256, policy, 1);
    }
    let signs = |slot| sign(&card, slot, Algorithm::P256) == 0x9000;
    assert!(signs(0x82) && !signs(0x83) && !signs(0x84));
    assert_eq!(verify(&card, PIN), 0x9000);
    assert!(signs(0x83) && signs(0x83), "once for all");
    assert!(!signs(0x84), "another key was used since");
    assert_eq!(verify(&card, PIN), 0x9000);
    assert!(signs(0x84) && !signs(0x84), "each time");
    send(&card, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]);
    assert!(!signs(0x83), "a new selection forgets the PIN");
}

#[test]
fn touches_come_now_late_cached_or_never() {
    let card = card(Firmware::V5_7_1);
    card.generate(0x82, Algorithm::Ed25519, 1, 2);
    card.generate(0x83, Algorithm::Ed25519, 1, 3);
    card.set_touch_timeout(Duration::from_millis(200));
    let signs = |slot| sign(&card, slot, Algorithm::Ed25519);
    assert_eq!((signs(0x82), card.touches()), (0x9000, 1));
    assert_eq!((signs(0x83), signs(0x83), card.touches()), (0x9000, 0x9000, 2), "the second is cached");

    let begin = Instant::now();
    card.set_touch(Touch::After(Duration::from_millis(50)));
    assert_eq!(signs(0x82), 0x9000);
    assert!(begin.elapsed() >= Duration::from_millis(50));
    card.set_touch(Touch::After(Duration::from_millis(500)));
    assert_eq!(signs(0x82), 0x6982, "too late");
    card.set_touch(Touch::Never);
    assert_eq!(signs(0x82), 0x6982);

    assert!(!card.touch(), "it does not blink");
    let finger = thread::spawn({
        let card = card.clone();
        move || card.wait_blinking(Duration::from_secs(5)) && card.touch()
    });
    assert_eq!(signs(0x82), 0x9000);
    assert!(finger.join().unwrap());
}

#[test]
fn firmware_decides_what_there_is() {
    let (old, new) = (card(Firmware::V5_4_3), card(Firmware::V5_7_1));
    let ancient = card(Firmware(5, 2, 4));
    for card in [&old, &new, &ancient] {
        manage(card);
    }
    let ed25519 = [0xAC, 3, 0x80, 1, 0xE0];
    assert_eq!(send(&old, 0x47, 0, 0x9C, &ed25519).0, 0x6A80);
    assert_eq!(send(&new, 0x47, 0, 0x9C, &ed25519).0, 0x9000);
    assert_eq!(send(&old, 0xF7, 0, 0x80, &[]), (0x9000, vec![1, 1, 0xFF, 5, 1, 1, 6, 2, 3, 3]));
    assert_eq!(send(&ancient, 0xF7, 0, 0x80, &[]).0, 0x6D00);
    assert_eq!(send(&old, 0xF6, 0x82, 0x9C, &[]).0, 0x6D00);
    assert_eq!(send(&new, 0xF6, 0x82, 0x9C, &[]).0, 0x9000);
    assert_eq!(new.attest(0x9C), None);
    assert!(new.attest(0x82).is_some());
}

#[test]
fn nothing_is_changed_without_the_management_key() {
    let card = card(Firmware::V5_7_1);
    assert_eq!(verify(&card, PIN), 0x9000);
    for (ins, p1, p2) in
        [(0x47, 0, 0x9C), (0xFE, 0x11, 0x9C), (0xDB, 0x3F, 0xFF), (0xFF, 0xFF, 0xFF), (0xFA, 3, 3)]
    {
        assert_eq!(send(&card, ins, p1, p2, &[]).0, 0x6982, "{ins:02X}");
    }
    let (_, challenge) = send(&card, 0x87, 0x0A, 0x9B, &[0x7C, 2, 0x81, 0]);
    let wrong = tlv(0x7C, &tlv(0x82, &challenge[4..]));
    assert_eq!(send(&card, 0x87, 0x0A, 0x9B, &wrong).0, 0x6982);
    assert_eq!(send(&card, 0x87, 0x0A, 0x9B, &wrong).0, 0x6985, "one answer for one challenge");
}

#[test]
fn an_imported_key_is_not_attested() {
    let card = card(Firmware::V5_7_1);
    card.import(0x9C, &PrivateKey::generate(Algorithm::P256), 3, 2);
    assert_eq!(send(&card, 0xF9, 0x9C, 0, &[]).0, 0x6A80);
    assert_eq!(send(&card, 0xF9, 0x9A, 0, &[]).0, 0x6A88);
}

#[test]
fn objects_come_back_and_may_not_fit() {
    let card = card(Firmware::V5_7_1);
    manage(&card);
    let put = |content: &[u8]| {
        send(&card, 0xDB, 0x3F, 0xFF, &[&[0x5C, 3, 0x5F, 0xC1, 9], tlv(0x53, content).as_slice()].concat()).0
    };
    let get = || send(&card, 0xCB, 0x3F, 0xFF, &[0x5C, 3, 0x5F, 0xC1, 9]);
    assert_eq!(put(&[7; 2000]), 0x9000);
    assert_eq!(get().0, 0x6982, "this one is behind the PIN");
    assert_eq!(verify(&card, PIN), 0x9000);
    assert_eq!(get(), (0x9000, tlv(0x53, &[7; 2000])));
    card.fill();
    assert_eq!(put(&[8; 2001]), 0x6A84);
    assert_eq!(get().1, tlv(0x53, &[7; 2000]), "the old one stays");
    assert_eq!(put(&[8; 1999]), 0x9000);
    assert_eq!(put(&[]), 0x9000);
    assert_eq!(get().0, 0x6A82);
    assert_eq!(put(&[8; 3064]), 0x6A84);
}

/// Iris images, in which a companion is kept: written by who proves the management key, read by who has the PIN.
#[test]
fn a_companion_is_written_without_the_pin_and_read_with_it_and_not_logged() {
    const OBJECT: [u8; 5] = [0x5C, 3, 0x5F, 0xC1, 0x21];
    let card = card(Firmware::V5_4_3);
    let put =
        |content: &[u8]| send(&card, 0xDB, 0x3F, 0xFF, &[OBJECT.as_slice(), &tlv(0x53, content)].concat()).0;
    let get = || send(&card, 0xCB, 0x3F, 0xFF, &OBJECT);
    assert_eq!(verify(&card, PIN), 0x9000);
    assert_eq!(get().0, 0x6A82, "nothing is there");
    assert_eq!(put(b"a seed"), 0x6982, "the PIN does not write");
    card.reset();
    assert_eq!(send(&card, 0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]).0, 0x9000);
    manage(&card);
    assert_eq!(put(b"a seed"), 0x9000);
    assert_eq!(get().0, 0x6982, "the management key does not read");
    assert_eq!(verify(&card, WRONG), 0x63C2);
    assert_eq!(get().0, 0x6982);
    assert_eq!(verify(&card, PIN), 0x9000);
    assert_eq!(get(), (0x9000, tlv(0x53, b"a seed")));
    card.generate(0x9C, Algorithm::P256, 3, 1);
    assert_eq!(sign(&card, 0x9C, Algorithm::P256), 0x9000);
    assert_eq!(get().0, 0x9000, "the use of a key takes the PIN from keys, not from objects");
    assert_eq!(send(&card, 0x20, 0xFF, 0x80, &[]).0, 0x9000);
    assert_eq!(get().0, 0x6982, "the PIN was forgotten");
    assert!(!card.log().iter().any(|apdu| apdu.data.contains("612073656564")), "{:?}", card.log());
}

#[test]
fn orders_happen_once_when_they_are_due() {
    let card = card(Firmware::V5_7_1);
    card.reset_count();
    card.fail_next(0x20, 0x6F00);
    card.fail_nth(3, 0x6581);
    card.order(Trigger::NthOf(0x20, 3), Action::FailAfter(0x6F01));
    assert_eq!(send(&card, 0xFD, 0, 0, &[]).0, 0x9000);
    assert_eq!(verify(&card, WRONG), 0x6F00);
    assert_eq!(card.tries().0, 3, "nothing was done");
    assert_eq!(send(&card, 0xFD, 0, 0, &[]).0, 0x6581);
    assert_eq!(verify(&card, WRONG), 0x63C2);
    assert_eq!(verify(&card, WRONG), 0x6F01);
    assert_eq!(card.tries().0, 1, "it was done all the same");
    card.order(Trigger::Nth(1), Action::PullOutAfter);
    assert_eq!(verify(&card, PIN), 0);
    assert_eq!(card.tries().0, 3);
    assert_eq!((card.count(), card.count_of(0x20)), (6, 4));
    let log: Vec<String> = card.log().iter().map(ToString::to_string).collect();
    assert_eq!(log[1], "00 20 00 80 [8 bytes] → 6F00");
    assert!(log[5].ends_with("pulled out") && !log.concat().contains("3132"), "{log:?}");
}

#[test]
fn chains_of_commands_and_answers_are_joined() {
    let card = card(Firmware::V5_7_1);
    manage(&card);
    let data = [[0x5C, 3, 0x5F, 0xC1, 5].as_slice(), &tlv(0x53, &[9; 700])].concat();
    let mut parts = data.chunks(255).peekable();
    while let Some(part) = parts.next() {
        let cla = if parts.peek().is_some() { 0x10 } else { 0 };
        let command = [&[cla, 0xDB, 0x3F, 0xFF, u8::try_from(part.len()).unwrap()], part].concat();
        let Outcome::Reply(reply) = card.transmit(&command) else { panic!("no reply") };
        assert_eq!(reply, [0x90, 0]);
    }
    let mut whole = Vec::new();
    let mut command = vec![0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 5];
    loop {
        let Outcome::Reply(reply) = card.transmit(&command) else { panic!("no reply") };
        let (data, sw) = reply.split_last_chunk::<2>().unwrap();
        whole.extend_from_slice(data);
        match sw {
            [0x61, _] => command = vec![0, 0xC0, 0, 0, 0],
            sw => break assert_eq!(sw, &[0x90, 0]),
        }
    }
    assert_eq!(whole, tlv(0x53, &[9; 700]));
}
