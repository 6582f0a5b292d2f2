//! What a station reports about itself.

use serde::{Deserialize, Serialize};

use crate::encoding::{bounds, digest::Digest, text::Line, time::Timestamp};

/// The machine and the process that propose or execute, as they see themselves.
///
/// It is the station's word: a hostile station writes what it likes. It serves to notice an honest
/// mistake (a network cable, a stale binary, swap) and to be compared with what witnesses saw.
/// Whatever could not be read is `None`, never a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentReading {
    /// Version of this program (SemVer).
    pub tool_version: Line,
    /// SHA-256 of the running program's file.
    pub binary_sha256: Option<Digest>,
    /// Release of the kernel, as uname(2) gives it.
    pub kernel: Option<Line>,
    pub hostname: Option<Line>,
    /// Network interfaces that are administratively up (IFF_UP), loopback left out, sorted.
    #[serde(deserialize_with = "bounds::reported")]
    pub interfaces_up: Option<Vec<Line>>,
    /// Active swap devices and files.
    #[serde(deserialize_with = "bounds::reported")]
    pub swap: Option<Vec<Line>>,
    /// Soft RLIMIT_CORE: bytes, or `unlimited`.
    pub core_limit: Option<Line>,
    /// Where the kernel sends core dumps (core(5)).
    pub core_pattern: Option<Line>,
    /// Soft RLIMIT_MEMLOCK: bytes, or `unlimited`.
    pub memlock_limit: Option<Line>,
    /// How the pages of secrets are protected: `memfd_secret` or `mlock`.
    pub secret_memory: Option<Line>,
    /// Why no page of the process reaches swap; `None` where the process has not seen to it.
    pub residency: Option<Line>,
    /// Whether the kernel shows core limit 0, not dumpable and no_new_privs for the process.
    pub hardened: bool,
    /// The host's clock, UTC, to the second.
    pub clock: Option<Timestamp>,
    /// Whether the kernel says that the clock is synchronised (adjtimex(2)); offline it is not.
    pub clock_synchronised: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_field_is_refused() {
        let json = r#"{"tool_version":"1","hardened":true,"colour":"blue"}"#;
        let error = serde_json::from_str::<EnvironmentReading>(json).unwrap_err();
        assert!(error.to_string().contains("unknown field `colour`"), "{error}");
    }

    #[test]
    fn control_characters_are_refused() {
        let json = r#"{"tool_version":"1\u001b[2J","hardened":true}"#;
        serde_json::from_str::<EnvironmentReading>(json).unwrap_err();
    }
}
