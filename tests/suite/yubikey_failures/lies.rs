//! A card that lies: wrong lengths, points that are none, signatures by others, answers without end.
//!
//! Whatever it says, nothing is signed, no try is lost, and the program does not fall over.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use virtual_card::{Action, Algorithm, PrivateKey, Trigger};

use crate::yubikey_failures::table::{ALICE, AUTHENTICATE, BOB, Said, Table, VERIFY};

const GET_RESPONSE: u8 = 0xC0;
const GET_SERIAL: u8 = 0xF8;
const GET_VERSION: u8 = 0xFD;
/// In an approval the first is of the PIN, the second of slot 9c, the third of slot 82.
const GET_METADATA: u8 = 0xF7;

const CHECK: &str = "check the card and its medium, then run the same command again";
const INSERT: &str = "insert the card, or name the one that is meant: yubikey:SERIAL or soft:FILE";
const NONSENSE: &str = "card 10000001: it answered with something that no YubiKey answers";
const GARBLED: &str = "card 10000001: what it answered cannot be understood";

/// Data and the status of success.
fn success(data: &[u8]) -> Vec<u8> {
    [data, &[0x90, 0x00]].concat()
}

/// A BER-TLV object of less than 128 bytes, or of less than 65,536.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
    let length = if value.len() < 0x80 { vec![low] } else { vec![0x82, high, low] };
    [&[tag], length.as_slice(), value].concat()
}

/// What slot metadata says: algorithm, PIN and touch always, generated, and this key.
fn metadata(algorithm: u8, key: &[u8]) -> Vec<u8> {
    success(&[&[1, 1, algorithm, 2, 2, 3, 2, 3, 1, 1][..], &tlv(4, key)].concat())
}

/// The answer to GENERAL AUTHENTICATE.
fn used(value: &[u8]) -> Vec<u8> {
    success(&tlv(0x7C, &tlv(0x82, value)))
}

/// The n-th command with this instruction is answered so; then the card is honest again.
#[track_caller]
fn lie(table: &Table, place: &str, trigger: Trigger, answer: Vec<u8>, said: Said<'_>) {
    let card = if place == ALICE { &table.alice } else { &table.bob };
    card.order(trigger, Action::Answer(answer));
    table.fails(said, |table| table.release(place));
    card.forget_orders();
}

#[test]
fn about_itself() {
    let table = Table::with(&["alice"]);
    let absent = format!(
        "YubiKey 10000001: reader {}: the card in it is not a YubiKey; reader {}: no card is in it",
        table.daemon.reader_name(0),
        table.daemon.reader_name(1)
    );
    let absent = Said { code: 1, message: &absent, hint: INSERT };
    for version in [&[][..], &[5], &[5, 7]] {
        lie(&table, ALICE, Trigger::Every(GET_VERSION), success(version), absent);
    }
    lie(&table, ALICE, Trigger::Every(GET_SERIAL), success(&[0; 5]), absent);
    let reader = table.daemon.reader_name(0);
    let odd = format!(
        "YubiKey 10000001: reader {reader}: the YubiKey in it has firmware 9, a generation that is not known here"
    );
    let odd = Said { code: 1, message: &odd, hint: "use a YubiKey with firmware 5" };
    lie(&table, ALICE, Trigger::Every(GET_VERSION), success(&[9, 9, 9]), odd);
    let hidden = format!(
        "YubiKey 10000001: reader {reader}: the YubiKey in it hides its serial number, by which cards are told apart"
    );
    let hint = "make the serial visible to programs ('ykpersonalize -u -1 -o serial-api-visible', or -2 for slot 2), then \
                run the same command again";
    let hidden = Said { code: 1, message: &hidden, hint };
    lie(&table, ALICE, Trigger::Every(GET_SERIAL), vec![0x12, 0x34], hidden);
    // Another serial is another card.
    let other = format!(
        "YubiKey 10000001: it is in no reader; there is YubiKey 10000002 in reader {}",
        table.daemon.reader_name(0)
    );
    let serial = success(&10_000_002_u32.to_be_bytes());
    lie(&table, ALICE, Trigger::Next(GET_SERIAL), serial, Said { code: 1, message: &other, hint: INSERT });
    table.releases(ALICE);
}

