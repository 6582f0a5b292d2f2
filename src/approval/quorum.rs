//! The quorum: the only place that counts.
//!
//! What is counted are distinct people of the roster, never signatures, cards or keys. Before an act each custodian
//! has approved and handed over shares that were verified ([`Quorum::establish`]); when a record is judged
//! later, their statements count instead, since shares never enter it ([`Tally::count`] is the same count).

use std::collections::{BTreeMap, BTreeSet};

use super::{authorization::Authorization, intent::DurableIntent};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::AuthoritySecret,
    roster::{
        Person,
        deal::Authority,
        requirement::{GroupPart, Part, Requirement, Shares},
    },
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
    /// Distinct custodians who support it and have not rejected.
    pub have: usize,
    /// How many of them are of each group that the authority demands.
    pub groups: Vec<GroupCount>,
}

/// How many custodians of one group support a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupCount {
    pub group: Name,
    pub needed: usize,
    /// Distinct custodians who approve and have not rejected.
    pub have: usize,
}

/// Somebody whose approval is needed besides the custodians'.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApproverCount {
    pub approver: Name,
    pub approves: bool,
}

/// `2 of 3`; where more did than are needed, `4, 3 needed`.
struct Had(usize, usize);

impl std::fmt::Display for Had {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(have, needed) = self;
        match have > needed {
            true => write!(f, "{have}, {needed} needed"),
            false => write!(f, "{have} of {needed}"),
        }
    }
}

/// `crypto-officer 2 of 3`, `crypto-officer 2 of 3 (operations 1 of 2, security 1 of 1)`.
impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { authority, needed, have, groups } = self;
        write!(f, "{authority} {}", Had(*have, *needed))?;
        if groups.is_empty() {
            return Ok(());
        }
        let groups = groups.iter().map(|count| format!("{} {}", count.group, Had(count.have, count.needed)));
        write!(f, " ({})", groups.collect::<Vec<_>>().join(", "))
    }
}

/// `heidi 1 of 1`.
impl std::fmt::Display for ApproverCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.approver, Had(self.approves.into(), 1))
    }
}

impl Count {
    /// Counts the custodians whom `counts` names, each once.
    fn of(requirement: &Requirement<'_>, part: &Part<'_>, counts: &dyn Fn(&Name) -> bool) -> Self {
        let people: Vec<&Person> =
            requirement.roster().custodians().filter(|person| counts(&person.name)).collect();
        let group = |minimum: &GroupPart<'_>| GroupCount {
            group: minimum.group.clone(),
            needed: minimum.custodians,
            have: people.iter().filter(|person| person.group.as_ref() == Some(minimum.group)).count(),
        };
        Self {
            authority: part.authority.name.clone(),
            needed: part.custodians,
            have: people.len(),
            groups: part.groups.iter().map(group).collect(),
        }
    }

    fn is_met(&self) -> bool {
        // Nobody is of two groups, and the minima are together at most M: of those who meet both, M meet both.
        self.have >= self.needed && self.groups.iter().all(|group| group.have >= group.needed)
    }
}

/// Who said what of one proposal; each statement was verified.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Voices {
    /// Those who approved or confirmed.
    pub approved: BTreeSet<Name>,
    /// Those who handed over their shares: by a release, or with their confirmation.
    pub released: BTreeSet<Name>,
    pub rejected: BTreeSet<Name>,
}

impl Voices {
    /// Those who approve: a rejection cancels an approval.
    pub fn approving(&self) -> BTreeSet<Name> {
        self.approved.difference(&self.rejected).cloned().collect()
    }

    /// Those who approve and whose shares are there, as far as any are released; an approver holds none.
    pub fn acting(&self, requirement: &Requirement<'_>) -> BTreeSet<Name> {
        let mut acting = self.approving();
        if requirement.shares() != Shares::None {
            acting.retain(|who| self.released.contains(who) || requirement.approvers().contains(&who));
        }
        acting
    }

    /// Whether the requirement is met by approvals, so that shares may be released.
    pub fn approvals(&self, requirement: &Requirement<'_>) -> Tally {
        Tally::count(requirement, &self.approved, &self.rejected)
    }

    /// Whether it is met by people who approved and released, so that a quorum may act.
    pub fn acts(&self, requirement: &Requirement<'_>) -> Tally {
        Tally::count(requirement, &self.acting(requirement), &self.rejected)
    }
}

/// The result of counting.
#[must_use = "a count that nobody looks at decides nothing"]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// One for each authority that the operation needs.
    pub counts: Vec<Count>,
    /// One for each approver that it needs.
    pub approvers: Vec<ApproverCount>,
    /// Whether those who have not rejected could still be enough.
    pub reachable: bool,
}

impl Tally {
    /// Counts distinct people. A name that is neither a custodian's nor that of an approver who is needed counts nothing, a
    /// rejection cancels an approval.
    pub fn count(
        requirement: &Requirement<'_>,
        approving: &BTreeSet<Name>,
        rejecting: &BTreeSet<Name>,
    ) -> Self {
        let supporting = |name: &Name| approving.contains(name) && !rejecting.contains(name);
        let counts = |decides: &dyn Fn(&Name) -> bool| -> Vec<Count> {
            requirement.parts().iter().map(|part| Count::of(requirement, part, decides)).collect()
        };
        let approver = |name: &&Name| ApproverCount { approver: (*name).clone(), approves: supporting(name) };
        let willing = counts(&|name| !rejecting.contains(name));
        // An operation that needs no authority would need nobody: it has no quorum.
        let reachable = !willing.is_empty()
            && willing.iter().all(Count::is_met)
            && requirement.approvers().iter().all(|name| !rejecting.contains(*name));
        Self {
            counts: counts(&supporting),
            approvers: requirement.approvers().iter().map(approver).collect(),
            reachable,
        }
    }

