//! Test vectors: ledgers in folders of their own, named by their defects, and an index of the errors that a verifier finds in
//! each.

use std::{env, fs, path::Path, sync::Mutex, thread};

use quorate::{
    encoding::dsse::Mode,
    transcript::{finding::Finding, ledger::CeremonyFiles},
};
use serde_json::{Value, json};

use super::write_ledger;

/// Writes a ledger that the running test has forged to the folder that `QUORATE_VECTORS` names, if it names one.
pub fn keep(files: &[CeremonyFiles], mode: Mode, errors: &[Finding]) {
    let Some(dir) = env::var_os("QUORATE_VECTORS") else { return };
    let test =
        thread::current().name().and_then(|path| path.rsplit("::").next()).unwrap_or("ledger").to_owned();
    keep_as(&test, Path::new(&dir), (files, mode), errors);
}

/// Writes a ledger and its entry in the index. Ledgers of one name are numbered.
pub fn keep_as(name: &str, dir: &Path, (files, mode): (&[CeremonyFiles], Mode), errors: &[Finding]) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap();
    let name = name.replace('_', "-");
    let path = (1..).map(|number| dir.join(format!("{name}-{number}"))).find(|path| !path.exists()).unwrap();
    fs::create_dir(&path).unwrap();
    write_ledger(files, &path);
    let index = dir.join("index.json");
    let mut entries: Vec<Value> =
        fs::read(&index).map_or_else(|_| Vec::new(), |bytes| serde_json::from_slice(&bytes).unwrap());
    let errors: Vec<Value> = errors.iter().map(|f| json!({ "code": f.code, "message": f.message })).collect();
    entries.push(json!({
        "ledger": path.file_name().unwrap().to_str().unwrap(),
        "mode": mode.to_string(),
        "errors": errors,
    }));
    fs::write(&index, serde_json::to_vec_pretty(&entries).unwrap()).unwrap();
}