#[test]
fn about_its_tries() {
    let table = Table::with(&["alice"]);
    let said = |message| Said { code: 1, message, hint: CHECK };
    for (answer, message) in [
        (success(&[]), GARBLED),
        (success(&[1, 0]), NONSENSE),
        (success(&[1, 1, 0xFF, 6, 1, 3]), GARBLED),
        (success(&[1, 1, 0xFF, 6, 0x7F, 3]), GARBLED),
        (success(&[0xFF; 200]), GARBLED),
        (vec![0x63, 0x00], "card 10000001: it refused the command"),
    ] {
        lie(&table, ALICE, Trigger::NthOf(GET_METADATA, 1), answer, said(message));
    }
    assert_eq!(table.alice.count_of(VERIFY), 0);
    table.releases(ALICE);
}

#[test]
fn about_its_keys() {
    let table = Table::with(&["alice"]);
    let unusable = Said {
        code: 1,
        message: "card 10000001 cannot be used: the key in slot 9c is neither Ed25519 nor P-256",
        hint: "insert the card that was enrolled; if it is this one, its key was destroyed: use a spare card, or have \
               the member replaced",
    };
    let other = Said {
        code: 3,
        message: "alice's card 10000001 is not as it was enrolled: its serial number or share key differs",
        hint: "use a spare card, or have the member replaced",
    };
    let garbled = Said { code: 1, message: GARBLED, hint: CHECK };
    // Ed25519: the neutral element, a point of order 8, no point. P-256: not on the curve, the neutral element.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let order_eight =
        base16ct::lower::decode_vec("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
            .unwrap();
    for (key, said) in [(&neutral[..], unusable), (&order_eight, unusable), (&[2; 32], garbled)] {
        lie(&table, ALICE, Trigger::NthOf(GET_METADATA, 2), metadata(0xE0, &tlv(0x86, key)), said);
    }
    let off_the_curve = [&[4][..], &[7; 64]].concat();
    let refused = Said { message: "card 10000001: it refused the command", ..garbled };
    for (point, said) in [(&off_the_curve[..], garbled), (&[0], refused)] {
        lie(&table, ALICE, Trigger::NthOf(GET_METADATA, 2), metadata(0x11, &tlv(0x86, point)), said);
        lie(&table, ALICE, Trigger::NthOf(GET_METADATA, 3), metadata(0x11, &tlv(0x86, point)), other);
    }
    for answer in [success(&[]), success(&[1, 1, 0x11]), metadata(0xE0, &[]), success(&[1, 0])] {
        lie(&table, ALICE, Trigger::NthOf(GET_METADATA, 3), answer, other);
    }
    assert_eq!(table.alice.count_of(VERIFY), 0, "no PIN was presented");
    table.releases(ALICE);
}

#[test]
fn about_the_pin() {
    let table = Table::with(&["alice"]);
    let refused = Said { code: 1, message: "card 10000001: it refused the command", hint: CHECK };
    // What no specification knows is no answer to try again after.
    for (nth, sw) in [(1, [0x63, 0x00]), (1, [0x6F, 0xFF]), (2, [0x63, 0x00]), (2, [0x12, 0x34])] {
        table.alice.reset_count();
        lie(&table, ALICE, Trigger::NthOf(VERIFY, nth), sw.to_vec(), refused);
        assert_eq!(table.alice.count_of(VERIFY), nth);
    }
    let wrong =
        |message| Said { code: 1, message, hint: "ask the card's holder for the PIN; nothing was signed" };
    let fifteen = wrong("wrong PIN for card 10000001: 15 tries left");
    lie(&table, ALICE, Trigger::NthOf(VERIFY, 1), vec![0x63, 0xCF], fifteen);
    // Right, says the card, and has not even looked: its keys say otherwise.
    let taken = Said {
        code: 1,
        message: "card 10000001 went away: another program used or reset it",
        hint: "nothing was signed; end the other program (a browser; gpg's with 'gpgconf --kill scdaemon'), then run the same command again",
    };
    lie(&table, ALICE, Trigger::NthOf(VERIFY, 1), success(&[]), taken);
    table.releases(ALICE);
}

#[test]
fn about_what_is_sealed_to_it() {
    let table = Table::with(&["alice", "bob"]);
    let sealed = Said {
        code: 1,
        message: "card 10000001 cannot open it: it is not sealed to this key",
        hint: "check that this is the card that the roster names",
    };
    for product in [&[0; 32][..], &[7; 32], &[7; 31], &[7; 33], &[7; 65], &[]] {
        lie(&table, ALICE, Trigger::NthOf(AUTHENTICATE, 1), used(product), sealed);
    }
    for (answer, message) in [
        (success(&[]), GARBLED),
        (success(&[0x7C, 0]), GARBLED),
        (success(&[0x7C, 0x82, 0xFF, 0xFF, 0x82, 0x20]), GARBLED),
        (success(&tlv(0x7D, &[0x82, 0])), GARBLED),
        (success(&tlv(0x7C, &[0x81, 0])), GARBLED),
        (used(&[7; 200])[..100].to_vec(), "card 10000001: it refused the command"),
    ] {
        let said = Said { code: 1, message, hint: CHECK };
        lie(&table, ALICE, Trigger::NthOf(AUTHENTICATE, 1), answer, said);
    }
    table.releases(ALICE);
    table.releases(BOB);
}

#[test]
fn about_a_signature() {
    let table = Table::with(&["alice", "bob"]);
    let other = PrivateKey::generate(Algorithm::Ed25519);
    let another = PrivateKey::generate(Algorithm::P256);
    let message =
        "card 10000001: it signed, but not this, or not with this key: the signature does not verify";
    let not_this = Said { code: 1, message, hint: CHECK };
    // An Ed25519 signature comes in answer to the last part of a chain of three; the first command opens.
    let signature = Trigger::NthOf(AUTHENTICATE, 4);
    for forged in
        [other.sign_raw(b"what is signed").unwrap(), vec![0; 64], vec![0xFF; 64], vec![1; 63], Vec::new()]
    {
        lie(&table, ALICE, signature, used(&forged), not_this);
    }
    let message =
        "card 10000002: it signed, but not this, or not with this key: the signature does not verify";
    let not_this = Said { message, ..not_this };
    let none =
        Said { message: "card 10000002: it gave something that is not an ECDSA signature", ..not_this };
    let signature = Trigger::NthOf(AUTHENTICATE, 2);
    lie(&table, BOB, signature, used(&another.sign_raw(&[7; 32]).unwrap()), not_this);
    // r and s are 0, an open end, nothing.
    for forged in [&[0x30, 6, 2, 1, 0, 2, 1, 0][..], &[0x30, 0x80], &[]] {
        lie(&table, BOB, signature, used(forged), none);
    }
    table.releases(ALICE);
    table.releases(BOB);
}

#[test]
fn more_than_anybody_wants() {
    let table = Table::with(&["alice"]);
    let more = [vec![7; 256], vec![0x61, 0x00]].concat();
    // Four times 256 bytes are more than any answer has.
    table.alice.order(Trigger::NthOf(AUTHENTICATE, 1), Action::Answer(more.clone()));
    for n in 1..=8 {
        table.alice.order(Trigger::NthOf(GET_RESPONSE, n), Action::Answer(more.clone()));
    }
    let said = Said { code: 1, message: GARBLED, hint: CHECK };
    table.fails(said, |table| table.release(ALICE));
    table.alice.forget_orders();
    table.releases(ALICE);
}

/// Nothing but its holder ends the conversation with a card that always has more to say: they are told that it is
/// waited for, and interrupt.
#[test]
fn without_end() {
    let table = Table::with(&["alice"]);
    table.alice.order(Trigger::NthOf(AUTHENTICATE, 1), Action::Answer(vec![0x61, 0x00]));
    table.alice.order(Trigger::Every(GET_RESPONSE), Action::Answer(vec![0x61, 0x00]));
    let pin = table.quorum.at("cards/pin");
    let mut command = table.releasing(ALICE, &["--pin-file", &pin]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while table.alice.count_of(GET_RESPONSE) < 50 {
        assert!(child.try_wait().unwrap().is_none(), "it did not wait");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "a signal ended it");
    table.alice.forget_orders();
    assert_eq!(table.alice.tries(), (3, 3));
    assert!(!table.output().exists());
    table.releases(ALICE);
}
