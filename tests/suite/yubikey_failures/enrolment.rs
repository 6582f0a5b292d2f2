//! Cards that cannot be enrolled as they are.

use std::{fs, sync::Arc};

use virtual_card::{Action, Algorithm, Card, Firmware, Manufacturer, PrivateKey, Touch, Trigger};

use crate::{
    support::{quorum::Ran, yubikeys::PUK},
    yubikey_failures::table::{ALICE, AUTHENTICATE, Said, Table, VERIFY},
};

pub const ALWAYS: u8 = 3;
pub const TOUCH: u8 = 2;

/// A new card in the reader.
pub fn new_card(table: &Table) -> Card {
    let card = Card::new(&Manufacturer::new(), 10_000_009, Firmware::V5_7_1);
    card.set_touch(Touch::Now);
    table.daemon.insert(0, &card);
    card
}

pub fn enroll(table: &Table, more: &[&str]) -> Ran {
    fs::write(table.quorum.path("cards/puk"), format!("{PUK}\n")).unwrap();
    let (output, pin, puk) =
        (table.quorum.at("files/enrolment"), table.quorum.at("cards/pin"), table.quorum.at("cards/puk"));
    let args = ["card", "enroll", "--card", "yubikey", "--name", "zoe", "--full-name", "Zoe Example"];
    let files = ["-o", &output, "--pin-file", &pin, "--puk-file", &puk];
    table.quorum.run(&[&args[..], &files[..], more].concat())
}

const FULL: &str =
    "take another card, or delete certificates and objects that are no longer needed ('ykman piv')";

#[test]
fn a_card_without_room() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    card.fill();
    let message = "card 10000009 did not take its management key under the PIN: it may be full";
    table.fails(Said { code: 1, message, hint: FULL }, |table| enroll(table, &[]));
    // With the management key in the operator's hands, it comes as far as the first key.
    fs::write(table.quorum.path("cards/key"), "00112233445566778899aabbccddeeff0011223344556677\n").unwrap();
    let key = table.quorum.at("cards/key");
    let message = "card 10000009 did not take a new key in slot 9c: it may be full";
    table.fails(Said { code: 1, message, hint: FULL }, |table| enroll(table, &["--management-key", &key]));
    assert_eq!(card.tries(), (3, 3));
}

#[test]
fn a_card_without_room_for_the_certificate() {
    let table = Table::with_readers(1, &["alice"]);
    table.alice.set_object(Card::certificate_id(0x82).unwrap(), None);
    table.alice.fill();
    let message = "card 10000001 did not take the certificate of slot 82: it may be full";
    table.fails(Said { code: 1, message, hint: FULL }, |table| enroll(table, &[]));
}

#[test]
fn a_card_without_a_free_slot() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    // Keys of age-plugin-yubikey: they want the PIN once.
    for slot in 0x82..=0x95 {
        card.generate(slot, Algorithm::P256, 2, TOUCH);
    }
    let full = Said {
        code: 3,
        message: "card 10000009 is full: each of its slots 82 to 95 has a key",
        hint: "name one that is no longer needed with --slot and --replace, or take another card",
    };
    table.fails(full, |table| enroll(table, &[]));
    assert_eq!(card.count_of(0x24), 0, "nothing was changed");
}

#[test]
fn keys_that_came_from_elsewhere() {
    let table = Table::with_readers(1, &[]);
    let hint = "see 'quorate card show'; give --replace if the key is no longer needed, or take another card";
    for slot in [0x9C, 0x82] {
        let card = new_card(&table);
        card.import(slot, &PrivateKey::generate(Algorithm::P256), ALWAYS, TOUCH);
        let message = format!(
            "card 10000009 has a key in slot {slot:02x} that cannot be used, and it is not overwritten"
        );
        table.fails(Said { code: 3, message: &message, hint }, |table| enroll(table, &[]));
        let shown = table.quorum.run(&["card", "show", "yubikey"]).ok();
        let missing = shown.json["missing"].to_string();
        assert!(missing.contains("was imported: nothing attests it"), "{missing}");
        table.daemon.eject(0);
    }
}

