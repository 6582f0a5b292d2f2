//! People at a terminal with YubiKeys: what they are asked, in which order, and that they may err.

use crate::support::founded;
use std::{fs, process::Command, sync::Arc, time::Duration};

use crate::support::quorum::{self, ADMIN};
use crate::support::yubikeys::{PIN, PUK, SECRETLY};
use crate::yubikey_failures::table::{ALICE, AUTHENTICATE, BOB, FRANK, Table, VERIFY};
use virtual_card::{Action, Card, Firmware, Manufacturer, Touch, Trigger};

/// Somebody reads and types: after each text what they answer. A briefing is turned page by page. Gives the exit code and
/// what stood on the screen, blanks and line ends as one blank each.
#[track_caller]
fn converse(table: &Table, args: &[&str], turns: &[(&str, &str)]) -> (i32, String) {
    let mut script =
        String::from(SECRETLY) + "set timeout 180\nset stty_init {rows 24 columns 80}\nspawn -noecho {";
    script += &[&[quorum::QUORATE], args].concat().join("} {");
    script += "}\n";
    for (number, (seen, typed)) in turns.iter().enumerate() {
        let secret = ["PIN of", "New PIN", "New PUK", "The same again", "the two differ"];
        let send = if secret.iter().any(|prompt| seen.starts_with(prompt)) { "secretly" } else { "send" };
        script += &format!(
            "expect {{\n  -ex {{Enter goes on --}} {{ send \"\\r\"; exp_continue }}\n  -ex {{{seen}}} {{ {send} \"{typed}\\r\" }}\n  \
             eof {{ puts \"\\nended before {number}\"; exit 90 }}\n  timeout {{ puts \"\\nno {number}\"; exit 91 }}\n}}\n"
        );
    }
    script += "expect {\n  -ex {Enter goes on --} { send \"\\r\"; exp_continue }\n  eof {}\n  timeout { exit 92 }\n}\n\
               exit [lindex [wait] 3]\n";
    let mut command = Command::new("expect");
    command
        .args(["-c", &script])
        .env("NO_COLOR", "1")
        .envs(table.quorum.environment.iter().cloned())
        .current_dir(table.quorum.dir.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!said.contains(PIN), "the PIN stands on the screen: {said}");
    (output.status.code().unwrap(), said)
}

#[track_caller]
fn has(said: &str, parts: &[&str]) {
    let mut rest = said;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} in its place in:\n{said}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn a_custodian_releases() {
    let table = Table::with(&["bob"]);
    let head = fs::read_to_string(table.quorum.path("files/head")).unwrap();
    let (ledger, output, state) =
        (table.quorum.at("ledger"), table.quorum.at("files/release"), table.quorum.at("state-own"));
    let args =
        ["release", &ledger, "--card", "yubikey", "--head", &head, "-o", &output, "--state-dir", &state];
    // They type their PIN once, however many keys use it.
    let turns = [
        ("Release your shares for this proposal as Bob Example? [yes/no]", "y"),
        ("PIN of Bob Example's yubikey card 10000002 (3 tries left)", PIN),
    ];
    let (code, said) = converse(&table, &args, &turns);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &[
            "The last ceremony that ended has the head that you gave.",
            "Release your shares for this proposal as Bob Example?",
            "Bob Example's yubikey card 10000002: 2 touches will be asked for.",
            "PIN of Bob Example's yubikey card 10000002 (3 tries left)",
            "Touch card 10000002 now (1 of 2: it opens what is sealed to it). Its light blinks until you do.",
            "Touch card 10000002 now (2 of 2: it signs).",
            "Bob Example (bob) released their shares for ceremony 1.",
            "Next: bring",
        ],
    );
    assert_eq!(table.bob.count_of(VERIFY), 2);
    assert!(!table.bob.is_unlocked());
}

const NEXT: &str = "Next card (yubikey:SERIAL, soft:FILE, done)";
const AS_ALICE: &str = "Approve this proposal as Alice Example? [yes/no]";

