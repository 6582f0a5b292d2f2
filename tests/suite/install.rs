//! `make install` puts everything in its place, and `make uninstall` takes all of it away again.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

mod first_command;

/// A prefix with a blank, and a folder with one: both are somebody's.
const PREFIX: &str = "/opt/our tools";

fn make(goal: &str, root: &Path) {
    let output = Command::new("make")
        .arg(goal)
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("PREFIX={PREFIX}"))
        // The binary under test, so that nothing is built here.
        .arg(format!("BINARY={}", env!("CARGO_BIN_EXE_quorate")))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("MAKEFLAGS")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn everything_is_put_in_place_and_taken_away_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("st age");
    make("install", &root);
    let at = |path: &str| root.join(&PREFIX[1..]).join(path);
    let version = Command::new(at("bin/quorate")).arg("--version").output().unwrap();
    assert!(version.status.success());
    for (shell, path, sign) in [
        ("bash", "share/bash-completion/completions/quorate", "complete -F _quorate"),
        ("zsh", "share/zsh/site-functions/_quorate", "#compdef quorate"),
        ("fish", "share/fish/vendor_completions.d/quorate.fish", "complete -c quorate"),
    ] {
        let script = fs::read_to_string(at(path)).unwrap();
        assert!(script.contains(sign), "{shell}");
    }
    for source in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("man")) {
        let section = source.extension().unwrap().to_str().unwrap();
        let page = at(&format!("share/man/man{section}")).join(source.file_name().unwrap());
        assert_eq!(fs::read(&page).unwrap(), fs::read(&source).unwrap());
    }
    for path in ["README.md", "CHANGELOG.md", "LICENSE", "examples/genesis.toml", "examples/delete.toml"] {
        assert!(at("share/doc/quorate").join(path).is_file(), "{path}");
    }
    for file in files(&root) {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let runs = file.ends_with("bin/quorate") || file.extension().is_some_and(|ending| ending == "sh");
        let wanted = if runs { 0o755 } else { 0o644 };
        assert_eq!(mode, wanted, "{}", file.display());
    }
    make("uninstall", &root);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
}

/// What `make install` installs lies where cargo built it, by whichever variable it was told.
#[test]
fn the_program_is_looked_for_where_cargo_builds() {
    for (variables, place) in [
        (vec![], "target/release/quorate"),
        (vec![("CARGO_TARGET_DIR", "/a b")], "/a b/release/quorate"),
        (vec![("CARGO_BUILD_TARGET_DIR", "/b")], "/b/release/quorate"),
        (vec![("CARGO_TARGET_DIR", "/a"), ("CARGO_BUILD_TARGET_DIR", "/b")], "/a/release/quorate"),
        (vec![("CARGO_BUILD_TARGET", "x86_64-x")], "target/x86_64-x/release/quorate"),
    ] {
        let mut command = Command::new("make");
        command
            .args(["--dry-run", "--assume-old", place, "rehearsal"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        for name in ["MAKEFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            command.env_remove(name);
        }
        let said = command.envs(variables).output().unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.contains(&format!("'{place}' rehearse")), "{said}{wrong}");
    }
}

#[test]
fn bash_takes_the_completions_and_completes_a_verb() {
    let script = format!(
        "set -e; source <('{}' completions bash); COMP_WORDS=(quorate exe); COMP_CWORD=1; \
         _quorate quorate exe quorate; echo \"${{COMPREPLY[@]}}\"",
        env!("CARGO_BIN_EXE_quorate")
    );
    let output = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "execute");
}