#[test]
fn certificates_that_are_missing_garbage_or_of_another_key() {
    let other = Card::new(&Manufacturer::new(), 1, Firmware::V5_7_1);
    other.generate(0x9C, Algorithm::P256, ALWAYS, TOUCH);
    let other = other.attest(0x9C).unwrap();
    let object = |der: &[u8]| {
        let length = u16::try_from(der.len()).unwrap().to_be_bytes();
        [&[0x70, 0x82], &length[..], der, &[0x71, 1, 0, 0xFE, 0]].concat()
    };
    for (content, words) in [
        (None, "no certificate"),
        (Some(Vec::new()), "no certificate"),
        (Some(b"garbage".to_vec()), "something else than its certificate"),
        (Some(vec![0x70, 0x82, 0xFF, 0xFF, 0x30]), "something else than its certificate"),
        (Some(object(b"")), "something else than its certificate"),
        (Some(object(b"garbage")), "something else than its certificate"),
        (Some(object(&other)), "something else than its certificate"),
    ] {
        let table = Table::with_readers(1, &["alice"]);
        table.alice.set_object(Card::certificate_id(0x82).unwrap(), content.as_deref());
        let shown = table.quorum.run(&["card", "show", ALICE]).ok();
        let said = shown.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("touch always, {words}: share key")), "{said}");
        assert_eq!(
            shown.json["missing"],
            serde_json::json!(["the share key in slot 82 has no certificate of its own"])
        );
        // Enrolling once more puts that right.
        let before = table.alice.public_key(0x82);
        // Only a certificate of some other key is worth a question.
        if content.as_ref().is_some_and(|content| content.ends_with(&object(&other))) {
            let said = Said {
                code: 3,
                message: "slot 82 of card 10000001 has a certificate of another key: \"CN=YubiKey PIV Attestation 9c\"",
                hint: "keep a copy of it ('ykman piv certificates export 82 FILE'), delete it there ('ykman piv \
                       certificates delete 82'), then run the same command again",
            };
            table.fails(said, |table| enroll(table, &[]));
            table.alice.set_object(Card::certificate_id(0x82).unwrap(), None);
        }
        enroll(&table, &[]).ok();
        assert_eq!(table.alice.public_key(0x82), before);
        let shown = table.quorum.run(&["card", "show", ALICE]).ok();
        assert_eq!(shown.json["missing"], serde_json::json!([]));
    }
}

/// The PIN was right, but the card says something else: it must not stay unlocked.
#[test]
fn a_card_that_takes_the_pin_and_says_that_it_failed() {
    for action in [Action::FailAfter(0x6F00), Action::FailAfter(0x6300), Action::Answer(vec![0x6F, 0x00])] {
        let table = Table::with_readers(1, &[]);
        let card = new_card(&table);
        card.order(Trigger::NthOf(VERIFY, 1), action);
        let message = "card 10000009: it refused the command";
        let hint = "check the card and its medium, then run the same command again";
        table.fails(Said { code: 1, message, hint }, |table| enroll(table, &[]));
        assert!(!card.is_unlocked(), "the card was left unlocked");
        assert_eq!(card.times_left_unlocked(), 0, "the card was left unlocked");
    }
}

/// Between the keys and the signature of the enrolment the card is let go once.
#[test]
fn the_card_is_another_when_it_should_sign() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    let exchanged = card.clone();
    let exchange = move || drop(exchanged.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH));
    // The second key is attested; then the card is opened anew.
    card.order(Trigger::NthOf(0xF9, 2), Action::Run(Arc::new(exchange)));
    let message = "card 10000009 is not the one that was made ready: its keys are different";
    let hint = "nothing was done with it; put the right card in and run the same command again";
    table.fails(Said { code: 1, message, hint }, |table| enroll(table, &[]));
    let log = card.log();
    let attested = log.iter().rposition(|apdu| apdu.ins == 0xF9).unwrap();
    assert!(log[attested..].iter().all(|apdu| ![VERIFY, AUTHENTICATE].contains(&apdu.ins)), "it got the PIN");
}
