//! Whole ceremonies by people with YubiKeys of two firmwares, a spare card and a soft card, on a SoftHSM token.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::support::quorum::{self, Ran};
use crate::support::softhsm::{self, SoftHsm};
use crate::support::tokens::Target;
use crate::support::yubikeys::{self, YubiKeys};
use virtual_card::{Action, Card, Firmware, Touch, Trigger};

/// VERIFY and GENERAL AUTHENTICATE.
const VERIFY: u8 = 0x20;
const AUTHENTICATE: u8 = 0x87;

const INVENTORY: &str =
    "kind = \"inventory\"\ntitle = \"What is there\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";

/// A quorum of four with YubiKeys and erin with a soft card; alice has a spare.
struct MixedCards {
    yubikeys: YubiKeys,
    _hsm: SoftHsm,
    genesis: String,
}

const CUSTODIANS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

impl MixedCards {
    fn enrolled() -> Self {
        let mut yubikeys = YubiKeys::new(&[
            ("alice", Firmware::V5_7_1),
            ("alice-spare", Firmware::V5_7_1),
            ("bob", Firmware::V5_4_3),
            ("carol", Firmware::V5_7_1),
            ("dave", Firmware::V5_4_3),
            ("frank", Firmware::V5_7_1),
        ]);
        for name in ["alice", "alice-spare", "bob", "carol", "dave"] {
            yubikeys.enroll(name, &[]).ok();
        }
        yubikeys.enroll("frank", &["--administrator"]).ok();
        yubikeys.quorum.enroll("erin", "");
        let hsm = SoftHsm::with_token("lab");
        hsm.make_key("lab", "EC:prime256v1", "old", "01");
        yubikeys.quorum.environment.extend(hsm.environment());
        fs::write(yubikeys.quorum.path("so.pin"), softhsm::SO_PIN).unwrap();
        let targets = Target::in_use(&hsm, "lab").table();
        let genesis = yubikeys::genesis_text(&yubikeys, &CUSTODIANS, &targets);
        let genesis = yubikeys.quorum.plan("genesis", &genesis);
        Self { yubikeys, _hsm: hsm, genesis }
    }

    /// After its genesis.
    fn founded() -> Self {
        let mixed = Self::enrolled();
        mixed.propose(&mixed.genesis).ok();
        for name in CUSTODIANS {
            mixed.approve(name).ok();
        }
        mixed.execute().ok();
        mixed
    }

    fn propose(&self, plan: &str) -> Ran {
        let quorum = &self.yubikeys.quorum;
        self.yubikeys.run("frank", &["propose", plan, &quorum.at("ledger"), "--copy", &quorum.at("copy")])
    }

    /// Proposes an inventory that enough have approved, and for which nobody has released.
    fn inventory_approved(&self) {
        self.propose(&self.yubikeys.quorum.plan("inventory", INVENTORY)).ok();
        for name in ["alice", "bob", "carol"] {
            self.approve(name).ok();
        }
    }

    fn approve(&self, name: &str) -> Ran {
        if name == "erin" {
            return self.yubikeys.quorum.approve(name);
        }
        self.decide(name, "approve")
    }

    fn release(&self, name: &str) -> Ran {
        self.decide(name, "release")
    }

    fn decide(&self, name: &str, verb: &str) -> Ran {
        let quorum = &self.yubikeys.quorum;
        let ledger = quorum.at("ledger");
        let head = quorum.head();
        let mut args = vec![verb, ledger.as_str()];
        if let Some(head) = &head {
            args.extend(["--head", head.as_str()]);
        }
        self.yubikeys.run(name, &args)
    }

    fn execute(&self) -> Ran {
        let quorum = &self.yubikeys.quorum;
        let present = format!("hsm:so-pin={}", quorum.at("so.pin"));
        let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
        let mut args = vec!["execute", &ledger, "--copy", &copy];
        if quorum.head().is_none() {
            args.extend(["--present-pin", &present]);
        }
        self.yubikeys.run("frank", &args)
    }
}

#[test]
fn a_quorum_is_founded_and_acts_with_yubikeys_a_spare_and_a_soft_card() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    let inventory = yubikeys.quorum.plan("inventory", INVENTORY);
    mixed.propose(&inventory).ok();

    let rejected = yubikeys.run(
        "dave",
        &[
            "reject",
            &yubikeys.quorum.at("ledger"),
            "--reason",
            "not today",
            "--head",
            &yubikeys.quorum.head().unwrap(),
        ],
    );
    rejected.ok();
    mixed.approve("alice-spare").ok();
    let twice = mixed.approve("alice").expect(3);
    assert!(twice.error().contains("approval of Alice"), "{}", twice.error());
    mixed.approve("bob").ok();
    let incomplete = mixed.execute().expect(6);
    assert!(incomplete.error().contains("2 of 3"), "{}", incomplete.error());
    mixed.approve("carol").ok();
    for name in ["alice-spare", "bob", "carol"] {
        mixed.release(name).ok();
    }
    let done = mixed.execute().ok();
    assert_eq!(done.text("outcome"), "completed");

    let ledger = yubikeys.quorum.at("ledger");
    for name in ["alice", "bob", "frank"] {
        yubikeys.run(name, &["attest", &ledger, "--copy", &yubikeys.quorum.at("copy")]).ok();
    }
    for (name, card) in &yubikeys.cards {
        assert_eq!(card.tries(), (3, 3), "{name} lost a try");
        assert!(!card.is_unlocked(), "{name}'s card was not reset");
    }
}

