//! Makes a quorum: its people, their authorities, the policy, and the targets that join.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

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
    roster::{
        AttestationPolicy, Member, OperationKind, OperationRule, Policy, RosterDocument,
        attestation::Firmware, check_keepers, check_minima,
    },
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
    /// Those who hold no share, and whose approval operations need.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::approvers")]
    pub approvers: Vec<MemberTable>,
    /// Those who propose and run stations.
    #[serde(deserialize_with = "bounds::administrators")]
    pub administrators: Vec<MemberTable>,
    /// Those who sign what was seen.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::witnesses")]
    pub witnesses: Vec<MemberTable>,
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<AuthorityTable>,
    /// What each operation needs.
    pub operations: BTreeMap<OperationKind, OperationTable>,
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
    station_keepers: Option<u8>,
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
            station_keepers: None,
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

    /// Of two administrators both would be needed for ever: that is for them to choose.
    fn station_keepers(&self, administrators: usize) -> u8 {
        self.station_keepers.unwrap_or(if administrators < 3 { 1 } else { 2 })
    }

    /// As a roster with so many administrators has it, but for the certificates of authorities, which are in a file of their own.
    fn policy(&self, administrators: usize) -> Policy {
        Policy {
            allow_soft_cards: self.allow_soft_cards,
            copies: self.copies,
            allow_same_medium: self.allow_same_medium,
            // A soft card is a file under a PIN: swap adds nothing to what its thief has.
            require_locked_memory: self.require_locked_memory.unwrap_or(!self.allow_soft_cards),
            allow_short_pins: self.allow_short_pins,
            drill_every_days: self.drill_every_days,
            station_keepers: self.station_keepers(administrators),
            attestation: AttestationPolicy {
                required: self.require_attestation,
                min_firmware: self.min_firmware,
                roots: self.attestation_roots.clone(),
                certificates: Vec::new(),
            },
        }
    }
}

/// `[[custodians]]`, `[[approvers]]`, `[[administrators]]`, `[[witnesses]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberTable {
    pub name: Name,
    /// As it is read aloud.
    pub full_name: Line,
    /// Of a custodian: the group whose minima they count for.
    pub group: Option<Name>,
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
    /// How many of them must be of each of these groups.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::groups")]
    pub groups: BTreeMap<Name, u8>,
}

/// What one operation needs: a list of authorities, or this table.
#[derive(Clone, Debug, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct OperationTable {
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<Name>,
    /// People whose approval it needs besides.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::approvers")]
    pub approvers: Vec<Name>,
}

impl OperationTable {
    /// As the roster has it.
    pub fn rule(&self) -> OperationRule {
        OperationRule { authorities: self.authorities.clone(), approvers: self.approvers.clone() }
    }
}

impl<'de> Deserialize<'de> for OperationTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListOrTable)
    }
}

/// Reads either spelling of what an operation needs.
struct ListOrTable;

impl<'de> Visitor<'de> for ListOrTable {
    type Value = OperationTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of authorities, or a table of authorities and approvers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<OperationTable, A::Error> {
        let authorities = bounds::authorities(SeqAccessDeserializer::new(entries))?;
        Ok(OperationTable { authorities, approvers: Vec::new() })
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<OperationTable, A::Error> {
        OperationTable::deserialize(MapAccessDeserializer::new(fields))
    }
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
        let others = self.approvers.iter().chain(&self.administrators).chain(&self.witnesses);
        let people = self.custodians.iter().chain(others.clone());
        let without = people.clone().filter(|person| person.enrolments.is_empty());
        found.extend(without.map(|person| PlanError::new(format!("{}: enrolments is empty", person.name))));
        found.extend(
            others
                .filter(|person| person.group.is_some())
                .map(|person| PlanError::new(format!("{}: only a custodian has a group", person.name))),
        );
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
        if !self.administrators.is_empty() {
            let possible = check_keepers(self.policy().station_keepers, self.administrators.len());
            found.extend(possible.err().map(|error| PlanError::new(error.to_string())));
        }
        found.extend(self.unmet_names());
        found.extend(self.idle_names());
        found
    }
}

impl GenesisPlan {
    fn groups(&self) -> impl Iterator<Item = &Name> + Clone {
        self.custodians.iter().filter_map(|custodian| custodian.group.as_ref())
    }

