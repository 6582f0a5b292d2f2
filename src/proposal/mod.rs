//! What is proposed: plans, operations, targets and their objects, and how it is shown to people.

pub mod agreement;
pub mod briefing;
pub mod capability;
pub mod choice;
pub mod comparison;
pub mod credential;
pub mod disputed_times;
pub mod document;
pub mod environment;
mod genesis_plan;
pub mod identity;
pub mod operation;
pub mod plan;
mod plan_rules;
pub mod program;
mod program_briefing;
pub mod program_plan;
pub mod recovery_briefing;
pub mod selection;
pub mod target;
mod telling;