#[test]
fn an_abort_is_signed_by_the_administrators_card() {
    let mixed = MixedCards::enrolled();
    mixed.propose(&mixed.genesis).ok();
    let quorum = &mixed.yubikeys.quorum;
    let aborted = mixed
        .yubikeys
        .run("frank", &["abort", &quorum.at("ledger"), "--reason", "no", "--copy", &quorum.at("copy")]);
    aborted.ok();
}

/// Runs a command and says how much time of a processor it took, user and system, in seconds: on a machine that builds
/// and tests something else meanwhile, the time on the clock says little.
fn processor_time(yubikeys: &YubiKeys, name: &str, args: &[&str]) -> String {
    let mut command = std::process::Command::new("bash");
    command
        .args(["-c", "TIMEFORMAT='%U %S'; time \"$@\" > /dev/null 2> /dev/null", "bash", quorum::QUORATE])
        .args(args)
        .args(["--json", "--yes", "--state-dir", &yubikeys.quorum.at("state-station")])
        .args(yubikeys.with_card(name))
        .envs(yubikeys.quorum.environment.iter().cloned());
    let ran = quorum::ran(&mut command).ok();
    ran.stderr.trim().replace(' ', " s + ") + " s"
}

/// What a release costs, beside what other programs take for the same work.
#[test]
fn a_release_takes_few_apdus_and_little_time() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    mixed.inventory_approved();
    // Select, version, serial; the tries and both keys; PIN, opening, the companion, PIN, signature. An Ed25519 key wants the whole
    // message, in three parts.
    for (name, apdus, signs) in [("alice", 13, 3), ("bob", 11, 1)] {
        let card = &yubikeys.cards[name];
        card.reset_count();
        let head = yubikeys.quorum.head().unwrap();
        let ledger = yubikeys.quorum.at("ledger");
        let began = Instant::now();
        let cpu = processor_time(yubikeys, name, &["release", &ledger, "--head", &head]);
        let took = began.elapsed();
        eprintln!("release by {name}: {} APDUs, {took:?}, of which our own work {cpu}", card.count());
        for apdu in card.log() {
            eprintln!("  {:02x} {:02x} {:02x}{:02x} {}", apdu.cla, apdu.ins, apdu.p1, apdu.p2, apdu.data);
        }
        assert_eq!(card.count(), apdus, "{name}");
        assert_eq!(card.count_of(VERIFY), 2, "one for each use of a key");
        assert_eq!(card.count_of(AUTHENTICATE), 1 + signs);
        let keys: Vec<u8> =
            card.log().iter().filter(|apdu| apdu.ins == AUTHENTICATE).map(|apdu| apdu.p2).collect();
        assert!(
            keys.iter().all(|key| [0x82, 0x9C].contains(key)),
            "the management key is not used: {keys:02x?}"
        );
        assert_eq!(card.touches(), 2);
    }
}

#[test]
fn a_custodian_is_told_when_to_touch_and_reminded() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    mixed.inventory_approved();
    let card = &yubikeys.cards["alice"];
    card.set_touch(Touch::Never);
    card.set_touch_timeout(Duration::from_secs(300));
    let (ledger, head, alice) =
        (yubikeys.quorum.at("ledger"), yubikeys.quorum.head().unwrap(), yubikeys.with_card("alice"));
    let args = ["release", &ledger, "--head", &head].into_iter().chain(alice.iter().map(String::as_str));
    let mut command = yubikeys.quorum.command(&args.collect::<Vec<_>>());
    let waits = "Card 10000001 still waits for your touch (1 of 2).";
    let told = yubikeys::when_it_says(&mut command, waits, |_| card.set_touch(Touch::Now)).ok().stderr;
    for part in [
        "Alice Example's yubikey card 10000001: 2 touches will be asked for.",
        "Touch card 10000001 now (1 of 2: it opens what is sealed to it).",
        "Card 10000001 still waits for your touch (1 of 2).",
        "Touch card 10000001 now (2 of 2: it signs).",
    ] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
}

