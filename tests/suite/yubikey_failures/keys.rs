//! The keys on the card are not those that were enrolled.

use virtual_card::{Algorithm, Card, Firmware, Manufacturer, PrivateKey};

use crate::yubikey_failures::table::{ALICE, Said, Table, VERIFY};

/// No PIN is asked for, and the ledger is as it was.
#[track_caller]
fn refused(table: &Table, message: &str, hint: &str, code: i32) {
    table.fails(Said { code, message, hint }, |table| table.release(ALICE));
    assert_eq!(table.alice.count_of(VERIFY), 0, "a PIN was presented");
}

const ALWAYS: u8 = 3;
const TOUCH: u8 = 2;

#[test]
fn slot_9c_is_empty() {
    let table = Table::with(&["alice"]);
    table.alice.remove_key(0x9C);
    refused(
        &table,
        "card 10000001 cannot be used: slot 9c is empty: it has no signing key",
        "insert the card that was enrolled; if it is this one, its key was destroyed: use a spare card, or have the \
         member replaced",
        1,
    );
}

#[test]
fn the_key_in_slot_9c_is_of_another_kind() {
    let table = Table::with(&["alice"]);
    table.alice.generate(0x9C, Algorithm::X25519, ALWAYS, TOUCH);
    refused(
        &table,
        "card 10000001 cannot be used: the key in slot 9c is neither Ed25519 nor P-256",
        "insert the card that was enrolled; if it is this one, its key was destroyed: use a spare card, or have the \
         member replaced",
        1,
    );
}

#[test]
fn the_signing_key_was_replaced() {
    let replaced = |make: &dyn Fn(&Card)| {
        let table = Table::with(&["alice"]);
        make(&table.alice);
        refused(
            &table,
            "alice's card 10000001 has another signing key than when it was enrolled",
            "somebody made new keys on it; use a spare card, or have the member replaced",
            3,
        );
    };
    replaced(&|card| drop(card.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH)));
    replaced(&|card| {
        let key = PrivateKey::generate(Algorithm::P256);
        card.import(0x9C, &key, ALWAYS, TOUCH);
    });
}

#[test]
fn the_share_key_was_replaced_or_deleted() {
    for change in [
        |card: &Card| drop(card.generate(0x82, Algorithm::P256, ALWAYS, TOUCH)),
        |card: &Card| card.remove_key(0x82),
        // Another one that could serve is not the one that was enrolled.
        |card: &Card| {
            card.remove_key(0x82);
            card.generate(0x85, Algorithm::P256, ALWAYS, TOUCH);
        },
    ] {
        let table = Table::with(&["alice"]);
        change(&table.alice);
        refused(
            &table,
            "alice's card 10000001 is not as it was enrolled: its serial number or share key differs",
            "use a spare card, or have the member replaced",
            3,
        );
    }
}

/// Mallory's card with Alice's signing key, if she could get it out: serial and share key are others.
#[test]
fn another_card_with_the_signing_key_of_an_enrolled_one() {
    let table = Table::with(&["mallory"]);
    table.mallory.import(0x9C, &table.alice.private_key(0x9C).unwrap(), ALWAYS, TOUCH);
    let said = Said {
        code: 3,
        message: "alice's card 10000003 is not as it was enrolled: its serial number or share key differs",
        hint: "use a spare card, or have the member replaced",
    };
    table.fails(said, |table| table.release("yubikey"));
    assert_eq!(table.mallory.count_of(VERIFY), 0);
}

#[test]
fn certificates_do_not_matter_to_an_approval() {
    for certificate in [None, Some(&b""[..]), Some(b"garbage"), Some(&[0x70, 0x82, 0xFF, 0xFF, 0x30])] {
        let table = Table::with(&["alice"]);
        for slot in [0x9C, 0x82] {
            table.alice.set_object(Card::certificate_id(slot).unwrap(), certificate);
        }
        table.releases(ALICE);
    }
}

#[test]
fn firmware_that_is_too_old() {
    let table = Table::with_readers(1, &[]);
    for (serial, firmware) in [(5_000_001, Firmware(5, 2, 7)), (5_000_002, Firmware(4, 3, 7))] {
        let card = Card::new(&Manufacturer::new(), serial, firmware);
        table.daemon.insert(0, &card);
        let message = format!(
            "card {serial} cannot be used: its firmware is {firmware}; 5.3.0 is the oldest that can be used"
        );
        let hint = "use a newer YubiKey: firmware cannot be renewed";
        let said = Said { code: 1, message: &message, hint };
        table.fails(said, |table| table.release("yubikey"));
        table.fails(said, |table| table.quorum.run(&["card", "show", "yubikey"]));
        let list = table.quorum.run(&["card", "list"]).ok();
        assert_eq!(list.json["readers"][0]["reason"], message);
        table.fails(said, |table| {
            let (output, pin) = (table.quorum.at("files/new"), table.quorum.at("cards/pin"));
            let who = ["--name", "zoe", "--full-name", "Zoe Example", "-o", &output, "--pin-file", &pin];
            table.quorum.run(&[&["card", "enroll", "--card", "yubikey"], &who[..]].concat())
        });
        assert_eq!(card.tries(), (3, 3));
        table.daemon.eject(0);
    }
}
