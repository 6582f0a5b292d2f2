//! Test vectors: the program finds in each ledger what the index says. `make vectors` gives this test the ledgers of all library
//! tests; without them it makes three.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{codes, errors, quorate};
use crate::support::forge::{Forge, vectors::keep_as};

fn make(dir: &Path) {
    let honest = Forge::new();
    let (mut another_plan, mut no_line) = (honest.clone(), honest.clone());
    another_plan.files[0].plan.push(b'#');
    no_line.files[0].transcript.clear();
    for (name, forge) in [("honest", honest), ("another_plan", another_plan), ("no_line", no_line)] {
        keep_as(name, dir, (&forge.files, forge.mode), &errors(&forge.files, forge.mode));
    }
}

#[test]
fn the_program_finds_what_the_index_says() {
    let own = tempfile::tempdir().unwrap();
    let dir = env::var_os("QUORATE_VECTORS").map_or_else(
        || {
            make(own.path());
            own.path().to_owned()
        },
        PathBuf::from,
    );
    let index: Vec<Value> = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
    assert!(index.len() >= 3, "{index:?}");
    for vector in &index {
        let ledger = dir.join(vector["ledger"].as_str().unwrap());
        let rehearsal = (vector["mode"] == "rehearsal").then_some("--rehearsal");
        let mut args = vec!["audit", "--json", ledger.to_str().unwrap()];
        args.extend(rehearsal);
        let expected: Vec<&str> =
            vector["errors"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
        let done = quorate(&args);
        assert_eq!(codes(&done, "error"), expected, "{vector}");
        assert_eq!(done.code, Some(if expected.is_empty() { 6 } else { 3 }), "{vector}");
    }
}
