//! What hands over shares: a release, once enough people have approved, and a confirmation, which is approval and release in one.
//!
//! Shares are static: what a custodian has once released for one proposal opens the authority for ever. So a release names the
//! approvals that it rests on, and each reader verifies that they meet the whole requirement of the proposal.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::statement::Statement;
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        dsse::Envelope,
        strict::{self, Base64, StrictError},
        text::Name,
        time::Timestamp,
    },
    roster::Standing,
};

/// A custodian hands over their shares for one proposal, sealed to its station.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub proposal: Digest,
    /// SHA-256 of the roster whose people count.
    pub roster: Digest,
    /// The dealing id of the shares.
    pub dealing: Digest,
    pub custodian: Name,
    /// `keyid` of the card that opened the shares, which also signs.
    pub card: Digest,
    /// SHA-256 of the strict JSON of the [`Basis`].
    pub basis: Digest,
    /// SHA-256 of the sealed file.
    pub file: Digest,
    /// When, by the clock of the machine on which they were released.
    pub time: Timestamp,
}

/// What a release is of and rests on. It lies beside the statement, so that what a card signs stays short.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The authorities whose shares are released, in the order of the requirement.
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<Name>,
    /// Payload digests of approvals that meet the requirement, the custodian's own among them: sorted, each once.
    #[serde(deserialize_with = "bounds::approvals")]
    pub approvals: Vec<Digest>,
}

impl Basis {
    pub fn digest(&self) -> Digest {
        Digest::of(&strict::write(self))
    }
}

/// A custodian opened a new share, found it to be the one that was dealt, and approves. At a genesis it is their approval and
/// their release in one. An approver, who holds no share, approves with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    pub proposal: Digest,
    /// SHA-256 of the roster that they verified and confirm.
    pub roster: Digest,
    /// The dealing id of the shares.
    pub dealing: Digest,
    pub person: Name,
    /// SHA-256 of the strict JSON of the list of drills: one by each of their other cards that opened its shares too.
    pub cards: Digest,
    /// SHA-256 of the sealed release; none by an approver.
    pub file: Option<Digest>,
    /// When, by the clock of the machine on which they confirmed.
    pub time: Timestamp,
}

/// The digest by which a confirmation names its drills.
pub fn drills_digest(drills: &[Envelope]) -> Digest {
    Digest::of(&strict::write(&drills))
}

impl Statement for Release {
    const EVENT: &'static str = "release";
    const BY: &'static [Standing] = &[Standing::Custodian];
    fn author(&self) -> &Name {
        &self.custodian
    }
}

impl Statement for Confirmation {
    const EVENT: &'static str = "confirmation";
    const BY: &'static [Standing] = &[Standing::Custodian, Standing::Approver];
    fn author(&self) -> &Name {
        &self.person
    }
}

/// The file in which a release travels. Whoever has enough of them has the approvals that they rest on, too.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFile {
    pub statement: Envelope,
    pub basis: Basis,
    /// The approvals that the basis lists, in its order.
    #[serde(deserialize_with = "bounds::approvals")]
    pub approvals: Vec<Envelope>,
    /// The shares, sealed to the station.
    #[serde(deserialize_with = "bounds::release")]
    pub sealed: Base64,
}

/// The file in which a confirmation travels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationFile {
    pub statement: Envelope,
    #[serde(deserialize_with = "bounds::cards")]
    pub drills: Vec<Envelope>,
    /// The shares, sealed to the station; none by an approver.
    #[serde(deserialize_with = "bounds::release")]
    pub sealed: Option<Base64>,
}

/// A file of one line that people hand over.
pub trait HandedFile: Serialize + DeserializeOwned {
    /// Parses the file in its one spelling, with one line feed at its end.
    ///
    /// # Errors
    /// Where it is not that.
    fn parse(bytes: &[u8]) -> Result<Self, StrictError> {
        strict::parse(bytes.strip_suffix(b"\n").ok_or(StrictError::Spelling)?)
    }

    /// The file's bytes.
    fn write(&self) -> Vec<u8> {
        let mut bytes = strict::write(self);
        bytes.push(b'\n');
        bytes
    }
}

impl HandedFile for ReleaseFile {}
impl HandedFile for ConfirmationFile {}
