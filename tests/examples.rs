//! The scripts in `examples/`, run as they are; quorate-scripting(7), which shows them; and the tests that quorate-security(7)
//! names.
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

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_example_scripts_end_with_a_verified_audit_and_the_key_gone() {
    let hsm = softhsm::SoftHsm::new();
    let dir = tempfile::tempdir().unwrap();
    let script = read("examples/quorum-from-nothing.sh") + &read("examples/programs.sh");
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

/// What a file looks like between `.EX` and `.EE`, so that it is shown as it is.
fn shown(path: &str) -> String {
    let mut shown = format!(".\\\" from {path}: a test compares, and make man writes it anew\n.EX\n");
    for line in read(path).lines() {
        let escapes =
            [("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"), ("^", "\\(ha"), ("~", "\\(ti")];
        let line =
            escapes.iter().fold(line.to_owned(), |line, (plain, escaped)| line.replace(plain, escaped));
        let guard = if line.starts_with('.') { "\\&" } else { "" };
        shown += &format!("{guard}{line}\n");
    }
    shown + ".EE\n"
}

/// The page shows each script as the file has it. `QUORATE_BLESS=1` writes it anew.
#[test]
fn the_manual_shows_the_scripts_as_they_are() {
    const PAGE: &str = "man/quorate-scripting.7";
    let mut page = read(PAGE);
    for path in ["examples/quorum-from-nothing.sh", "examples/programs.sh"] {
        let shown = shown(path);
        let (before, rest) = page.split_once(&format!(".\\\" from {path}:")).unwrap();
        let (_, after) = rest.split_once(".EE\n").unwrap();
        page = format!("{before}{shown}{after}");
    }
    if std::env::var_os("QUORATE_BLESS").is_some() {
        fs::write(root().join(PAGE), &page).unwrap();
    }
    assert_eq!(page, read(PAGE), "{PAGE} shows another script than examples/ has: run make man");
}

#[test]
fn the_tests_that_the_manual_names_are_there() {
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
    let page = read("man/quorate-security.7");
    let (table, _) = page.split_once(".SH WHAT IT DOES NOT").unwrap();
    let named: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix(".I "))
        .map(|name| name.replace("\\:", ""))
        .collect();
    assert!(named.len() > 100, "{named:?}");
    for name in &named {
        assert!(tests.contains(name), "quorate-security(7) names the test '{name}', which is not there");
    }
}
