//! YubiKeys: listing them, making them ready, enrolling them. Against virtual cards through the real PC/SC stack.

use crate::support::quorum;
use std::fs;

use crate::support::yubikeys::{self, YubiKeys};
use quorate::{
    roster::card::EnrolledCard,
    sealing::{companion::Companion, recipient::ShareRecipient, single},
};
use virtual_card::{Card, Firmware, Touch};

#[test]
fn a_list_says_what_is_in_each_reader_and_what_it_lacks() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1), ("bob", Firmware::V5_4_3)]);
    let list = yubikeys.quorum.run(&["card", "list"]).ok();
    let readers = list.json["readers"].as_array().unwrap();
    assert_eq!(readers.len(), 2, "{}", list.stdout);
    for (reader, (firmware, algorithm)) in readers.iter().zip([("5.7.1", "AES-192"), ("5.4.3", "3DES")]) {
        let card = &reader["card"];
        assert_eq!(card["firmware"], firmware);
        assert_eq!(card["tries_left"], 3);
        assert_eq!(card["pin_is_default"], true);
        assert_eq!(card["management_algorithm"], algorithm);
        assert_eq!(card["missing"].as_array().unwrap().len(), 5, "{card}");
    }
}

#[test]
fn a_card_is_made_ready_and_enrolled_on_both_firmwares() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1), ("bob", Firmware::V5_4_3)]);
    for (name, algorithm) in [("alice", "ed25519"), ("bob", "ecdsa-p256")] {
        let enrolled = yubikeys.enroll(name, &[]).ok();
        assert_eq!(enrolled.json["card"]["algorithm"], algorithm);
        let bytes = fs::read(yubikeys.quorum.path(&format!("enrolments/{name}.json"))).unwrap();
        let card = EnrolledCard::parse(&bytes).unwrap();
        assert_eq!(card.attestation().count(), 3);
        assert!(matches!(card.share_recipient(), Some(ShareRecipient::Yubikey(_))));
        let shown = yubikeys.quorum.run(&["card", "show", &yubikeys.place(name)]).ok();
        assert_eq!(shown.json["missing"].as_array().unwrap().len(), 0, "{}", shown.stdout);
        assert_eq!(shown.json["management_is_protected"], true);
        assert!(!yubikeys.cards[name].is_unlocked(), "the card is reset when done");
        assert_eq!(yubikeys.cards[name].tries(), (3, 3));
    }
}

#[test]
fn other_programs_know_the_keys() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1), ("bob", Firmware::V5_4_3)]);
    yubikeys.enroll("bob", &[]).ok();
    let enrolled = yubikeys.enroll("alice", &[]).ok();
    let recipient = enrolled.json["card"]["share_recipient"].as_str().unwrap().to_owned();
    let listed = yubikeys.daemon.command("age-plugin-yubikey").arg("--list").output().unwrap();
    let listed = format!("{listed:?}");
    let (key, _) = recipient.split_once('+').unwrap();
    assert!(listed.contains(key), "{listed}");
    assert!(listed.contains("PIN policy: Always") && listed.contains("Touch policy: Always"), "{listed}");
    let info =
        yubikeys.daemon.command("ykman").args(["--device", "10000002", "piv", "info"]).output().unwrap();
    let info = format!("{info:?}");
    assert!(info.contains("Slot 9c") && info.contains("Management key is stored on the YubiKey"), "{info}");
}

/// In an emergency, stock age with age-plugin-yubikey opens the outer of the two files that quorate sealed, and the companion's
/// text the inner one (quorate-break-glass(7)); and what that and a signature by ykman
/// cost, beside the 11 or 13 APDUs of a release, which opens, signs, and looks at serial, tries and both keys first.
#[test]
fn stock_age_opens_what_is_sealed_to_the_card() {
    let yubikeys = YubiKeys::new(&[("bob", Firmware::V5_4_3)]);
    let enrolled = yubikeys.enroll("bob", &[]).ok();
    let recipient = enrolled.json["card"]["share_recipient"].as_str().unwrap().to_owned();
    let recipient: ShareRecipient = recipient.parse().unwrap();
    let sealed = recipient.seal(b"a share").unwrap();
    let at = |name: &str| yubikeys.quorum.at(&format!("files/{name}"));
    fs::write(at("sealed"), sealed).unwrap();
    let identity = ["--identity", "--serial", "10000001", "--slot", "1"];
    let identity = yubikeys.daemon.command("age-plugin-yubikey").args(identity).output().unwrap();
    fs::write(at("identity"), identity.stdout).unwrap();

    let card = &yubikeys.cards["bob"];
    card.reset_count();
    let open = format!("age -d -i {} -o {} {}", at("identity"), at("opened"), at("sealed"));
    let script = format!(
        "{}set timeout 180; spawn {open}; expect \"Enter PIN\" {{ secretly \"{}\\r\" }}; expect eof; exit [lindex [wait] 3]",
        yubikeys::SECRETLY,
        yubikeys::PIN
    );
    let opened = yubikeys.daemon.command("expect").args(["-c", &script]).output().unwrap();
    assert!(opened.status.success(), "{opened:?}");
    let companion = Companion::read(&yubikeys.cards["bob"].object(0x5F_C121).unwrap()).unwrap().unwrap();
    let inner = single::open_with(&companion.identity().unwrap(), &fs::read(at("opened")).unwrap(), 100);
    assert_eq!(inner.unwrap().expose(), b"a share");
    eprintln!("age with age-plugin-yubikey opens with {} APDUs", card.count());

    let file = fs::read(yubikeys.quorum.path("enrolments/bob.json")).unwrap();
    let (public, out) = (at("public.pem"), at("request.pem"));
    fs::write(&public, EnrolledCard::parse(&file).unwrap().enrolment().signing_key.to_pem()).unwrap();
    card.reset_count();
    let request =
        ["--device", "10000001", "piv", "certificates", "request", "-s", "bob", "-P", yubikeys::PIN, "9c"];
    let request = [request.as_slice(), &[&public, &out]].concat();
    let signed = yubikeys.daemon.command("ykman").args(request).output().unwrap();
    assert!(signed.status.success(), "{signed:?}");
    eprintln!("ykman signs with {} APDUs", card.count());
    assert!(card.count() > 11);
}

