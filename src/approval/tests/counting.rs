//! The quorum: distinct custodians of the roster who do not reject, with exactly the shares that the operation requires.

use std::collections::BTreeSet;

use super::{
    CRYPTO,
    dealt::{Dealing, Recipe, name, person},
};
use crate::{
    approval::{
        intent::DurableIntent,
        quorum::{MissingShare, Participant, Quorum, Tally},
    },
    encoding::{digest::Digest, text::Name},
    roster::OperationKind,
    sharing::share::Share,
};

const SECURITY: &str = "security-officer";

/// Five custodians; a deletion requires three of them for one authority and two for the other.
fn dealing() -> Dealing {
    Recipe { authorities: vec![(CRYPTO, 3), (SECURITY, 2)], ..Recipe::of(3, 5) }.deal()
}

fn people(numbers: &[u8]) -> BTreeSet<Name> {
    numbers.iter().map(|number| person(*number)).collect()
}

fn shares(dealing: &Dealing, number: u8) -> Vec<Share> {
    vec![dealing.share(CRYPTO, number), dealing.share(SECURITY, number)]
}

fn participants(dealing: &Dealing, numbers: &[u8]) -> Vec<Participant> {
    let requirement = dealing.roster.requirement(OperationKind::Delete);
    let participant = |number| Participant::new(person(number), shares(dealing, number), &requirement);
    numbers.iter().map(|number| participant(*number).unwrap()).collect()
}

/// Somebody whom the roster does not have: where nothing is required, nothing is missing.
fn stranger(dealing: &Dealing) -> Participant {
    Participant::new(name("mallory"), Vec::new(), &dealing.roster.requirement(OperationKind::Command))
        .unwrap()
}

/// Fails unless these custodians are the quorum, and it gives both secrets and one authorization for each target.
#[track_caller]
fn authorizes(dealing: &Dealing, participants: Vec<Participant>, rejecting: &[u8], expected: &[u8]) {
    let requirement = dealing.roster.requirement(OperationKind::Delete);
    let quorum = Quorum::establish(&requirement, participants, &people(rejecting)).ok().unwrap();
    assert_eq!(quorum.people(), expected.iter().map(|n| person(*n)).collect::<Vec<_>>());
    let line = Digest::of(b"intended");
    let (authorities, granted) =
        quorum.authorize(&DurableIntent::written(line, vec![name("hsm"), name("spare")])).unwrap();
    for (authority, secret) in [CRYPTO, SECURITY].iter().zip(&dealing.secrets) {
        let found = authorities.secret(dealing.roster.dealing_id(), &name(authority)).unwrap();
        assert_eq!(found.expose(), secret.expose());
    }
    let granted: Vec<_> = granted.iter().map(|one| (one.target().as_str(), one.intent())).collect();
    assert_eq!(granted, [("hsm", line), ("spare", line)]);
}

/// Fails unless so many are counted, and they are too few.
#[track_caller]
fn too_few(dealing: &Dealing, participants: Vec<Participant>, rejecting: &[u8], counted: usize) {
    let requirement = dealing.roster.requirement(OperationKind::Delete);
    let tally = Quorum::establish(&requirement, participants, &people(rejecting)).err().unwrap();
    assert_eq!(tally.counts.iter().map(|count| count.have).collect::<Vec<_>>(), [counted, counted]);
    assert_eq!(tally.describe(), format!("{CRYPTO} {counted} of 3, {SECURITY} {counted} of 2"));
}

#[test]
fn enough_custodians_authorize_what_the_intent_names() {
    let dealing = dealing();
    authorizes(&dealing, participants(&dealing, &[1, 2, 3]), &[], &[1, 2, 3]);
    authorizes(&dealing, participants(&dealing, &[5, 1, 4]), &[], &[5, 1, 4]);
    // More than M stand for it; exactly M shares are combined.
    authorizes(&dealing, participants(&dealing, &[1, 2, 3, 4, 5]), &[], &[1, 2, 3, 4, 5]);
    // Two are enough for one of the authorities, not for both.
    too_few(&dealing, participants(&dealing, &[1, 2]), &[], 2);
    too_few(&dealing, Vec::new(), &[], 0);
}

#[test]
fn the_same_person_counts_once() {
    let dealing = dealing();
    too_few(&dealing, participants(&dealing, &[1, 1, 2]), &[], 2);
    authorizes(&dealing, participants(&dealing, &[1, 1, 2, 3]), &[], &[1, 2, 3]);
}

#[test]
fn a_rejection_takes_its_custodian_out() {
    let dealing = dealing();
    too_few(&dealing, participants(&dealing, &[1, 2, 3]), &[2], 2);
    authorizes(&dealing, participants(&dealing, &[1, 2, 3, 4]), &[2], &[1, 3, 4]);
    // Of those who do not take part it takes nobody out.
    authorizes(&dealing, participants(&dealing, &[1, 2, 3]), &[5], &[1, 2, 3]);
}

