//! What the lines of a transcript say.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::outcome::Outcome;
use crate::{
    approval::release::Basis,
    encoding::{
        bounds,
        digest::Digest,
        dsse::{Envelope, Mode},
        strict::{self, Base64},
        text::{Name, Summary},
        time::Timestamp,
    },
    proposal::{
        document::Proposal,
        environment::EnvironmentReading,
        program::ProgramRecord,
        target::{Inventory, LeftOut, ObjectRecord, Role, TokenIdentity},
    },
    sealing::application::ApplicationRecipient,
};

/// The frame of every payload: its place in the chain, the station's time, and what happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<E> {
    /// Place in the transcript, from 0.
    pub seq: u32,
    /// SHA-256 of the whole line before this one, its line feed excluded; none for the first.
    pub prev: Option<Digest>,
    /// The station's clock.
    pub time: Timestamp,
    pub event: E,
}

/// A payload of a transcript line.
pub trait Event: Serialize + DeserializeOwned {
    const NAME: &'static str;
}

macro_rules! event {
    ($name:literal, $(#[$doc:meta])* $type:ident { $($(#[$fdoc:meta])* $field:ident: $ftype:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $type {
            $($(#[$fdoc])* pub $field: $ftype,)*
        }
        impl Event for $type {
            const NAME: &'static str = $name;
        }
    };
}

event! { "proposed",
    /// The first line: the proposal, and what the station reports about itself.
    Proposed {
        /// Signed by the administrator's card.
        proposal: Envelope,
        /// What that names by its digest.
        body: Proposal,
        /// Self-reported.
        environment: EnvironmentReading,
    }
}
event! { "approved",
    Approved {
        approval: Envelope,
    }
}
event! { "released",
    /// A custodian handed over their shares.
    Released {
        release: Envelope,
        /// What it is of and rests on: each approval listed is in a line above.
        basis: Basis,
    }
}
event! { "confirmed",
    /// A custodian approved and handed over a new share in one step.
    Confirmed {
        confirmation: Envelope,
        /// By their other cards that opened its shares.
        #[serde(deserialize_with = "bounds::cards")]
        drills: Vec<Envelope>,
    }
}
event! { "rejected",
    Rejected {
        rejection: Envelope,
    }
}
event! { "intended",
    /// The targets are about to be touched.
    Intended {
        /// Those who approved and whose shares, if any, are used.
        #[serde(deserialize_with = "bounds::quorum")]
        quorum: Vec<Name>,
        /// The targets that will be touched, as they were read just now.
        #[serde(deserialize_with = "bounds::targets")]
        targets: Vec<ObservedTarget>,
        /// Directories that contain the ledger, including this one.
        copies: u8,
        /// Whether all of them are on one file system.
        same_medium: bool,
        /// Self-reported.
        environment: EnvironmentReading,
    }
}
event! { "attempted",
    /// An attempt that did not complete; the ceremony stays open and is tried again.
    Attempted {
        /// `failed` or `indeterminate`.
        outcome: Outcome,
        /// One sentence: what was seen.
        summary: Summary,
    }
}
event! { "concluded",
    Concluded {
        outcome: Outcome,
        /// One sentence: what was seen.
        summary: Summary,
        /// The targets as they were seen afterwards.
        #[serde(deserialize_with = "bounds::targets")]
        targets: Vec<TargetState>,
        /// Objects seen to be gone.
        #[serde(deserialize_with = "bounds::objects")]
        deleted: Vec<ObjectRecord>,
        /// Objects made again and proven.
        #[serde(deserialize_with = "bounds::objects")]
        restored: Vec<ObjectRecord>,
        /// Objects that could not be treated.
        #[serde(deserialize_with = "bounds::objects")]
        left_out: Vec<LeftOut>,
        /// Objects of a backup or a restore of which the token does not keep every attribute that restricts them or says what they are
        /// for, and which attributes.
        #[serde(deserialize_with = "bounds::objects")]
        unkept: Vec<LeftOut>,
        /// The backup that was written.
        backup: Option<BackupRecord>,
        /// Of the PINs that the proposal was to change: those that are known to be in force afterwards.
        #[serde(deserialize_with = "bounds::credentials")]
        pins: Vec<PinInForce>,
        /// Reissued PINs that were seen to be in force, for their applications.
        #[serde(deserialize_with = "bounds::targets")]
        handovers: Vec<HandedOver>,
        /// What was seen of a program.
        program: Option<ProgramRecord>,
    }
}
event! { "closed",
    /// Releases and the station's identity were destroyed. The line's digest is the ceremony's head.
    Closed {
        /// Copies of releases that were destroyed.
        releases_destroyed: u32,
    }
}
event! { "aborted",
    /// Given up before anything was tried.
    Aborted {
        /// Signed by an administrator's card.
        abort: Envelope,
    }
}

/// A target as it was read before it was touched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedTarget {
    pub name: Name,
    /// The identity that it reported.
    pub identity: TokenIdentity,
}

/// A target as it was seen at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetState {
    pub name: Name,
    /// Its token and objects, if they could be read.
    pub inventory: Option<Inventory>,
}

