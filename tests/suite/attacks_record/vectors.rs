//! Test vectors: the program's own readers find in each what the index says. `make vectors` gives this test the ledgers of all
//! library tests as well; without them it makes three.

mod approvals;
mod backups;
mod lines;
mod shares;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{codes, errors, quorate};
use crate::support::forge::{Forge, vectors::keep_as};

/// What a reader refused: the code of the finding, where there is one, and the words.
type Refused = (Option<&'static str>, String);

fn make(dir: &Path) {
    let honest = Forge::new();
    let (mut another_plan, mut no_line) = (honest.clone(), honest.clone());
    another_plan.files[0].plan.push(b'#');
    no_line.files[0].transcript.clear();
    for (name, forge) in [("honest", honest), ("another_plan", another_plan), ("no_line", no_line)] {
        keep_as(name, dir, (&forge.files, forge.mode), &errors(&forge.files, forge.mode));
    }
}

/// The errors of an entry in the index.
fn told(read: Result<(), Refused>) -> Value {
    let error = |(code, message)| json!([{ "code": code, "message": message }]);
    read.err().map_or_else(|| json!([]), error)
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
    lines::make(&dir);
    approvals::make(&dir);
    shares::make(&dir);
    backups::make(&dir);
    let index: Vec<Value> = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
    for kind in ["ledger", "line", "approval", "share", "backup"] {
        let of_kind = || index.iter().filter(|vector| vector["kind"] == kind);
        assert!(of_kind().any(|v| v["errors"] == json!([])), "no honest {kind}");
        assert!(of_kind().any(|v| v["errors"] != json!([])), "no dishonest {kind}");
    }
    for vector in &index {
        let file = dir.join(vector["file"].as_str().unwrap());
        match vector["kind"].as_str().unwrap() {
            "ledger" => audited(vector, &file),
            "line" => assert_eq!(told(lines::read(vector, &file)), vector["errors"], "{vector}"),
            "approval" => assert_eq!(told(approvals::read(vector, &dir)), vector["errors"], "{vector}"),
            "share" => assert_eq!(told(shares::read(vector, &dir)), vector["errors"], "{vector}"),
            "backup" => assert_eq!(told(backups::read(vector, &dir)), vector["errors"], "{vector}"),
            other => panic!("{other}"),
        }
    }
}

fn audited(vector: &Value, ledger: &Path) {
    let rehearsal = (vector["mode"] == "rehearsal").then_some("--rehearsal");
    let mut args = vec!["audit", "--json", ledger.to_str().unwrap()];
    args.extend(rehearsal);
    let expected: Vec<&str> =
        vector["errors"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    let done = quorate(&args);
    assert_eq!(codes(&done, "error"), expected, "{vector}");
    assert_eq!(done.code, Some(if expected.is_empty() { 6 } else { 3 }), "{vector}");
}
