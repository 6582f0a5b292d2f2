//! What is printed after a slip says what was meant, and a command that is printed works as it stands.

use std::process::Command;

use crate::attacks_custodian::terminal::at_terminal;
use crate::support::founded::{INVENTORY, genesis_text, practice_target};
use crate::support::quorum::{QUORATE, Quorum, Ran};

fn founded() -> Quorum {
    Quorum::of(5).everybody().practice().founded()
}

fn hint(ran: &Ran) -> &str {
    ran.json["error"]["hint"].as_str().unwrap()
}

/// An approval counts only in the run that is given its file; one that is not an approval is not given again.
#[test]
fn the_command_after_too_few_releases_brings_those_that_were_given() {
    let quorum = founded();
    let ledger = quorum.at("ledger");
    let (alice, enrolment) = (quorum.at("files/alice.release"), quorum.at("enrolments/alice.json"));
    quorum.propose(INVENTORY).ok();
    quorum.approve_only("bob").ok();
    quorum.approve_only("carol").ok();
    quorum.release_to_file("alice", &[]).ok();
    let mut printed = String::new();
    for given in [&[alice.as_str()][..], &[&enrolment, &alice]] {
        let few = quorum.execute_with(given);
        assert!(matches!(few.code, Some(1 | 6)), "{}", few.stderr);
        let commands = few.json["error"]["commands"].as_array().unwrap();
        printed = commands.last().unwrap().as_str().unwrap().to_owned();
        assert!(printed.starts_with(&format!("quorate execute {ledger} {alice} --card ")), "{printed}");
    }
    for name in ["bob", "carol"] {
        quorum.decide(name, "release", &[&alice]).ok();
    }
    let typed = printed.replacen("quorate", QUORATE, 1);
    let ran = Command::new("sh")
        .args(["-c", &format!("{typed} --yes --pin-file {}", quorum.pin_file("frank"))])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Whoever did not see this has something to sign, too.
#[test]
fn no_to_the_question_of_an_attestation_says_how_to_object() {
    let quorum = founded();
    let (ledger, copy, state) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("state-station"));
    let (card, pin) = (quorum.card("alice", ""), quorum.pin_file("alice"));
    let script = format!(
        "spawn -noecho {QUORATE} attest {ledger} --card {card} --pin-file {pin} --copy {copy} --state-dir {state}\n\
         upto {{Is this what you saw? [yes/no] }}\nsend \"no\\r\"\nended\n"
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    for option in ["--disagree", "--remark"] {
        let command =
            format!("quorate attest {ledger} {option} TEXT --card CARD --copy {copy} --state-dir {state}");
        assert!(said.contains(&command), "{command}: {said}");
    }
}

#[test]
fn an_enrolment_of_another_person_is_called_theirs() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let text = genesis_text(&quorum, &practice_target(&quorum.path("tokens/hsm.token")));
    let (alice, bob) = ("enrolments/alice.json", "enrolments/bob.json");
    let swapped = text.replace(alice, "swapped").replace(bob, alice).replace("swapped", bob);
    let plan = quorum.plan("swapped", &swapped);
    let ran = quorum.run(&["propose", "--check", &plan, &quorum.at("ledger"), "--copy", &quorum.at("copy")]);
    let ran = ran.expect(3);
    for said in [
        "bob.json is the enrolment of bob (\\\"Bob Example\\\")",
        "hint: name the enrolment of alice;",
        "alice.json is the enrolment of alice",
    ] {
        assert!(ran.error().contains(said), "{}", ran.error());
    }
}

#[test]
fn what_is_out_of_place_on_a_command_line_is_said() {
    let quorum = founded();
    let (ledger, plan) = (quorum.at("ledger"), quorum.plan("look", INVENTORY));
    for verb in ["run", "propose"] {
        let swapped = quorum.run_with("frank", &[verb, &ledger, &plan]).expect(2);
        assert_eq!(swapped.error(), format!("{ledger} is a directory, not a plan []"));
        assert_eq!(hint(&swapped), "name the plan first, then the ledger");
    }
    let unquoted = quorum.run(&["audit", &ledger, "--head", "topmost"]).expect(2);
    assert!(unquoted.error().contains("PGP words: 1 word instead of 32"), "{}", unquoted.error());
    assert_eq!(hint(&unquoted), "put the 32 words in quotes");
    let (copy, state) = (quorum.at("copy"), quorum.at("state-station"));
    let script = format!(
        "spawn -noecho {QUORATE} run {plan} {ledger} --copy {copy} --state-dir {state}\n\
         upto {{Administrator's card}}\nsend \"cards/frank.card\\r\"\n\
         upto {{did you mean soft:cards/frank.card?}}\n\
         upto {{Administrator's card}}\nsend \"\\004\"\nended\n"
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 1, "{said}");
}
