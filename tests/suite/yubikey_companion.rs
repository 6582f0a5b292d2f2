//! The companion of a YubiKey's share key: made, kept to the PIN, never overwritten in silence, and compared before it opens
//! anything.

use std::{fs, path::PathBuf};

use quorate::{
    roster::card::EnrolledCard,
    sealing::{
        companion::{Companion, CompanionedRecipient},
        hybrid::HybridRecipient,
        recipient::ShareRecipient,
    },
};
use virtual_card::{Card, Firmware};

use crate::{
    support::{
        founded::snapshot,
        quorum,
        yubikeys::{PIN, YubiKeys},
    },
    yubikey_failures::table::{ALICE, AUTHENTICATE, FRANK, Said, Table, VERIFY},
};

/// Iris images, of the standard.
const OBJECT: u32 = 0x5F_C121;
const GET_DATA: u8 = 0xCB;
const PUT_DATA: u8 = 0xDB;

/// The identity of this seed as age spells it.
fn spelled(seed: &[u8]) -> Vec<u8> {
    let prefix = bech32::Hrp::parse("AGE-SECRET-KEY-PQ-").unwrap();
    bech32::encode_upper::<bech32::Bech32>(prefix, seed).unwrap().into_bytes()
}

fn seed_of(card: &Card) -> Vec<u8> {
    let text = String::from_utf8(card.object(OBJECT).unwrap()).unwrap();
    bech32::decode(&text).unwrap().1
}

fn recipient_in(object: &[u8]) -> HybridRecipient {
    Companion::read(object).unwrap().unwrap().identity().unwrap().recipient()
}

fn enrolled(yubikeys: &YubiKeys, name: &str) -> CompanionedRecipient {
    let file = fs::read(yubikeys.quorum.path(&format!("enrolments/{name}.json"))).unwrap();
    match EnrolledCard::parse(&file).unwrap().share_recipient() {
        Some(ShareRecipient::Yubikey(recipient)) => recipient.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_card_gets_a_companion_of_its_own_and_a_witness_none() {
    let yubikeys =
        YubiKeys::new(&[("alice", Firmware::V5_7_1), ("bob", Firmware::V5_4_3), ("wendy", Firmware::V5_7_1)]);
    for name in ["alice", "bob"] {
        let ran = yubikeys.enroll(name, &[]).ok();
        let made = recipient_in(&yubikeys.cards[name].object(OBJECT).unwrap());
        assert_eq!(enrolled(&yubikeys, name).companion, made);
        let shown = yubikeys.quorum.run(&["card", "show", &yubikeys.place(name)]).ok();
        assert_eq!(shown.text("companion"), made.digest().to_string());
        assert!(shown.stderr.contains("object 5fc121"), "{}", shown.stderr);
        let secret = String::from_utf8(yubikeys.cards[name].object(OBJECT).unwrap()).unwrap();
        for said in [&ran.stdout, &ran.stderr, &shown.stdout, &shown.stderr] {
            assert!(!said.contains(&secret), "{said}");
        }
    }
    assert_ne!(enrolled(&yubikeys, "alice").companion, enrolled(&yubikeys, "bob").companion);
    yubikeys.enroll("wendy", &["--witness"]).ok();
    assert_eq!(yubikeys.cards["wendy"].object(OBJECT), None);

    // Another enrolment goes on with it, and writes nothing.
    let before = yubikeys.cards["alice"].object(OBJECT);
    fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    yubikeys.cards["alice"].reset_count();
    yubikeys.enroll("alice", &[]).ok();
    assert_eq!(yubikeys.cards["alice"].object(OBJECT), before);
    assert_eq!(yubikeys.cards["alice"].count_of(PUT_DATA), 0);
}

/// In an emergency it is taken out of the card by stock tools, with the PIN.
#[test]
fn ykman_reads_it_with_the_pin_only() {
    let yubikeys = YubiKeys::new(&[("bob", Firmware::V5_4_3)]);
    yubikeys.enroll("bob", &[]).ok();
    let file = yubikeys.quorum.at("files/companion");
    let export = |pin: &[&str]| {
        let args = [&["piv", "objects", "export"], pin, &["0x5fc121", &file]].concat();
        yubikeys.daemon.command("ykman").args(["--device", "10000001"]).args(args).output().unwrap()
    };
    let refused = export(&["-P", "11111111"]);
    assert!(!refused.status.success() && fs::read(&file).unwrap_or_default().is_empty(), "{refused:?}");
    let done = export(&["-P", PIN]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(recipient_in(&fs::read(&file).unwrap()), enrolled(&yubikeys, "bob").companion);
}

#[test]
fn what_is_there_is_not_overwritten_without_replace() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    let card = &yubikeys.cards["alice"];
    for (there, words) in [
        (b"a picture of an iris".to_vec(), "card 10000001 has data in its object 5fc121 (iris images)"),
        (spelled(&[7; 32]), "card 10000001 has a companion in its data object 5fc121 that was not made here"),
    ] {
        card.set_object(OBJECT, Some(&there));
        let refused = yubikeys.enroll("alice", &[]).expect(3);
        assert!(refused.error().contains(words), "{}", refused.error());
        assert!(refused.error().contains("it is not overwritten"), "{}", refused.error());
        let asked = yubikeys.enroll("alice", &["--replace"]).expect(2);
        assert!(asked.error().contains("nobody can be asked"), "{}", asked.error());
        assert_eq!(card.object(OBJECT), Some(there));
        assert!(card.public_key(0x9C).is_none() && card.public_key(0x82).is_none(), "nothing was made");
    }
    for (typed, code) in [("10000001", 3), ("10000001 5fc121", 0)] {
        let command = format!(
            "{} card enroll --card yubikey --replace --pin-file {} --puk-file {} --name alice --full-name Alice -o {}",
            quorum::QUORATE,
            yubikeys.quorum.at("cards/pin"),
            yubikeys.quorum.at("cards/puk"),
            yubikeys.quorum.at("enrolments/alice.json")
        );
        let script = format!(
            "set timeout 180; spawn {command}; expect \"ready?\" {{ send \"yes\\r\" }}; \
             expect \"serial and object\" {{ send \"{typed}\\r\" }}; expect eof; exit [lindex [wait] 3]"
        );
        let ran = yubikeys.daemon.command("expect").args(["-c", &script]).output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "{}", String::from_utf8_lossy(&ran.stdout));
    }
    assert_eq!(recipient_in(&card.object(OBJECT).unwrap()), enrolled(&yubikeys, "alice").companion);
}

#[test]
fn a_companion_that_is_gone_is_not_made_again_in_silence() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1)]);
    yubikeys.enroll("alice", &[]).ok();
    fs::remove_file(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    yubikeys.cards["alice"].set_object(OBJECT, None);
    let refused = yubikeys.enroll("alice", &[]).expect(3);
    let words = "the companion that was made for card 10000001 is gone from its data object 5fc121";
    assert!(refused.error().contains(words), "{}", refused.error());
    assert_eq!(yubikeys.cards["alice"].object(OBJECT), None);
}

