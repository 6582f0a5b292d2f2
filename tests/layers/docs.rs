//! What has to say what it is: each file at its head, and each public type, which has a name of its own. Fields, variants
//! and functions speak by their names, and have a comment where that is not enough.

use std::{collections::BTreeMap, path::Path};

use crate::texts;

const TYPES: [&str; 5] = ["pub struct ", "pub enum ", "pub trait ", "pub union ", "pub type "];

/// The files of the crate, without those of tests.
fn files() -> Vec<(String, String)> {
    let mut files = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    files.retain(|(file, _)| !file.contains("/tests"));
    files
}

/// The name of the public type that is defined in a line, but for those to which a macro gives their names.
fn type_name(line: &str) -> Option<&str> {
    let rest = TYPES.iter().find_map(|kind| line.trim_start().strip_prefix(kind))?;
    rest.split(|c: char| !c.is_alphanumeric()).next().filter(|name| !name.is_empty())
}

/// Public types without a doc comment, each with its line.
fn silent(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let said = |above: &[&str]| {
        let mut own =
            above.iter().rev().take_while(|line| !line.is_empty() && !line.ends_with([';', '{', '}']));
        own.any(|line| line.starts_with("///") || line.contains("#[doc") || line.contains("#[$"))
    };
    let types = lines.iter().enumerate().filter(|(_, line)| type_name(line).is_some());
    let silent = types.filter(|(at, _)| !said(&lines[..*at]));
    silent.map(|(at, line)| format!("{}: {line}", at + 1)).collect()
}

#[test]
fn every_file_and_every_public_type_says_what_it_is() {
    for (file, text) in files() {
        assert!(text.starts_with("//!"), "{file} does not say what it is for");
        assert_eq!(silent(&text), Vec::<String>::new(), "{file}");
    }
}

/// The arguments of a verb have its name; no other two types have one name.
#[test]
fn every_public_type_has_a_name_of_its_own() {
    let mut named = BTreeMap::<String, Vec<String>>::new();
    for (file, text) in files().iter().filter(|(file, _)| !file.starts_with("src/cli/args")) {
        for name in text.lines().filter_map(type_name) {
            named.entry(name.to_owned()).or_default().push(file.clone());
        }
    }
    assert!(named.len() > 400, "the types are not where they should be");
    named.retain(|_, files| files.len() > 1);
    assert_eq!(named, BTreeMap::new());
}

#[test]
fn silent_types_are_seen() {
    assert_eq!(
        silent("/// One.\n#[derive(Debug)]\npub struct One;\npub type Two = One;"),
        ["4: pub type Two = One;"]
    );
    assert_eq!(silent("/// A field's.\na: u8,\n\npub enum A {"), ["4: pub enum A {"]);
    assert!(silent("/// What.\n#[command(\n    a\n)]\npub(crate) enum A {\n// pub struct Not").is_empty());
}
