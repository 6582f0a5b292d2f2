//! Programs that a quorum runs: targets of kind `command`, and tokens that are used, through the real binary.

mod commands;
mod crashes;
mod hostile;
mod leavings;
mod pinned;
mod quorum;
mod uses;