#[test]
fn a_card_that_is_not_touched_costs_nothing() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    mixed.inventory_approved();
    let card = &yubikeys.cards["bob"];
    card.set_touch(Touch::Never);
    card.set_touch_timeout(Duration::from_secs(6));
    let refused = mixed.release("bob").expect(1);
    assert!(refused.error().contains("card 10000003 was not touched in time"), "{}", refused.error());
    assert_eq!(card.tries(), (3, 3));
    assert!(!card.is_unlocked());
    card.set_touch(Touch::Now);
    mixed.release("bob").ok();
}

#[test]
fn a_card_that_is_pulled_out_at_any_apdu_loses_nothing() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    mixed.inventory_approved();
    let card = &yubikeys.cards["alice"];
    let mut cut = 0;
    for at in 1.. {
        card.reset_count();
        card.pull_out_at(at);
        let ran = mixed.release("alice");
        card.forget_orders();
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(ran.code, Some(1), "pulled out at {at}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(card.tries(), (3, 3), "pulled out at {at}");
        let status = yubikeys.quorum.run(&["status", &yubikeys.quorum.at("ledger")]).ok();
        assert_eq!(status.json["open"]["released"].as_array().map_or(0, Vec::len), 0, "{}", status.stdout);
        cut += 1;
        yubikeys.daemon.insert(0, card);
        yubikeys.daemon.wait_for_cards();
    }
    assert_eq!(cut, 13, "the release of an Ed25519 card takes 13 APDUs");
}

#[test]
fn a_card_that_is_swapped_after_the_pin_gets_no_pin() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    mixed.inventory_approved();
    let card = &yubikeys.cards["alice"];
    let other = Card::new(&yubikeys.maker, 10_000_001, Firmware::V5_7_1);
    other.set_touch(Touch::Now);
    // At the first VERIFY, at the opening, at the second VERIFY, at the signature.
    for trigger in [Trigger::NthOf(VERIFY, 1), Trigger::NthOf(AUTHENTICATE, 1), Trigger::NthOf(VERIFY, 2)] {
        card.reset_count();
        other.reset_count();
        card.order(trigger, Action::SwapFor(other.clone()));
        let refused = mixed.release("alice").expect(1);
        assert!(refused.error().contains("card 10000001 went away"), "{}", refused.error());
        assert_eq!(other.count_of(VERIFY), 0, "the PIN went to another card");
        assert_eq!((card.tries(), other.tries()), ((3, 3), (3, 3)));
        card.forget_orders();
        yubikeys.daemon.swap(0, card);
        yubikeys.daemon.wait_for_cards();
    }
    // Even a card with the same serial is compared before its PIN is asked for.
    yubikeys.daemon.swap(0, &other);
    yubikeys.daemon.wait_for_cards();
    mixed.release("alice").expect(1);
    assert_eq!(other.count_of(VERIFY), 0);
}

#[test]
fn yubikeys_are_drilled_by_their_holders_alone() {
    let mixed = MixedCards::founded();
    let yubikeys = &mixed.yubikeys;
    let (ledger, copy, head) =
        (yubikeys.quorum.at("ledger"), yubikeys.quorum.at("copy"), yubikeys.quorum.head().unwrap());
    let drill = ["card", "drill", "--ledger", &ledger, "--copy", &copy, "--head", &head];
    for name in ["alice", "alice-spare", "bob", "frank"] {
        let card = &yubikeys.cards[name];
        card.reset_count();
        let ran = yubikeys.run(name, &drill).ok();
        let uses = if name == "frank" { 1 } else { 3 };
        assert_eq!(ran.json["authorities"].as_array().unwrap().len() + 1, uses, "{name}");
        assert_eq!(card.touches(), uses, "{name}");
        assert!(ran.stderr.contains("will be asked for"), "{}", ran.stderr);
        assert!(!card.is_unlocked(), "{name}'s card was not reset");
        assert_eq!(card.tries(), (3, 3), "{name} lost a try");
    }
    let status = yubikeys.quorum.run(&["status", &ledger]).ok();
    let drilled = status.json["drills"]["cards"].as_array().unwrap().iter().filter(|c| c["by"] == "drill");
    assert_eq!(drilled.count(), 4);
    assert_eq!(status.json["drills"]["set_aside"], serde_json::json!([]));

    // Nobody touches it: nothing is signed, nothing is written, no try is lost.
    let card = &yubikeys.cards["carol"];
    card.set_touch(Touch::Never);
    card.set_touch_timeout(Duration::from_secs(6));
    let file = yubikeys.quorum.at("files/carol.drill");
    let into_file = ["card", "drill", "--ledger", &ledger, "--head", &head, "-o", &file];
    let ran = yubikeys.run("carol", &into_file).expect(1);
    assert!(ran.error().contains("was not touched in time"), "{}", ran.error());
    assert!(!yubikeys.quorum.path("files/carol.drill").exists());
    assert_eq!(card.tries(), (3, 3));
    card.set_touch(Touch::Now);
    yubikeys.run("carol", &into_file).ok();
}
