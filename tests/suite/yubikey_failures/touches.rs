//! Touches that come late, or not at all.

use std::{sync::Arc, time::Duration};

use virtual_card::{Action, Touch, Trigger};

use crate::{
    support::yubikeys::when_it_says,
    yubikey_failures::table::{ALICE, AUTHENTICATE, BOB, Said, Table},
};

const NOT_TOUCHED: &str =
    "nothing was signed and no try was lost; run the same command again and touch the card when asked";

#[test]
fn a_late_touch_is_good_enough() {
    let table = Table::with(&["alice"]);
    table.alice.set_touch(Touch::Never);
    table.alice.set_touch_timeout(Duration::from_secs(300));
    let mut command = table.releasing(ALICE, &["--pin-file", &table.quorum.at("cards/pin")]);
    let waits = "Card 10000001 still waits for your touch (1 of 2).";
    when_it_says(&mut command, waits, |_| table.alice.set_touch(Touch::Now)).ok();
    assert_eq!(table.alice.touches(), 2);
}

#[test]
fn no_touch_when_the_card_should_open_its_share() {
    let table = Table::with(&["alice"]);
    table.alice.set_touch(Touch::Never);
    table.alice.set_touch_timeout(Duration::from_millis(5500));
    let message = "card 10000001 was not touched in time";
    table.fails(Said { code: 1, message, hint: NOT_TOUCHED }, |table| table.release(ALICE));
    table.alice.set_touch(Touch::Now);
    table.releases(ALICE);
}

#[test]
fn no_touch_when_the_card_should_sign() {
    let table = Table::with(&["bob"]);
    table.bob.set_touch_timeout(Duration::from_millis(5500));
    let bob = table.bob.clone();
    let no_more = Action::Run(Arc::new(move || bob.set_touch(Touch::Never)));
    table.bob.order(Trigger::NthOf(AUTHENTICATE, 2), no_more);
    let message = "card 10000002 was not touched in time";
    table.fails(Said { code: 1, message, hint: NOT_TOUCHED }, |table| table.release(BOB));
    assert_eq!(table.bob.touches(), 1);
    table.bob.set_touch(Touch::Now);
    table.releases(BOB);
}
