//! quorate-scripting(7) shows the scripts in `examples/`, and quorate-security(7) names tests that are there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
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
