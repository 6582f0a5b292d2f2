//! What a ceremony can do: the one list of operations.

use serde::{Deserialize, Serialize};

/// What a ceremony can do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// The first ceremony of a ledger. Every custodian approves it.
    Genesis,
    /// Reads and records the target's objects.
    Inventory,
    /// Destroys pinned objects.
    Delete,
    /// Destroys everything in a token and sets new PINs.
    Reset,
    /// Exports what can be exported, wrapped.
    Backup,
    /// Makes the objects of a backup again.
    Restore,
    /// Closes a ceremony whose station was lost.
    Recover,
    /// Makes another target the quorum's.
    Adopt,
    /// Lets a target go.
    Retire,
    /// Runs a target's program with its credentials.
    Command,
    /// Runs a program with the user PIN of a token.
    Use,
}

/// The list of operations, given to a macro: kind, module, types of what a proposal and a plan say of it, and its name in files.
///
/// A module of this name is in `proposal/operations`.
macro_rules! operations {
    ($with:ident) => {
        $with! {
            Genesis genesis GenesisOperation GenesisPlan "genesis";
            Inventory inventory InventoryOperation InventoryPlan "inventory";
            Delete delete DeleteOperation DeletePlan "delete";
            Reset reset ResetOperation ResetPlan "reset";
            Backup backup BackupOperation BackupPlan "backup";
            Restore restore RestoreOperation RestorePlan "restore";
            Recover recover RecoverOperation RecoverPlan "recover";
            Adopt adopt AdoptOperation AdoptPlan "adopt";
            Retire retire RetireOperation RetirePlan "retire";
            Command command CommandOperation CommandPlan "command";
            Use using UseOperation UsePlan "use";
        }
    };
}
pub(crate) use operations;

macro_rules! names {
    ($($kind:ident $module:ident $payload:ident $plan:ident $name:literal;)*) => {
        impl OperationKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// As in plans, directories and roster.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}
operations!(names);

impl OperationKind {
    /// The operations for which a roster names authorities.
    pub const GOVERNED: [Self; 5] = [Self::Inventory, Self::Delete, Self::Reset, Self::Backup, Self::Restore];

    /// Those for which it may name some. Where it does not, they need all authorities.
    pub const ALSO_GOVERNED: [Self; 2] = [Self::Adopt, Self::Retire];
    /// Those for which a roster may name authorities. Without them nothing is done by `command`, and a `use` needs what a
    /// `delete` needs.
    pub const OPTIONAL: [Self; 2] = [Self::Command, Self::Use];
}

impl std::fmt::Display for OperationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::OperationKind;

    #[test]
    fn an_operation_has_one_name() {
        for kind in OperationKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