    pub fn is_quorum(&self) -> bool {
        !self.counts.is_empty()
            && self.counts.iter().all(Count::is_met)
            && self.approvers.iter().all(|approver| approver.approves)
    }

    /// How many people more it takes at least.
    pub fn lacking(&self) -> usize {
        let mut groups: BTreeMap<&Name, usize> = BTreeMap::new();
        for count in self.counts.iter().flat_map(|count| &count.groups) {
            let lacking = groups.entry(&count.group).or_default();
            *lacking = count.needed.saturating_sub(count.have).max(*lacking);
        }
        let of_groups: usize = groups.into_values().sum();
        let of_all = self.counts.iter().map(|count| count.needed.saturating_sub(count.have)).max();
        let approvers = self.approvers.iter().filter(|approver| !approver.approves).count();
        of_groups.max(of_all.unwrap_or(0)).saturating_add(approvers)
    }

    /// `crypto-officer 2 of 3 (security 0 of 1), security-officer 2 of 4, heidi 0 of 1`.
    pub fn describe(&self) -> String {
        let counts = self.counts.iter().map(ToString::to_string);
        counts.chain(self.approvers.iter().map(ToString::to_string)).collect::<Vec<_>>().join(", ")
    }
}

/// A custodian who approved and whose shares, one for each authority needed, were all verified; or somebody whose approval is
/// enough: an approver, or a custodian where no share is released.
#[must_use = "anyone not counted is missing from the quorum"]
pub struct Participant {
    person: Name,
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
    /// Takes the verified shares of one custodian: exactly one of each authority whose shares are released. An approver has none.
    pub fn new(
        person: Name,
        shares: Vec<Share>,
        requirement: &Requirement<'_>,
    ) -> Result<Self, MissingShare> {
        let dealing = requirement.roster().dealing_id();
        let holds_shares = !requirement.approvers().contains(&&person);
        for authority in requirement.released().filter(|_| holds_shares) {
            let own = shares.iter().filter(|share| {
                share.dealing() == dealing
                    && *share.custodian() == person
                    && *share.authority() == authority.name
            });
            if own.count() != 1 {
                return Err(MissingShare { custodian: person, authority: authority.name.clone() });
            }
        }
        Ok(Self { person, shares })
    }

    pub fn person(&self) -> &Name {
        &self.person
    }
}

/// The M whose shares of an authority are used: of each group as many as it demands, then the others in the order in which they
/// came.
fn lenders(requirement: &Requirement<'_>, part: &Part<'_>, people: &[Name]) -> BTreeSet<Name> {
    let custodians = || people.iter().filter_map(|name| requirement.roster().custodian(name));
    let mut lenders = BTreeSet::new();
    for minimum in &part.groups {
        let of_group = custodians().filter(|person| person.group.as_ref() == Some(minimum.group));
        lenders.extend(of_group.take(minimum.custodians).map(|person| person.name.clone()));
    }
    for person in custodians() {
        if lenders.len() < usize::from(part.authority.threshold) {
            lenders.insert(person.name.clone());
        }
    }
    lenders
}

/// Enough people, with verified shares of the custodians among them. It can be used once.
#[must_use = "enough people released their shares for it"]
pub struct Quorum {
    people: Vec<Name>,
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
            participants.iter().map(|participant| participant.person.clone()).collect();
        let tally = Tally::count(requirement, &approving, rejecting);
        if !tally.is_quorum() {
            return Err(tally);
        }
        // The rule of the count once more: exactly those who were counted lend their shares, each once.
        let mut counted: Vec<Participant> = Vec::new();
        for participant in participants {
            let name = &participant.person;
            let counts = requirement.takes(name) && !rejecting.contains(name);
            if counts && counted.iter().all(|other| other.person != *name) {
                counted.push(participant);
            }
        }
        let people: Vec<Name> = counted.iter().map(|participant| participant.person.clone()).collect();
        let dealing = requirement.roster().dealing_id();
        let mut lent = BTreeMap::new();
        for part in requirement.parts().iter().filter(|_| requirement.shares() != Shares::None) {
            let lenders = lenders(requirement, part, &people);
            lent.insert(
                (dealing, part.authority.name.clone()),
                (part.authority.clone(), lenders, Vec::new()),
            );
        }
        for share in counted.into_iter().flat_map(|participant| participant.shares) {
            if let Some((_, lenders, shares)) = lent.get_mut(&(share.dealing(), share.authority().clone()))
                && lenders.contains(share.custodian())
            {
                shares.push(share);
            }
        }
        let shares = lent.into_iter().map(|(key, (authority, _, shares))| (key, (authority, shares)));
        Ok(Self { people, shares: shares.collect() })
    }

    /// Those who support it.
    pub fn people(&self) -> &[Name] {
        &self.people
    }

    /// Those whose shares of an authority are used.
    #[cfg(test)]
    pub(super) fn lenders(&self, dealing: Digest, authority: &Name) -> Vec<Name> {
        let shares =
            self.shares.get(&(dealing, authority.clone())).into_iter().flat_map(|(_, shares)| shares);
        shares.map(|share| share.custodian().clone()).collect()
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
