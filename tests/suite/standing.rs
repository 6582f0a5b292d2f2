//! What `status` says comes next, by the rules of `execute`; and people and dates in `status`, `show` and `audit`.

use std::fs;

use serde_json::{Value, json};

use crate::{
    attacks_custodian::terminal::at_terminal,
    support::{
        founded::{INVENTORY, at_time},
        quorum::{ADMIN, CUSTODIANS, QUORATE, Quorum, Ran},
    },
};

fn status(quorum: &Quorum) -> Value {
    quorum.run(&["status", &quorum.at("ledger")]).ok().json
}

/// The verb that comes next, and the first word of the whole command that is printed for it.
fn next(status: &Value) -> (&str, &str) {
    let step = &status["next"];
    let command = step["command"].as_str().unwrap_or_else(|| panic!("no command: {step}"));
    (step["verb"].as_str().unwrap(), command.split(' ').nth(1).unwrap())
}

fn attest(quorum: &Quorum, name: &str) -> Ran {
    quorum.run_with(name, &["attest", &quorum.at("ledger")]).ok()
}

#[test]
fn what_comes_next_is_said_from_the_proposal_to_the_last_attestation() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let after_genesis = status(&quorum);
    assert_eq!(next(&after_genesis), ("attest", "attest"));
    assert_eq!(after_genesis["next"]["people"].as_array().unwrap().len(), 6, "{after_genesis}");
    for name in &CUSTODIANS[..4] {
        attest(&quorum, name);
    }
    let between = status(&quorum);
    assert_eq!(next(&between), ("propose", "propose"));
    // Where the copies are is not known to a command that only looks.
    let command = between["next"]["command"].as_str().unwrap();
    assert!(command.contains(" --card CARD --copy DIR --state-dir "), "{command}");

    quorum.propose(INVENTORY).ok();
    quorum.approve("alice").ok();
    let waiting = status(&quorum);
    assert_eq!(next(&waiting), ("approve", "approve"));
    assert_eq!(waiting["next"]["people"], json!(["bob", "carol", "dave", "erin"]));
    let open = &waiting["open"];
    assert_eq!([&open["needed"], &open["have"]], [&json!(3), &json!(1)]);
    assert_eq!([&open["reachable"], &open["expired"]], [&json!(true), &json!(false)]);
    assert_eq!(
        open["required"],
        json!([{ "authority": "crypto-officer", "needed": 3, "have": 1, "groups": [] }])
    );
    assert_eq!(open["approvals"][0]["person"], "alice");
    assert_eq!(open["missing"], waiting["next"]["people"]);

    quorum.approve("bob").ok();
    quorum.approve_only("carol").ok();
    let approved = status(&quorum);
    assert_eq!(next(&approved), ("release", "release"));
    assert_eq!(approved["next"]["people"], json!(["alice", "bob", "carol"]));
    assert_eq!(
        [&approved["open"]["shares"], &approved["open"]["released"]],
        [&json!("released"), &json!([])]
    );
    quorum.release("bob").ok();
    let released = status(&quorum)["open"].clone();
    assert_eq!(
        [&released["released"], &released["not_released"]],
        [&json!(["bob"]), &json!(["alice", "carol"])]
    );
    assert_eq!(released["releases"][0]["person"], "bob");
    quorum.release_outstanding();
    assert_eq!(next(&status(&quorum)), ("execute", "execute"));
    let late = at_time(&quorum, "+2d", &["status", &quorum.at("ledger")]).ok().json;
    assert_eq!(next(&late), ("abort", "abort"));
    assert_eq!(late["open"]["expired"], true);
    // Another machine does not have the shares that the station keeps.
    let elsewhere = quorum.run_as("elsewhere", &["status", &quorum.at("ledger")]).ok().json;
    assert_eq!((next(&elsewhere).0, &elsewhere["open"]["have"]), ("release", &json!(3)));
    assert_eq!(elsewhere["open"]["unreleased"], json!(["alice", "bob", "carol"]));

    quorum.execute().ok();
    let done = status(&quorum);
    assert_eq!(next(&done), ("attest", "attest"));
    assert_eq!(done["next"]["people"], json!(["alice", "bob", "carol", ADMIN]));
    assert_eq!(done["ceremonies"][1]["attestations_needed"], 3);
}

