//! Plans of a genesis: what none may say, and what a roster may not say otherwise.

use crate::{
    encoding::{dsse::Mode, strict::Base64},
    proposal::operations::{GenesisOperation, Operation},
};

use super::{
    forge::{Forge, genesis_plan, name, proposed, refit},
    forged,
    proposals::genesis,
};

/// The plan of a genesis with other words in it.
#[track_caller]
fn saying(from: &str, to: &str) -> String {
    let plan = genesis_plan();
    assert!(plan.contains(from), "{from}");
    plan.replacen(from, to, 1)
}

/// The same, where Alice is of this group and the first authority demands members of groups.
fn grouped(demand: &str, group: &str) -> String {
    saying("threshold = 2\n", &format!("threshold = 2\n{demand}\n")).replacen(
        "[[custodians]]\n",
        &format!("[[custodians]]\ngroup = \"{group}\"\n"),
        1,
    )
}

/// The same without the tables of a list, and what is in them.
fn without(list: &str) -> String {
    let mut plan = String::new();
    let mut is_left_out = false;
    for line in genesis_plan().lines() {
        if line.starts_with('[') {
            is_left_out = line == format!("[[{list}]]") || line.starts_with(&format!("[{list}."));
        }
        if !is_left_out {
            plan += &format!("{line}\n");
        }
    }
    plan
}

#[test]
fn a_genesis_names_people_authorities_and_targets_once_each() {
    let twice = |table: &str| {
        let plan = genesis_plan();
        format!("{plan}{}", &plan[plan.find(table).unwrap()..])
    };
    let empty = |list: &str| without(list).replacen("[policy]", &format!("{list} = []\n[policy]"), 1);
    let too_low = "authority crypto-officer: threshold 1 is not between 2 and the 4 custodians";
    let too_high = "authority security-officer: threshold 5 is not between 2 and the 4 custodians";
    for (plan, words) in [
        (empty("custodians"), "custodians is empty"),
        (empty("administrators"), "administrators is empty"),
        (empty("authorities"), "authorities is empty"),
        (empty("targets"), "targets is empty"),
        (saying("[\"bob.json\"]", "[]"), "bob: enrolments is empty"),
        (saying("[\"grace.json\"]", "[]"), "grace: enrolments is empty"),
        (saying("name = \"bob\"", "name = \"alice\""), "person alice is named twice"),
        (saying("name = \"frank\"", "name = \"alice\""), "person alice is named twice"),
        (saying("name = \"grace\"", "name = \"frank\""), "person frank is named twice"),
        (
            saying("name = \"security-officer\"", "name = \"crypto-officer\""),
            "authority crypto-officer is named twice",
        ),
        (twice("[[targets]]"), "target hsm is named twice"),
        (saying("threshold = 2", "threshold = 1"), too_low),
        (saying("threshold = 3", "threshold = 5"), too_high),
        (
            saying("user-pin = { authority = \"crypto-officer\"", "user-pin = { authority = \"nobody\""),
            "target hsm: credentials.user-pin: there is no authority nobody",
        ),
        (
            saying("delete = [\"crypto-officer\"]", "delete = [\"nobody\"]"),
            "operations.delete: there is no authority nobody",
        ),
        (
            saying("delete = [\"crypto-officer\"]", "delete = { authorities = [\"crypto-oficer\"] }"),
            "operations.delete: there is no authority crypto-oficer; did you mean crypto-officer?",
        ),
        (
            saying(
                "delete = [\"crypto-officer\"]",
                "delete = { authorities = [\"crypto-officer\"], approvers = [\"heidi\"] }",
            ),
            "operations.delete: there is no approver heidi",
        ),
        (
            saying("delete = [\"crypto-officer\"]", "delete = { approvers = [\"heidi\"] }"),
            "line 40, column 10: missing field `authorities`",
        ),
        (
            saying(
                "delete = [\"crypto-officer\"]",
                "delete = { authorities = [\"crypto-officer\"], approver = [\"heidi\"] }",
            ),
            "line 40, column 46: unknown field `approver`; did you mean `approvers`?",
        ),
        (
            saying("delete = [\"crypto-officer\"]", "delete = \"crypto-officer\""),
            "line 40, column 10: invalid type: string \"crypto-officer\", expected a list of authorities, or a table of authorities and approvers",
        ),
        (saying("[[witnesses]]", "[[approvers]]"), "approver grace: no operation needs their approval"),
        (
            saying("[[witnesses]]\n", "[[witnesses]]\ngroup = \"security\"\n"),
            "grace: only a custodian has a group",
        ),
        (
            saying("[[custodians]]\n", "[[custodians]]\ngroup = \"security\"\n"),
            "custodian alice: no authority demands members of the group security",
        ),
        (
            grouped("groups = { security = 1 }", "securty"),
            "authority crypto-officer: no custodian is in the group security; did you mean securty?",
        ),
        (
            grouped("groups = { security = 2 }", "security"),
            "authority crypto-officer: it needs 2 of the group security, which has 1",
        ),
        (
            grouped("groups = { security = 300 }", "security"),
            "line 36, column 23: invalid value: integer `300`, expected u8",
        ),
    ] {
        genesis(|p| p.plan = plan, &format!("plan: its plan is not valid: {words}"));
    }
}

