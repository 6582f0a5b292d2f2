//! Programs that a quorum runs: targets of kind `command`, and tokens that are used, through the real binary.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code)]
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/vault.rs"]
mod vault;

#[path = "programs/commands.rs"]
mod commands;
#[path = "programs/crashes.rs"]
mod crashes;
#[path = "programs/desk.rs"]
mod desk;
#[path = "programs/hostile.rs"]
mod hostile;
#[path = "programs/leavings.rs"]
mod leavings;
#[path = "programs/pinned.rs"]
mod pinned;
#[path = "programs/uses.rs"]
mod uses;
