//! Test vectors: ledgers, lines, approvals, shares and backups in files of their own, named by their defects, and an index of what
//! is to be found in each.

use std::{env, fs, path::Path, sync::Mutex, thread};

use quorate::{
    encoding::dsse::Mode,
    transcript::{finding::Finding, ledger::CeremonyFiles},
};
use serde_json::{Value, json};

use super::write_ledger;

/// Writes a ledger of the running test to the folder that `QUORATE_VECTORS` names, if it names one. An empty folder is not a
/// ledger, and is none of them.
pub fn keep(files: &[CeremonyFiles], mode: Mode, errors: &[Finding]) {
    let Some(dir) = env::var_os("QUORATE_VECTORS").filter(|_| !files.is_empty()) else { return };
    let test =
        thread::current().name().and_then(|path| path.rsplit("::").next()).unwrap_or("ledger").to_owned();
    keep_as(&test, Path::new(&dir), (files, mode), errors);
}

/// Writes a ledger and its entry in the index.
pub fn keep_as(name: &str, dir: &Path, (files, mode): (&[CeremonyFiles], Mode), errors: &[Finding]) {
    let errors: Vec<Value> = errors.iter().map(|f| json!({ "code": f.code, "message": f.message })).collect();
    let entry = json!({ "kind": "ledger", "mode": mode.to_string(), "errors": errors });
    add(name, dir, entry, |path| {
        fs::create_dir(path).unwrap();
        write_ledger(files, path);
    });
}

/// Writes a file, or a folder, and its entry in the index, which says its kind, what is to be found in it and what a reader needs
/// beside it. Files of one name are numbered.
pub fn add(name: &str, dir: &Path, mut entry: Value, write: impl FnOnce(&Path)) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap();
    let name = name.replace('_', "-");
    let path = (1..).map(|number| dir.join(format!("{name}-{number}"))).find(|path| !path.exists()).unwrap();
    write(&path);
    let index = dir.join("index.json");
    let mut entries: Vec<Value> =
        fs::read(&index).map_or_else(|_| Vec::new(), |bytes| serde_json::from_slice(&bytes).unwrap());
    entry["file"] = path.file_name().unwrap().to_str().unwrap().into();
    entries.push(entry);
    fs::write(&index, serde_json::to_vec_pretty(&entries).unwrap()).unwrap();
}
