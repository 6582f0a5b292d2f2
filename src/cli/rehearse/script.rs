//! The plans of a rehearsal, and their rewriting.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Cast, operator_plan};
use crate::{
    ceremony::Error, encoding::text, proposal::operations::Plan, roster::OperationKind,
    transcript::ledger::LedgerState,
};

/// A plan as it was written.
pub struct Source {
    /// Its text.
    pub text: String,
    /// The same, parsed.
    pub plan: Plan,
}

impl Source {
    /// What it does.
    pub fn kind(&self) -> OperationKind {
        self.plan.kind()
    }
}

/// The built-in story: a key is deleted, the rest backed up, the token reset, the backup restored.
const BUILT_IN: [&str; 5] = [
    include_str!("../../../ceremonies/genesis.toml"),
    include_str!("../../../ceremonies/delete.toml"),
    include_str!("../../../ceremonies/backup.toml"),
    include_str!("../../../ceremonies/reset.toml"),
    include_str!("../../../ceremonies/restore.toml"),
];

/// The operator's plans, or the built-in ones.
pub fn plans(paths: &[PathBuf]) -> Result<Vec<Source>, Error> {
    let sources: Vec<Source> = if paths.is_empty() {
        let parse = |text: &&str| {
            let plan = Plan::parse(text.as_bytes()).map_err(|e| {
                Error::problem(format!("a built-in plan: {e}"), "this is a defect: report it")
            })?;
            Ok(Source { text: (*text).to_owned(), plan })
        };
        BUILT_IN.iter().map(parse).collect::<Result<_, Error>>()?
    } else {
        paths.iter().map(|path| operator_plan(path)).collect::<Result<_, _>>()?
    };
    let genesis = sources.first().is_some_and(|s| s.kind() == OperationKind::Genesis);
    let later =
        sources.iter().skip(1).all(|s| !matches!(s.kind(), OperationKind::Genesis | OperationKind::Recover));
    if genesis && later {
        if sources.iter().any(|s| matches!(s.plan, Plan::Command(_) | Plan::Use(_))) {
            return Err(no_programs());
        }
        return Ok(sources);
    }
    Err(Error::usage(
        "a rehearsal begins with a genesis, and goes on with other plans",
        "name the plan of the genesis first; \"recover\" needs a real crash and cannot be rehearsed",
    ))
}

/// Rewrites what names hardware, and writes the plan into the folder.
pub fn rewrite(
    source: &Source,
    dir: &Path,
    number: u32,
    state: Option<&LedgerState>,
    cast: &Cast,
) -> Result<PathBuf, Error> {
    let broken = |e: String| {
        Error::problem(format!("the plan cannot be rewritten: {e}"), "this is a defect: report it")
    };
    let mut table: Table =
        source.text.parse().map_err(|e: toml::de::Error| broken(text::printable(e.message())))?;
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    let backup = || Value::String(dir.join("backup.age").to_string_lossy().into_owned());
    match &source.plan {
        Plan::Genesis(_) => cast.rewrite_genesis(&mut table, dir),
        Plan::Backup(_) => {
            set("output", backup());
        }
        Plan::Restore(_) => {
            set("input", backup());
            if let Some(made) = state.and_then(|s| s.backups.keys().next_back()) {
                set("backup", Value::Integer(i64::from(*made)));
            }
        }
        Plan::Reset(plan) => {
            if let Some(target) = state.and_then(|s| s.targets.get(&plan.target)) {
                set("serial", Value::String(target.identity.serial.to_string()));
                set("label", Value::String(target.identity.label.to_string()));
            }
        }
        Plan::Adopt(_) => {
            if let Some(target) = table.get_mut("target").and_then(Value::as_table_mut) {
                cast.rewrite_target(target, dir);
            }
        }
        Plan::Retire(plan) => {
            if let Some(target) = state.and_then(|s| s.targets.get(&plan.target)) {
                set("serial", Value::String(target.identity.serial.to_string()));
                set("label", Value::String(target.identity.label.to_string()));
            }
        }
        Plan::Command(_) | Plan::Use(_) => return Err(no_programs()),
        // The others name no file and no serial number.
        _ => {}
    }
    let path = dir.join("plans").join(format!("{number:04}-{}.toml", source.kind()));
    let text = toml::to_string(&table).map_err(|e| broken(e.to_string()))?;
    super::super::output_file::write_new(&path, text.as_bytes())?;
    Ok(path)
}

/// A program has nothing to work with in a rehearsal, and would do in earnest what it does.
pub fn no_programs() -> Error {
    Error::refused(
        "a rehearsal runs no programs",
        "leave targets of kind \"command\" and plans of kind \"command\" or \"use\" out of it",
    )
}
