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
pub mod identity;
pub mod joining;
pub mod operations;
pub mod place;
pub mod plan;
pub mod plan_error;
pub mod program;
mod program_briefing;
pub mod program_plan;
pub mod sealed;
pub mod sections;
pub mod selection;
pub mod target;
pub mod target_table;
mod telling;
pub mod token_label;
