//! A drill: a card's holder alone tried what the card is for, and says that it worked.

use serde::{Deserialize, Serialize};

use super::statement::Statement;
use crate::{
    encoding::{
        digest::Digest,
        text::{Line, Name},
        time::Timestamp,
    },
    roster::Standing,
};

/// A card opened the shares of the roster in force, and each was the one that was dealt. The card of a person who
/// holds no share signed, nothing else. It lies beside the transcript whose head it names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// The ledger's nonce.
    pub ledger: Digest,
    /// Number of the last ceremony that had ended.
    pub ceremony: u32,
    /// SHA-256 of its last line.
    pub head: Digest,
    /// Number of the dealing.
    pub epoch: u32,
    /// The dealing id.
    pub dealing: Digest,
    pub person: Name,
    pub serial: Line,
    /// How many shares it opened: one of each authority, or 0 if it holds none.
    pub opened: u8,
    /// When, by the clock of the machine on which it was done.
    pub time: Timestamp,
}

impl Statement for Drill {
    const EVENT: &'static str = "drill";
    const BY: &'static [Standing] =
        &[Standing::Custodian, Standing::Approver, Standing::Administrator, Standing::Witness];
    fn author(&self) -> &Name {
        &self.person
    }
}