#[test]
fn a_genesis_has_the_people_the_authorities_and_the_targets_of_its_plan() {
    let another = "[[authorities]]\nname = \"auditor\"\nthreshold = 2\n[operations]";
    let spare = genesis_plan().replace("name = \"hsm\"", "name = \"spare\"");
    let spare = &spare[spare.find("[[targets]]").unwrap()..];
    let swapped = genesis_plan()
        .replace("name = \"crypto-officer\"", "name = \"other\"")
        .replace("name = \"security-officer\"", "name = \"crypto-officer\"")
        .replace("name = \"other\"", "name = \"security-officer\"");
    for (plan, what) in [
        (saying("delete = [\"crypto-officer\"]", "delete = [\"security-officer\"]"), "operations"),
        (saying("delete = [\"crypto-officer\"]\n", ""), "operations"),
        (swapped, "authorities"),
        (saying("[operations]", another), "authorities"),
        (saying("name = \"bob\"", "name = \"bert\""), "custodians"),
        (saying("FRANK Example", "Frank Example"), "administrators"),
        (saying("GRACE Example", "Grace Example"), "witnesses"),
        (without("witnesses"), "witnesses"),
        (genesis_plan() + spare, "targets"),
    ] {
        genesis(|p| p.plan = plan, &format!("plan-mismatch: the proposal differs from its plan: {what}"));
    }
    genesis(
        |p| {
            let Operation::Genesis(GenesisOperation { targets }) = &mut p.operation else { panic!() };
            let mut unplanned = targets[0].clone();
            unplanned.name = name("spare");
            targets.push(unplanned);
        },
        "plan-mismatch: the proposal differs from its plan: targets",
    );
}

/// They are in a file of their own, which the plan names.
#[test]
fn a_roster_has_certificates_of_authorities_only_where_its_plan_names_their_file() {
    let with = |plan: String| {
        let mut forge = Forge::of(Mode::Rehearsal);
        forge.files.clear();
        let mut proposal = forge.genesis();
        proposal.plan = plan;
        let document = proposal.new_roster.as_mut().unwrap();
        document.policy.attestation.certificates = vec![Base64(b"certificate".to_vec())];
        proposal.roster = refit(document);
        proposed(forge, &proposal)
    };
    drop(with(saying("[policy]\n", "[policy]\nattestation_certificates = \"roots.pem\"\n")).state());
    forged(&with(genesis_plan()), "plan-mismatch: the proposal differs from its plan: policy");
}
