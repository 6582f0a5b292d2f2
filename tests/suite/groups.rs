//! Requirements that name groups and an approver, with the real binary: three of five, two of operations and one of security among
//! them, and nothing without Heidi.

use std::{path::Path, process::Command};

use crate::support::{
    founded::{INVENTORY, practice_target},
    quorum::{CUSTODIANS, Quorum},
};

/// Alice, Bob and Carol are of operations, Dave and Erin of security.
const GROUPS: [(&str, &str); 5] = [
    ("alice", "operations"),
    ("bob", "operations"),
    ("carol", "operations"),
    ("dave", "security"),
    ("erin", "security"),
];

fn enrolled() -> Quorum {
    let quorum = Quorum::bare();
    for name in CUSTODIANS.iter().chain(&["frank"]) {
        quorum.enroll(name, "");
    }
    quorum.enroll("alice", "-spare");
    quorum.enroll_as("heidi", "", &["--approver"]);
    quorum
}

/// The plan of its genesis; `approver` is the full name of Heidi.
fn plan(quorum: &Quorum, approver: &str) -> String {
    let target = practice_target(&quorum.path("tokens/hsm"));
    let mut text = quorum.genesis(&CUSTODIANS).targets(&target).text();
    for (name, group) in GROUPS {
        text = text.replacen(
            &format!("name = \"{name}\"\n"),
            &format!("name = \"{name}\"\ngroup = \"{group}\"\n"),
            1,
        );
    }
    let heidi = format!(
        "[[approvers]]\nname = \"heidi\"\nfull_name = \"{approver}\"\nenrolments = [\"../enrolments/heidi.json\"]\n[operations]\n"
    );
    let needing = "inventory = { authorities = [\"crypto-officer\"], approvers = [\"heidi\"] }\n";
    text.replacen("threshold = 3\n", "threshold = 3\ngroups = { operations = 2, security = 1 }\n", 1)
        .replacen("[operations]\n", &heidi, 1)
        .replacen("inventory = [\"crypto-officer\"]\n", needing, 1)
}

fn founded() -> Quorum {
    let quorum = enrolled();
    quorum.propose(&plan(&quorum, "Heidi Example")).ok();
    for name in CUSTODIANS {
        quorum.decide(name, "approve", &[]).ok();
    }
    // Every approver confirms the genesis as well.
    let early = quorum.execute().expect(6);
    assert!(early.error().contains("heidi 0 of 1"), "{}", early.error());
    quorum.decide("heidi", "approve", &[]).ok();
    quorum.execute().ok();
    quorum
}

