//! The card, or the service, goes away while an approval is made.

use std::{collections::BTreeSet, sync::Arc};

use virtual_card::{Action, Card, Trigger};

use crate::{
    support::founded::snapshot,
    yubikey_failures::table::{ALICE, AUTHENTICATE, BOB, FRANK, Said, Table, VERIFY},
};

const PUT_IN: &str = "nothing was signed; put the card in, leave it there, and run the same command again";

/// Pulls the card out at each APDU of an approval, one after the other. After each the same approval succeeds with the
/// card back in. Gives the messages that were seen.
fn pulled_out_at_every_apdu(table: &Table, card: &Card, place: &str, action: &Action) -> BTreeSet<String> {
    card.reset_count();
    table.releases(place);
    let apdus = card.count();
    assert!(apdus >= 10, "{apdus}");
    let mut seen = BTreeSet::new();
    for n in 1..=apdus {
        card.order(Trigger::Nth(n), action.clone());
        let ran = table.fails_with(1, table.tries(), |table| table.release(place));
        let error = &ran.json["error"];
        seen.insert(format!("{} | {}", error["message"].as_str().unwrap(), error["hint"].as_str().unwrap()));
        table.daemon.insert(0, card);
        table.releases(place);
    }
    seen
}

/// Before the card is known, it is a reader without a card, whether pcscd has seen already that it is empty or not; then
/// it is a card that went away.
#[track_caller]
fn are_as_expected(table: &Table, serial: u32, seen: &BTreeSet<String>) {
    let (reader, empty) = (table.daemon.reader_name(0), table.daemon.reader_name(1));
    let absent = ["no card is in it", "the card in it does not answer, or was pulled out"].map(|why| {
        format!(
            "YubiKey {serial}: reader {reader}: {why}; reader {empty}: no card is in it \
             | insert the card, or name the one that is meant: yubikey:SERIAL or soft:FILE"
        )
    });
    let gone = format!("card {serial} went away: it was pulled out | {PUT_IN}");
    assert!(seen.contains(&gone), "{seen:?}");
    assert!(absent.iter().any(|absent| seen.contains(absent)), "{seen:?}");
    assert!(seen.iter().all(|said| *said == gone || absent.contains(said)), "{seen:?}");
}

#[test]
fn alices_card_is_pulled_out_before_each_apdu() {
    let table = Table::with(&["alice"]);
    let seen = pulled_out_at_every_apdu(&table, &table.alice, ALICE, &Action::PullOut);
    are_as_expected(&table, 10_000_001, &seen);
}

#[test]
fn alices_card_is_pulled_out_after_each_apdu() {
    let table = Table::with(&["alice"]);
    let seen = pulled_out_at_every_apdu(&table, &table.alice, ALICE, &Action::PullOutAfter);
    are_as_expected(&table, 10_000_001, &seen);
}

#[test]
fn bobs_card_is_pulled_out_before_each_apdu() {
    let table = Table::with(&["bob"]);
    let seen = pulled_out_at_every_apdu(&table, &table.bob, BOB, &Action::PullOut);
    are_as_expected(&table, 10_000_002, &seen);
}

/// An abort opens what the station keeps, and signs: more than any other verb asks of an administrator's card.
#[test]
fn an_administrators_card_is_pulled_out_before_each_apdu() {
    let table = Table::with(&["frank"]);
    let (ledger, copy, pin) =
        (table.quorum.at("ledger"), table.quorum.at("copy"), table.quorum.at("cards/pin"));
    // What was approved without the copy is on it before anything is compared: it catches up with whatever opens both.
    let other = "0".repeat(64);
    let level =
        ["execute", &ledger, "--proposal", &other, "--copy", &copy, "--card", FRANK, "--pin-file", &pin];
    table.quorum.run(&level).expect(3);
    let abort = ["abort", &ledger, "--reason", "no", "--copy", &copy, "--card", FRANK, "--pin-file", &pin];
    for n in 1.. {
        let before = snapshot(table.quorum.dir.path());
        table.frank.order(Trigger::Nth(n), Action::PullOut);
        let ran = table.quorum.run(&abort);
        table.frank.forget_orders();
        assert_eq!(table.frank.tries(), (3, 3), "APDU {n}");
        assert_eq!(table.frank.times_left_unlocked(), 0, "APDU {n}");
        if ran.code == Some(0) {
            assert!(n > 10, "{n}");
            break;
        }
        assert!(
            snapshot(table.quorum.dir.path()) == before,
            "APDU {n}: something was left behind: {}",
            ran.stderr
        );
        table.daemon.insert(0, &table.frank);
    }
    assert!(!table.frank.is_unlocked());
}

