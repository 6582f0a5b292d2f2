//! Describes targets and objects to those who decide on what is done to them.

use super::target::{ObjectRecord, TokenIdentity};
use crate::encoding::{absolute_path::AbsolutePath, digest::Digest};

/// One heading with its lines.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Section {
    /// For example `What will be destroyed`.
    pub heading: String,
    /// Lines of text, all printable.
    pub lines: Vec<String>,
}

impl Section {
    pub(super) fn new(heading: &str, lines: Vec<String>) -> Self {
        Self { heading: heading.into(), lines }
    }

    /// A list that may be empty.
    pub(super) fn listed(heading: &str, mut lines: Vec<String>) -> Self {
        if lines.is_empty() {
            lines.push("nothing is on record".into());
        }
        Self::new(heading, lines)
    }

    pub(super) fn of_objects(heading: &str, objects: &[ObjectRecord]) -> Self {
        Self::listed(heading, objects.iter().map(object).collect())
    }
}

/// A file with the digest by which it is known from now on.
pub fn pinned(what: &str, path: &AbsolutePath, sha256: Option<Digest>) -> String {
    let sha256 = sha256.map_or_else(|| "unknown".into(), |sha256| sha256.to_string());
    format!("{what} {path}, SHA-256 {sha256}")
}

pub(super) fn token<const N: usize>(name: &str, identity: &TokenIdentity, more: [String; N]) -> Vec<String> {
    let mut lines = vec![
        format!("{name}: token \"{}\", serial {}", identity.label, identity.serial),
        format!("model {} by {}", identity.model, identity.manufacturer),
    ];
    lines.extend(more);
    lines
}

pub(super) fn object(object: &ObjectRecord) -> String {
    match (object.public_key_sha256, object.evidence) {
        (Some(hash), _) => format!("{object}, public key {hash}"),
        (None, Some(e)) => format!("{object}; the {} beside it: {}", e.source, e.public_key_sha256),
        (None, None) => object.to_string(),
    }
}
