//! What plans that run programs have in common.

use serde::Deserialize;

use super::program::{PinnedInput, ProgramRun};
use crate::encoding::{digest::Digest, output_path::OutputPath, text::Name};

/// `[[inputs]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputTable {
    /// What it is called in the working directory.
    pub name: Name,
    pub path: OutputPath,
    /// Its SHA-256; without it, that of the file as it is when the plan is proposed.
    pub sha256: Option<Digest>,
}

/// A placeholder for a digest that is not known yet; it is never compared.
pub(super) const UNPINNED: Digest = Digest::from_bytes([0; 32]);

pub(super) fn pinned(tables: &[InputTable], of: &dyn Fn(&InputTable) -> Digest) -> Vec<PinnedInput> {
    let pin = |t: &InputTable| PinnedInput { name: t.name.clone(), path: t.path.clone(), sha256: of(t) };
    tables.iter().map(pin).collect()
}

/// Whether a run is the one that a plan means: each digest that the plan gives is the run's.
pub(super) fn is_run(
    found: &ProgramRun,
    meant: impl Fn(&dyn Fn(&InputTable) -> Digest) -> ProgramRun,
) -> bool {
    let of = |table: &InputTable| {
        let proposed = found.inputs.iter().find(|input| input.name == table.name).map(|input| input.sha256);
        table.sha256.or(proposed).unwrap_or(UNPINNED)
    };
    meant(&of) == *found
}