#[test]
fn a_second_enrolment_goes_on_with_the_keys_that_are_there() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let first = yubikeys.enroll("alice", &[]).ok();
    fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    let second = yubikeys.enroll("alice", &[]).ok();
    assert_eq!(first.json["card"]["keyid"], second.json["card"]["keyid"]);
    assert_eq!(first.json["card"]["share_recipient"], second.json["card"]["share_recipient"]);
}

#[test]
fn an_attempt_that_is_cut_off_anywhere_is_taken_up_by_the_next() {
    let mut yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let mut cut = 0;
    // What is read first changes nothing; then every third APDU, so that each kind of step is cut off.
    for at in (23..).map(|n| n * 3) {
        let card = Card::new(&yubikeys.maker, 20_000_000 + u32::try_from(at).unwrap(), Firmware::V5_7_1);
        card.set_touch(Touch::Now);
        yubikeys.daemon.swap(0, &card);
        yubikeys.daemon.wait_for_cards();
        yubikeys.cards.insert("alice".into(), card);
        let card = &yubikeys.cards["alice"];
        card.pull_out_at(at);
        let ran = yubikeys.enroll("alice", &[]);
        card.forget_orders();
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(ran.code, Some(1), "cut at {at}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(card.tries(), (3, 3), "cut at {at}: a try was lost");
        cut += 1;
        yubikeys.daemon.insert(0, card);
        yubikeys.daemon.wait_for_cards();
        yubikeys.enroll("alice", &[]).ok();
        fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
        let shown = yubikeys.quorum.run(&["card", "show", "yubikey"]).ok();
        assert_eq!(shown.json["missing"].as_array().unwrap().len(), 0, "{}", shown.stdout);
        assert_eq!(shown.json["management_is_protected"], true, "cut at {at}");
    }
    assert!(cut > 10, "cut off {cut} times only");
}

#[test]
fn a_witness_has_no_share_key_and_an_administrator_signs_on_p256() {
    let yubikeys = YubiKeys::new(&[("wendy", Firmware::V5_7_1), ("frank", Firmware::V5_7_1)]);
    let wendy = yubikeys.enroll("wendy", &["--witness"]).ok();
    assert_eq!(wendy.json["card"]["share_recipient"], serde_json::Value::Null);
    assert_eq!(wendy.json["card"]["algorithm"], "ed25519");
    let frank = yubikeys.enroll("frank", &["--administrator"]).ok();
    assert_eq!(frank.json["card"]["algorithm"], "ecdsa-p256");
}

#[test]
fn a_key_is_not_overwritten_unless_serial_and_slot_are_typed() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let first = yubikeys.enroll("alice", &[]).ok();
    fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    let refused = yubikeys.enroll("alice", &["--replace"]).expect(2);
    assert!(refused.error().contains("nobody can be asked"), "{}", refused.error());
    let other = yubikeys.enroll("alice", &["--administrator"]).expect(3);
    assert!(other.error().contains("slot 9c"), "{}", other.error());
    let shown = yubikeys.quorum.run(&["card", "show", "yubikey"]).ok();
    assert_eq!(shown.json["keyid"], first.json["card"]["keyid"]);
}