/// A table at which nothing is open, a plan, and the command that leads through it.
fn run_anew(table: &Table, more: &[&str]) -> Vec<String> {
    let (ledger, copy) = (table.quorum.at("ledger"), table.quorum.at("copy"));
    table.quorum.run_with(ADMIN, &["abort", &ledger, "--reason", "again", "--copy", &copy]).ok();
    let plan = table.quorum.plan("again", founded::INVENTORY);
    let args = ["run", &plan, &ledger, "--copy", &copy, "--state-dir", &table.quorum.at("state-station")];
    args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

/// Its holder looks away when it is used for the n-th time from now, and is back for the m-th.
fn looks_away(card: &Card, n: usize, m: usize) {
    card.set_touch_timeout(Duration::from_millis(5500));
    for (at, touch) in [(n, Touch::Never), (m, Touch::Now)] {
        let holder = card.clone();
        card.order(Trigger::NthOf(AUTHENTICATE, at), Action::Run(Arc::new(move || holder.set_touch(touch))));
    }
}

#[test]
fn a_ceremony_at_one_table_forgives() {
    let table = Table::with(&["alice", "bob", "frank"]);
    let args = run_anew(&table, &[]);
    let carol = table.quorum.card("carol", "");
    // Bob has moved their signing key since: it is found, at the table as well.
    table.bob.move_key(0x9C, 0x9A);
    // Frank signs, and does not touch their card when it should open what executes. Alice signs in two parts, opens and
    // signs in three, and does not touch theirs when they should attest.
    looks_away(&table.frank, 2, 3);
    looks_away(&table.alice, 7, 9);
    let turns = [
        ("Administrator's card (yubikey:SERIAL, soft:FILE) [yubikey]", FRANK),
        ("Sign this proposal? [yes/no]", "y"),
        ("PIN of Frank Example's yubikey card 10000004 (3 tries left)", "00000000"),
        ("PIN of Frank Example's yubikey card 10000004 (2 tries left)", PIN),
        // Enough, says somebody, and thinks again.
        (NEXT, "done"),
        ("Stop here, and leave the ceremony open? [yes/no]", "n"),
        // Two are in, and Enter alone names none.
        (NEXT, ""),
        (NEXT, ALICE),
        (AS_ALICE, "y"),
        // A wrong PIN is asked for again, unseen: what follows is never a prompt that shows it. Enter alone gives up.
        ("PIN of Alice Example's yubikey card 10000001 (3 tries left)", "00000000"),
        ("PIN of Alice Example's yubikey card 10000001 (2 tries left)", ""),
        (NEXT, ALICE),
        (AS_ALICE, "y"),
        ("PIN of Alice Example's yubikey card 10000001 (2 tries left)", PIN),
        (NEXT, BOB),
        ("Approve this proposal as Bob Example? [yes/no]", "y"),
        ("PIN of Bob Example's yubikey card 10000002 (3 tries left)", PIN),
        (NEXT, &carol),
        ("Approve this proposal, and release your shares, as Carol Example? [yes/no]", "y"),
        ("PIN of Carol Example's soft card", "carol-123456"),
        ("Release your shares for this proposal as Alice Example? [yes/no]", "y"),
        ("Release your shares for this proposal as Bob Example? [yes/no]", "y"),
        ("All approvals and releases are there. Execute now? [yes/no]", "y"),
        ("Try the execution again? [yes/no]", "y"),
        ("Do all who approved attest this head? [yes/no]", "y"),
        ("alice has not attested. Try again? [yes/no]", "y"),
    ];
    let (code, said) = converse(&table, &args.iter().map(String::as_str).collect::<Vec<_>>(), &turns);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &[
            "error: wrong PIN for card 10000004: 2 tries left",
            "Approved: crypto-officer 0 of 3. Not yet: alice, bob, carol, dave, erin.",
            "That is too few.",
            "error: 3 YubiKeys are there:",
            "hint: name one as yubikey:SERIAL, or take the others out",
            "Alice Example's yubikey card 10000001: 1 touch will be asked for.",
            "error: wrong PIN for card 10000001: 2 tries left",
            "alice approved.",
            "Approved: crypto-officer 1 of 3. Not yet: bob, carol, dave, erin.",
            "bob approved.",
            "carol approved, and released their shares.",
            "A quorum has approved; released: crypto-officer 1 of 3. Not released yet: alice, bob.",
            "Alice Example's yubikey card 10000001: 2 touches will be asked for.",
            "alice released their shares.",
            "bob released their shares.",
            "Frank Example's yubikey card 10000004: 2 touches will be asked for.",
            "error: card 10000004 was not touched in time",
            "hint: nothing was signed and no try was lost; try again and touch the card when asked",
            "Outcome: completed.",
            "Alice Example's yubikey card 10000001: 1 touch will be asked for.",
            "error: card 10000001 was not touched in time",
            "alice attested the head of 0002-inventory.",
            "bob attested the head of 0002-inventory.",
            "carol attested the head of 0002-inventory.",
        ],
    );
    assert_eq!((table.alice.tries(), table.bob.tries()), ((3, 3), (3, 3)));
    for card in [&table.alice, &table.bob, &table.frank] {
        assert!(!card.is_unlocked());
        assert_eq!(card.times_left_unlocked(), 0);
    }
}

