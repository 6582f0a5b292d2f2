//! The card is not there, or another one is.

use virtual_card::{Card, Daemon};

use crate::yubikey_failures::table::{ALICE, BOB, MALLORY, Said, Table, VERIFY};

const INSERT: &str = "insert the card, or name the one that is meant: yubikey:SERIAL or soft:FILE";

fn absent(message: &str) -> Said<'_> {
    Said { code: 1, message, hint: INSERT }
}

#[test]
fn no_smart_card_service() {
    let mut table = Table::with(&[]);
    let none = Said {
        code: 1,
        message: "the smart card service (pcscd) cannot be used: it does not answer",
        hint: "start pcscd (systemctl start pcscd.socket), then run the same command again",
    };
    table.quorum.environment = vec![("PCSCLITE_CSOCK_NAME".into(), table.quorum.at("no-socket"))];
    table.fails(none, |table| table.release(ALICE));
    table.fails(none, |table| table.quorum.run(&["card", "show", "yubikey"]));
    table.fails(none, |table| table.quorum.run(&["card", "list"]));
    // One that was there, and is gone: its socket still lies about.
    table.quorum.environment = table.daemon.environment();
    table.daemon.stop();
    table.fails(none, |table| table.release(ALICE));
}

#[test]
fn no_reader() {
    let table = Table::with(&[]);
    table.fails(absent("YubiKey 10000001: no smart card reader is there"), |table| table.release(ALICE));
    table.fails(absent("YubiKey: no smart card reader is there"), |table| table.release("yubikey"));
    let list = table.quorum.run(&["card", "list"]).ok();
    assert_eq!(list.json["readers"], serde_json::json!([]));
    assert!(list.stderr.contains("No smart card reader is there."), "{}", list.stderr);
}

#[test]
fn no_card() {
    let table = Table::with_readers(1, &[]);
    // vpcd makes readers in pairs.
    let empty = [table.daemon.reader_name(0), table.daemon.reader_name(1)]
        .map(|reader| format!("reader {reader}: no card is in it"))
        .join("; ");
    table.fails(absent(&format!("YubiKey 10000001: {empty}")), |table| table.release(ALICE));
    table.fails(absent(&format!("YubiKey: {empty}")), |table| table.release("yubikey"));
}

#[test]
fn a_card_that_is_no_yubikey() {
    for (card, why) in [
        (Card::stranger(), "the card in it is not a YubiKey, or its PIV application is switched off"),
        (Card::plain_piv(), "the card in it is not a YubiKey"),
    ] {
        let table = Table::with_readers(1, &[]);
        table.daemon.insert(0, &card);
        let message = format!(
            "YubiKey 10000001: reader {}: {why}; reader {}: no card is in it",
            table.daemon.reader_name(0),
            table.daemon.reader_name(1)
        );
        table.fails(absent(&message), |table| table.release(ALICE));
        let readers = table.quorum.run(&["card", "list"]).ok();
        assert_eq!(readers.json["readers"][0]["reason"], why);
        assert_eq!(card.count_of(VERIFY), 0);
    }
}

#[test]
fn another_custodians_card() {
    let table = Table::with(&["bob"]);
    let message = format!(
        "YubiKey 10000001: it is in no reader; there is YubiKey 10000002 in reader {}",
        table.daemon.reader_name(0)
    );
    table.fails(absent(&message), |table| table.release(ALICE));
    assert_eq!(table.bob.count_of(VERIFY), 0);
    // Without a serial nothing says whose PIN it is: it is not tried on whichever card is in.
    let unnamed = Said {
        code: 2,
        message: "the PIN was given beforehand, and its card was not named: Bob Example's yubikey card 10000002 is \
                  in, and this quorum has 3 YubiKeys",
        hint: "if the PIN is this card's, give --card yubikey:10000002; no try was spent",
    };
    table.fails(unnamed, |table| table.release("yubikey"));
    assert_eq!(table.bob.count_of(VERIFY), 0);
    table.releases(BOB);
}

#[test]
fn a_strangers_card() {
    let table = Table::with(&["mallory"]);
    let stranger = Said {
        code: 3,
        message: "card 10000003 belongs to nobody in this quorum",
        hint: "insert a card that was enrolled for this quorum",
    };
    table.fails(stranger, |table| table.release(MALLORY));
    table.fails(stranger, |table| table.release("yubikey"));
    assert_eq!(table.mallory.count_of(VERIFY), 0, "no PIN was asked for");
}

/// A reader is plugged in like a card, and calls itself what it wants.
#[test]
fn names_of_readers_move_no_cursor() {
    let mut table = Table::with(&[]);
    let name = "Yubico \x1b[2J\x1b]0;owned\x07\u{202e}CCID";
    let daemon = Daemon::with_readers_called(name, &[&table.alice, &table.bob]);
    table.quorum.environment = daemon.environment();
    for args in [&["card", "list"][..], &["card", "show", ALICE], &["card", "show", "yubikey"]] {
        let ran = table.quorum.run(args);
        assert!(ran.stdout.contains("CCID") && ran.stderr.contains("CCID"), "{}", ran.stderr);
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains(r"\u{1b}[2J"), "the name came as it is: {said:?}");
        assert!(!said.contains(['\x1b', '\x07', '\u{202e}']), "{said:?}");
    }
    table.releases(ALICE);
}

#[test]
fn two_cards() {
    let table = Table::with(&["alice", "bob"]);
    let message = format!(
        "2 YubiKeys are there: YubiKey 10000001 in reader {}, YubiKey 10000002 in reader {}",
        table.daemon.reader_name(0),
        table.daemon.reader_name(1)
    );
    let several =
        Said { code: 2, message: &message, hint: "name one as yubikey:SERIAL, or take the others out" };
    table.fails(several, |table| table.release("yubikey"));
    for card in [&table.alice, &table.bob] {
        assert_eq!(card.count_of(VERIFY), 0);
        card.reset_count();
    }
    table.releases(BOB);
    assert_eq!((table.alice.count_of(VERIFY), table.bob.count_of(VERIFY)), (0, 2));
    assert_eq!(table.alice.tries(), (3, 3));
}

#[test]
fn another_program_holds_the_card() {
    let table = Table::with(&["alice", "bob"]);
    let held = table.daemon.hold(0);
    let message = format!("the card in reader {} is held by another program", table.daemon.reader_name(0));
    let busy = Said {
        code: 1,
        message: &message,
        hint: "end the other program (a browser; gpg's with 'gpgconf --kill scdaemon'), then run the same command again",
    };
    table.fails(busy, |table| table.release(ALICE));
    let list = table.quorum.run(&["card", "list"]).ok();
    assert_eq!(
        list.json["readers"][0]["reason"],
        "another program is using the card (gpg's ends with 'gpgconf --kill scdaemon')"
    );
    assert_eq!(list.json["readers"][1]["card"]["serial"], "10000002");
    // Whoever uses the other card is not concerned.
    table.releases(BOB);
    drop(held);
    table.releases(ALICE);
}
