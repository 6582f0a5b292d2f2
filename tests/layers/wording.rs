//! What adapters may not say.

use std::path::Path;

use crate::texts;

/// Adapters whose errors are passed on for a whole operation.
const STEPS: [&str; 3] = ["src/pkcs11", "src/practice", "src/command"];

/// What was done before or after a step is not for the step to say: a module may die in the look after a deletion.
const CLAIMS: [&str; 3] = ["nothing was ", "was not changed", "nothing is changed"];

/// The files under these directories but those of tests.
fn files(directories: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = directories.iter().flat_map(|directory| texts(&root.join(directory))).collect();
    files.retain(|(file, _)| !file.contains("/tests/"));
    files
}

fn claims(text: &str) -> Vec<&str> {
    let spoken = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let claimed =
        |line: &&str| CLAIMS.iter().any(|claim| line.replace("nothing was wrong", "").contains(claim));
    spoken.filter(claimed).collect()
}

#[test]
fn a_step_says_nothing_of_the_whole_operation() {
    let found = files(&STEPS);
    assert!(found.len() > 30, "the adapters are not where they should be");
    for (file, text) in found {
        assert_eq!(claims(&text), Vec::<&str>::new(), "{file}");
    }
    assert_eq!(claims("// nothing was changed\n\"nothing was changed; look\"").len(), 1);
}

/// What a return value means is asked for by its cause: its name is the adapter's, and one misspelled would match nothing.
#[test]
fn the_ceremony_spells_no_return_values() {
    let found = files(&["src/ceremony", "src/cli"]);
    assert!(found.len() > 100, "the layers are not where they should be");
    assert_eq!(found.iter().find(|(_, text)| text.contains("CKR_")), None);
}
