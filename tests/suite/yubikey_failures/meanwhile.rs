//! What happens to the card while its holder types the PIN, and what another program does.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use virtual_card::{Action, Algorithm, Card, Firmware, Manufacturer, Trigger};

use crate::{
    support::{
        quorum::Ran,
        yubikeys::{PIN, when_it_says},
    },
    yubikey_failures::table::{ALICE, AUTHENTICATE, Said, Table, VERIFY},
};

const GET_METADATA: u8 = 0xF7;

/// Longer than tries that were read are believed.
const SLOW: Duration = Duration::from_millis(2200);
const QUICK: Duration = Duration::ZERO;

/// Approves; when the card was recognised and the PIN is waited for, `meanwhile` happens, and after `pause` the PIN comes.
fn approve_while(table: &Table, pause: Duration, meanwhile: impl FnOnce()) -> Ran {
    let mut command = table.releasing(ALICE, &["--pin-fd", "0"]);
    when_it_says(&mut command, "touches will be asked for", |child| {
        meanwhile();
        thread::sleep(pause);
        writeln!(child.stdin.as_mut().unwrap(), "{PIN}").unwrap();
    })
}

/// The PIN comes at once: either it is quick enough for the connection that is gone, and this is said, or the machine is
/// slow, and the card is found again and compared, as after a pause.
fn quick_or_slow(table: &Table, said: Said<'_>, meanwhile: impl FnOnce()) {
    let tries = table.tries();
    let ran = approve_while(table, QUICK, meanwhile);
    if ran.code == Some(0) {
        assert_eq!(table.tries(), tries);
        std::fs::remove_file(table.output()).unwrap();
    } else {
        table.fails(said, |_| ran);
    }
}

const PULLED_OUT: Said<'_> = Said {
    code: 1,
    message: "card 10000001 went away: it was pulled out",
    hint: "nothing was signed; put the card in, leave it there, and run the same command again",
};

#[test]
fn the_card_is_swapped_for_another_before_the_pin_comes() {
    let table = Table::with(&["alice"]);
    let message = format!(
        "YubiKey 10000001: it is in no reader; there is YubiKey 10000002 in reader {}",
        table.daemon.reader_name(0)
    );
    let said = Said {
        code: 1,
        message: &message,
        hint: "insert the card, or name the one that is meant: yubikey:SERIAL or soft:FILE",
    };
    table.fails(said, |table| approve_while(table, SLOW, || drop(table.daemon.swap(0, &table.bob))));
    table.daemon.swap(0, &table.alice);
    let ran = approve_while(&table, QUICK, || drop(table.daemon.swap(0, &table.bob)));
    // Gone, if the PIN came quickly; else it is not found again.
    let error = ran.json["error"]["message"].as_str().unwrap();
    assert!([PULLED_OUT.message, &message].contains(&error), "{error}");
    assert_eq!(table.bob.count_of(VERIFY), 0, "Bob's card got Alice's PIN");
}

#[test]
fn the_card_is_swapped_for_one_with_its_serial() {
    let table = Table::with(&["alice"]);
    let clone = Card::new(&Manufacturer::new(), 10_000_001, Firmware::V5_7_1);
    for (slot, algorithm) in [(0x9C, Algorithm::Ed25519), (0x82, Algorithm::P256)] {
        clone.generate(slot, algorithm, 3, 2);
    }
    let said = Said {
        code: 1,
        message: "card 10000001 cannot be used: its keys are not those that it had a moment ago",
        hint: "another program made new keys on it: use a spare card",
    };
    table.fails(said, |table| approve_while(table, SLOW, || drop(table.daemon.swap(0, &clone))));
    assert_eq!(clone.count_of(VERIFY), 0, "it got Alice's PIN");
}

