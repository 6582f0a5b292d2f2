//! What adapters may not say.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Adapters whose errors are passed on for a whole operation.
const STEPS: [&str; 3] = ["src/pkcs11", "src/practice", "src/command"];

/// What was done before or after a step is not for the step to say: a module may die in the look after a deletion.
const CLAIMS: [&str; 3] = ["nothing was ", "was not changed", "nothing is changed"];

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("tests") => {}
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn claims(text: &str) -> Vec<&str> {
    let spoken = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let claimed =
        |line: &&str| CLAIMS.iter().any(|claim| line.replace("nothing was wrong", "").contains(claim));
    spoken.filter(claimed).collect()
}

#[test]
fn a_step_says_nothing_of_the_whole_operation() {
    let mut found = Vec::new();
    for adapter in STEPS {
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(adapter), &mut found);
    }
    assert!(found.len() > 30, "the adapters are not where they should be");
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(claims(&text), Vec::<&str>::new(), "{}", file.display());
    }
    assert_eq!(claims("// nothing was changed\n\"nothing was changed; look\"").len(), 1);
}

/// What a return value means is asked for by its cause: its name is the adapter's, and one misspelled would match nothing.
#[test]
fn the_ceremony_spells_no_return_values() {
    let mut found = Vec::new();
    for layer in ["src/ceremony", "src/cli"] {
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(layer), &mut found);
    }
    let spells = |file: &&PathBuf| fs::read_to_string(file).unwrap().contains("CKR_");
    assert_eq!(found.iter().find(spells), None);
}
