//! The quorum: the only place that counts.
//!
//! What is counted are distinct custodians of the roster, never signatures, cards or keys. Before an act each
//! of them has handed over shares that were verified ([`Quorum::establish`]); when a record is judged
//! later, approvals count instead, since shares never enter it ([`Tally::count`] is the same count).

use std::collections::{BTreeMap, BTreeSet};

use super::{authorization::Authorization, intent::DurableIntent};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::AuthoritySecret,
    roster::{deal::Authority, requirement::Requirement},
    sharing::{
        reconstitution::{ReconstitutionError, reconstitute},
        share::Share,
    },
};

/// How many custodians of one authority support a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    pub authority: Name,
    /// How many custodians the requirement has for it.
    pub needed: usize,
    /// Distinct custodians who approve and have not rejected.
    pub have: usize,
}

/// `crypto-officer 2 of 3`; where more did than are needed, `crypto-officer 4, 3 needed`.
impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { authority, needed, have } = self;
        match have > needed {
            true => write!(f, "{authority} {have}, {needed} needed"),
            false => write!(f, "{authority} {have} of {needed}"),
        }
    }
}

/// The result of counting.
#[must_use = "a count that nobody looks at decides nothing"]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// One for each authority that the operation needs.
    pub counts: Vec<Count>,
    /// Whether those who have not rejected could still be enough.
    pub reachable: bool,
}

impl Tally {
    /// Counts distinct custodians. A name that is no custodian's counts nothing, a rejection cancels an approval.
    pub fn count(
        requirement: &Requirement<'_>,
        approving: &BTreeSet<Name>,
        rejecting: &BTreeSet<Name>,
    ) -> Self {
        let custodians: BTreeSet<&Name> = requirement.custodians().collect();
        let have = custodians
            .iter()
            .filter(|name| approving.contains(**name) && !rejecting.contains(**name))
            .count();
        let willing = custodians.iter().filter(|name| !rejecting.contains(**name)).count();
        let count = |name: &Name, needed| Count { authority: name.clone(), needed, have };
        let counts: Vec<Count> =
            requirement.parts().iter().map(|part| count(&part.authority.name, part.custodians)).collect();
        // An operation that needs no authority would need nobody: it has no quorum.
        let reachable = !counts.is_empty() && counts.iter().all(|count| willing >= count.needed);
        Self { counts, reachable }
    }

    pub fn is_quorum(&self) -> bool {
        !self.counts.is_empty() && self.counts.iter().all(|count| count.have >= count.needed)
    }

    /// `crypto-officer 2 of 3, security-officer 2 of 4`.
    pub fn describe(&self) -> String {
        self.counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// A custodian who approved and whose shares, one for each authority needed, were all verified.
#[must_use = "anyone not counted is missing from the quorum"]
pub struct Participant {
    custodian: Name,
    shares: Vec<Share>,
}

/// A custodian's shares do not cover the operation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{custodian} released no good share of {authority}")]
pub struct MissingShare {
    pub custodian: Name,
    pub authority: Name,
}

impl Participant {
    /// Takes the verified shares of one custodian: exactly one of each authority needed.
    pub fn new(
        custodian: Name,
        shares: Vec<Share>,
        requirement: &Requirement<'_>,
    ) -> Result<Self, MissingShare> {
        let dealing = requirement.roster().dealing_id();
        for authority in requirement.authorities() {
            let own = shares.iter().filter(|share| {
                share.dealing() == dealing
                    && *share.custodian() == custodian
                    && *share.authority() == authority.name
            });
            if own.count() != 1 {
                return Err(MissingShare { custodian, authority: authority.name.clone() });
            }
        }
        Ok(Self { custodian, shares })
    }

    pub fn custodian(&self) -> &Name {
        &self.custodian
    }
}

/// Enough custodians, with verified shares. It can be used once.
#[must_use = "enough people released their shares for it"]
pub struct Quorum {
    custodians: Vec<Name>,
    /// By dealing and authority.
    shares: BTreeMap<(Digest, Name), (Authority, Vec<Share>)>,
}

impl Quorum {
    /// Establishes a quorum, or says what is missing.
    pub fn establish(
        requirement: &Requirement<'_>,
        participants: Vec<Participant>,
        rejecting: &BTreeSet<Name>,
    ) -> Result<Self, Tally> {
        let approving: BTreeSet<Name> =
            participants.iter().map(|participant| participant.custodian.clone()).collect();
        let tally = Tally::count(requirement, &approving, rejecting);
        if !tally.is_quorum() {
            return Err(tally);
        }
        let mut quorum = Self { custodians: Vec::new(), shares: BTreeMap::new() };
        let dealing = requirement.roster().dealing_id();
        for authority in requirement.authorities() {
            quorum.shares.insert((dealing, authority.name.clone()), (authority.clone(), Vec::new()));
        }
        for participant in participants {
            // The rule of the count once more: exactly those who were counted lend their shares.
            let known = requirement.custodians().any(|name| *name == participant.custodian);
            if !known
                || rejecting.contains(&participant.custodian)
                || quorum.custodians.contains(&participant.custodian)
            {
                continue;
            }
            for share in participant.shares {
                if let Some((authority, shares)) =
                    quorum.shares.get_mut(&(share.dealing(), share.authority().clone()))
                    && shares.len() < usize::from(authority.threshold)
                {
                    shares.push(share);
                }
            }
            quorum.custodians.push(participant.custodian);
        }
        Ok(quorum)
    }

    /// Those who support it.
    pub fn custodians(&self) -> &[Name] {
        &self.custodians
    }

    /// Uses the quorum up: reconstitutes the authorities out of exactly M shares each, and grants one
    /// authorization for each target that the durable intent names.
    pub fn authorize(
        self,
        intent: &DurableIntent,
    ) -> Result<(Authorities, Vec<Authorization>), ReconstitutionError> {
        // Every authority before the first grant: where one of them does not come out, nothing is granted.
        let mut secrets = BTreeMap::new();
        for (key, (authority, shares)) in self.shares {
            secrets.insert(key, reconstitute(&authority, shares)?);
        }
        let grants = intent
            .targets()
            .iter()
            .map(|target| Authorization::grant(target.clone(), intent.line()))
            .collect();
        Ok((Authorities { secrets }, grants))
    }
}

/// The reconstituted secrets of the authorities that an operation needs.
#[must_use = "they were reconstituted to be used"]
pub struct Authorities {
    /// By dealing and name: an authority of the same name in another dealing is another one.
    secrets: BTreeMap<(Digest, Name), AuthoritySecret>,
}

impl Authorities {
    pub fn secret(&self, dealing: Digest, authority: &Name) -> Option<&AuthoritySecret> {
        self.secrets.get(&(dealing, authority.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::identity;

    #[test]
    fn an_authority_of_another_dealing_is_another_one_whatever_its_name() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let name = Name::new("crypto-officer").unwrap();
        let (one, other) = (Digest::of(b"dealing 1"), Digest::of(b"dealing 2"));
        let mut fresh = || identity::fresh(&mut rng).unwrap();
        let secrets = BTreeMap::from([((one, name.clone()), fresh()), ((other, name.clone()), fresh())]);
        let authorities = Authorities { secrets };
        let recipient = |dealing| identity::recipient(authorities.secret(dealing, &name).unwrap()).unwrap();
        assert_ne!(recipient(one), recipient(other));
        assert!(authorities.secret(Digest::of(b"dealing 3"), &name).is_none());
    }
}
