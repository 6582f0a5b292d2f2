//! The script in README.md, run as it stands there; and the tests that README.md names.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[allow(dead_code, reason = "the key is looked at from outside")]
#[path = "support/softhsm.rs"]
mod softhsm;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced block whose info string says so.
fn block(info: &str) -> String {
    let readme = readme();
    let mut lines = readme.lines().skip_while(|line| *line != format!("```{info}")).skip(1).peekable();
    assert!(lines.peek().is_some(), "README.md has no block '{info}'");
    lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_script_of_the_readme_ends_with_a_verified_audit_and_the_key_gone() {
    let hsm = softhsm::SoftHsm::new();
    let dir = tempfile::tempdir().unwrap();
    let script = block("bash quorum-from-nothing") + &block("bash programs");
    fs::write(dir.path().join("script"), script).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_quorate")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .arg("script")
        .current_dir(dir.path())
        .env("PATH", path)
        .env("SOFTHSM2_CONF", hsm.conf())
        .env("EXAMPLES", root().join("ceremonies"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let prose = fs::read_to_string(dir.path().join("prose.log")).unwrap_or_default();
    assert!(output.status.success(), "{said}\n{complained}\n{prose}");
    assert!(said.contains("VERIFIED"), "{said}");
    let public = hsm.tool(&["--token-label", "root-2026", "--list-objects"]);
    assert!(!public.contains("root-2019") && public.contains("root-2026"), "{public}");
    assert!(said.contains("verify OK") && said.contains("Signature Verified Successfully"), "{said}");
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_tests_that_the_readme_names_are_there() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let mut tests = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for part in text.split("#[test]").skip(1) {
            let name = part.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            tests.extend(name.map(str::to_owned));
        }
    }
    let readme = readme();
    let table = readme.split("## What it protects against").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let named: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|name| name.contains('_') && !name.contains([' ', '-']))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(tests.contains(name), "README.md names the test '{name}', which is not there");
    }
}