#[test]
fn a_key_is_replaced_when_serial_and_slot_were_typed() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let first = yubikeys.enroll("alice", &[]).ok();
    let keyid = || yubikeys.quorum.run(&["card", "show", "yubikey"]).ok().json["keyid"].clone();
    for (typed, code) in [("10000001 9c", 3), ("yes", 3), ("10000001 9c 82", 0)] {
        assert_eq!(keyid(), first.json["card"]["keyid"]);
        let command = format!(
            "{} card enroll --card yubikey --replace --pin-file {} --name alice --full-name Alice -o {}",
            quorum::QUORATE,
            yubikeys.quorum.at("cards/pin"),
            yubikeys.quorum.at(&format!("enrolments/again-{code}-{}.json", typed.len()))
        );
        let script = format!(
            "set timeout 180; spawn {command}; expect \"serial and slot\" {{ send \"{typed}\\r\" }}; expect eof; exit [lindex [wait] 3]"
        );
        let ran = yubikeys.daemon.command("expect").args(["-c", &script]).output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "{}", String::from_utf8_lossy(&ran.stdout));
    }
    assert_ne!(keyid(), first.json["card"]["keyid"]);
}

#[test]
fn a_key_that_wants_fewer_touches_than_asked_is_not_taken_for_ready() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let again = || fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    let first = yubikeys.enroll("alice", &["--touch", "never"]).ok();
    again();
    let refused = yubikeys.enroll("alice", &[]).expect(3);
    assert!(
        refused.error().contains(
            "card 10000001 has keys in slots 9c and 82 that cannot be used, and they are not overwritten"
        ),
        "{}",
        refused.error()
    );
    yubikeys.enroll("alice", &["--touch", "cached"]).expect(3);
    // Who asks for no more than there is keeps the keys.
    let same = yubikeys.enroll("alice", &["--touch", "never"]).ok();
    assert_eq!(first.json["card"]["keyid"], same.json["card"]["keyid"]);
    assert_eq!(yubikeys.cards["alice"].touches(), 0);
}

#[test]
fn without_a_new_puk_nothing_is_done() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let args = ["card", "enroll", "--name", "alice", "--full-name", "Alice Example", "-o", "alice.json"];
    let refused = yubikeys.run("alice", &args).expect(2);
    assert_eq!(
        (refused.json["error"]["message"].as_str(), refused.json["error"]["hint"].as_str()),
        (
            Some(
                "card 10000001 has the PUK that is the factory default, and nobody can be asked for a new one"
            ),
            Some("give it with --puk-file FILE")
        )
    );
    let shown = yubikeys.quorum.run(&["card", "show", "yubikey"]).ok();
    assert_eq!(
        (&shown.json["pin_is_default"], &shown.json["management_is_default"]),
        (&true.into(), &true.into())
    );
}

#[test]
fn the_factory_defaults_are_not_accepted() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    fs::write(yubikeys.quorum.path("cards/pin"), "123456\n").unwrap();
    let refused = yubikeys.enroll("alice", &[]).expect(1);
    assert!(refused.error().contains("delivered"), "{}", refused.error());
    fs::write(yubikeys.quorum.path("cards/pin"), "27182818\n").unwrap();
    fs::write(yubikeys.quorum.path("cards/puk"), "12345678\n").unwrap();
    yubikeys.enroll("alice", &[]).expect(1);
    // The default PIN was tried only while the card said that it holds, the wrong one never.
    assert_eq!(yubikeys.cards["alice"].tries(), (3, 3));
}

#[test]
fn a_default_pin_is_never_tried_on_a_card_that_has_another() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_4_3)]);
    yubikeys.enroll("alice", &[]).ok();
    fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    fs::write(yubikeys.quorum.path("cards/pin"), "00000000\n").unwrap();
    let wrong = yubikeys.enroll("alice", &[]).expect(1);
    assert!(wrong.error().contains("2 tries left"), "{}", wrong.error());
    assert_eq!(yubikeys.cards["alice"].tries(), (2, 3));
}

#[test]
fn the_operator_may_keep_the_management_key() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let key = yubikeys.quorum.at("cards/key");
    fs::write(&key, "00112233445566778899aabbccddeeff0011223344556677\n").unwrap();
    yubikeys.enroll("alice", &["--management-key", &key]).ok();
    let shown = yubikeys.quorum.run(&["card", "show", "yubikey"]).ok();
    assert_eq!(shown.json["management_is_default"], false);
    assert_eq!(shown.json["management_is_protected"], false);
}

#[test]
fn two_cards_and_no_serial_are_refused_with_the_list() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1), ("bob", Firmware::V5_4_3)]);
    let refused = yubikeys.quorum.run(&["card", "show", "yubikey"]).expect(2);
    let error = refused.error();
    assert!(error.contains("10000001") && error.contains("10000002"), "{error}");
}

#[test]
fn a_card_that_is_no_yubikey_is_named() {
    let yubikeys = YubiKeys::new(&[]);
    let daemon = virtual_card::Daemon::with_cards(&[&Card::stranger()]);
    let mut quorum = yubikeys.quorum;
    quorum.environment = daemon.environment();
    let refused = quorum.run(&["card", "show", "yubikey"]).expect(1);
    assert!(refused.error().contains("is not a YubiKey"), "{}", refused.error());
    let list = quorum.run(&["card", "list"]).ok();
    assert_eq!(list.json["readers"][0]["card"], serde_json::Value::Null);
}
