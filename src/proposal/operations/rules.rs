//! What an operation is asked, whichever it is. Each answers in a file of its own.

use crate::{
    encoding::text::Name,
    proposal::{
        capability::Ability,
        joining::GenesisTarget,
        place::ModuleChange,
        program::{ProgramCheck, ProgramRun},
        sections::Section,
        target::{Role, TokenIdentity},
    },
};

/// What is true of every operation of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Setting PINs is what it does; other operations change those that their target has seen.
    pub sets_pins: bool,
    /// It changes nothing in its target, and neither has a run of it that was cut off.
    pub only_reads: bool,
    /// It is for a target that is a program; everything else is for tokens.
    pub is_for_programs: bool,
    /// The credentials of its own target that it can use.
    pub roles: &'static [Role],
    /// What its target must be able to do.
    pub abilities: &'static [Ability],
}

impl Facts {
    /// Of an operation that logs in as the user of a token.
    pub const LOGS_IN: Self = Self {
        sets_pins: false,
        only_reads: false,
        is_for_programs: false,
        roles: &[Role::UserPin],
        abilities: &[Ability::LogIn],
    };

    /// Of an operation that uses no credential of a target.
    pub const WITHOUT_LOGIN: Self = Self { roles: &[], abilities: &[], ..Self::LOGS_IN };

    /// Whether it logs in as the user of a token that the quorum has.
    pub fn logs_in(&self) -> bool {
        self.roles.contains(&Role::UserPin)
    }
}

/// What a proposal says that it does.
pub trait Payload {
    /// The target of an operation on one target of the quorum.
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        None
    }

    /// The targets that it makes the quorum's.
    fn installs(&self) -> &[GenesisTarget] {
        &[]
    }

    /// The program that it runs.
    fn program(&self) -> Option<&ProgramRun> {
        None
    }

    /// What looks afterwards whether its program was carried out.
    fn program_check(&self) -> Option<&ProgramCheck> {
        None
    }

    /// Whether its program may be run again where it is not known how an earlier run ended.
    fn is_repeatable(&self) -> bool {
        false
    }

    /// The file that it takes for its target's module, where that is another one than on record.
    fn module_change(&self) -> Option<&ModuleChange> {
        None
    }
}

/// What differs between a proposal and its plan, in a few words.
pub type Difference = &'static str;

/// A proposal's operation beside the plan that it was made from. Both are signed.
pub trait Planned {
    /// The plan's table.
    type Plan;

    /// Whether it does what the plan says, field by field: a reader should not have to compare them.
    fn agrees_with(&self, plan: &Self::Plan) -> Result<(), Difference>;

    /// It in words, for those who decide on it.
    fn briefing(&self, plan: &Self::Plan) -> Vec<Section>;
}

/// Says what differs, unless it is the same.
pub(in crate::proposal) fn same(equal: bool, what: Difference) -> Result<(), Difference> {
    if equal { Ok(()) } else { Err(what) }
}
