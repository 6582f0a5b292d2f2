//! What a token can be asked to do, and why it cannot do the rest.
//!
//! Found out without a login, so what a token is reported to be unable to do is certain, but the reverse is not: some refusals show only in the act.

use serde::{Deserialize, Serialize};

use super::{
    joining::{GenesisTarget, StartKind},
    target::{Custody, Role},
};
use crate::encoding::text::Line;

/// What a quorum may require of a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Initialise it while it is empty, and set both PINs.
    Initialise,
    /// Change the SO PIN of a token in use.
    TakeOver,
    /// Set the user PIN by the SO.
    SetUserPin,
    /// Log the user in with a PIN that the quorum has.
    LogIn,
    /// Destroy single objects.
    Delete,
    /// Destroy everything, and replace label and PINs.
    Reset,
    /// Export keys under a backup key.
    Backup,
    /// Make the objects of a backup again.
    Restore,
}

impl Ability {
    /// All of them, in the order of a token's life.
    pub const ALL: [Self; 8] = [
        Self::Initialise,
        Self::TakeOver,
        Self::SetUserPin,
        Self::LogIn,
        Self::Delete,
        Self::Reset,
        Self::Backup,
        Self::Restore,
    ];
}

impl std::fmt::Display for Ability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Initialise => "initialise",
            Self::TakeOver => "take over",
            Self::SetUserPin => "set user PIN",
            Self::LogIn => "log in",
            Self::Delete => "delete",
            Self::Reset => "reset",
            Self::Backup => "backup",
            Self::Restore => "restore",
        })
    }
}

/// Something that a token cannot do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lack {
    pub ability: Ability,
    /// Why, in a sentence without a full stop.
    pub reason: Line,
    pub hint: Line,
}

/// What a genesis or an adoption requires of one of its targets.
pub fn wanted_at_genesis(target: &GenesisTarget) -> Vec<Ability> {
    let held = |role| target.rule(role).is_some_and(|rule| rule.custody == Custody::Held);
    let mut wanted = Vec::new();
    match target.start {
        StartKind::Initialise => wanted.push(Ability::Initialise),
        StartKind::TakeOver => {
            wanted.extend(held(Role::SoPin).then_some(Ability::TakeOver));
            // A PIN that is replaced need not be valid before.
            let sets = held(Role::UserPin) || target.reissued().is_some();
            wanted.push(if sets { Ability::SetUserPin } else { Ability::LogIn });
            // An empty token backs nothing up yet, whatever it will be able to do.
            wanted.extend(held(Role::BackupKey).then_some(Ability::Backup));
        }
    }
    wanted
}
