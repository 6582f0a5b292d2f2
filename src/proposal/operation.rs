//! What a proposal does, with everything it touches pinned.

use serde::{Deserialize, Serialize};

use super::{
    program::{ProgramCheck, ProgramRun},
    target::{Custody, ObjectRecord, Role, TokenIdentity},
};
use crate::{
    encoding::{
        bounds,
        by_kind::by_kind,
        digest::Digest,
        strict::Base64,
        text::{Line, Name},
    },
    roster::OperationKind,
};

by_kind! {
/// Where a target is found on the station.
pub enum Place {
    /// A token behind a PKCS#11 module.
    Pkcs11 {
        /// The module's file, absolute.
        #[serde(deserialize_with = "bounds::path")]
        module: String,
        /// The slot of an empty token, if the plan names it.
        slot: Option<u64>,
    },
    /// The built-in token for rehearsals.
    Practice {
        /// Its file, absolute.
        #[serde(deserialize_with = "bounds::path")]
        path: String,
    },
    /// A program that is handed credentials.
    Command {
        /// The program's file, absolute. Its digest stands in the identity.
        #[serde(deserialize_with = "bounds::path")]
        program: String,
    },
}
}

impl Place {
    /// Whether it is the built-in token, which keeps nothing from whoever has its file.
    pub fn is_practice(&self) -> bool {
        matches!(self, Self::Practice { .. })
    }

    /// Whether plans of this kind are for a target there.
    pub fn takes(&self, kind: OperationKind) -> bool {
        matches!(self, Self::Command { .. }) == (kind == OperationKind::Command)
    }
}

/// Another file that is taken for a target's module from now on: at another path, with other bytes, or both. Its SHA-256 stands
/// in the identity, which is otherwise the one on record: the same token answers behind it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleChange {
    /// The file on record, absolute.
    #[serde(deserialize_with = "bounds::path")]
    pub old_path: String,
    /// Its SHA-256 on record.
    pub old_sha256: Option<Digest>,
    /// The file that is loaded for this operation, absolute; on record once it completed.
    #[serde(deserialize_with = "bounds::path")]
    pub new_path: String,
}

/// How a genesis begins with a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Initialise an empty token.
    Initialise,
    /// Take over a token in use.
    TakeOver,
}

/// One credential of a target: whose, and how it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRule {
    /// As what it opens the target.
    pub role: Role,
    /// Which authority it belongs to.
    pub authority: Name,
    /// How it is kept.
    pub custody: Custody,
    /// Of a reissued PIN: the application's age recipient.
    #[serde(deserialize_with = "bounds::recipient")]
    pub recipient: Option<String>,
    /// The most characters of each PIN that is made; none is the default of its role.
    pub pin_length: Option<u32>,
}

/// The most characters of a user PIN unless the plan says otherwise: what reads PINs from a `pin-source` takes 31 at most
/// (libp11 0.4.12; pkcs11-provider takes 32) and presents the beginning of a longer one, which costs a try. 30 characters
/// of 5 bits are 150 bits.
pub const USER_PIN_LENGTH: usize = 30;

impl CredentialRule {
    /// The most characters of a PIN that is made for it; none is as many as the token takes.
    pub fn longest_pin(&self) -> Option<usize> {
        match (self.pin_length, self.role) {
            (Some(length), _) => usize::try_from(length).ok(),
            (None, Role::UserPin) => Some(USER_PIN_LENGTH),
            (None, _) => None,
        }
    }
}

/// A target as a genesis makes it the quorum's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisTarget {
    /// Identifier.
    pub name: Name,
    /// Where it is.
    pub place: Place,
    /// Empty, or in use.
    pub start: Start,
    /// Who it was when it was proposed; serial and label are empty on an empty token.
    pub identity: TokenIdentity,
    /// The label that it has afterwards.
    pub label: Line,
    /// What the quorum keeps.
    #[serde(deserialize_with = "bounds::roles")]
    pub credentials: Vec<CredentialRule>,
}

impl GenesisTarget {
    /// The rule of its user PIN, if each ceremony sets it anew for an application.
    pub fn reissued(&self) -> Option<&CredentialRule> {
        self.rule(Role::UserPin).filter(|rule| rule.custody == Custody::Reissued)
    }

    /// Whether another one that is to join is the very same token, or would be: under two names it would have two owners.
    pub fn is_same_token(&self, other: &Self) -> bool {
        if let (Place::Practice { path }, Place::Practice { path: twin }) = (&self.place, &other.place) {
            return path == twin;
        }
        let in_use = self.start == Start::TakeOver && other.start == Start::TakeOver;
        (in_use && self.identity.is_same_token(&other.identity))
            || (self.place == other.place && self.label == other.label)
    }

    /// The rule for a role.
    pub fn rule(&self, role: Role) -> Option<&CredentialRule> {
        self.credentials.iter().find(|rule| rule.role == role)
    }
}

/// A credential made for this proposal, sealed to its authority.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    /// Which authority opens it.
    pub authority: Name,
    /// Which target it opens.
    pub target: Name,
    /// As what.
    pub role: Role,
    /// Counts from 1.
    pub version: u32,
    /// Entropy in bits; under 256 where the token takes no longer PIN, 0 where its owner handed it over.
    pub bits: u32,
    /// Its length in bytes. What is opened must have it.
    pub bytes: u32,
    /// An age file with one recipient.
    #[serde(deserialize_with = "bounds::sealed_credential")]
    pub file: Base64,
}