/// Somebody who carries enrolments swaps, leaves out or changes the companion: the card's statement has its digest.
#[test]
fn a_companion_that_was_swapped_in_an_enrolment_is_refused() {
    let yubikeys = YubiKeys::new(&[("alice", Firmware::V5_7_1), ("bob", Firmware::V5_4_3)]);
    for name in ["alice", "bob"] {
        yubikeys.enroll(name, &[]).ok();
    }
    let (alice, bob) = (enrolled(&yubikeys, "alice"), enrolled(&yubikeys, "bob"));
    let file = fs::read_to_string(yubikeys.quorum.path("enrolments/alice.json")).unwrap();
    let own = format!("{}+{}", alice.key, alice.companion);
    assert!(file.contains(&own));
    let substituted = format!("{}+{}", alice.key, recipient_in(&spelled(&[7; 32])));
    for (other, words) in [
        (format!("{}+{}", alice.key, bob.companion), "not the one that the card's statement names"),
        (substituted, "not the one that the card's statement names"),
        (alice.key.to_string(), "a YubiKey's share key needs a companion"),
        (alice.companion.to_string(), "not the one that the card's statement names"),
    ] {
        let path = yubikeys.quorum.at("files/enrolment.json");
        fs::write(&path, file.replace(&own, &other)).unwrap();
        let refused = yubikeys.quorum.run(&["card", "show", &path]).expect(3);
        assert!(refused.error().contains(words), "{}", refused.error());
    }
}

/// Alice drills; it succeeds.
fn drill(table: &Table, place: &str) -> quorum::Ran {
    let head = fs::read_to_string(table.quorum.path("files/head")).unwrap();
    let (ledger, output, pin) =
        (table.quorum.at("ledger"), table.quorum.at("files/drill"), table.quorum.at("cards/pin"));
    let args = ["card", "drill", "--ledger", &ledger, "--head", &head, "--card", place, "--pin-file", &pin];
    quorum::ran(&mut table.quorum.command_as("own", &[&args[..], &["-o", &output]].concat()))
}

