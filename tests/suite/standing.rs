//! What `status` says comes next, by the rules of `execute`; and people and dates in `status`, `show` and `audit`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{
    founded::{self, INVENTORY, at_time},
    lab::{ADMIN, CUSTODIANS, Lab, Ran},
};

fn status(lab: &Lab) -> Value {
    lab.run(&["status", &lab.at("ledger")]).ok().json
}

/// The verb that comes next, and the first word of the whole command that is printed for it.
fn next(status: &Value) -> (&str, &str) {
    let step = &status["next"];
    let command = step["command"].as_str().unwrap_or_else(|| panic!("no command: {step}"));
    (step["verb"].as_str().unwrap(), command.split(' ').nth(1).unwrap())
}

fn attest(lab: &Lab, name: &str) -> Ran {
    lab.run_with(name, &["attest", &lab.at("ledger")]).ok()
}

#[test]
fn what_comes_next_is_said_from_the_proposal_to_the_last_attestation() {
    let lab = founded::founded();
    let after_genesis = status(&lab);
    assert_eq!(next(&after_genesis), ("attest", "attest"));
    assert_eq!(after_genesis["next"]["people"].as_array().unwrap().len(), 6, "{after_genesis}");
    for name in &CUSTODIANS[..4] {
        attest(&lab, name);
    }
    let between = status(&lab);
    assert_eq!(next(&between), ("propose", "propose"));
    // Where the copies are is not known to a command that only looks.
    let command = between["next"]["command"].as_str().unwrap();
    assert!(command.contains(" --card CARD --copy DIR --state-dir "), "{command}");

    lab.propose(&lab.plan("inventory", INVENTORY)).ok();
    lab.approve("alice").ok();
    let waiting = status(&lab);
    assert_eq!(next(&waiting), ("approve", "approve"));
    assert_eq!(waiting["next"]["people"], json!(["bob", "carol", "dave", "erin"]));
    let open = &waiting["open"];
    assert_eq!([&open["needed"], &open["have"]], [&json!(3), &json!(1)]);
    assert_eq!([&open["reachable"], &open["expired"]], [&json!(true), &json!(false)]);
    assert_eq!(open["required"], json!([{ "authority": "crypto-officer", "needed": 3, "have": 1 }]));
    assert_eq!(open["approvals"][0]["person"], "alice");
    assert_eq!(open["missing"], waiting["next"]["people"]);

    lab.approve("bob").ok();
    lab.approve("carol").ok();
    assert_eq!(next(&status(&lab)), ("execute", "execute"));
    let late = at_time(&lab, "+2d", &["status", &lab.at("ledger")]).ok().json;
    assert_eq!(next(&late), ("abort", "abort"));
    assert_eq!(late["open"]["expired"], true);
    // Another machine does not have what the station keeps.
    let elsewhere = lab.run_as("elsewhere", &["status", &lab.at("ledger")]).ok().json;
    assert_eq!((next(&elsewhere).0, &elsewhere["open"]["have"]), ("approve", &json!(0)));

    lab.execute(&[]).ok();
    let done = status(&lab);
    assert_eq!(next(&done), ("attest", "attest"));
    assert_eq!(done["next"]["people"], json!(["alice", "bob", "carol", ADMIN]));
    assert_eq!(done["ceremonies"][1]["attestations_needed"], 3);
}

#[test]
fn a_proposal_that_cannot_be_approved_any_more_is_to_be_executed_which_refuses_it() {
    let lab = founded::founded();
    lab.propose(&lab.plan("inventory", INVENTORY)).ok();
    lab.approve("alice").ok();
    for name in ["alice", "bob", "carol"] {
        let head = lab.head().unwrap();
        lab.run_with(name, &["reject", &lab.at("ledger"), "--reason", "no", "--head", &head]).ok();
    }
    let refused = status(&lab);
    assert_eq!(next(&refused), ("execute", "execute"));
    assert_eq!(refused["open"]["reachable"], false);
    assert_eq!(refused["open"]["approved"], json!([]), "a rejection cancels the approval");
    assert_eq!(lab.execute(&[]).expect(3).json["outcome"], "refused");
}

/// However many approvals are missing: more of them would not help.
#[test]
fn an_expired_proposal_is_called_expired_before_anything_else() {
    let lab = founded::founded();
    lab.propose(&lab.plan("inventory", INVENTORY)).ok();
    lab.approve("alice").ok();
    let card = lab.with_card(ADMIN);
    let (ledger, copy) = (lab.at("ledger"), lab.at("copy"));
    let mut args = vec!["execute", &ledger, "--copy", &copy];
    args.extend(card.iter().map(String::as_str));
    let late = at_time(&lab, "+2d", &args).expect(3);
    assert_eq!(late.json["error"]["code"], "expired", "{}", late.stderr);
    assert!(late.error().contains("the proposal expired at"), "{}", late.stderr);
}

