//! Programs that a quorum runs: targets of kind `command`, and tokens that are used, through the real binary.

mod commands;
mod crashes;
mod desk;
mod hostile;
mod leavings;
mod pinned;
mod uses;