const HINT: &str = "nothing was opened or signed; what is sealed to this card is out of reach until that very companion is back: use \
     another card, and find out who had this one's management key";

#[test]
fn only_the_enrolled_companion_opens() {
    let table = Table::with(&["alice", "bob"]);
    let own = table.alice.object(OBJECT).unwrap();
    let (mut last_bit, mut seed) = (own.clone(), seed_of(&table.alice));
    *last_bit.last_mut().unwrap() ^= 1;
    seed[31] ^= 1;
    let damaged = "its companion is damaged: what is in data object 5fc121 is not one";
    let another = "its companion, in data object 5fc121, is not the one with which it was enrolled";
    for (there, words) in [
        (None, "its companion is missing: nothing is in data object 5fc121"),
        (Some(last_bit), damaged),
        (Some(b"a picture of an iris".to_vec()), damaged),
        (Some(spelled(&seed)), another),
        (Some(table.bob.object(OBJECT).unwrap()), another),
    ] {
        table.alice.set_object(OBJECT, there.as_deref());
        let message = format!("card 10000001 opens nothing: {words}");
        table.fails(Said { code: 1, message: &message, hint: HINT }, |table| table.release(ALICE));
    }
    table.alice.set_object(OBJECT, Some(&own));
    table.releases(ALICE);
    drill(&table, ALICE).ok();
}

/// Select, version, serial; the tries and both keys; a PIN for each of two openings and a signature in two parts; and the
/// companion once.
#[test]
fn a_companion_is_read_once_while_a_card_is_unlocked() {
    let table = Table::with(&["alice"]);
    table.alice.reset_count();
    drill(&table, ALICE).ok();
    assert_eq!(table.alice.count_of(GET_DATA), 1);
    assert_eq!((table.alice.count_of(VERIFY), table.alice.count_of(AUTHENTICATE)), (3, 4));
    assert_eq!(table.alice.count(), 14, "{:?}", table.alice.log());
    fs::remove_file(table.quorum.path("files/drill")).unwrap();

    // A card for which the use of a key used up the PIN gets it again.
    table.alice.reset_count();
    table.alice.fail_next(GET_DATA, 0x6982);
    drill(&table, ALICE).ok();
    assert_eq!((table.alice.count_of(GET_DATA), table.alice.count_of(VERIFY)), (2, 4));
    assert_eq!(table.alice.tries(), (3, 3));
}

/// What a station keeps for an administrator's YubiKey is sealed in the same way; somebody else puts a file there.
#[test]
fn a_file_for_a_stranger_in_a_file_for_the_card_is_refused() {
    let table = Table::with_readers(1, &["frank"]);
    let quorum = &table.quorum;
    let abort = || {
        let (ledger, copy, pin) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("cards/pin"));
        quorum.run(&[
            "abort",
            &ledger,
            "--copy",
            &copy,
            "--card",
            FRANK,
            "--pin-file",
            &pin,
            "--reason",
            "no",
        ])
    };
    let keyid = quorum.run(&["card", "show", FRANK]).ok().text("keyid")[..8].to_owned();
    let files = snapshot(quorum.dir.path());
    let is_signing = |path: &PathBuf| path.to_string_lossy().contains(&format!("signing-{keyid}"));
    let (signing, kept) = files.into_iter().find(|(path, _)| is_signing(path)).unwrap();
    let file = fs::read(quorum.path("enrolments/frank-spare.json")).unwrap();
    let Some(ShareRecipient::Yubikey(own)) = EnrolledCard::parse(&file).unwrap().share_recipient().cloned()
    else {
        panic!("no share key")
    };
    let stranger = recipient_in(&spelled(&[7; 32]));
    let inner = CompanionedRecipient { key: own.key.clone(), companion: stranger };
    fs::write(&signing, inner.seal(b"a station's secret").unwrap()).unwrap();
    let refused = abort().expect(1);
    assert!(
        refused
            .error()
            .contains("card 10000004 cannot open it: what is in it is not sealed to the card's companion"),
        "{}",
        refused.error()
    );
    // The outer file for another card: no touch for it.
    let bobs = fs::read(quorum.path("enrolments/bob.json")).unwrap();
    let bobs = EnrolledCard::parse(&bobs).unwrap().share_recipient().cloned().unwrap();
    fs::write(&signing, bobs.seal(b"a station's secret").unwrap()).unwrap();
    table.frank.reset_count();
    let refused = abort().expect(1);
    assert!(refused.error().contains("not sealed to this key"), "{}", refused.error());
    assert_eq!((table.frank.touches(), table.frank.count_of(GET_DATA)), (0, 0));
    fs::write(&signing, kept).unwrap();
    abort().ok();
}
