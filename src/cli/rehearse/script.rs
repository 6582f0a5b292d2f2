//! Plans are rewritten where they name hardware.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{
    cast::Cast,
    plans::{Source, no_programs},
};
use crate::{ceremony::Error, encoding::text, proposal::operations::Plan, transcript::ledger::LedgerState};

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
