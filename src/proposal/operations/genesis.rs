//! Makes a quorum: its people, their authorities, the policy, and the targets that join.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rules::{Difference, Facts, Payload, Planned, same};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        spelling,
        text::{Line, Name},
    },
    proposal::{
        joining::GenesisTarget,
        plan::{Headed, Heading, PlanTable},
        plan_error::PlanError,
        sections::Section,
        target_table::TargetTable,
    },
    roster::{AttestationPolicy, Member, OperationKind, Policy, RosterDocument, attestation::Firmware},
};

pub(super) const FACTS: Facts = Facts { sets_pins: true, ..Facts::WITHOUT_LOGIN };

/// `kind = "genesis"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisPlan {
    #[serde(rename = "kind")]
    _kind: OperationKind,
    pub title: Line,
    /// Hours from the proposal until approvals are no longer taken.
    pub expires_in_hours: u32,
    #[serde(default)]
    pub policy: PolicyTable,
    /// Those who hold shares.
    #[serde(deserialize_with = "bounds::custodians")]
    pub custodians: Vec<MemberTable>,
    /// Those who propose and run stations.
    #[serde(deserialize_with = "bounds::administrators")]
    pub administrators: Vec<MemberTable>,
    /// Those who sign what was seen.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::witnesses")]
    pub witnesses: Vec<MemberTable>,
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<AuthorityTable>,
    /// The authorities that each operation needs.
    #[serde(deserialize_with = "bounds::operations")]
    pub operations: BTreeMap<OperationKind, Vec<Name>>,
    #[serde(deserialize_with = "bounds::targets")]
    pub targets: Vec<TargetTable>,
}

/// `[policy]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyTable {
    allow_soft_cards: bool,
    copies: u8,
    allow_same_medium: bool,
    require_locked_memory: Option<bool>,
    allow_short_pins: bool,
    drill_every_days: Option<u32>,
    require_attestation: bool,
    min_firmware: Firmware,
    #[serde(deserialize_with = "bounds::trusted")]
    attestation_roots: Vec<Digest>,
    attestation_certificates: Option<String>,
}

impl Default for PolicyTable {
    fn default() -> Self {
        Self {
            allow_soft_cards: false,
            copies: 2,
            allow_same_medium: false,
            require_locked_memory: None,
            allow_short_pins: false,
            drill_every_days: None,
            require_attestation: true,
            min_firmware: Firmware::WITHOUT_EUCLEAK,
            attestation_roots: Vec::new(),
            attestation_certificates: None,
        }
    }
}

impl PolicyTable {
    /// The file with the certificates of authorities, relative to the plan.
    pub fn attestation_certificates(&self) -> Option<&str> {
        self.attestation_certificates.as_deref()
    }

    /// As the roster has it, but for the certificates of authorities, which are in a file of their own.
    pub fn policy(&self) -> Policy {
        Policy {
            allow_soft_cards: self.allow_soft_cards,
            copies: self.copies,
            allow_same_medium: self.allow_same_medium,
            // A soft card is a file under a PIN: swap adds nothing to what its thief has.
            require_locked_memory: self.require_locked_memory.unwrap_or(!self.allow_soft_cards),
            allow_short_pins: self.allow_short_pins,
            drill_every_days: self.drill_every_days,
            attestation: AttestationPolicy {
                required: self.require_attestation,
                min_firmware: self.min_firmware,
                roots: self.attestation_roots.clone(),
                certificates: Vec::new(),
            },
        }
    }
}

/// `[[custodians]]`, `[[administrators]]`, `[[witnesses]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberTable {
    pub name: Name,
    /// As it is read aloud.
    pub full_name: Line,
    /// Enrolment files, relative to the plan.
    #[serde(deserialize_with = "bounds::cards")]
    pub enrolments: Vec<String>,
}

/// `[[authorities]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityTable {
    pub name: Name,
    pub threshold: u8,
}

/// Makes the targets the quorum's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisOperation {
    #[serde(deserialize_with = "bounds::targets")]
    pub targets: Vec<GenesisTarget>,
}

impl Headed for GenesisPlan {
    fn heading(&self) -> Heading<'_> {
        // Nothing is before it whose time it could dispute.
        Heading { title: &self.title, expires_in_hours: self.expires_in_hours, disputed_times: None }
    }
}