/// What `status` says of the open ceremony: the groups of its authority as `have of needed`, and whom it waits for.
fn standing(quorum: &Quorum) -> (Vec<String>, Vec<String>) {
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    let groups = status.json["open"]["required"][0]["groups"].as_array().unwrap().iter();
    let groups = groups.map(|g| format!("{} {} of {}", g["group"].as_str().unwrap(), g["have"], g["needed"]));
    let people = status.json["next"]["people"].as_array().unwrap().iter();
    (groups.collect(), people.map(|who| who.as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_requirement_is_met_by_its_groups_and_its_approver() {
    let quorum = founded();
    quorum.propose(INVENTORY).ok();
    // Three of one group are three, and not of both.
    for name in ["alice", "bob", "carol"] {
        quorum.decide(name, "approve", &[]).ok();
    }
    let (groups, people) = standing(&quorum);
    assert_eq!(groups, ["operations 3 of 2", "security 0 of 1"]);
    assert_eq!(people, ["dave", "erin", "heidi"]);
    let early = quorum.decide("alice", "release", &[]).expect(6);
    assert!(early.error().contains("security 0 of 1"), "{}", early.error());
    let early = quorum.execute().expect(6);
    assert!(early.error().contains("security 0 of 1"), "{}", early.error());
    // The groups are there, and the approver is not.
    quorum.decide("dave", "approve", &[]).ok();
    assert_eq!(standing(&quorum).1, ["heidi"]);
    let early = quorum.decide("alice", "release", &[]).expect(6);
    assert!(early.error().contains("heidi 0 of 1"), "{}", early.error());
    let approved = quorum.decide("heidi", "approve", &[]).ok();
    assert!(approved.json["unfinished"].is_null(), "{}", approved.json);
    quorum.decide("heidi", "release", &[]).expect(3);
    for name in ["alice", "bob", "carol"] {
        quorum.decide(name, "release", &[]).ok();
    }
    // Those whose shares are used are of the groups, too.
    let early = quorum.execute().expect(6);
    assert!(
        early.error().contains("too few releases yet") && early.error().contains("security 0 of 1"),
        "{}",
        early.error()
    );
    quorum.decide("dave", "release", &[]).ok();
    let head = quorum.execute().ok().text("head");
    let genesis = quorum.run(&["status", &quorum.at("ledger")]).ok().text("genesis");
    quorum.audit(&genesis, &head).ok();
    let by_hand = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify-by-hand.sh");
    let by_hand = Command::new("bash")
        .arg(by_hand)
        .args([&quorum.at("ledger"), "--genesis", &genesis, "--head", &head])
        .output()
        .unwrap();
    assert!(by_hand.status.success(), "{}", String::from_utf8_lossy(&by_hand.stderr));
    let shown = quorum.run(&["show", &quorum.at("ledger"), "1"]).ok();
    let acted: Vec<&str> = shown.json["intended"]["quorum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|who| who.as_str().unwrap())
        .collect();
    assert!(["alice", "bob", "carol", "dave", "heidi"].iter().all(|who| acted.contains(who)), "{acted:?}");
    assert_eq!(shown.json["approvers"][0]["approves"], true, "{}", shown.json["approvers"]);
}

#[test]
fn an_approver_who_rejects_ends_it_and_a_custodian_does_not() {
    let quorum = founded();
    quorum.propose(INVENTORY).ok();
    let reject = |name: &str| quorum.decide(name, "reject", &["--reason", "not today"]).ok();
    reject("carol");
    reject("erin");
    let open = |quorum: &Quorum| {
        quorum.run(&["status", &quorum.at("ledger")]).ok().json["open"]["reachable"].clone()
    };
    assert_eq!(open(&quorum), true);
    reject("heidi");
    assert_eq!(open(&quorum), false);
    let ended = quorum.execute().expect(3);
    assert_eq!(ended.json["outcome"], "refused", "{}", ended.json);
}

#[test]
fn one_person_with_two_cards_is_one_of_a_group() {
    let quorum = founded();
    quorum.propose(INVENTORY).ok();
    for name in ["alice", "dave", "erin", "heidi"] {
        quorum.decide(name, "approve", &[]).ok();
    }
    let spare = quorum.card("alice", "-spare");
    let (ledger, pin, head) = (quorum.at("ledger"), quorum.pin_file("alice"), quorum.head().unwrap());
    let again = ["approve", &ledger, "--card", &spare, "--pin-file", &pin, "--head", &head];
    let again = quorum.run(&again).expect(3);
    assert!(again.error().contains("already"), "{}", again.error());
    let (groups, people) = standing(&quorum);
    assert_eq!(groups, ["operations 1 of 2", "security 2 of 1"]);
    assert_eq!(people, ["bob", "carol"]);
}

#[test]
fn an_approver_is_not_a_custodian_in_another_spelling() {
    let quorum = enrolled();
    let output = quorum.at("enrolments/heidi.json");
    std::fs::remove_file(&output).unwrap();
    let (card, pin) = (quorum.card("heidi", ""), quorum.pin_file("heidi"));
    let names = ["--name", "heidi", "--full-name", "Alice  EXAMPLE", "--approver", "-o", &output];
    quorum.run(&[&["card", "enroll", "--card", &card, "--pin-file", &pin], &names[..]].concat()).ok();
    let refused = quorum.propose(&plan(&quorum, "Alice  EXAMPLE")).expect(3);
    assert!(refused.error().contains("a person belongs to a quorum once"), "{}", refused.error());
}

/// The example with groups and an approver is played as the others are.
#[test]
fn the_shipped_example_is_rehearsed() {
    let quorum = Quorum::bare();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("ceremonies/genesis-groups.toml");
    let delete = "kind = \"delete\"\ntitle = \"Destroy an old key\"\nexpires_in_hours = 24\ntarget = \"payment-hsm\"\n\
        [[objects]]\nclass = \"private-key\"\nid = \"2019\"\nlabel = \"old\"\n";
    let delete = quorum.plan("delete", delete);
    let played = quorum.at("played");
    let done = quorum.run(&["rehearse", example.to_str().unwrap(), &delete, "--dir", &played]).ok();
    assert_eq!(done.json["ceremonies"].as_array().unwrap().len(), 2, "{}", done.json);
    let shown = quorum.run(&["show", "--rehearsal", &format!("{played}/ledger"), "1"]).ok();
    let required = &shown.json["required"][0];
    assert_eq!(
        (&required["groups"][0]["have"], &required["groups"][1]["have"]),
        (&2.into(), &1.into()),
        "{required}"
    );
    assert_eq!(shown.json["approvers"][0]["approver"], "heidi");
}
