//! Cards as people have them: with rules of their own for PINs, without a serial or a PUK, with keys and certificates of
//! other purposes.

use std::{fs, os::unix::net::UnixListener, thread, time::Duration};

use virtual_card::{Algorithm, Card, Daemon, Firmware, Manufacturer, Oddities, Touch};

use crate::{
    support::quorum::Ran,
    yubikey_failures::{
        enrolment::{ALWAYS, TOUCH, enroll, new_card},
        table::{ALICE, Said, Table, VERIFY},
    },
};

const CHANGE_REFERENCE: u8 = 0x24;

/// What was said, on one line.
fn prose(ran: &Ran) -> String {
    ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn odd_card(table: &Table, oddities: Oddities) -> Card {
    let card = new_card(table);
    card.set_oddities(oddities);
    card
}

#[test]
fn rules_for_pins_are_told_before_anything_is_changed() {
    let simple = "this card refuses simple PINs and PUKs (PIN complexity is on): one character repeated, sequences, \
                  well-known words";
    let eight = "this card's PIN and PUK have exactly 8 characters (FIPS series)";
    for (oddities, pin, puk, message) in [
        (Oddities { pin_complexity: true, ..Oddities::default() }, "777777", "31415926", simple),
        (Oddities { pin_complexity: true, ..Oddities::default() }, "27182818", "password", simple),
        (Oddities { fips: true, ..Oddities::default() }, "271828", "31415926", eight),
        (Oddities { fips: true, ..Oddities::default() }, "27182818", "314159", eight),
    ] {
        let table = Table::with_readers(1, &[]);
        let card = odd_card(&table, oddities);
        let (pin, puk) = (table.pin_file(pin), table.pin_file(puk));
        let hint = "run the same command again with another PIN; no try was spent";
        table.fails(Said { code: 1, message, hint }, |table| enroll_with(table, &pin, &puk));
        assert_eq!(card.count_of(CHANGE_REFERENCE), 0, "something was changed");
        assert!(prose(&table.quorum.run(&["card", "list"])).contains("PIN rules"));
    }
}

#[test]
fn rules_for_pins_that_a_card_does_not_tell_are_said_as_such() {
    let hint = "choose another of 8 characters, neither one repeated nor a sequence nor a word (FIPS series, PIN \
                complexity), then run the same command again";
    for oddities in [
        Oddities { pin_complexity: true, silent: true, ..Oddities::default() },
        Oddities { fips: true, silent: true, ..Oddities::default() },
    ] {
        let table = Table::with_readers(1, &[]);
        let card = odd_card(&table, oddities);
        let bad = if oddities.fips { "271828" } else { "777777" };
        let (bad, pin, puk) = (table.pin_file(bad), table.pin_file("27182818"), table.pin_file("31415926"));
        let message = "card 10000009 did not take the new PIN: its own rules refuse it; nothing was changed";
        table.fails(Said { code: 1, message, hint }, |table| enroll_with(table, &bad, &puk));
        assert!(table.quorum.run(&["card", "show", "yubikey"]).ok().json["pin_is_default"] == true);
        let message =
            "card 10000009 did not take the new PUK: its own rules refuse it; its PIN is the new one already";
        table.fails(Said { code: 1, message, hint }, |table| enroll_with(table, &pin, &bad));
        enroll_with(&table, &pin, &puk).ok();
        assert_eq!(card.tries(), (3, 3));
    }
}

fn enroll_with(table: &Table, pin: &str, puk: &str) -> Ran {
    let output = table.quorum.at("files/odd");
    let who = ["card", "enroll", "--card", "yubikey", "--name", "zoe", "--full-name", "Zoe Example"];
    table.quorum.run(&[&who[..], &["-o", &output, "--pin-file", pin, "--puk-file", puk]].concat())
}

#[test]
fn touches_are_counted_through_with_the_management_keys() {
    let table = Table::with_readers(1, &[]);
    new_card(&table);
    let said = prose(&enroll(&table, &[]).ok());
    for words in ["2 touches will be asked for", "now (1 of 2: it signs)", "now (2 of 2: it signs)"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("of 1"), "{said}");
    table.daemon.eject(0);
    fs::remove_file(table.quorum.path("files/enrolment")).unwrap();

    let card = new_card(&table);
    card.set_management_touch(2);
    let said = prose(&table.quorum.run(&["card", "list"]));
    assert!(said.contains("AES-192, the factory default, requires a touch"), "{said}");
    card.set_touch(Touch::Never);
    card.set_touch_timeout(Duration::from_millis(5500));
    let not_touched = Said {
        code: 1,
        message: "card 10000009 was not touched in time",
        hint: "nothing was signed and no try was lost; run the same command again and touch the card when asked",
    };
    table.fails(not_touched, |table| enroll(table, &[]));
    card.set_touch(Touch::Now);
    let said = prose(&enroll(&table, &[]).ok());
    for words in
        ["now (1 of 3: it checks its management key, which requires a touch)", "now (3 of 3: it signs)"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// What `card list` says, and `card show` with its advice.
#[test]
fn cards_that_cannot_be_opened_say_why() {
    for (firmware, oddities, reason, hint) in [
        (
            Firmware::V5_7_1,
            Oddities { hidden_serial: true, ..Oddities::default() },
            "the YubiKey in it hides its serial number, by which cards are told apart",
            "make the serial visible to programs ('ykpersonalize -u -1 -o serial-api-visible', or -2 for slot 2), then run \
             the same command again",
        ),
        (
            Firmware::V5_7_1,
            Oddities { refuses_piv: Some(0x6985), ..Oddities::default() },
            "the card in it refuses its PIV application (status 6985)",
            "plug it into USB; over NFC, a YubiKey serves only where PIV is switched on for NFC, and a new one only after \
             it had power from USB once",
        ),
        (
            Firmware(6, 0, 0),
            Oddities::default(),
            "the YubiKey in it has firmware 6, a generation that is not known here",
            "use a YubiKey with firmware 5",
        ),
        (
            Firmware(3, 1, 8),
            Oddities::default(),
            "the YubiKey in it has firmware 3; 5.3.0 is the oldest that can be used",
            "use a YubiKey with firmware 5",
        ),
    ] {
        let table = Table::with_readers(1, &[]);
        let card = Card::new(&Manufacturer::new(), 10_000_009, firmware);
        card.set_oddities(oddities);
        table.daemon.insert(0, &card);
        let list = table.quorum.run(&["card", "list"]).ok();
        assert_eq!(list.json["readers"][0]["reason"], format!("{reason}: {hint}"));
        let message = format!("YubiKey 10000001: reader {}: {reason}", table.daemon.reader_name(0));
        table.fails(Said { code: 1, message: &message, hint }, |table| table.release(ALICE));
        assert!(!prose(&list).contains("blinks"), "{}", list.stderr);
    }
}

#[test]
fn a_card_without_a_puk() {
    for oddities in [
        Oddities { no_puk: true, ..Oddities::default() },
        Oddities { no_puk_tries: true, ..Oddities::default() },
    ] {
        let table = Table::with_readers(1, &["alice"]);
        table.alice.set_oddities(oddities);
        let list = table.quorum.run(&["card", "list"]).ok();
        assert_eq!(list.json["readers"][0]["card"]["puk_tries_left"], serde_json::Value::Null);
        assert!(prose(&list).contains("PUK none: once the PIN is blocked"), "{}", list.stderr);
        table.releases(ALICE);
        table.alice.set_pin_tries(0);
        let lost = Said {
            code: 1,
            message: "card 10000001 is blocked: no PIN try left",
            hint: "use a spare card; the share on this one is out of reach",
        };
        table.fails(lost, |table| table.release(ALICE));
        table.alice.set_pin_tries(3);
        table.daemon.eject(0);
        odd_card(&table, oddities);
        enroll(&table, &[]).ok();
    }
}

#[test]
fn firmware_that_production_refuses_is_told() {
    let table = Table::with(&["bob", "alice"]);
    let list = table.quorum.run(&["card", "list"]).ok();
    let (bob, alice) = (&list.json["readers"][0]["card"], &list.json["readers"][1]["card"]);
    assert!(bob["production"][0].as_str().unwrap().starts_with("its firmware is 5.4.3, and"), "{bob}");
    assert_eq!((&bob["missing"], &alice["production"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert!(prose(&list).contains("Not in production: its firmware is 5.4.3"), "{}", list.stderr);
}

/// polkit has pcscd close the connection of whom it turns away at once.
#[test]
fn a_service_that_turns_this_user_away() {
    let mut table = Table::with_readers(1, &["alice"]);
    let socket = table.quorum.path("turned-away");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || while listener.accept().is_ok() {});
    table.quorum.environment = vec![("PCSCLITE_CSOCK_NAME".into(), socket.to_str().unwrap().into())];
    let ran = table.quorum.run(&["card", "list"]);
    let error = &ran.json["error"];
    assert_eq!(
        (ran.code, error["message"].as_str()),
        (
            Some(1),
            Some("the smart card service (pcscd) cannot be used: it runs, and turns this user away (polkit)")
        )
    );
    assert!(error["hint"].as_str().unwrap().contains("org.debian.pcsc-lite.access_pcsc"), "{error}");
}

#[test]
fn the_enrolled_keys_are_found_in_whichever_slots_they_are() {
    for change in [
        // An identity of age in an earlier slot, made since.
        |card: &Card| {
            card.move_key(0x82, 0x85);
            card.generate(0x82, Algorithm::P256, ALWAYS, TOUCH);
        },
        // Keys of kinds that are not known on the way there, and a slot that is not a retired one.
        |card: &Card| {
            card.move_key(0x82, 0x9D);
            card.generate(0x83, Algorithm::P384, ALWAYS, 1);
            card.generate(0x84, Algorithm::X25519, ALWAYS, 1);
        },
        |card: &Card| card.move_key(0x9C, 0x95),
        // Another key that signs where the signing key was.
        |card: &Card| {
            card.move_key(0x9C, 0x9A);
            card.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH);
            card.move_key(0x82, 0x95);
        },
    ] {
        let table = Table::with(&["alice"]);
        change(&table.alice);
        table.releases(ALICE);
        assert_eq!(table.alice.tries(), (3, 3));
    }
}

const NO_CERTIFICATE: &str =
    "slot 9c of card 10000009 has a key that quorate did not make: it has no certificate that could be read";

#[test]
fn a_key_that_is_not_ours_is_not_adopted_in_silence() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    card.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH);
    let hint = "run it in a terminal without --yes to be asked whether to use it as the signing key; --replace DESTROYS it";
    table.fails(Said { code: 3, message: NO_CERTIFICATE, hint }, |table| enroll(table, &[]));
    card.remove_key(0x9C);

    card.generate(0x82, Algorithm::P256, ALWAYS, TOUCH);
    card.set_certificate(0x82, &card.attest(0x82).unwrap());
    let theirs = card.public_key(0x82);
    let message = "slot 82 of card 10000009 has a key that quorate did not make: its certificate is \"CN=YubiKey PIV \
                   Attestation 82\"";
    let hint = "run it in a terminal without --yes to be asked whether to use it as the share key; --slot 83 makes another \
                one beside it";
    table.fails(Said { code: 3, message, hint }, |table| enroll(table, &[]));
    assert_eq!(card.count_of(CHANGE_REFERENCE) + card.count_of(VERIFY), 0, "something was changed");

    // Beside it is another one, and from then on that is known.
    let made = enroll(&table, &["--slot", "83"]).ok();
    fs::remove_file(table.quorum.path("files/enrolment")).unwrap();
    let again = enroll(&table, &[]).ok();
    assert_eq!(made.json["card"]["share_recipient"], again.json["card"]["share_recipient"]);
    assert_eq!(card.public_key(0x82), theirs);
    let shown = table.quorum.run(&["card", "show", "yubikey"]).ok();
    let made: Vec<(&str, bool)> = shown.json["slots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| (slot["slot"].as_str().unwrap(), slot["made_by_quorate"].as_bool().unwrap()))
        .collect();
    assert_eq!(made, [("9c", true), ("82", false), ("83", true)]);
    let (key, _) = again.json["card"]["share_recipient"].as_str().unwrap().split_once('+').unwrap();
    assert_eq!(shown.text("share_recipient"), key);
}

/// A person may say that such a key shall serve.
#[test]
fn a_key_that_is_not_ours_is_adopted_where_a_person_says_so() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    card.generate(0x9C, Algorithm::Ed25519, ALWAYS, TOUCH);
    let theirs = card.public_key(0x9C);
    let files = ["pin", "puk"].map(|file| table.quorum.at(&format!("cards/{file}")));
    fs::write(&files[1], "31415926\n").unwrap();
    for (answer, code) in [("n", 3), ("y", 0)] {
        let command = format!(
            "{} card enroll --card yubikey --pin-file {} --puk-file {} --name zoe --full-name Zoe -o {}",
            crate::support::quorum::QUORATE,
            files[0],
            files[1],
            table.quorum.at("files/adopted")
        );
        let script = format!(
            "set timeout 180; spawn {command}; expect \"as the signing key?\" {{ send \"{answer}\\r\" }}; \
             expect {{\n\"10000009 ready?\" {{ send \"y\\r\" }}\neof {{ exit [lindex [wait] 3] }}\n}}; \
             expect eof; exit [lindex [wait] 3]"
        );
        let ran = table.daemon.command("expect").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(ran.status.code(), Some(code), "{said}");
        assert!(said.contains("that quorate did not make"), "{said}");
    }
    assert_eq!(card.public_key(0x9C), theirs);
}

#[test]
fn a_certificate_without_a_key_is_not_overwritten() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    let other = Card::new(&Manufacturer::new(), 1, Firmware::V5_7_1);
    other.generate(0x9C, Algorithm::P256, ALWAYS, TOUCH);
    let theirs = other.attest(0x9C).unwrap();
    card.set_certificate(0x9C, &theirs);
    let message = "card 10000009 has a certificate without a key in slot 9c (\"CN=YubiKey PIV Attestation 9c\"), and it is \
                   not overwritten";
    let hint = "see 'quorate card show'; give --replace if the certificate is no longer needed, or take another card";
    table.fails(Said { code: 3, message, hint }, |table| enroll(table, &[]));
    table.fails(Said { code: 3, message, hint }, |table| enroll(table, &["--administrator"]));
    assert_eq!(card.count_of(CHANGE_REFERENCE), 0, "something was changed");
    let list = table.quorum.run(&["card", "list"]).ok();
    assert_eq!(list.json["readers"][0]["card"]["certificates_without_key"], serde_json::json!(["9c"]));

    // In a retired slot, it is left where it is, and the key is made in the next.
    let id = |slot| Card::certificate_id(slot).unwrap();
    card.set_object(id(0x9C), None);
    card.set_certificate(0x82, &theirs);
    let before = card.object(id(0x82));
    enroll(&table, &[]).ok();
    assert_eq!(card.object(id(0x82)), before);
    assert!(card.public_key(0x82).is_none() && card.public_key(0x83).is_some());
    fs::remove_file(table.quorum.path("files/enrolment")).unwrap();
    // Named, it is refused as well.
    table.daemon.eject(0);
    let card = new_card(&table);
    card.set_certificate(0x84, b"garbage");
    let message = "card 10000009 has a certificate without a key in slot 84, and it is not overwritten";
    table.fails(Said { code: 3, message, hint }, |table| enroll(table, &["--slot", "84"]));
}

/// Over NFC there is no light that could blink, and some cards refuse what requires a touch at once.
#[test]
fn a_card_in_the_field_of_a_reader() {
    let mut table = Table::with(&[]);
    let daemon = Daemon::with_readers_called("ACS ACR122U PICC Interface", &[&table.alice]);
    table.quorum.environment = daemon.environment();
    let said = prose(&table.release(ALICE).ok());
    assert!(
        said.contains("it signs). In the field of an NFC reader, take it off and put it back."),
        "{said}"
    );
    assert!(!said.contains("blinks"), "{said}");
    fs::remove_file(table.output()).unwrap();

    table.alice.set_touch(Touch::Never);
    table.alice.set_touch_timeout(Duration::ZERO);
    let refused = Said {
        code: 1,
        message: "card 10000001: it refused at once: over NFC, some take no touch",
        hint: "nothing was signed; plug it into USB, then run the same command again",
    };
    table.fails(refused, |table| table.release(ALICE));
}

/// A certificate that is compressed names nobody here; it is somebody's all the same.
#[test]
fn a_compressed_certificate_is_not_overwritten() {
    let table = Table::with_readers(1, &["alice"]);
    let compressed = [&[0x70, 4, 0x1f, 0x8b, 8, 0][..], &[0x71, 1, 1, 0xFE, 0]].concat();
    table.alice.set_object(Card::certificate_id(0x82).unwrap(), Some(&compressed));
    let ran = enroll(&table, &[]).expect(3);
    assert!(
        ran.error().contains("slot 82 of card 10000001 has a certificate of another key"),
        "{}",
        ran.error()
    );
    assert_eq!(table.alice.object(Card::certificate_id(0x82).unwrap()), Some(compressed));
}

/// What other tools leave behind: 3DES on firmware 5.7, somebody's data where the management key would be kept under the PIN.
#[test]
fn management_keys_as_other_tools_leave_them() {
    let table = Table::with_readers(1, &[]);
    let card = new_card(&table);
    card.set_management_algorithm(3);
    card.set_object(0x5F_C109, Some(&[7; 64]));
    let message = "card 10000009: something else is where its management key would be kept under the PIN (object 5fc109)";
    let hint = "give it with --management-key FILE: the card's own, or a new one where the card still has the \
                factory default";
    table.fails(Said { code: 1, message, hint }, |table| enroll(table, &[]));
    card.set_object(0x5F_C109, None);
    enroll(&table, &[]).ok();
    let shown = table.quorum.run(&["card", "show", "yubikey"]).ok();
    assert_eq!(
        (&shown.json["management_algorithm"], &shown.json["management_is_protected"]),
        (&"3DES".into(), &true.into())
    );

    // The card says that it keeps the key under the PIN, and something else is there.
    fs::remove_file(table.quorum.path("files/enrolment")).unwrap();
    card.set_object(0x5F_C109, Some(&[7; 64]));
    card.remove_key(0x82);
    let message = "card 10000009: its management key is neither the factory default nor kept under the PIN";
    card.set_object(Card::certificate_id(0x82).unwrap(), None);
    table.fails(Said { code: 1, message, hint }, |table| enroll(table, &[]));
    assert_eq!(card.tries(), (3, 3));
}
