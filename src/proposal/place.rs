//! Where a target is found on the station.

use serde::{Deserialize, Serialize};

use crate::encoding::{absolute_path::AbsolutePath, by_kind::by_kind, digest::Digest};

by_kind! {
/// Where a target is found on the station.
pub enum Place {
    /// A token behind a PKCS#11 module.
    Pkcs11 {
        module: AbsolutePath,
        /// The slot of an empty token, if the plan names it.
        slot: Option<u64>,
    },
    /// The built-in token for rehearsals.
    Practice {
        path: AbsolutePath,
    },
    /// A program that is handed credentials.
    Command {
        /// The program's file. Its digest is in the identity.
        program: AbsolutePath,
    },
}
}

impl Place {
    /// Whether it is the built-in token, which hides nothing from anyone who has its file.
    pub fn is_practice(&self) -> bool {
        matches!(self, Self::Practice { .. })
    }

    /// Whether it is a program, not a token.
    pub fn is_program(&self) -> bool {
        matches!(self, Self::Command { .. })
    }
}

/// Another file that is used as a target's module from now on: at another path, with other bytes, or both. Its SHA-256 is
/// in the identity, which is otherwise the one on record: the same token answers behind it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleChange {
    pub old_path: AbsolutePath,
    pub old_sha256: Option<Digest>,
    /// The file that is loaded for this operation; on record once it completed.
    pub new_path: AbsolutePath,
}