/// A PIN that is in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinInForce {
    pub target: Name,
    pub role: Role,
    pub version: u32,
}

/// A reissued PIN that is in force. Its sealed file is in the proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandedOver {
    pub target: Name,
    pub recipient: ApplicationRecipient,
    /// Version of the PIN.
    pub version: u32,
    /// SHA-256 of the sealed file.
    pub sha256: Digest,
}

/// A backup as the ledger knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRecord {
    /// The target that was backed up, whose backup key wraps the keys.
    pub target: Name,
    /// Version of that backup key, which was in force then: a restore unwraps with this one.
    pub key_version: u32,
    /// SHA-256 of the file.
    pub sha256: Digest,
    pub length: u64,
    #[serde(deserialize_with = "bounds::objects")]
    pub entries: Vec<BackedUp>,
}

/// One object in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackedUp {
    pub object: ObjectRecord,
    /// SHA-256 of its entry in the backup.
    pub sha256: Digest,
}

/// Any line, parsed by its payload type.
#[derive(Clone, Debug)]
pub enum AnyEvent {
    Proposed(Box<Proposed>),
    Approved(Approved),
    Released(Released),
    Confirmed(Confirmed),
    Rejected(Rejected),
    Intended(Box<Intended>),
    Attempted(Attempted),
    Concluded(Box<Concluded>),
    Closed(Closed),
    Aborted(Aborted),
}

impl AnyEvent {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proposed(_) => Proposed::NAME,
            Self::Approved(_) => Approved::NAME,
            Self::Released(_) => Released::NAME,
            Self::Confirmed(_) => Confirmed::NAME,
            Self::Rejected(_) => Rejected::NAME,
            Self::Intended(_) => Intended::NAME,
            Self::Attempted(_) => Attempted::NAME,
            Self::Concluded(_) => Concluded::NAME,
            Self::Closed(_) => Closed::NAME,
            Self::Aborted(_) => Aborted::NAME,
        }
    }

    /// Parses the payload that an envelope's type names.
    pub fn parse(name: &str, payload: &Base64) -> Result<Entry<Self>, strict::StrictError> {
        fn entry<E: Event>(
            payload: &[u8],
            wrap: impl FnOnce(E) -> AnyEvent,
        ) -> Result<Entry<AnyEvent>, strict::StrictError> {
            let entry: Entry<E> = strict::parse(payload)?;
            Ok(Entry { seq: entry.seq, prev: entry.prev, time: entry.time, event: wrap(entry.event) })
        }
        let bytes = &payload.0;
        match name {
            Proposed::NAME => entry(bytes, |e| Self::Proposed(Box::new(e))),
            Approved::NAME => entry(bytes, Self::Approved),
            Released::NAME => entry(bytes, Self::Released),
            Confirmed::NAME => entry(bytes, Self::Confirmed),
            Rejected::NAME => entry(bytes, Self::Rejected),
            Intended::NAME => entry(bytes, |e| Self::Intended(Box::new(e))),
            Attempted::NAME => entry(bytes, Self::Attempted),
            Concluded::NAME => entry(bytes, |e| Self::Concluded(Box::new(e))),
            Closed::NAME => entry(bytes, Self::Closed),
            Aborted::NAME => entry(bytes, Self::Aborted),
            other => Err(strict::StrictError::Syntax(format!(
                "no event is called {:?}",
                crate::encoding::text::printable(other)
            ))),
        }
    }
}

/// The payload of a line, to be signed by the station.
pub fn payload<E: Event>(mode: Mode, entry: &Entry<E>) -> (String, Vec<u8>) {
    (mode.payload_type(E::NAME), strict::write(entry))
}
