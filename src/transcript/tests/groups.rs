//! Groups and approvers: rosters that name them in a way that cannot be meant, and operations that are done without them.

use crate::{
    encoding::dsse::Mode,
    proposal::document::Proposal,
    roster::{OperationKind, RosterDocument},
};

use super::{
    forge::{Forge, genesis_plan, intended, name, refit},
    forged, honest,
    proposals::{genesis, roster},
};

/// Alice and Bob are of `operations`, Carol of `security`; `crypto-officer` demands one of each.
fn grouped(document: &mut RosterDocument) {
    for (place, group) in [(0, "operations"), (1, "operations"), (2, "security")] {
        document.custodians[place].group = Some(name(group));
    }
    document.deal.authorities[0].groups = [(name("operations"), 1), (name("security"), 1)].into();
}

/// The plan that makes this roster.
fn plan() -> String {
    let of = |who: &str, group: &str| {
        (format!("name = \"{who}\"\n"), format!("name = \"{who}\"\ngroup = \"{group}\"\n"))
    };
    let mut plan = genesis_plan();
    for (from, to) in [of("alice", "operations"), of("bob", "operations"), of("carol", "security")] {
        plan = plan.replacen(&from, &to, 1);
    }
    let demanding = "threshold = 2\ngroups = { operations = 1, security = 1 }\n";
    plan.replacen("threshold = 2\n", demanding, 1)
}

/// A genesis of that plan.
fn with_groups(proposal: &mut Proposal) {
    proposal.plan = plan();
    let document = proposal.new_roster.as_mut().unwrap();
    grouped(document);
    proposal.roster = refit(document);
}

fn demand(document: &mut RosterDocument, group: &str, minimum: u8) {
    document.deal.authorities[0].groups.insert(name(group), minimum);
}

#[test]
fn a_group_and_its_minimum_are_such_as_can_be_met() {
    let with = |change: &dyn Fn(&mut RosterDocument), words: &str| {
        roster(
            |document| {
                grouped(document);
                change(document);
            },
            &format!("roster: {words}"),
        );
    };
    with(
        &|r| r.deal.authorities[0].groups = [(name("audit"), 1)].into(),
        "authority crypto-officer: no custodian is in the group audit",
    );
    with(
        &|r| demand(r, "operations", 0),
        "authority crypto-officer: its minimum of the group operations is 0: leave it out",
    );
    with(
        &|r| demand(r, "security", 2),
        "authority crypto-officer: it needs 2 of the group security, which has 1",
    );
    with(
        &|r| demand(r, "operations", 2),
        "authority crypto-officer: the minima of its groups are 3 together, more than its threshold of 2",
    );
    with(
        &|r| r.custodians[3].group = Some(name("operation")),
        "dave is in the group operation: no authority demands members of it",
    );
    for people in ["frank", "grace"] {
        with(
            &|r| {
                for member in r.administrators.iter_mut().chain(&mut r.witnesses) {
                    member.group = (member.name == name(people)).then(|| name("security"));
                }
            },
            &format!("{people} has the group security and holds no share: only custodians have a group"),
        );
    }
}

#[test]
fn an_approver_is_somebody_else_and_needed() {
    let needs = |document: &mut RosterDocument, who: &[&str]| {
        let rule = document.operations.get_mut(&OperationKind::Delete).unwrap();
        rule.approvers = who.iter().copied().map(name).collect();
    };
    roster(|r| needs(r, &["grace"]), "roster: operation delete: there is no approver grace");
    roster(|r| needs(r, &["alice"]), "roster: operation delete: there is no approver alice");
    roster(
        |r| r.approvers = std::mem::take(&mut r.witnesses),
        "roster: no operation needs the approval of grace, who is listed as an approver",
    );
    roster(
        |r| {
            r.approvers = std::mem::take(&mut r.witnesses);
            needs(r, &["grace", "grace"]);
        },
        "roster: operation delete: names an approver twice",
    );
    // One person in two capacities, under one name or under two.
    roster(
        |r| {
            r.approvers = vec![r.custodians[1].clone()];
            needs(r, &["bob"]);
        },
        "roster: bob (BOB Example) is listed twice: a person belongs to a quorum once",
    );
    roster(
        |r| {
            let mut twin = r.witnesses.remove(0);
            twin.full_name = crate::encoding::text::Line::new("Bob  EXAMPLE").unwrap();
            r.approvers = vec![twin];
            needs(r, &["grace"]);
        },
        "roster: grace (Bob  EXAMPLE) is listed twice: a person belongs to a quorum once",
    );
}

#[test]
fn a_genesis_has_the_groups_and_the_minima_of_its_plan() {
    drop(Forge::founded(Mode::Production, with_groups).state());
    let with = |change: &dyn Fn(&str) -> String, what: &str| {
        genesis(
            |proposal| {
                with_groups(proposal);
                proposal.plan = change(&proposal.plan);
            },
            &format!("plan-mismatch: the proposal differs from its plan: {what}"),
        );
    };
    with(
        &|plan| plan.replacen("name = \"bob\"\ngroup = \"operations\"\n", "name = \"bob\"\n", 1),
        "custodians",
    );
    with(
        &|plan| {
            let demanding = "groups = { operations = 1, security = 1 }\n";
            plan.replace(demanding, "").replace("threshold = 3\n", &format!("threshold = 3\n{demanding}"))
        },
        "authorities",
    );
}

#[test]
fn an_operation_needs_members_of_the_groups() {
    let founded = Forge::founded(Mode::Production, with_groups);
    let by = |people: &[&str]| {
        let proposal = founded.delete();
        founded.with(&proposal, |forge, lines| {
            forge.sign_only(lines, &proposal, people);
            let open = forge.opened(&proposal, lines).unwrap();
            forge.release(lines, &open, people);
            lines.add(intended(people));
        })
    };
    for two in [["alice", "carol"], ["bob", "carol"]] {
        drop(honest(&by(&two)));
    }
    // Bob and Dave are two, and neither is of the group of whom one is needed; of two of one group, one counts for the other.
    for (people, counted) in [
        (&["bob", "dave"][..], "crypto-officer 2 of 2 (operations 1 of 1, security 0 of 1)"),
        (&["carol", "dave"], "crypto-officer 2 of 2 (operations 0 of 1, security 1 of 1)"),
        (&["alice", "bob", "dave"], "crypto-officer 3, 2 needed (operations 2, 1 needed, security 0 of 1)"),
    ] {
        forged(
            &by(people),
            &format!("release-quorum: released shares without a quorum of approvals: {counted}"),
        );
    }
    // Those who approved are enough, and those whom the intent names are not.
    let proposal = founded.delete();
    let named = founded.with(&proposal, |forge, lines| {
        forge.approve(lines, &proposal, &["alice", "bob", "carol"]);
        lines.add(intended(&["alice", "bob"]));
    });
    forged(&named, "quorum-names: the custodians that it names are not a quorum of those who approved");
}