#[test]
fn a_ceremony_that_lacks_people_stays_open() {
    let table = Table::with(&["alice"]);
    table.alice.set_pin_tries(1);
    let args = run_anew(&table, &["--final-try"]);
    let admin = table.quorum.card(ADMIN, "");
    let turns = [
        ("Administrator's card (yubikey:SERIAL, soft:FILE) [yubikey]", admin.as_str()),
        ("Sign this proposal? [yes/no]", "y"),
        ("PIN of Frank Example's soft card", "frank-123456"),
        // The last try is spent only if somebody says so.
        (NEXT, ""),
        (AS_ALICE, "y"),
        ("Spend the last try? [yes/no]", "n"),
        (NEXT, ""),
        (AS_ALICE, "y"),
        ("Spend the last try? [yes/no]", "y"),
        ("PIN of Alice Example's yubikey card 10000001 (1 try left)", PIN),
        (NEXT, "done"),
        ("Stop here, and leave the ceremony open? [yes/no]", "y"),
    ];
    let (code, said) = converse(&table, &args.iter().map(String::as_str).collect::<Vec<_>>(), &turns);
    assert_eq!(code, 6, "{said}");
    let ledger = table.quorum.at("ledger");
    has(
        &said,
        &[
            "One try is left for Alice Example's yubikey card 10000001: a wrong PIN blocks it.",
            "error: too few have approved: crypto-officer 1 of 3; the ceremony stays open, and nothing was tried",
            "not yet: bob, carol, dave, erin",
            "hint: those who are missing run 'quorate approve",
        ],
    );
    assert_eq!(table.alice.tries(), (3, 3));
    // And so it is: the others come later, and it goes on. Erin takes the place of Alice, who does not come again.
    table.quorum.approve_only("carol").ok();
    for name in ["dave", "erin", "carol"] {
        table.quorum.release(name).ok();
    }
    let done = table.quorum.execute().ok();
    assert_eq!(done.text("outcome"), "completed");
    assert!(table.quorum.run(&["status", &ledger]).ok().json["open"].is_null());
}

/// Without a terminal the cards are given beforehand, each with its PIN: a card without its serial gets none.
#[test]
fn cards_that_are_given_beforehand_are_named() {
    let table = Table::with(&["alice"]);
    let args = run_anew(&table, &[]);
    let pins = ["cards/frank.pin", "cards/pin", "cards/carol.pin"].map(|pin| table.quorum.at(pin));
    let run = |alice: &str| {
        let cards = [table.quorum.card(ADMIN, ""), alice.to_owned(), table.quorum.card("carol", "")];
        let mut all: Vec<&str> =
            args.iter().map(String::as_str).filter(|arg| !arg.contains("state-")).collect();
        all.retain(|arg| *arg != "--state-dir");
        for (card, pin) in cards.iter().zip(&pins) {
            all.extend(["--card", card, "--pin-file", pin]);
        }
        table.quorum.run(&all)
    };
    let unnamed = run("yubikey").expect(2);
    assert!(
        unnamed.error().contains("its card was not named: Alice Example's yubikey card"),
        "{}",
        unnamed.error()
    );
    assert_eq!(table.alice.count_of(VERIFY), 0);
    let (ledger, copy) = (table.quorum.at("ledger"), table.quorum.at("copy"));
    table.quorum.run_with(ADMIN, &["abort", &ledger, "--reason", "again", "--copy", &copy]).ok();
    // Two of three are too few: it says so, and the administrator's card is not asked in vain.
    let few = run(ALICE).expect(6);
    assert!(
        few.error().contains("too few have approved: crypto-officer 2 of 3; the ceremony stays open"),
        "{}",
        few.error()
    );
    assert!(few.error().contains("not yet: bob, dave, erin"), "{}", few.error());
}