#[test]
fn the_card_is_pulled_out_and_put_in_again() {
    let table = Table::with(&["alice"]);
    let put_in_again = || drop(table.daemon.swap(0, &table.alice));
    quick_or_slow(&table, PULLED_OUT, put_in_again);
    // Slower, it is found again, and compared before it gets the PIN.
    approve_while(&table, SLOW, put_in_again).ok();
    assert_eq!(table.alice.tries(), (3, 3));
    assert_eq!(table.alice.times_left_unlocked(), 0);
}

#[test]
fn another_program_spends_tries() {
    let table = Table::with(&["alice"]);
    let said = Said {
        code: 1,
        message: "card 10000001 has one PIN try left; it was not spent",
        hint: "use a spare card, or spend the try with --final-try",
    };
    let tries = [(1, 3), (3, 3), (3, 3)];
    table.fails_and_costs(said, tries, |table| approve_while(table, SLOW, || table.alice.set_pin_tries(1)));
    assert_eq!(table.alice.count_of(VERIFY), 0);
}

/// Resets the card, as gpg's daemon does when it lets one go; or has a transaction with it until its input ends.
const OTHER: &str = "import sys
from smartcard.scard import *
result, context = SCardEstablishContext(SCARD_SCOPE_USER)
result, card, protocol = SCardConnect(context, sys.argv[1], SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1)
if sys.argv[2] == 'hold':
    result = SCardBeginTransaction(card)
print('ready' if result == SCARD_S_SUCCESS else SCardGetErrorMessage(result), flush=True)
if sys.argv[2] == 'hold':
    sys.stdin.read()
    SCardEndTransaction(card, SCARD_LEAVE_CARD)
SCardDisconnect(card, SCARD_RESET_CARD if sys.argv[2] == 'reset' else SCARD_LEAVE_CARD)
";

fn other_program(table: &Table, what: &str) -> Child {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", OTHER, &table.daemon.reader_name(0), what]).envs(table.daemon.environment());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn another_program_resets_the_card() {
    let table = Table::with(&["alice"]);
    let reset = || assert!(other_program(&table, "reset").wait().unwrap().success());
    let said = Said {
        code: 1,
        message: "card 10000001 went away: another program used or reset it",
        hint: "nothing was signed; end the other program (a browser; gpg's with 'gpgconf --kill scdaemon'), then run the same command again",
    };
    quick_or_slow(&table, said, reset);
    approve_while(&table, SLOW, reset).ok();
    assert_eq!(table.alice.tries(), (3, 3));
}

#[test]
fn another_program_is_in_the_middle_of_something() {
    let table = Table::with(&["alice"]);
    let mut other = other_program(&table, "hold");
    let mut command = table.releasing(ALICE, &["--pin-file", &table.quorum.at("cards/pin")]);
    let reader = table.daemon.reader_name(0);
    let still = format!("Still waiting for card {reader} to answer: another program may be using it");
    when_it_says(&mut command, &still, |_| drop(other.stdin.take())).ok();
    assert!(other.wait().unwrap().success());
}

/// As gpg's scdaemon does where it shares the card. The firmware is not too old for that.
#[test]
fn another_program_selects_another_application() {
    let table = Table::with(&["alice"]);
    let select = || {
        let card = table.alice.clone();
        Action::Run(Arc::new(move || card.select_another()))
    };
    // While the card only looks, it is found again.
    for number in 1..=3 {
        table.alice.order(Trigger::NthOf(GET_METADATA, number), select());
        table.releases(ALICE);
        table.alice.forget_orders();
    }
    // A PIN is never sent twice.
    let taken = Said {
        code: 1,
        message: "card 10000001 went away: another program used or reset it",
        hint: "nothing was signed; end the other program (a browser; gpg's with 'gpgconf --kill scdaemon'), then run the same command again",
    };
    for ins in [VERIFY, AUTHENTICATE] {
        table.alice.order(Trigger::Next(ins), select());
        table.fails(taken, |table| table.release(ALICE));
        table.alice.forget_orders();
    }
    table.releases(ALICE);
}
