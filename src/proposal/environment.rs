//! Placeholder.
use serde::{Deserialize, Serialize};
/// What a station reports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentReading {
    /// Version.
    pub version: String,
}
