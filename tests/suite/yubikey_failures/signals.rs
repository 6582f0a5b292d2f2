//! The program is ended by a signal while the card works: by Ctrl-C, by a shutdown, or hard.

use std::{
    process::{Child, Stdio},
    sync::mpsc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use virtual_card::{Action, Touch, Trigger};

use crate::yubikey_failures::table::{ALICE, AUTHENTICATE, Table, VERIFY};

const SIGNALS: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL];

/// Longer than a slow machine takes to come to a touch.
const PATIENCE: Duration = Duration::from_secs(120);

fn approve(table: &Table) -> Child {
    let pin = table.quorum.at("cards/pin");
    let mut command = table.releasing(ALICE, &["--pin-file", &pin]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn end(mut child: Child, signal: Signal) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "a signal ended it");
}

/// pcscd resets the card when it sees that its client is gone: nobody else can use its keys.
#[track_caller]
fn nothing_is_left(table: &Table) {
    // Whoever comes next waits until pcscd is done with the one that is gone.
    table.quorum.run(&["card", "list"]).ok();
    assert!(!table.alice.is_unlocked(), "the card was left unlocked");
    assert_eq!(table.alice.times_left_unlocked(), 0, "the card was left unlocked");
    assert_eq!(table.alice.tries(), (3, 3));
    assert!(!table.output().exists(), "half an approval");
}

#[test]
fn while_it_waits_for_a_touch() {
    let table = Table::with(&["alice"]);
    for signal in SIGNALS {
        table.alice.set_touch(Touch::Never);
        table.alice.set_touch_timeout(Duration::from_secs(300));
        let child = approve(&table);
        assert!(table.alice.wait_blinking(PATIENCE), "{signal:?}");
        end(child, signal);
        // The card gives up; only then pcscd sees that nobody waits for it.
        table.alice.set_touch_timeout(Duration::ZERO);
        table.alice.set_touch(Touch::Never);
        nothing_is_left(&table);
        table.alice.set_touch(Touch::Now);
        table.alice.set_touch_timeout(Duration::from_secs(300));
        table.releases(ALICE);
    }
}

#[test]
fn between_the_pin_and_the_touch() {
    let table = Table::with(&["alice"]);
    for (ins, nth) in [(VERIFY, 1), (AUTHENTICATE, 1), (VERIFY, 2), (AUTHENTICATE, 3)] {
        // The card works at its command until the program is gone.
        let (arrived, seen) = mpsc::channel();
        let (gone, wait) = mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let hold = move || {
            arrived.send(()).unwrap();
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        };
        table.alice.order(Trigger::NthOf(ins, nth), Action::Run(std::sync::Arc::new(hold)));
        let child = approve(&table);
        seen.recv_timeout(PATIENCE).unwrap();
        end(child, Signal::TERM);
        gone.send(()).unwrap();
        nothing_is_left(&table);
        table.releases(ALICE);
    }
}