/// A reissued user PIN, sealed to its application.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedHandover {
    /// Which target it opens.
    pub target: Name,
    /// The application's age recipient.
    #[serde(deserialize_with = "bounds::recipient")]
    pub recipient: String,
    /// As of the same PIN sealed to its authority.
    pub version: u32,
    /// An age file with one recipient; its plaintext is the PIN and nothing else.
    #[serde(deserialize_with = "bounds::sealed_credential")]
    pub file: Base64,
}

by_kind! {
/// What is done, once.
pub enum Operation {
    /// Makes the targets the quorum's.
    Genesis {
        /// All of them.
        #[serde(deserialize_with = "bounds::targets")]
        targets: Vec<GenesisTarget>,
    },
    /// Reads and records the objects.
    Inventory {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// Another file for its module.
        module: Option<ModuleChange>,
    },
    /// Destroys these objects.
    Delete {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// What is destroyed.
        #[serde(deserialize_with = "bounds::objects")]
        objects: Vec<ObjectRecord>,
    },
    /// Destroys everything.
    Reset {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// Everything that is known to be destroyed.
        #[serde(deserialize_with = "bounds::objects")]
        objects: Vec<ObjectRecord>,
        /// The label afterwards.
        new_label: Line,
    },
    /// Exports what can be exported.
    Backup {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// What is there.
        #[serde(deserialize_with = "bounds::objects")]
        objects: Vec<ObjectRecord>,
        /// The file to write, absolute.
        #[serde(deserialize_with = "bounds::path")]
        output: String,
        /// Whether it completes although some objects cannot be exported.
        allow_partial: bool,
    },
    /// Makes objects again.
    Restore {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// The ceremony that made the backup.
        backup: u32,
        /// SHA-256 of the backup file.
        sha256: Digest,
        /// The backup file, absolute.
        #[serde(deserialize_with = "bounds::path")]
        input: String,
        /// What it holds, as that ceremony recorded it.
        #[serde(deserialize_with = "bounds::objects")]
        objects: Vec<ObjectRecord>,
        /// Whether it completes although some of them cannot be restored.
        allow_partial: bool,
    },
    /// Closes a ceremony whose station was lost.
    Recover {
        /// Its number.
        ceremony: u32,
        /// SHA-256 of its last line: the predecessor of this ceremony.
        last_line: Digest,
        /// What that ceremony was to do.
        interrupted: OperationKind,
        /// Whether its intent had been written: then its outcome is unknown.
        intended: bool,
    },
    /// Makes another target the quorum's.
    Adopt {
        /// Which.
        target: Box<GenesisTarget>,
    },
    /// Lets a target go. It is not touched.
    Retire {
        /// Which target.
        target: Name,
        /// Who it was when it was last recorded.
        identity: TokenIdentity,
    },
    /// Runs a target's program with its credentials.
    Command {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// What is run.
        run: ProgramRun,
        /// What looks afterwards whether it was carried out.
        check: Option<ProgramCheck>,
        /// Whether it may be run again where it is not known how an earlier run ended.
        repeatable: bool,
    },
    /// Runs a program with the user PIN of a token.
    Use {
        /// Which target.
        target: Name,
        /// Who it was when it was proposed.
        identity: TokenIdentity,
        /// What is run.
        run: ProgramRun,
        /// Whether it may be run again where it is not known how an earlier run ended.
        repeatable: bool,
        /// Whether it completes although the token's objects changed.
        may_change_objects: bool,
    },
}
}

impl Operation {
    /// Which operation.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Genesis { .. } => OperationKind::Genesis,
            Self::Inventory { .. } => OperationKind::Inventory,
            Self::Delete { .. } => OperationKind::Delete,
            Self::Reset { .. } => OperationKind::Reset,
            Self::Backup { .. } => OperationKind::Backup,
            Self::Restore { .. } => OperationKind::Restore,
            Self::Recover { .. } => OperationKind::Recover,
            Self::Adopt { .. } => OperationKind::Adopt,
            Self::Retire { .. } => OperationKind::Retire,
            Self::Command { .. } => OperationKind::Command,
            Self::Use { .. } => OperationKind::Use,
        }
    }

    /// The program that it runs.
    pub fn program(&self) -> Option<&ProgramRun> {
        match self {
            Self::Command { run, .. } | Self::Use { run, .. } => Some(run),
            _ => None,
        }
    }

    /// Whether its program may be run again where it is not known how an earlier run ended.
    pub fn is_repeatable(&self) -> bool {
        matches!(self, Self::Command { repeatable: true, .. } | Self::Use { repeatable: true, .. })
    }

    /// Whether setting PINs is what it does; other operations change those that their target has seen.
    pub fn sets_pins(&self) -> bool {
        matches!(self, Self::Genesis { .. } | Self::Adopt { .. } | Self::Reset { .. })
    }

    /// The file that it takes for its target's module, where that is another one than on record.
    pub fn module_change(&self) -> Option<&ModuleChange> {
        match self {
            Self::Inventory { module, .. } => module.as_ref(),
            _ => None,
        }
    }

    /// The targets that it makes the quorum's.
    pub fn installs(&self) -> &[GenesisTarget] {
        match self {
            Self::Genesis { targets } => targets,
            Self::Adopt { target } => std::slice::from_ref(target),
            _ => &[],
        }
    }

    /// The target of an operation on one target of the quorum.
    pub fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        match self {
            Self::Genesis { .. } | Self::Recover { .. } | Self::Adopt { .. } => None,
            Self::Inventory { target, identity, .. }
            | Self::Delete { target, identity, .. }
            | Self::Reset { target, identity, .. }
            | Self::Backup { target, identity, .. }
            | Self::Restore { target, identity, .. }
            | Self::Retire { target, identity }
            | Self::Command { target, identity, .. }
            | Self::Use { target, identity, .. } => Some((target, identity)),
        }
    }
}