#[test]
fn somebody_whom_the_roster_does_not_have_counts_nothing() {
    let dealing = dealing();
    let with_stranger = |numbers: &[u8]| {
        let mut participants = participants(&dealing, numbers);
        participants.insert(0, stranger(&dealing));
        participants
    };
    too_few(&dealing, with_stranger(&[1, 2]), &[], 2);
    authorizes(&dealing, with_stranger(&[1, 2, 3]), &[], &[1, 2, 3]);
}

#[test]
fn a_custodian_takes_part_with_one_share_of_each_authority() {
    let dealing = dealing();
    let requirement = dealing.roster.requirement(OperationKind::Delete);
    let missing = |shares: Vec<Share>, authority: &str| {
        let missing = MissingShare { custodian: person(1), authority: name(authority) };
        assert_eq!(Participant::new(person(1), shares, &requirement).err(), Some(missing));
    };
    let share = |authority, number| dealing.share(authority, number);
    missing(Vec::new(), CRYPTO);
    missing(vec![share(CRYPTO, 1)], SECURITY);
    missing(vec![share(SECURITY, 1)], CRYPTO);
    missing(vec![share(CRYPTO, 1), share(SECURITY, 2)], SECURITY);
    missing(vec![share(CRYPTO, 1), share(CRYPTO, 1), share(SECURITY, 1)], CRYPTO);
    let other = Recipe { epoch: 2, authorities: vec![(CRYPTO, 3), (SECURITY, 2)], ..Recipe::of(3, 5) }.deal();
    missing(vec![share(CRYPTO, 1), other.share(SECURITY, 1)], SECURITY);
    let participant = Participant::new(person(1), shares(&dealing, 1), &requirement).unwrap();
    assert_eq!(*participant.person(), person(1));
}

#[test]
fn a_quorum_stays_reachable_while_enough_have_not_rejected() {
    let dealing = dealing();
    let delete = dealing.roster.requirement(OperationKind::Delete);
    for (approving, rejecting, is_quorum, reachable) in [
        (&[][..], &[][..], false, true),
        (&[1, 2], &[4], false, true),
        (&[1, 2], &[4, 5], false, true),
        (&[1, 2], &[3, 4, 5], false, false),
        (&[1, 2, 3], &[4, 5], true, true),
        (&[1, 2, 3, 4], &[], true, true),
        (&[1, 2, 3], &[3, 4, 5], false, false),
        (&[1, 2, 9], &[8, 9], false, true),
    ] {
        let tally = Tally::count(&delete, &people(approving), &people(rejecting));
        let found = (tally.is_quorum(), tally.reachable);
        assert_eq!(found, (is_quorum, reachable), "{approving:?} {rejecting:?}");
    }
    // Where nothing is required, nobody could be enough.
    let command = dealing.roster.requirement(OperationKind::Command);
    let tally = Tally::count(&command, &people(&[1, 2, 3, 4, 5]), &BTreeSet::new());
    assert_eq!((tally.counts.len(), tally.is_quorum(), tally.reachable), (0, false, false));
}

/// Five custodians, 1 and 2 of `operations`, 3 of `security`; a deletion requires three for one authority and two for the
/// other, of each group one, and an approver.
fn grouped() -> Recipe {
    Recipe {
        authorities: vec![(CRYPTO, 3), (SECURITY, 2)],
        groups: vec!["operations", "operations", "security"],
        minima: vec![("operations", 1), ("security", 1)],
        approvers: vec![100],
        ..Recipe::of(3, 5)
    }
}

