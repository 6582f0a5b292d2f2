//! What an operation is asked, whichever it is. Each answers in a file of its own.

use super::record::{Claims, OnRecord};
use crate::{
    encoding::{output_path::OutputPath, text::Name},
    proposal::{
        capability::Ability,
        joining::GenesisTarget,
        place::ModuleChange,
        program::{ProgramCheck, ProgramRun},
        sections::Section,
        target::{Custody, ObjectRecord, Role, TokenIdentity},
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
    /// Its target is touched: it is looked at before, and the intent names it.
    pub touches_target: bool,
    /// It completes only if each target was looked at afterwards.
    pub looks_afterwards: bool,
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
        touches_target: true,
        looks_afterwards: true,
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

    fn program(&self) -> Option<&ProgramRun> {
        None
    }

    /// The files that it writes.
    fn outputs(&self) -> Vec<&OutputPath> {
        self.program().iter().flat_map(|run| &run.outputs).map(|output| &output.path).collect()
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

    /// Whether what it pins is what is on record of its target.
    fn check_record(&self, _: &OnRecord<'_>) -> Result<(), String> {
        Ok(())
    }

    /// The credentials that it makes because it sets PINs, each of its authority: those of the targets that join, but for what
    /// their owners keep.
    fn sets(&self, _: Option<&GenesisTarget>) -> Vec<(Name, Name, Role)> {
        let rules = |target: &GenesisTarget| {
            let kept = target.credentials.iter().filter(|rule| rule.custody != Custody::Borrowed);
            kept.map(|rule| (rule.authority.clone(), target.name.clone(), rule.role)).collect::<Vec<_>>()
        };
        self.installs().iter().flat_map(rules).collect()
    }

    /// Whether the target that is seen afterwards may be the one that was pinned.
    fn may_be(&self, name: &Name, found: &TokenIdentity, _: Recorded) -> bool {
        match self.installs().iter().find(|target| target.name == *name) {
            Some(joined) => joined.may_be(found),
            None => self.target().is_some_and(|(_, pinned)| pinned == found),
        }
    }

    /// Whether what the record lists was to be done: a record that lists more claims what was not approved, or admits it as
    /// if it had been.
    fn may_list(&self, claims: &Claims<'_>) -> bool {
        claims.lists_only(&[])
    }

    /// Whether what the record shows is what was to be done; `recorded` are the objects of its target before.
    fn is_completed_by(&self, _: &Claims<'_>, _recorded: &[ObjectRecord]) -> bool {
        true
    }
}

/// How an operation is recorded to have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// All of it was seen to be done.
    Completed,
    /// Anything else.
    Other,
}

/// What differs between a proposal and its plan, in a few words.
pub type Difference = &'static str;

/// A proposal's operation beside the plan that it was made from. Both are signed.
pub trait Planned {
    type Plan;

    /// Whether it does what the plan says, field by field: a reader should not have to compare them.
    fn agrees_with(&self, plan: &Self::Plan) -> Result<(), Difference>;

    /// Whether the plan says that another file is taken for the target's module, or for its program.
    fn replaces_module(&self, _: &Self::Plan) -> bool {
        false
    }

    /// Whether the plan means what it pins, and nothing else of what is on record.
    fn is_meant_by(&self, _: &Self::Plan, _recorded: &[ObjectRecord]) -> Result<(), Difference> {
        Ok(())
    }

    /// Describes it to those who decide on it.
    fn briefing(&self, plan: &Self::Plan) -> Vec<Section>;
}

/// Says what differs, unless it is the same.
pub(in crate::proposal) fn same(equal: bool, what: Difference) -> Result<(), Difference> {
    if equal { Ok(()) } else { Err(what) }
}