/// By its name, and in no parser's words.
#[test]
fn what_is_given_as_an_approval_and_is_something_else_is_called_what_it_is() {
    let lab = founded::founded();
    let plan = lab.plan("inventory", INVENTORY);
    lab.propose(&plan).ok();
    for (file, said) in [
        (lab.at("enrolments/alice.json"), "alice.json: not an approval file but the enrolment of a card"),
        (plan, "inventory.toml: not an approval file but a plan"),
        (lab.at("cards/alice.card"), "alice.card: not an approval file"),
        (lab.pin_file("alice"), "alice.pin: not an approval file"),
    ] {
        let refused = lab.execute(&[&file]).expect(1);
        let message = refused.json["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(said), "{message}");
        assert!(!refused.stderr.contains("alice-123456"), "{}", refused.stderr);
    }
}

/// What `execute` would set aside does not count here either.
#[test]
fn an_approval_that_the_station_keeps_and_that_is_damaged_does_not_count() {
    let lab = founded::founded();
    lab.propose(&lab.plan("inventory", INVENTORY)).ok();
    lab.approve("alice").ok();
    lab.approve("bob").ok();
    let station = fs::read_dir(lab.path("state-station/stations")).unwrap();
    let kept = station.map(|entry| entry.unwrap().path().join("approval-of-alice.age"));
    let kept = kept.into_iter().find(|file| file.exists()).unwrap();
    fs::write(&kept, "{}").unwrap();
    let open = status(&lab)["open"].clone();
    assert_eq!((&open["have"], &open["approved"]), (&json!(1), &json!(["bob"])));
    assert_eq!(open["set_aside"][0]["file"], "approval-of-alice");
    let refused = lab.execute(&[]).expect(6);
    assert!(refused.error().contains("crypto-officer 1 of 3"), "{}", refused.stderr);
}

#[test]
fn people_and_dates_are_named_wherever_a_ceremony_is_told() {
    let lab = founded::founded();
    attest(&lab, "alice");
    let ledger = lab.at("ledger");
    let audited = lab.run(&["audit", &ledger]).expect(6);
    let genesis = &audited.json["record"][0];
    assert_eq!(genesis["proposer"], ADMIN);
    let approved: Vec<&str> =
        genesis["approved"].as_array().unwrap().iter().map(|said| said["person"].as_str().unwrap()).collect();
    assert_eq!(approved, CUSTODIANS);
    assert_eq!(genesis["attested"][0]["person"], "alice");
    assert_eq!(genesis["attestations_needed"], 4);
    let date = genesis["approved"][0]["time"].as_str().unwrap().split('T').next().unwrap();
    let told = |ran: Ran| ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for prose in [told(lab.run(&["audit", &ledger])), told(lab.run(&["status", &ledger]))] {
        let people = format!("approved by alice, bob, carol, dave, erin on {date}");
        assert!(prose.contains(&people), "{people}: {prose}");
        assert!(prose.contains(&format!("attested by alice on {date} (it takes 4)")), "{prose}");
    }
    let shown = lab.run(&["show", &ledger]).ok();
    assert_eq!(shown.json["not_attested"], json!(["bob", "carol", "dave", "erin", ADMIN]));
    let shown = told(shown);
    assert!(shown.contains(&format!("alice approved at {date}T")), "{shown}");
    assert!(shown.contains("not attested by bob, carol, dave, erin, frank"), "{shown}");
}

#[test]
fn a_ceremony_is_shown_by_number_or_directory_and_else_it_is_said_what_was_meant() {
    let lab = founded::founded();
    let ledger = lab.at("ledger");
    for name in ["0", "0000-genesis"] {
        assert_eq!(lab.run(&["show", &ledger, name]).ok().json["directory"], "0000-genesis");
    }
    for (name, code, hint, command) in [
        ("genesis", 2, "ceremony 0 is the one of kind", Some(format!("quorate show {ledger} 0 "))),
        ("inventory", 2, "'quorate status' lists the ceremonies", Some(format!("quorate status {ledger} "))),
        ("hsm", 2, "hsm is a target", Some(format!("quorate status {ledger} "))),
        ("7", 3, "it has ceremonies 0 to 0", None),
    ] {
        let refused = lab.run(&["show", &ledger, name]).expect(code);
        let error = &refused.json["error"];
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
        let printed = error["commands"][0].as_str();
        assert_eq!(printed.is_some(), command.is_some(), "{error}");
        assert!(printed.unwrap_or_default().starts_with(&command.unwrap_or_default()), "{error}");
    }
    let swapped = lab.run(&["show", "hsm", &ledger]).expect(2);
    assert!(swapped.error().contains("is not a ledger's directory"), "{}", swapped.stderr);
}
