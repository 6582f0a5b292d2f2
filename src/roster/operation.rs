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

/// Which authorities decide on an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Governing {
    /// All of them, always.
    All,
    /// Those that the roster names. It must name some.
    Named,
    /// Those that the roster names, else all.
    NamedOrAll,
    /// Those that the roster names. Without them it cannot be done.
    NamedOrNone,
    /// Those that the roster names, else those of a deletion.
    NamedOrAsDelete,
}

/// The list of operations, given to a macro: kind, module, types of what a proposal and a plan say of it, its name in files, and
/// which authorities decide on it.
///
/// A module of this name is in `proposal/operations`, and one in `ceremony/operations`.
macro_rules! operations {
    ($with:ident) => {
        $with! {
            Genesis genesis GenesisOperation GenesisPlan "genesis" All;
            Inventory inventory InventoryOperation InventoryPlan "inventory" Named;
            Delete delete DeleteOperation DeletePlan "delete" Named;
            Reset reset ResetOperation ResetPlan "reset" Named;
            Backup backup BackupOperation BackupPlan "backup" Named;
            Restore restore RestoreOperation RestorePlan "restore" Named;
            Recover recover RecoverOperation RecoverPlan "recover" All;
            Adopt adopt AdoptOperation AdoptPlan "adopt" NamedOrAll;
            Retire retire RetireOperation RetirePlan "retire" NamedOrAll;
            Command command CommandOperation CommandPlan "command" NamedOrNone;
            // A program that has the user PIN can do what a deletion does.
            Use using UseOperation UsePlan "use" NamedOrAsDelete;
        }
    };
}
pub(crate) use operations;

macro_rules! names {
    ($($kind:ident $module:ident $payload:ident $plan:ident $name:literal $governing:ident;)*) => {
        impl OperationKind {
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            pub const fn governing(self) -> Governing {
                match self {
                    $(Self::$kind => Governing::$governing,)*
                }
            }
        }
    };
}
operations!(names);

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
