//! The plans of a rehearsal: the built-in ones, or the operator's own.

use std::path::{Path, PathBuf};

use crate::{ceremony::Error, cli::propose::PlanFile, proposal::operations::Plan, roster::OperationKind};

/// A plan as it was written.
pub struct Source {
    pub text: String,
    pub plan: Plan,
}

impl Source {
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

fn operator_plan(path: &Path) -> Result<Source, Error> {
    let file = PlanFile::read(path)?;
    file.mistakes().settle()?;
    let PlanFile { text, plan, .. } = file;
    Ok(Source { text, plan })
}

/// A program has nothing to work with in a rehearsal, and would do in earnest what it does.
pub fn no_programs() -> Error {
    Error::refused(
        "a rehearsal runs no programs",
        "leave targets of kind \"command\" and plans of kind \"command\" or \"use\" out of it",
    )
}
