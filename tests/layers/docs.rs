//! What has to say what it is: each file at its head, and each public type. Fields, variants and functions speak by their
//! names, and have a comment where that is not enough.

use std::path::Path;

use crate::texts;

/// Public types without a doc comment, each with its line.
fn silent(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let said = |above: &[&str]| {
        let mut own =
            above.iter().rev().take_while(|line| !line.is_empty() && !line.ends_with([';', '{', '}']));
        own.any(|line| line.starts_with("///") || line.contains("#[doc") || line.contains("#[$"))
    };
    let kinds = ["pub struct ", "pub enum ", "pub trait ", "pub union ", "pub type "];
    let types = lines.iter().enumerate().filter(|(_, line)| kinds.iter().any(|kind| line.starts_with(kind)));
    let silent = types.filter(|(at, _)| !said(&lines[..*at]));
    silent.map(|(at, line)| format!("{}: {line}", at + 1)).collect()
}

#[test]
fn every_file_and_every_public_type_says_what_it_is() {
    let files = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for (file, text) in files.iter().filter(|(file, _)| !file.contains("/tests")) {
        assert!(text.starts_with("//!"), "{file} does not say what it is for");
        assert_eq!(silent(text), Vec::<String>::new(), "{file}");
    }
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
