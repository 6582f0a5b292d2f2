//! What is proposed: targets, objects, plans.

pub mod environment;
pub mod target;