#[test]
fn a_proposal_that_cannot_be_approved_any_more_is_to_be_executed_which_refuses_it() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    quorum.approve("alice").ok();
    for name in ["alice", "bob", "carol"] {
        let head = quorum.head().unwrap();
        quorum.run_with(name, &["reject", &quorum.at("ledger"), "--reason", "no", "--head", &head]).ok();
    }
    let refused = status(&quorum);
    assert_eq!(next(&refused), ("execute", "execute"));
    assert_eq!(refused["open"]["reachable"], false);
    assert_eq!(refused["open"]["approved"], json!([]), "a rejection cancels the approval");
    assert_eq!(quorum.execute().expect(3).json["outcome"], "refused");
}

/// However many approvals are missing: more of them would not help.
#[test]
fn an_expired_proposal_is_called_expired_before_anything_else() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    quorum.approve("alice").ok();
    let card = quorum.with_card(ADMIN);
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let mut args = vec!["execute", &ledger, "--copy", &copy];
    args.extend(card.iter().map(String::as_str));
    let late = at_time(&quorum, "+2d", &args).expect(3);
    assert_eq!(late.json["error"]["code"], "expired", "{}", late.stderr);
    assert!(late.error().contains("the proposal expired at"), "{}", late.stderr);
}

/// By its name, and in no parser's words.
#[test]
fn what_is_given_as_an_approval_and_is_something_else_is_called_what_it_is() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let plan = quorum.plan("inventory", INVENTORY);
    quorum.propose(&plan).ok();
    for (file, said) in [
        (
            quorum.at("enrolments/alice.json"),
            "alice.json: not an approval or a release but the enrolment of a card",
        ),
        (plan, "inventory.toml: not an approval or a release but a plan"),
        (quorum.at("cards/alice.card"), "alice.card: not an approval or a release"),
        (quorum.pin_file("alice"), "alice.pin: not an approval or a release"),
    ] {
        let refused = quorum.execute_with(&[&file]).expect(1);
        let message = refused.json["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(said), "{message}");
        assert!(!refused.stderr.contains("alice-123456"), "{}", refused.stderr);
    }
}

/// What `execute` would set aside does not count here either.
#[test]
fn a_release_that_the_station_keeps_and_that_is_damaged_does_not_count() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.approved(INVENTORY, &["alice", "bob", "carol"]);
    let station = fs::read_dir(quorum.path("state-station/stations")).unwrap();
    let kept = station.map(|entry| entry.unwrap().path().join("release-of-alice.age"));
    let kept = kept.into_iter().find(|file| file.exists()).unwrap();
    fs::write(&kept, "{}").unwrap();
    let open = status(&quorum)["open"].clone();
    assert_eq!((&open["have"], &open["released"]), (&json!(3), &json!(["bob", "carol"])));
    assert_eq!(open["set_aside"][0]["file"], "release-of-alice");
    let refused = quorum.execute().expect(6);
    assert!(refused.error().contains("too few releases yet: crypto-officer 2 of 3"), "{}", refused.stderr);
    // Where no copy was given, the command has a place for the one that the policy requires.
    let alone = quorum.run_with(ADMIN, &["execute", &quorum.at("ledger")]).expect(6);
    let next = alone.json["error"]["commands"].to_string();
    assert!(next.contains("quorate execute ") && next.contains(" --copy DIR "), "{next}");
}

