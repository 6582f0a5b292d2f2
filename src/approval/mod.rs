//! Approvals, the one place that counts them, and what a quorum may do.

pub mod authorization;
pub mod drill;
pub mod intent;
pub mod quorum;
pub mod release;
pub mod statement;

#[cfg(test)]
mod tests;