#[test]
fn minima_of_groups_and_approvers_are_counted_besides() {
    let dealing = grouped().deal();
    let delete = dealing.roster.requirement(OperationKind::Delete);
    assert_eq!(delete.at_least(), Some(3));
    assert_eq!(delete.approvers(), [&person(100)]);
    for (approving, rejecting, is_quorum, reachable) in [
        (&[1, 3, 4, 100][..], &[][..], true, true),
        (&[1, 2, 3, 100], &[4, 5], true, true),
        // Enough custodians, none of one group; the approver is not of it, and no custodian.
        (&[1, 2, 4, 100], &[], false, true),
        (&[3, 4, 5, 100], &[], false, true),
        (&[1, 3, 100], &[], false, true),
        // Enough of everything but the approver, and one whom nothing needs.
        (&[1, 2, 3], &[], false, true),
        (&[1, 2, 3, 101], &[], false, true),
        (&[1, 2, 3, 4, 5, 250], &[], false, true),
        // Nobody is left of a group; one of two is.
        (&[1, 2, 4, 5, 100], &[3], false, false),
        (&[1, 3, 4, 100], &[2], true, true),
        (&[3, 4, 5, 100], &[1, 2], false, false),
        // The approver's rejection is final although three approve, a stranger's is none.
        (&[1, 2, 3, 100], &[100], false, false),
        (&[1, 2, 3, 100], &[101], true, true),
    ] {
        let tally = Tally::count(&delete, &people(approving), &people(rejecting));
        let found = (tally.is_quorum(), tally.reachable);
        assert_eq!(found, (is_quorum, reachable), "{approving:?} {rejecting:?}");
    }
    let tally = Tally::count(&delete, &people(&[1, 2, 4]), &BTreeSet::new());
    let groups = "operations 2, 1 needed, security 0 of 1";
    let words = format!("{CRYPTO} 3 of 3 ({groups}), {SECURITY} 3, 2 needed ({groups}), person-100 0 of 1");
    assert_eq!(tally.describe(), words);
    // All of them confirm at a genesis; what names no approver needs none.
    assert_eq!(dealing.roster.requirement(OperationKind::Genesis).approvers(), [&person(100)]);
    assert!(dealing.roster.requirement(OperationKind::Inventory).approvers().is_empty());
    // A program with the user PIN can do what a deletion does.
    assert_eq!(dealing.roster.requirement(OperationKind::Use).approvers(), [&person(100)]);
}

#[test]
fn a_group_without_a_spare_member_and_ways_around_an_approver_are_warned_of() {
    let whole = |authority| {
        format!(
            "authority {authority} needs 1 of the group security, which is all of it: without one of them nobody can meet that"
        )
    };
    let around =
        "delete needs the approval of person-100 and reset does not, which can destroy the same objects";
    let one_card =
        "approver person-100 has one card: once it is lost, nobody can do what needs their approval (delete)";
    let warnings = grouped().deal().roster.warnings();
    for expected in [&whole(CRYPTO), &whole(SECURITY), around, one_card] {
        assert!(warnings.iter().any(|warning| warning == expected), "{expected}: {warnings:#?}");
    }
    assert!(
        !warnings.iter().any(|w| w.contains("the group operations") || w.contains("and use does not")),
        "{warnings:#?}"
    );
}

/// Two authorities of two groups take more people than either of them.
#[test]
fn authorities_that_demand_different_groups_take_members_of_both() {
    let groups = vec!["operations", "operations", "security", "security", "security"];
    let recipe = Recipe { groups, minima: vec![("operations", 2), ("security", 1)], ..Recipe::of(3, 5) };
    assert_eq!(recipe.deal().roster.requirement(OperationKind::Delete).at_least(), Some(3));
}

/// Exactly M shares are used, and those who lend them meet the minima, in whatever order people came.
#[test]
fn those_whose_shares_are_used_are_of_the_groups() {
    let dealing = Recipe { approvers: Vec::new(), ..grouped() }.deal();
    let delete = dealing.roster.requirement(OperationKind::Delete);
    for numbers in [&[4, 5, 2, 1, 3][..], &[1, 2, 4, 5, 3], &[3, 5, 4, 2]] {
        let quorum =
            Quorum::establish(&delete, participants(&dealing, numbers), &BTreeSet::new()).ok().unwrap();
        for (authority, m) in [(CRYPTO, 3), (SECURITY, 2)] {
            let lenders = quorum.lenders(dealing.roster.dealing_id(), &name(authority));
            let of = |numbers: &[u8]| lenders.iter().filter(|who| people(numbers).contains(who)).count();
            assert_eq!((lenders.len(), of(&[3])), (m, 1), "{numbers:?} {authority}");
            assert!(of(&[1, 2]) >= 1, "{numbers:?} {authority}");
        }
    }
    for numbers in [&[1, 2, 4, 5][..], &[3, 4, 5]] {
        let tally =
            Quorum::establish(&delete, participants(&dealing, numbers), &BTreeSet::new()).err().unwrap();
        assert!(tally.reachable && !tally.is_quorum(), "{numbers:?}");
    }
}

#[test]
fn more_than_are_needed_are_not_so_many_of_fewer() {
    let dealing = dealing();
    let requirement = dealing.roster.requirement(OperationKind::Delete);
    let tally =
        |custodians: &[u8]| Tally::count(&requirement, &people(custodians), &BTreeSet::new()).describe();
    assert_eq!(tally(&[1]), "crypto-officer 1 of 3, security-officer 1 of 2");
    assert_eq!(tally(&[1, 2, 3, 4]), "crypto-officer 4, 3 needed, security-officer 4, 2 needed");
}
