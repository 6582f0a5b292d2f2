//! `run` and `execute` where the ceremony is there already: it has ended, has expired, lacks a copy, or is open in an old ledger only.
//! Each is said before anybody is asked for a card.

use std::fs;

use super::{ADMIN, INVENTORY, copy, proposed, terminal::at_terminal};
use crate::support::{
    founded::{at_time, genesis_text, practice_target},
    quorum::{QUORATE, Quorum},
};

/// Its terminal died at the question whether they attest: the command that is given again names what is missing.
#[test]
fn a_genesis_that_has_ended_names_those_who_have_not_attested() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let plan = fs::read_to_string(quorum.path("ledger/0000-genesis/plan.toml")).unwrap();
    let (plan, ledger, place) = (quorum.plan("again", &plan), quorum.at("ledger"), quorum.at("copy"));
    let ran = quorum.run(&["run", &plan, &ledger, "--copy", &place]).expect(3);
    assert!(ran.error().contains("0000-genesis was this very plan, and ended: completed"), "{}", ran.stderr);
    let error = &ran.json["error"];
    assert!(error["hint"].as_str().unwrap().contains("not attested yet by alice, bob, carol"), "{error}");
    let attest = error["commands"][0].as_str().unwrap();
    assert!(attest.starts_with(&format!("quorate attest {ledger} --card CARD --copy {place}")), "{attest}");
}

#[test]
fn a_copy_that_is_missing_is_found_before_a_card_is_asked_for() {
    let quorum = proposed();
    let (plan, ledger) = (quorum.plan("inventory", INVENTORY), quorum.at("ledger"));
    let ran = quorum.run(&["run", &plan, &ledger]).expect(3);
    assert_eq!(ran.json["error"]["code"], "copies-missing", "{}", ran.stderr);
    let hint = ran.json["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--copy DIR") && !hint.contains("allow_same_medium"), "{hint}");
}

/// Also that of an open genesis, which goes on like any other ceremony.
#[test]
fn a_new_copy_is_asked_about_before_a_card_is_asked_for() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let plan = quorum.plan("another", &genesis_text(&quorum, &practice_target(&quorum.path("tokens/b"))));
    let (ledger, state) = (quorum.at("another"), quorum.at("state-station"));
    quorum.run_with(ADMIN, &["run", &plan, &ledger, "--copy", &quorum.at("another-copy")]).expect(6);
    let script = format!(
        "spawn -noecho {QUORATE} run {plan} {ledger} --copy {} --state-dir {state}\n\
         upto {{Is that what you want? [yes/no] }}\nsend \"n\\r\"\nended\n",
        quorum.at("misspelt")
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(!said.contains("Administrator's card") && !quorum.path("misspelt").exists(), "{said}");
}

#[test]
fn a_proposal_that_has_expired_ends_before_a_card_is_asked_for() {
    let quorum = proposed();
    let (plan, ledger, place) = (quorum.plan("inventory", INVENTORY), quorum.at("ledger"), quorum.at("copy"));
    let (card, no_pin) = (quorum.card(ADMIN, ""), quorum.at("no.pin"));
    let run = ["run", &plan, &ledger, "--copy", &place];
    let execute = ["execute", &ledger, "--copy", &place, "--card", &card, "--pin-file", &no_pin];
    for args in [&run[..], &execute] {
        let ran = at_time(&quorum, "+30d", args).expect(3);
        assert_eq!(ran.json["error"]["code"], "expired", "{}", ran.stderr);
        let abort = ran.json["error"]["commands"][0].as_str().unwrap();
        assert!(abort.starts_with(&format!("quorate abort {ledger} ")), "{abort}");
    }
}

/// In the old ledger a ceremony is open that ended long ago in its copy: it is not the way on.
#[test]
fn a_ledger_that_is_older_than_its_copy_is_said_to_be_before_its_open_ceremony() {
    let quorum = proposed();
    copy(&quorum.path("ledger"), &quorum.path("old"));
    super::abort(&quorum);
    let plan = quorum.plan("other", &INVENTORY.replace("title = \"", "title = \"Another "));
    let ran = quorum.run(&["run", &plan, &quorum.at("old"), "--copy", &quorum.at("ledger")]).expect(1);
    assert!(ran.error().contains("the ledger is the older one"), "{}", ran.stderr);
}

/// Whoever only hit Enter at a PIN does not end the ceremony with it, and types no PIN into the shell.
#[test]
fn enter_alone_at_a_pin_gives_up_only_once_that_was_said() {
    let quorum = Quorum::bare();
    quorum.new_card("alice", "");
    let card = quorum.card("alice", "");
    let enroll = format!(
        "{QUORATE} card enroll --card {card} --name tom --full-name Tom -o tom.json --state-dir state"
    );
    let script = format!(
        "spawn -noecho {enroll}\nupto {{PIN of}}\nhidden\nsend \"\\r\"\nupto {{Enter alone gives up}}\n\
         upto {{PIN of}}\nhidden\nsend \"{}\\r\"\nended\n",
        "alice-123456"
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("alice-123456") && quorum.path("tom.json").exists(), "{said}");
}