/// Nobody begins anew because of a PIN that no card takes, or has typed two that differ.
#[test]
fn a_new_pin_is_asked_for_until_it_is_one() {
    let table = Table::with_readers(1, &[]);
    let card = Card::new(&Manufacturer::new(), 10_000_009, Firmware::V5_7_1);
    card.set_touch(Touch::Now);
    table.daemon.insert(0, &card);
    let output = table.quorum.at("files/enrolment");
    let args =
        ["card", "enroll", "--card", "yubikey", "--name", "zoe", "--full-name", "Zoe Example", "-o", &output];
    let (pin, puk) =
        ("New PIN for card 10000009 (6 to 8 characters)", "New PUK for card 10000009, which unblocks it");
    let again = "The same again";
    let turns = [
        ("Make card 10000009 ready? [yes/no]", "y"),
        (pin, "123456"),
        (pin, "1234"),
        (pin, PIN),
        (again, "27182817"),
        ("the two differ, once more", PIN),
        (again, PIN),
        (puk, PIN),
        (puk, PUK),
        (again, PUK),
    ];
    let (code, said) = converse(&table, &args, &turns);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &[
            "error: this is the PIN with which every card is delivered",
            "error: a YubiKey's PIN or PUK has 6 to 8 printable ASCII characters",
            "error: PIN and PUK are the same",
            "done: the PIN",
            "done: the PUK",
            "done: the management key",
            "zoe (Zoe Example) is enrolled with yubikey card 10000009.",
        ],
    );
    assert!(!said.contains(PUK), "the PUK stands on the screen: {said}");
    assert_eq!(card.tries(), (3, 3));
}

/// Nor because of a wrong PIN of a card that has one: it is asked for again, unseen, until the last try is kept.
#[test]
fn the_pin_of_a_card_that_is_enrolled_is_asked_for_again() {
    let table = Table::with_readers(1, &[]);
    let card = Card::new(&Manufacturer::new(), 10_000_009, Firmware::V5_7_1);
    card.set_touch(Touch::Now);
    table.daemon.insert(0, &card);
    let (first, second, third) =
        (table.quorum.at("files/first"), table.quorum.at("files/second"), table.quorum.at("files/third"));
    let enroll = |output| {
        let name =
            ["card", "enroll", "--card", "yubikey", "--name", "zoe", "--full-name", "Zoe Example", "-o"];
        [&name[..], &[output]].concat()
    };
    let (pin, puk, again) = ("New PIN for card 10000009", "New PUK for card 10000009", "The same again");
    let ready = ("Make card 10000009 ready? [yes/no]", "y");
    let made = [ready, (pin, PIN), (again, PIN), (puk, PUK), (again, PUK)];
    let (code, said) = converse(&table, &enroll(&first), &made);
    assert_eq!(code, 0, "{said}");
    let three = ("PIN of card 10000009 (3 tries left)", "00000000");
    let (code, said) =
        converse(&table, &enroll(&second), &[ready, three, ("PIN of card 10000009 (2 tries left)", PIN)]);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &["error: wrong PIN for card 10000009: 2 tries left", "hint: type it again", "is enrolled with"],
    );
    assert_eq!(card.tries(), (3, 3));
    let two = ("PIN of card 10000009 (2 tries left)", "00000000");
    let (code, said) = converse(&table, &enroll(&third), &[ready, three, two]);
    assert_eq!(code, 1, "{said}");
    has(&said, &["wrong PIN for card 10000009: 1 try left", "has one PIN try left; it was not spent"]);
    // Nobody is told to type what is not asked for.
    assert_eq!(said.matches("type it again").count(), 1, "{said}");
    assert_eq!(card.tries(), (1, 3));
}
