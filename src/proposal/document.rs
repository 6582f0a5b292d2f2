//! The proposal: the document that an administrator signs, by its digest, and custodians approve.

use serde::{Deserialize, Serialize};

use super::{
    operations::Operation,
    sealed::{SealedCredential, SealedHandover},
};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        strict,
        text::{Line, Name},
        time::Timestamp,
    },
    roster::{RosterDocument, deal::StationKeys},
};

/// The machine that executes, as it says itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its keys for this ceremony.
    pub keys: StationKeys,
    pub host: Line,
    /// The administrators among whom its identity is split, in the order of the roster; empty where each of them opens it alone.
    #[serde(deserialize_with = "bounds::administrators")]
    pub keepers: Vec<Keeper>,
}

/// An administrator who holds a share of a station's identity: two of them open the releases.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keeper {
    pub administrator: Name,
    /// To their share, as in a roster: its dealing is the fingerprint of the station's keys, its epoch the ceremony's number, its
    /// authority `station`, its threshold 2.
    pub commitment: Digest,
}

/// What an administrator's card signs of a proposal. Its digest is what approvals name; the genesis' one is the fingerprint
/// of the whole ledger.
///
/// It is short, since a card signs about 1,000 bytes: the rest is the [`Proposal`], which lies beside it in the line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalStatement {
    pub ledger: Digest,
    pub ceremony: u32,
    pub predecessor: Option<Digest>,
    pub proposer: Name,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// SHA-256 of the proposal's JSON.
    pub body: Digest,
}

/// Everything that one ceremony will do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The ledger's nonce: 32 random bytes, made at genesis.
    pub ledger: Digest,
    /// Number of the ceremony in the ledger, from 0.
    pub ceremony: u32,
    /// Head of the ceremony before it; none at genesis.
    pub predecessor: Option<Digest>,
    /// 32 random bytes.
    pub nonce: Digest,
    pub title: Line,
    pub proposer: Name,
    pub created: Timestamp,
    /// Approvals after this do not count.
    pub expires: Timestamp,
    /// The station that receives the releases and signs the lines.
    pub station: Station,
    /// The plan's text.
    #[serde(deserialize_with = "bounds::plan")]
    pub plan: String,
    /// Digest of the roster in force, or of `new_roster`.
    pub roster: Digest,
    /// At genesis: the roster that comes into force.
    pub new_roster: Option<RosterDocument>,
    pub operation: Operation,
    #[serde(deserialize_with = "bounds::credentials")]
    pub credentials: Vec<SealedCredential>,
    /// Reissued PINs for their applications.
    #[serde(deserialize_with = "bounds::targets")]
    pub handovers: Vec<SealedHandover>,
}

impl Proposal {
    /// What its proposer's card signs.
    pub fn statement(&self) -> ProposalStatement {
        ProposalStatement {
            ledger: self.ledger,
            ceremony: self.ceremony,
            predecessor: self.predecessor,
            proposer: self.proposer.clone(),
            created: self.created,
            expires: self.expires,
            body: Digest::of(&strict::write(self)),
        }
    }

    /// What approvals name: the digest of the statement.
    pub fn digest(&self) -> Digest {
        Digest::of(&strict::write(&self.statement()))
    }

    /// Name of the ceremony's directory: `0001-delete`.
    pub fn directory(&self) -> String {
        directory_name(self.ceremony, self.operation.kind())
    }
}

/// `0001-delete`: the number in four digits or more, and the operation.
pub fn directory_name(ceremony: u32, kind: crate::roster::OperationKind) -> String {
    format!("{ceremony:04}-{kind}")
}