/// A station whose files were lost, or another machine.
#[test]
fn a_signed_release_without_its_shares_is_told_from_silence() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.approved(INVENTORY, &["alice", "bob", "carol"]);
    let stations = fs::read_dir(quorum.path("state-station/stations")).unwrap();
    let kept = stations.map(|entry| entry.unwrap().path().join("release-of-alice.age"));
    fs::remove_file(kept.into_iter().find(|file| file.exists()).unwrap()).unwrap();
    let here = status(&quorum);
    let open = &here["open"];
    assert_eq!([&open["released"], &open["unreleased"]], [&json!(["bob", "carol"]), &json!(["alice"])]);
    assert_eq!(open["missing"], json!(["dave", "erin"]));
    assert_eq!((next(&here).0, &here["next"]["people"]), ("release", &json!(["alice"])));
    let told = |state: &str| {
        let ran = quorum.run_as(state, &["status", &quorum.at("ledger")]).ok();
        ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = "signed, but the shares are not here (bring them with the file, or do it again): alice";
    assert!(told("station").contains(said), "{}", told("station"));
    let said = "signed, but the shares are not here (they are at the station, or in a file on its way): alice, bob, carol";
    assert!(told("elsewhere").contains(said), "{}", told("elsewhere"));
    let refused = quorum.execute().expect(6);
    for said in
        ["counted: bob, carol", "signed, but the release is not here: alice", "not heard of: dave, erin"]
    {
        assert!(refused.error().contains(said), "{}", refused.stderr);
    }
    quorum.release("alice").ok();
    quorum.execute().ok();
}

/// Nobody is asked anything that would be in vain.
#[test]
fn too_few_approvals_are_counted_before_a_question_or_a_pin() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    quorum.approve("alice").ok();
    quorum.approve_to_file("bob").ok();
    let (ledger, copy, state) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("state-station"));
    let execute = |file: &str| {
        let card = quorum.card(ADMIN, "");
        let words = format!("execute {ledger} {file} --copy {copy} --state-dir {state} --card {card}");
        at_terminal(&quorum, &format!("spawn -noecho {QUORATE} {words}\nended\n"))
    };
    let (code, said) = execute("files/bob.approval");
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("too few approvals yet: crypto-officer 2 of 3"), "{said}");
    let (code, said) = execute("files/carol.approval");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("files/carol.approval: no such file"), "{said}");
    assert!(said.contains("too few approvals yet: crypto-officer 1 of 3"), "{said}");
}

#[test]
fn people_and_dates_are_named_wherever_a_ceremony_is_told() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    attest(&quorum, "alice");
    let ledger = quorum.at("ledger");
    let audited = quorum.run(&["audit", &ledger]).expect(6);
    let genesis = &audited.json["record"][0];
    assert_eq!(genesis["proposer"], ADMIN);
    let approved: Vec<&str> =
        genesis["approved"].as_array().unwrap().iter().map(|said| said["person"].as_str().unwrap()).collect();
    assert_eq!(approved, CUSTODIANS);
    assert_eq!(genesis["attested"][0]["person"], "alice");
    assert_eq!(genesis["attestations_needed"], 4);
    let date = genesis["approved"][0]["time"].as_str().unwrap().split('T').next().unwrap();
    let told = |ran: Ran| ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let attest = quorum.run(&["status", &ledger]).ok().stderr;
    let attest = attest.lines().find(|line| line.starts_with("  quorate attest ")).unwrap().to_owned();
    assert!(attest.contains(" --card CARD --copy DIR"), "{attest}");
    for prose in [told(quorum.run(&["audit", &ledger])), told(quorum.run(&["status", &ledger]))] {
        let people = format!("approved by alice, bob, carol, dave, erin on {date}");
        assert!(prose.contains(&people), "{people}: {prose}");
        assert!(prose.contains(&format!("attested by alice on {date} (4 needed)")), "{prose}");
    }
    let shown = quorum.run(&["show", &ledger]).ok();
    assert_eq!(shown.json["not_attested"], json!(["bob", "carol", "dave", "erin", ADMIN]));
    let shown = told(shown);
    assert!(shown.contains(&format!("alice approved at {date}T")), "{shown}");
    assert!(shown.contains("not attested by bob, carol, dave, erin, frank"), "{shown}");
}

