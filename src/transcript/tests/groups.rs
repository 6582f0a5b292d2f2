//! Groups and approvers: rosters that name them in a way that cannot be meant, and operations that are done without them.

use crate::{
    approval::release::Confirmation,
    encoding::{digest::Digest, dsse::Mode},
    proposal::document::Proposal,
    roster::{OperationKind, RosterDocument},
    transcript::event::{Confirmed, Rejected},
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

/// Grace is an approver of deletions, and no witness any more.
fn with_approver(proposal: &mut Proposal) {
    let needing = "delete = { authorities = [\"crypto-officer\"], approvers = [\"grace\"] }";
    proposal.plan = proposal
        .plan
        .replace("delete = [\"crypto-officer\"]", needing)
        .replace("[[witnesses]]", "[[approvers]]");
    let document = proposal.new_roster.as_mut().unwrap();
    document.approvers = std::mem::take(&mut document.witnesses);
    document.operations.get_mut(&OperationKind::Delete).unwrap().approvers = vec![name("grace")];
    proposal.roster = refit(document);
}

#[test]
fn an_operation_needs_its_approver() {
    let founded = Forge::founded(Mode::Production, with_approver);
    drop(honest(&founded));
    let proposal = founded.delete();
    let by = |people: &[&str], quorum: &[&str]| {
        founded.with(&proposal, |forge, lines| {
            forge.approve(lines, &proposal, people);
            lines.add(intended(quorum));
        })
    };
    drop(honest(&by(&["alice", "bob", "grace"], &["alice", "bob", "grace"])));
    drop(honest(&by(&["grace", "alice", "bob"], &["alice", "bob", "grace"])));
    for people in [&["alice", "bob"][..], &["alice", "bob", "carol", "dave"]] {
        let words = "quorum-missing: it was executed without a quorum: crypto-officer 0 of 2, grace 0 of 1";
        forged(&by(people, people), words);
    }
    // The intent names everybody on whom it rests.
    forged(
        &by(&["alice", "bob", "grace"], &["alice", "bob"]),
        "quorum-names: the people whom it names are not a quorum of those who approved and released",
    );
    // She is one person more, and no custodian: with her, one custodian is one.
    forged(
        &by(&["alice", "grace"], &["alice", "grace"]),
        "quorum-missing: it was executed without a quorum: crypto-officer 0 of 2, grace 1 of 1",
    );
}

/// Who releases on a list without the approver releases too early, whoever says that she will agree.
#[test]
fn a_release_rests_on_the_approver_and_the_groups_too() {
    for (founding, people, counted) in [
        (with_approver as fn(&mut Proposal), ["alice", "bob"], "crypto-officer 2 of 2, grace 0 of 1"),
        (with_groups, ["alice", "bob"], "crypto-officer 2 of 2 (operations 2, 1 needed, security 0 of 1)"),
    ] {
        let founded = Forge::founded(Mode::Production, founding);
        let proposal = founded.delete();
        let released = founded.with(&proposal, |forge, lines| {
            forge.sign_only(lines, &proposal, &people);
            let open = forge.opened(&proposal, lines).unwrap();
            forge.release(lines, &open, &["alice"]);
        });
        let words = format!("release-quorum: alice released shares without a quorum of approvals: {counted}");
        forged(&released, &words);
    }
}

#[test]
fn an_approver_decides_only_on_what_needs_them() {
    let founded = Forge::founded(Mode::Production, with_approver);
    let inventory = founded.inventory();
    let words = "approver-unneeded: grace is an approver whose approval inventory does not need";
    forged(&founded.with(&inventory, |forge, lines| forge.sign_only(lines, &inventory, &["grace"])), words);
    let rejected = founded.with(&inventory, |forge, lines| {
        let rejection = forge.sign("grace", &forge.rejection(&inventory, "grace"));
        lines.add(Rejected { rejection });
    });
    forged(&rejected, words);
    // She holds no share, and releases none.
    let proposal = founded.delete();
    let released = founded.with(&proposal, |forge, lines| {
        forge.sign_only(lines, &proposal, &["alice", "bob", "grace"]);
        let open = forge.opened(&proposal, lines).unwrap();
        forge.release(lines, &open, &["grace"]);
    });
    forged(&released, "statement-author: grace is not a custodian of this quorum");
    // Her rejection ends it: nobody approves in her place.
    let ended = founded.with(&proposal, |forge, lines| {
        forge.sign_only(lines, &proposal, &["alice", "bob", "carol", "dave"]);
        lines.add(Rejected { rejection: forge.sign("grace", &forge.rejection(&proposal, "grace")) });
    });
    assert!(!honest(&ended).open().unwrap().approvals_tally().reachable);
}

#[test]
fn every_approver_confirms_a_genesis_and_hands_over_nothing() {
    let genesis = |by: &[&str], change: &dyn Fn(&mut Confirmation)| {
        let forge = Forge::empty(Mode::Production, "ledger");
        let mut proposal = forge.genesis();
        with_approver(&mut proposal);
        forge.with(&proposal, |forge, lines| {
            for who in by {
                let mut confirmation = forge.confirmation(&proposal, who);
                if *who == "grace" {
                    change(&mut confirmation);
                }
                lines.add(Confirmed { confirmation: forge.sign(who, &confirmation), drills: Vec::new() });
            }
            lines.add(intended(by));
        })
    };
    let all = ["alice", "bob", "carol", "dave", "grace"];
    drop(honest(&genesis(&all, &|_| {})));
    let missing = "crypto-officer 4 of 4, security-officer 4 of 4, grace 0 of 1";
    forged(
        &genesis(&all[..4], &|_| {}),
        &format!("quorum-missing: it was executed without a quorum: {missing}"),
    );
    forged(
        &genesis(&all, &|confirmation| confirmation.file = Some(Digest::of(b"release"))),
        "confirmation-file: grace holds no share, and hands one over",
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
    forged(&named, "quorum-names: the people whom it names are not a quorum of those who approved");
}
