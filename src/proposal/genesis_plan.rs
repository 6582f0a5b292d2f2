//! Plans of kind `genesis`: the people, their authorities, the policy, and the targets that join.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::target::{Custody, Role};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        text::{Line, Name},
    },
    roster::{AttestationPolicy, OperationKind, Policy, attestation::Firmware},
};

/// `kind = "genesis"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisPlan {
    #[serde(rename = "kind")]
    _kind: OperationKind,
    /// What it is for.
    pub title: Line,
    /// Hours from the proposal until approvals are no longer taken.
    pub expires_in_hours: u32,
    /// Demands and deviations.
    #[serde(default)]
    pub policy: PolicyTable,
    /// Who holds shares.
    #[serde(deserialize_with = "bounds::custodians")]
    pub custodians: Vec<MemberTable>,
    /// Who proposes and runs stations.
    #[serde(deserialize_with = "bounds::administrators")]
    pub administrators: Vec<MemberTable>,
    /// Who signs what was seen.
    #[serde(default)]
    #[serde(deserialize_with = "bounds::witnesses")]
    pub witnesses: Vec<MemberTable>,
    /// What is split.
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<AuthorityTable>,
    /// The authorities that each operation needs.
    #[serde(deserialize_with = "bounds::operations")]
    pub operations: BTreeMap<OperationKind, Vec<Name>>,
    /// What is administered.
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

    /// As the roster has it, but for the certificates of authorities, which stand in a file of their own.
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
    /// Identifier.
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
    /// Identifier.
    pub name: Name,
    /// M.
    pub threshold: u8,
}

/// `[[targets]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetTable {
    /// Identifier.
    pub name: Name,
    /// What kind.
    pub kind: TargetKind,
    /// `pkcs11`: the module's file, absolute.
    pub module: Option<String>,
    /// `practice`: the token's file, absolute.
    pub path: Option<String>,
    /// `command`: the program's file, absolute.
    pub program: Option<String>,
    /// `command`: SHA-256 of the program's file.
    pub sha256: Option<Digest>,
    /// Tokens: empty, or in use.
    pub start: Option<StartKind>,
    /// Tokens: the label to give to an empty token, or the one that the token in use has.
    pub label: Option<Line>,
    /// The serial number of a token in use.
    pub serial: Option<Line>,
    /// `pkcs11`: which slot, where several are empty.
    pub slot: Option<u64>,
    /// Which credentials the quorum keeps, and how.
    pub credentials: BTreeMap<Role, CredentialTable>,
}

impl TargetTable {
    /// Empty or in use; there is nothing to begin with a program.
    pub fn start(&self) -> StartKind {
        self.start.unwrap_or(StartKind::TakeOver)
    }

    /// The label afterwards; a program is called as its target.
    pub fn label(&self) -> Line {
        self.label.clone().unwrap_or_else(|| Line::lossy(self.name.as_str()))
    }
}

/// `kind` of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A token behind a PKCS#11 module.
    Pkcs11,
    /// The built-in token for rehearsals.
    Practice,
    /// A program that is handed credentials.
    Command,
}

/// `start` of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartKind {
    /// An empty token, to be initialised.
    Initialise,
    /// A token in use, whose present PINs are asked for at execute.
    TakeOver,
}

/// `credentials.ROLE`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialTable {
    /// Which authority it belongs to.
    pub authority: Name,
    /// How it is kept.
    pub custody: Custody,
    /// `reissued`: the application's age recipient (X25519), to which each new PIN is sealed.
    pub recipient: Option<String>,
    /// The most characters of each PIN that is made: 4 to 255.
    pub pin_length: Option<u32>,
    /// `command`: where it comes from, if the quorum holds it.
    #[serde(default)]
    pub source: CredentialSource,
}

/// `credentials.ROLE.source`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialSource {
    /// Random, made when it is proposed.
    #[default]
    Generated,
    /// Its owner hands it over when it is proposed.
    HandedOver,
}
