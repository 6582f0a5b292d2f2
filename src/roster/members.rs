//! The roster as it is written down, before anything in it was checked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    attestation::Firmware,
    card::EnrolmentFile,
    deal::{Commitment, DealHeader, SealedShare},
    operation::OperationKind,
};
use crate::encoding::{
    bounds,
    digest::Digest,
    strict::{self, Base64},
    text::{Line, Name},
};

/// A person with their enrolled cards.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub name: Name,
    /// As it is read aloud.
    pub full_name: Line,
    /// Of a custodian: the group whose minima they count for.
    pub group: Option<Name>,
    /// Enrolments, each signed by its card, with their certificates.
    #[serde(deserialize_with = "bounds::cards")]
    pub cards: Vec<EnrolmentFile>,
}

/// The longest time between two drills that a policy can demand: ten years.
pub const MAX_DRILL_DAYS: u32 = 3650;

/// What the quorum demands of its ceremonies, or lets pass. Each `allow` is a recorded deviation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Soft cards in a production roster.
    pub allow_soft_cards: bool,
    /// Directories that contain the ledger before a target is touched, the ledger itself included.
    pub copies: u8,
    /// Copies on one file system, which one broken disk takes all at once.
    pub allow_same_medium: bool,
    /// Secrets are handled only where no page of the process can reach swap: what libraries copy of them neither.
    pub require_locked_memory: bool,
    /// PINs shorter than 8 characters, where a token takes no longer ones.
    pub allow_short_pins: bool,
    /// Days after which each card is to be drilled again; none: nothing is demanded.
    pub drill_every_days: Option<u32>,
    /// Administrators whose cards it takes to open what is released to a station: 1, or 2 where no single one of them is to have it.
    pub station_keepers: u8,
    /// What hardware cards must prove.
    pub attestation: AttestationPolicy,
}

/// What a production roster demands of its YubiKeys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationPolicy {
    /// Cards without attestation are refused. One that is there must be valid in any case.
    pub required: bool,
    pub min_firmware: Firmware,
    /// SHA-256 of the certificates of other authorities than Yubico's.
    #[serde(deserialize_with = "bounds::trusted")]
    pub roots: Vec<Digest>,
    /// Certificates of authorities in DER, by which chains are completed. Only a digest makes one of them believed.
    #[serde(deserialize_with = "bounds::trusted_files")]
    pub certificates: Vec<Base64>,
}

impl Default for AttestationPolicy {
    fn default() -> Self {
        Self {
            required: true,
            min_firmware: Firmware::WITHOUT_EUCLEAK,
            roots: Vec::new(),
            certificates: Vec::new(),
        }
    }
}

/// What an operation needs, all of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationRule {
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<Name>,
    /// People whose approval it needs besides.
    #[serde(deserialize_with = "bounds::approvers")]
    pub approvers: Vec<Name>,
}

impl OperationRule {
    /// A rule that needs nobody besides the custodians.
    pub const fn of(authorities: Vec<Name>) -> Self {
        Self { authorities, approvers: Vec::new() }
    }
}

/// A roster, unchecked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterDocument {
    /// Hold one share of each authority.
    #[serde(deserialize_with = "bounds::custodians")]
    pub custodians: Vec<Member>,
    /// Hold no share, and approve what needs them.
    #[serde(deserialize_with = "bounds::approvers")]
    pub approvers: Vec<Member>,
    /// Propose ceremonies and run stations.
    #[serde(deserialize_with = "bounds::administrators")]
    pub administrators: Vec<Member>,
    /// Sign what was seen.
    #[serde(deserialize_with = "bounds::witnesses")]
    pub witnesses: Vec<Member>,
    /// What each operation needs.
    pub operations: BTreeMap<OperationKind, OperationRule>,
    pub policy: Policy,
    /// For whom the authorities were split.
    pub deal: DealHeader,
    /// One for each authority and custodian.
    #[serde(deserialize_with = "bounds::commitments")]
    pub commitments: Vec<Commitment>,
    /// One for each authority, custodian and card.
    #[serde(deserialize_with = "bounds::sealed_shares")]
    pub sealed_shares: Vec<SealedShare>,
}

/// What a roster says besides what was dealt. The deal header names its digest, and so does each share.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RestOfRoster<'a> {
    pub custodians: &'a [Member],
    pub approvers: &'a [Member],
    pub administrators: &'a [Member],
    pub witnesses: &'a [Member],
    pub operations: &'a BTreeMap<OperationKind, OperationRule>,
    pub policy: &'a Policy,
}

impl RestOfRoster<'_> {
    /// SHA-256 of its JSON: the roster's own, with these fields only.
    pub fn digest(&self) -> Digest {
        Digest::of(&strict::write(self))
    }
}

impl RosterDocument {
    /// All of it but what depends on the deal.
    pub fn rest(&self) -> RestOfRoster<'_> {
        let Self {
            custodians,
            approvers,
            administrators,
            witnesses,
            operations,
            policy,
            deal: _,
            commitments: _,
            sealed_shares: _,
        } = self;
        RestOfRoster { custodians, approvers, administrators, witnesses, operations, policy }
    }
}