#[test]
fn a_card_is_swapped_between_pin_and_signature() {
    for trigger in [
        Trigger::NthOf(VERIFY, 1),
        Trigger::NthOf(AUTHENTICATE, 1),
        Trigger::NthOf(VERIFY, 2),
        Trigger::NthOf(AUTHENTICATE, 2),
    ] {
        let table = Table::with(&["alice"]);
        table.alice.order(trigger, Action::SwapFor(table.bob.clone()));
        let message = "card 10000001 went away: it was pulled out";
        table.fails(Said { code: 1, message, hint: PUT_IN }, |table| table.release(ALICE));
        assert!(table.bob.is_inserted(), "{trigger:?}");
        assert_eq!(table.bob.count_of(VERIFY), 0, "{trigger:?}: Bob's card got Alice's PIN");
    }
}

#[test]
fn the_service_is_restarted_in_the_middle() {
    let table = Table::with(&["alice"]);
    let gone = Said {
        code: 1,
        message: "card 10000001 went away: the smart card service (pcscd) was stopped or restarted",
        hint: "nothing was signed; see that pcscd runs (systemctl status pcscd), then run the same command again",
    };
    for trigger in
        [Trigger::Nth(5), Trigger::Next(VERIFY), Trigger::Next(AUTHENTICATE), Trigger::NthOf(AUTHENTICATE, 2)]
    {
        let daemon = Arc::clone(&table.daemon);
        table.alice.order(trigger, Action::Run(Arc::new(move || daemon.restart())));
        // Whatever the card knew, the new service makes it forget.
        table.fails(gone, |table| {
            let ran = table.release(ALICE);
            table.daemon.wait_for_cards();
            ran
        });
        table.releases(ALICE);
    }
}

#[test]
fn the_service_ends_in_the_middle() {
    let table = Table::with(&["alice"]);
    let daemon = Arc::clone(&table.daemon);
    table.alice.order(Trigger::Next(AUTHENTICATE), Action::Run(Arc::new(move || daemon.stop())));
    let gone = Said {
        code: 1,
        message: "card 10000001 went away: the smart card service (pcscd) was stopped or restarted",
        hint: "nothing was signed; see that pcscd runs (systemctl status pcscd), then run the same command again",
    };
    // Without a service nobody can lock the card: the next one does, when it finds the card.
    table.fails(gone, |table| {
        let ran = table.release(ALICE);
        table.daemon.resume();
        ran
    });
    table.releases(ALICE);
}

#[test]
fn a_card_that_refuses_or_fails_signs_nothing() {
    let table = Table::with(&["alice"]);
    for (ins, nth) in [(VERIFY, 1), (AUTHENTICATE, 1), (VERIFY, 2), (AUTHENTICATE, 2)] {
        for action in [Action::Fail(0x6F00), Action::FailAfter(0x6F00)] {
            table.alice.order(Trigger::NthOf(ins, nth), action);
            let failed = Said {
                code: 1,
                message: "card 10000001: it refused the command",
                hint: "check the card and its medium, then run the same command again",
            };
            table.fails(failed, |table| table.release(ALICE));
            table.alice.forget_orders();
        }
    }
    table.releases(ALICE);
}
