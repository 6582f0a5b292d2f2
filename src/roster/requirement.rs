//! What an operation requires before anything is done: one value, made of roster and operation. Everything that says, checks
//! or counts what is needed takes it.

use super::{deal::Authority, governing, operation::OperationKind, validation::Roster};
use crate::encoding::text::Name;

/// What an operation requires of the people of one roster, whose dealing its shares are of. All parts must be met.
#[derive(Clone, Debug)]
pub struct Requirement<'r> {
    roster: &'r Roster,
    parts: Vec<Part<'r>>,
    confirms_shares: bool,
}

/// What it requires for one authority.
#[derive(Clone, Copy, Debug)]
pub struct Part<'r> {
    /// A share of this authority from each of them.
    pub authority: &'r Authority,
    /// How many distinct custodians.
    pub custodians: usize,
}

impl Roster {
    /// What an operation requires. An operation for which no authority is named has no part, and never a quorum.
    pub fn requirement(&self, operation: OperationKind) -> Requirement<'_> {
        let confirms_shares = operation == OperationKind::Genesis;
        let n = self.custodians().count();
        let parts = governing::authorities(self.document(), operation).into_iter().map(|authority| Part {
            authority,
            custodians: if confirms_shares { n } else { usize::from(authority.threshold) },
        });
        Requirement { roster: self, parts: parts.collect(), confirms_shares }
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

    pub fn has(&self, authority: &Name) -> bool {
        self.authorities().any(|required| required.name == *authority)
    }

    /// Those who can meet it, in the order of the roster.
    pub fn custodians(&self) -> impl Iterator<Item = &'r Name> {
        self.roster.custodians().map(|person| &person.name)
    }

    /// How many custodians it takes at least; none where nobody could meet it.
    pub fn at_least(&self) -> Option<usize> {
        self.parts.iter().map(|part| part.custodians).max()
    }

    /// How many custodians must have attested an outcome before it is more than the station's word: M of the strictest
    /// authority, also at a genesis.
    pub fn attesting(&self) -> Option<usize> {
        self.authorities().map(|authority| usize::from(authority.threshold)).max()
    }

    /// Whether each custodian also confirms that their own shares are what was dealt. Nobody can do that for another, so that it
    /// takes all of them.
    pub fn confirms_shares(&self) -> bool {
        self.confirms_shares
    }
}