    /// Names of authorities, approvers and groups that the plan does not list, and minima that cannot be met.
    fn unmet_names(&self) -> Vec<PlanError> {
        let authorities = || self.authorities.iter().map(|authority| &authority.name);
        let approvers = || self.approvers.iter().map(|approver| &approver.name);
        let credentials = self.targets.iter().flat_map(TargetTable::named_authorities);
        let operations =
            self.operations.iter().map(|(operation, table)| (format!("operations.{operation}"), table));
        let deciding = operations
            .clone()
            .flat_map(|(place, table)| table.authorities.iter().map(move |name| (place.clone(), name)));
        let mut found: Vec<PlanError> = credentials
            .chain(deciding)
            .filter_map(|(place, name)| {
                unlisted(format!("{place}: there is no authority {name}"), name, authorities())
            })
            .collect();
        for (place, table) in operations {
            found.extend(table.approvers.iter().filter_map(|name| {
                unlisted(format!("{place}: there is no approver {name}"), name, approvers())
            }));
        }
        for AuthorityTable { name: authority, threshold, groups } in &self.authorities {
            let place = format!("authority {authority}");
            let unknown = groups.keys().filter_map(|group| {
                unlisted(format!("{place}: no custodian is in the group {group}"), group, self.groups())
            });
            let unknown: Vec<_> = unknown.collect();
            if unknown.is_empty() {
                let size = |group: &Name| self.groups().filter(|name| *name == group).count();
                let problem = check_minima(*threshold, groups, size).err();
                found.extend(problem.map(|reason| PlanError::new(format!("{place}: {reason}"))));
            }
            found.extend(unknown);
        }
        found
    }

    /// Groups that count nowhere, and approvers whose approval nothing needs: more often than not another name was meant.
    fn idle_names(&self) -> Vec<PlanError> {
        let counted = || self.authorities.iter().flat_map(|authority| authority.groups.keys());
        let needed = || self.operations.values().flat_map(|table| &table.approvers);
        let groups = self.custodians.iter().filter_map(|MemberTable { name, group, .. }| {
            let group = group.as_ref()?;
            unlisted(
                format!("custodian {name}: no authority demands members of the group {group}"),
                group,
                counted(),
            )
        });
        let approvers = self.approvers.iter().filter_map(|MemberTable { name, .. }| {
            unlisted(format!("approver {name}: no operation needs their approval"), name, needed())
        });
        groups.chain(approvers).collect()
    }
}

/// A mistake, unless the name is listed; with the listed one that was probably meant.
fn unlisted<'a>(
    mistake: String,
    name: &Name,
    listed: impl Iterator<Item = &'a Name> + Clone,
) -> Option<PlanError> {
    if listed.clone().any(|known| known == name) {
        return None;
    }
    let meant = spelling::nearest(name.as_str(), listed.map(Name::as_str));
    let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    Some(PlanError::new(mistake + &meant))
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
    /// What the quorum will demand, but for the certificates of authorities, which are in a file of their own.
    pub fn policy(&self) -> Policy {
        self.policy.policy(self.administrators.len())
    }

    /// Whether a roster has the people, authorities and policy of the plan.
    pub(in crate::proposal) fn agrees_with_roster(&self, roster: &RosterDocument) -> Result<(), Difference> {
        let mut policy = self.policy();
        if self.policy.attestation_certificates().is_some() {
            policy.attestation.certificates.clone_from(&roster.policy.attestation.certificates);
        }
        same(policy == roster.policy, "policy")?;
        let operations = self.operations.iter().map(|(operation, table)| (*operation, table.rule()));
        same(operations.collect::<BTreeMap<_, _>>() == roster.operations, "operations")?;
        let authorities = self.authorities.iter().zip(&roster.deal.authorities);
        let equal = authorities
            .clone()
            .all(|(a, b)| a.name == b.name && a.threshold == b.threshold && a.groups == b.groups);
        same(equal && self.authorities.len() == roster.deal.authorities.len(), "authorities")?;
        same(is_people(&self.custodians, &roster.custodians), "custodians")?;
        same(is_people(&self.approvers, &roster.approvers), "approvers")?;
        same(is_people(&self.administrators, &roster.administrators), "administrators")?;
        same(is_people(&self.witnesses, &roster.witnesses), "witnesses")
    }
}

fn is_people(tables: &[MemberTable], members: &[Member]) -> bool {
    tables.len() == members.len()
        && tables.iter().zip(members).all(|(table, member)| {
            table.name == member.name
                && table.full_name == member.full_name
                && table.group == member.group
                && table.enrolments.len() == member.cards.len()
        })
}