impl PlanTable for GenesisPlan {
    fn mistakes(&self) -> Vec<PlanError> {
        let mut found = Vec::new();
        for (what, empty) in [
            ("custodians", self.custodians.is_empty()),
            ("administrators", self.administrators.is_empty()),
            ("authorities", self.authorities.is_empty()),
            ("targets", self.targets.is_empty()),
        ] {
            if empty {
                found.push(PlanError::new(format!("{what} is empty")));
            }
        }
        let people = self.custodians.iter().chain(&self.administrators).chain(&self.witnesses);
        let without = people.clone().filter(|person| person.enrolments.is_empty());
        found.extend(without.map(|person| PlanError::new(format!("{}: enrolments is empty", person.name))));
        found.extend(twice("person", people.map(|p| &p.name)));
        found.extend(twice("authority", self.authorities.iter().map(|a| &a.name)));
        found.extend(twice("target", self.targets.iter().map(|t| &t.name)));
        for authority in &self.authorities {
            let (m, n) = (authority.threshold, self.custodians.len());
            if m < 2 || usize::from(m) > n {
                found.push(PlanError::new(format!(
                    "authority {}: threshold {m} is not between 2 and the {n} custodians",
                    authority.name
                )));
            }
        }
        let credentials = self.targets.iter().flat_map(TargetTable::named_authorities);
        let operations = self.operations.iter().flat_map(|(operation, authorities)| {
            authorities.iter().map(move |name| (format!("operations.{operation}"), name))
        });
        let known = || self.authorities.iter().map(|authority| authority.name.as_str());
        for (place, name) in credentials.chain(operations) {
            if known().all(|known| known != name.as_str()) {
                let meant = spelling::nearest(name.as_str(), known());
                let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
                found.push(PlanError::new(format!("{place}: there is no authority {name}{meant}")));
            }
        }
        found
    }
}

fn twice<'a>(what: &'a str, names: impl Iterator<Item = &'a Name>) -> impl Iterator<Item = PlanError> {
    let mut seen = BTreeSet::new();
    names
        .filter(move |name| !seen.insert(*name))
        .map(move |name| PlanError::new(format!("{what} {name} is named twice")))
}

impl Payload for GenesisOperation {
    fn installs(&self) -> &[GenesisTarget] {
        &self.targets
    }
}

impl Planned for GenesisOperation {
    type Plan = GenesisPlan;

    fn agrees_with(&self, plan: &GenesisPlan) -> Result<(), Difference> {
        let all = plan.targets.iter().zip(&self.targets).all(|(table, target)| table.is_of(target));
        same(all && plan.targets.len() == self.targets.len(), "targets")
    }

    fn briefing(&self, _: &GenesisPlan) -> Vec<Section> {
        self.targets.iter().map(|target| Section::new("A target", target.words())).collect()
    }
}

impl GenesisPlan {
    /// Whether a roster has the people, authorities and policy of the plan.
    pub(in crate::proposal) fn agrees_with_roster(&self, roster: &RosterDocument) -> Result<(), Difference> {
        let mut policy = self.policy.policy();
        if self.policy.attestation_certificates().is_some() {
            policy.attestation.certificates.clone_from(&roster.policy.attestation.certificates);
        }
        same(policy == roster.policy, "policy")?;
        same(self.operations == roster.operations, "operations")?;
        let authorities = self.authorities.iter().zip(&roster.deal.authorities);
        let equal = authorities.clone().all(|(a, b)| a.name == b.name && a.threshold == b.threshold);
        same(equal && self.authorities.len() == roster.deal.authorities.len(), "authorities")?;
        same(is_people(&self.custodians, &roster.custodians), "custodians")?;
        same(is_people(&self.administrators, &roster.administrators), "administrators")?;
        same(is_people(&self.witnesses, &roster.witnesses), "witnesses")
    }
}

fn is_people(tables: &[MemberTable], members: &[Member]) -> bool {
    tables.len() == members.len()
        && tables.iter().zip(members).all(|(table, member)| {
            table.name == member.name
                && table.full_name == member.full_name
                && table.enrolments.len() == member.cards.len()
        })
}
