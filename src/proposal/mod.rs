//! What is proposed: targets, objects, plans.

pub mod target;
