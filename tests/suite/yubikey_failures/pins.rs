//! PINs and PUKs: wrong, nearly blocked, blocked.

use crate::yubikey_failures::table::{ALICE, BOB, Said, Table, VERIFY};

const FINAL_TRY: Said<'_> = Said {
    code: 1,
    message: "card 10000001 has one PIN try left; it was not spent",
    hint: "use a spare card, or spend the try with --final-try",
};
const BLOCKED: Said<'_> = Said {
    code: 1,
    message: "card 10000001 is blocked: no PIN try left",
    hint: "use a spare card, or set a new PIN with this one's PUK ('ykman piv access unblock-pin')",
};
const LOST: Said<'_> = Said {
    hint: "use a spare card; the PUK of this one is blocked too, and its keys are out of reach",
    ..BLOCKED
};

fn wrong(message: &str) -> Said<'_> {
    Said { code: 1, message, hint: "ask the card's holder for the PIN; nothing was signed" }
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_last_is_kept() {
    let table = Table::with(&["alice"]);
    let file = table.pin_file("00000000");
    let pin = ["--pin-file", &file];
    let left = |tries| [(tries, 3), (3, 3), (3, 3)];
    table.fails_and_costs(wrong("wrong PIN for card 10000001: 2 tries left"), left(2), |table| {
        table.release_with(ALICE, &pin)
    });
    table.fails_and_costs(wrong("wrong PIN for card 10000001: 1 try left"), left(1), |table| {
        table.release_with(ALICE, &pin)
    });
    // Now nothing is presented any more, neither the wrong PIN nor the right one.
    table.alice.reset_count();
    table.fails(FINAL_TRY, |table| table.release_with(ALICE, &pin));
    table.fails(FINAL_TRY, |table| table.release(ALICE));
    assert_eq!(table.alice.count_of(VERIFY), 0);
    // Refused before anybody types a PIN: there is no terminal here on which to ask for one.
    table.fails(FINAL_TRY, |table| table.release_with(ALICE, &[]));
    let right = table.quorum.at("cards/pin");
    table.release_with(ALICE, &["--pin-file", &right, "--final-try"]).ok();
    assert_eq!(table.alice.tries(), (3, 3), "the right PIN gives all tries back");
}

#[test]
fn the_last_try_can_be_spent_and_lost() {
    let table = Table::with(&["alice"]);
    table.alice.set_pin_tries(1);
    let file = table.pin_file("00000000");
    let blocked = [(0, 3), (3, 3), (3, 3)];
    table.fails_and_costs(BLOCKED, blocked, |table| {
        table.release_with(ALICE, &["--pin-file", &file, "--final-try"])
    });
}

#[test]
fn a_blocked_pin() {
    let table = Table::with(&["alice"]);
    table.alice.set_pin_tries(0);
    table.fails(BLOCKED, |table| table.release(ALICE));
    table.fails(BLOCKED, |table| table.release_with(ALICE, &[]));
    table.fails(BLOCKED, |table| enroll(table, ALICE));
    table.alice.set_puk_tries(0);
    table.fails(LOST, |table| table.release(ALICE));
    table.fails(LOST, |table| enroll(table, ALICE));
    assert_eq!(table.alice.count_of(VERIFY), 0);
    let shown = table.quorum.run(&["card", "show", ALICE]).ok();
    assert!(shown.stderr.contains("PIN           blocked"), "{}", shown.stderr);
    assert!(shown.stderr.contains("PUK           blocked"), "{}", shown.stderr);
    assert_eq!(shown.json["missing"], serde_json::json!(["the PIN is blocked"]));
}

#[test]
fn a_blocked_puk() {
    let table = Table::with(&["alice"]);
    table.alice.set_puk_tries(0);
    let words = "if the PIN is blocked too, nobody can set a new one";
    let shown = table.quorum.run(&["card", "show", ALICE]).ok();
    assert!(shown.stderr.contains(words), "{}", shown.stderr);
    assert_eq!(shown.json["puk_tries_left"], 0);
    assert_eq!(shown.json["missing"], serde_json::json!([]), "it serves all the same");
    table.releases(ALICE);
    let enrolled = enroll(&table, ALICE).ok();
    assert!(enrolled.stderr.contains(words), "{}", enrolled.stderr);
}

#[test]
fn what_is_no_pin_costs_nothing() {
    let table = Table::with(&["bob"]);
    let form = Said {
        code: 1,
        message: "a YubiKey's PIN or PUK has 6 to 8 printable ASCII characters",
        hint: "run the same command again with another PIN; no try was spent",
    };
    for pin in ["12345", "123456789", "1234567é"] {
        let file = table.pin_file(pin);
        table.fails(form, |table| table.release_with(BOB, &["--pin-file", &file]));
    }
    assert_eq!(table.bob.count_of(VERIFY), 0);
}

/// The library writes commands to a log, PINs with them, if somebody listens. Nobody does, whatever the environment says.
#[test]
fn a_log_that_is_asked_for_is_not_written() {
    let mut table = Table::with(&["alice"]);
    table.quorum.environment.push(("RUST_LOG".into(), "trace".into()));
    let said = table.release(ALICE).ok();
    let said = said.stdout + &said.stderr;
    for word in [crate::support::yubikeys::PIN, ">>>", "TRACE", "Apdu"] {
        assert!(!said.contains(word), "{word} is in the output: {said}");
    }
}

/// Enrolls a card once more.
fn enroll(table: &Table, place: &str) -> crate::support::quorum::Ran {
    let (output, pin) = (table.quorum.at("files/enrolment"), table.quorum.at("cards/pin"));
    let who = ["--name", "alice", "--full-name", "Alice Example", "-o", &output];
    table.quorum.run(&[&["card", "enroll", "--card", place, "--pin-file", &pin], &who[..]].concat())
}
