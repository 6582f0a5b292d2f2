//! What an operation requires before anything is done: one value, made of roster and operation. Everything that says, checks
//! or counts what is needed takes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{deal::Authority, governing, operation::OperationKind, people::Standing, validation::Roster};
use crate::encoding::{strict::worded, text::Name};

/// What an operation requires of the people of one roster, whose dealing its shares are of. All parts must be met.
#[derive(Clone, Debug)]
pub struct Requirement<'r> {
    roster: &'r Roster,
    parts: Vec<Part<'r>>,
    approvers: Vec<&'r Name>,
    shares: Shares,
}

/// What becomes of people's shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shares {
    /// Each custodian confirms their own new shares, approves and releases them in one step. Nobody can do that for another, so
    /// that it takes all of them.
    Confirmed,
    /// They are released once the whole requirement is met by approvals.
    Released,
    /// None is opened: signatures are enough.
    None,
}

worded!(Shares);

/// What it requires for one authority.
#[derive(Clone, Debug)]
pub struct Part<'r> {
    /// A share of this authority from each of them.
    pub authority: &'r Authority,
    /// How many distinct custodians.
    pub custodians: usize,
    /// How many of them must be of these groups.
    pub groups: Vec<GroupPart<'r>>,
}

/// What it requires of one group.
#[derive(Clone, Copy, Debug)]
pub struct GroupPart<'r> {
    pub group: &'r Name,
    /// How many distinct custodians.
    pub custodians: usize,
}

impl Roster {
    /// What an operation requires. An operation for which no authority is named has no part, and never a quorum.
    pub fn requirement<'r>(&'r self, operation: OperationKind) -> Requirement<'r> {
        let shares = match operation {
            OperationKind::Genesis => Shares::Confirmed,
            OperationKind::Retire => Shares::None,
            _ => Shares::Released,
        };
        let n = self.custodians().count();
        let parts = governing::authorities(self.document(), operation).into_iter().map(|authority| {
            let group =
                |(group, minimum): (&'r Name, &u8)| GroupPart { group, custodians: usize::from(*minimum) };
            Part {
                authority,
                custodians: if shares == Shares::Confirmed { n } else { usize::from(authority.threshold) },
                groups: authority.groups.iter().map(group).collect(),
            }
        });
        let approvers = governing::approvers(self.document(), operation);
        Requirement { roster: self, parts: parts.collect(), approvers, shares }
    }
}

impl<'r> Requirement<'r> {
    /// The roster whose custodians count, and of whose dealing their shares are.
    pub fn roster(&self) -> &'r Roster {
        self.roster
    }

    /// One for each authority.
    pub fn parts(&self) -> &[Part<'r>] {
        &self.parts
    }

    pub fn authorities(&self) -> impl Iterator<Item = &'r Authority> {
        self.parts.iter().map(|part| part.authority)
    }

    /// Those whose shares are handed over: all, or none where signatures are enough.
    pub fn released(&self) -> impl Iterator<Item = &'r Authority> {
        self.authorities().filter(|_| self.shares != Shares::None)
    }

    pub fn has(&self, authority: &Name) -> bool {
        self.authorities().any(|required| required.name == *authority)
    }

    /// Those who can meet it with their shares, in the order of the roster.
    pub fn custodians(&self) -> impl Iterator<Item = &'r Name> {
        self.roster.custodians().map(|person| &person.name)
    }

    /// Those whose approval it needs besides, each of them.
    pub fn approvers(&self) -> &[&'r Name] {
        &self.approvers
    }

    /// Those who decide: custodians, and the approvers that it needs.
    pub fn people(&self) -> impl Iterator<Item = &'r Name> {
        self.custodians().chain(self.approvers.iter().copied())
    }

    /// Whether this person's approval counts for it.
    pub fn takes(&self, person: &Name) -> bool {
        match self.roster.person(person).map(|person| person.standing) {
            Some(Standing::Custodian) => true,
            Some(Standing::Approver) => self.approvers.contains(&person),
            Some(Standing::Administrator | Standing::Witness) | None => false,
        }
    }

    /// How many custodians it takes at least; none where nobody could meet it. Authorities that demand members of different
    /// groups may take more than the M of any of them.
    pub fn at_least(&self) -> Option<usize> {
        let mut groups: BTreeMap<&Name, usize> = BTreeMap::new();
        for minimum in self.parts.iter().flat_map(|part| &part.groups) {
            let most = groups.entry(minimum.group).or_default();
            *most = minimum.custodians.max(*most);
        }
        let of_groups = groups.into_values().sum();
        self.parts.iter().map(|part| part.custodians.max(of_groups)).max()
    }

    /// How many custodians must have attested an outcome before it is more than the station's word: M of the strictest
    /// authority, also at a genesis. What was seen is not an authorisation: of which group they are does not matter.
    pub fn attesting(&self) -> Option<usize> {
        self.authorities().map(|authority| usize::from(authority.threshold)).max()
    }

    pub fn shares(&self) -> Shares {
        self.shares
    }

    /// The same for a ceremony that opens no credential, such as the recovery of one that had tried nothing.
    #[must_use]
    pub fn signatures_only(self) -> Self {
        Self { shares: Shares::None, ..self }
    }
}