#[test]
fn a_ceremony_is_shown_by_number_or_directory_and_else_it_is_said_what_was_meant() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let ledger = quorum.at("ledger");
    for name in ["0", "0000-genesis"] {
        assert_eq!(quorum.run(&["show", &ledger, name]).ok().json["directory"], "0000-genesis");
    }
    for (name, code, hint, command) in [
        ("genesis", 2, "ceremony 0 is the one of kind", Some(format!("quorate show {ledger} 0 "))),
        ("inventory", 2, "'quorate status' lists the ceremonies", Some(format!("quorate status {ledger} "))),
        ("hsm", 2, "hsm is a target", Some(format!("quorate status {ledger} "))),
        ("7", 3, "it has ceremonies 0 to 0", None),
    ] {
        let refused = quorum.run(&["show", &ledger, name]).expect(code);
        let error = &refused.json["error"];
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
        let printed = error["commands"][0].as_str();
        assert_eq!(printed.is_some(), command.is_some(), "{error}");
        assert!(printed.unwrap_or_default().starts_with(&command.unwrap_or_default()), "{error}");
    }
    let swapped = quorum.run(&["show", "hsm", &ledger]).expect(2);
    assert!(swapped.error().contains("is not a ledger's directory"), "{}", swapped.stderr);
}

/// A custodian's clock that is an hour ahead is told wherever their approval counts.
#[test]
fn an_approval_that_is_ahead_of_the_clock_is_warned_of() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let (ledger, head) = (quorum.at("ledger"), quorum.head().unwrap());
    quorum.propose(INVENTORY).ok();
    let card = quorum.with_card("alice");
    let early: Vec<&str> =
        ["approve", &ledger, "--head", &head].into_iter().chain(card.iter().map(String::as_str)).collect();
    at_time(&quorum, "+1h", &early).ok();
    let status = quorum.run(&["status", &ledger]).ok();
    assert_eq!(status.json["ahead"][0]["code"], "time-ahead", "{}", status.json);
    quorum.approve("bob").ok();
    let warned = quorum.approve("carol").ok();
    let executed = quorum.run_with(ADMIN, &["execute", &ledger, "--copy", &quorum.at("copy")]).ok();
    let audited = quorum.run(&["audit", &ledger]).expect(6);
    for ran in [status, warned, executed, audited] {
        assert!(ran.stderr.replace('\n', " ").contains("alice's approval says"), "{}", ran.stderr);
    }
}

/// By those who decide or look, once.
#[test]
fn what_is_ahead_of_the_clock_is_told_once_for_each_command() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let (ledger, copy, plan) = (quorum.at("ledger"), quorum.at("copy"), quorum.plan("look", INVENTORY));
    let card = quorum.with_card(ADMIN);
    let by_frank = |args: &[&str]| -> Vec<String> {
        let rest = card.iter().map(String::as_str);
        args.iter().copied().chain(["--copy", &copy]).chain(rest).map(str::to_owned).collect()
    };
    for args in
        [by_frank(&["propose", &plan, &ledger]), by_frank(&["abort", &ledger, "--reason", "too early"])]
    {
        at_time(&quorum, "+2d", &args.iter().map(String::as_str).collect::<Vec<_>>()).ok();
    }
    let cards = ["alice", "bob", "carol"].map(|name| quorum.with_card(name)).concat();
    let run = by_frank(&["run", &plan, &ledger, "--head", &quorum.head().unwrap()]);
    let run: Vec<&str> = run.iter().chain(&cards).map(String::as_str).collect();
    let told = |ran: Ran| ran.stderr.replace('\n', " ").matches("its last line says").count();
    assert_eq!(told(quorum.run(&run).ok()), 1);
    assert_eq!(told(quorum.run(&["status", &ledger]).ok()), 1);
    assert_eq!(told(quorum.run(&["show", &ledger, "1"]).ok()), 0);
}
