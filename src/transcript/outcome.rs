//! How a ceremony ended.

use serde::{Deserialize, Serialize};

use crate::encoding::strict::worded;

/// The four ends of a ceremony.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done, and seen to be done.
    Completed,
    /// Nothing was tried.
    Refused,
    /// Tried, and seen not to have happened.
    Failed,
    /// Done in part, or the target's state is unknown.
    Indeterminate,
}

worded!(Outcome);
