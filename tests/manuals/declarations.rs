//! What the sources say: the types that serde reads or writes, and the codes of findings.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use quorate::encoding::bounds;

/// A field with its spoken type, or a variant with none.
pub(super) type Entry = (String, String);

pub(super) fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Types that cross a pipe or serve the parser, and are in no file.
const IN_NO_FILE: [&str; 4] = ["Observation", "Tries", "KindOnly", "Format"];

/// A source without its unit tests.
pub(super) fn code(path: impl AsRef<Path>) -> String {
    read(path).split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
}

/// The types of a source that serde reads or writes, with their fields or variants.
pub(super) fn declared(source: &str, absent: &str) -> Vec<(String, Vec<Entry>)> {
    let mut types: Vec<(String, Vec<Entry>)> = Vec::new();
    let (mut attributes, mut macro_name, mut in_macro) = (String::new(), String::new(), false);
    let mut by_kind = false;
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if indent == 0 && !trimmed.is_empty() {
            in_macro = trimmed.contains("! {");
        }
        by_kind |= line == "by_kind! {";
        if let Some(name) = trimmed.strip_prefix("macro_rules! ") {
            macro_name = name.trim_end_matches(" {").to_owned();
        } else if trimmed.starts_with("#[") || trimmed.starts_with("///") {
            attributes.push_str(trimmed);
        } else if let Some((keyword, name)) = declaration(trimmed, in_macro) {
            let end = format!("{}}}", " ".repeat(indent));
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != end).collect();
            let name = if name.starts_with('$') { macro_name.clone() } else { name };
            if keyword == "enum" && (by_kind || attributes.contains("Deserialize")) {
                types.extend(variants(&name, &body, by_kind, absent));
                by_kind = false;
            } else if keyword != "enum" && (attributes.contains("Deserialize") || indent > 0) {
                types.push((name, fields(&body, attributes.contains(", default)"), absent)));
            }
            attributes.clear();
        } else {
            attributes.clear();
        }
    }
    types.retain(|(name, list)| !list.is_empty() && !IN_NO_FILE.contains(&name.as_str()));
    types
}

/// `pub struct X {`, `pub enum X {`, both also for the module above, or within a macro's braces `X {`.
fn declaration(trimmed: &str, in_macro: bool) -> Option<(&'static str, String)> {
    let seen_by =
        ["pub ", "pub(super) ", "pub(crate) "].into_iter().find_map(|seen_by| trimmed.strip_prefix(seen_by));
    let rest = seen_by.unwrap_or(trimmed).strip_suffix(" {")?;
    let (keyword, name) = match rest.split_once(' ') {
        Some(("struct", name)) => ("struct", name),
        Some(("enum", name)) => ("enum", name),
        None if in_macro && rest.starts_with(char::is_uppercase) => ("struct", rest),
        _ => return None,
    };
    Some((keyword, name.split('<').next()?.to_owned()))
}

fn fields(body: &[&str], default: bool, absent: &str) -> Vec<Entry> {
    let (mut rename, mut bound, mut has_default) = (None, None, default);
    let mut fields = Vec::new();
    for line in body.iter().map(|l| l.trim()) {
        if let Some(attribute) = line.strip_prefix("#[serde(") {
            let named = |key: &str| attribute.split_once(key)?.1.split('"').next();
            rename = rename.or(named("rename = \""));
            bound = bound.or(named("bounds::"));
            has_default |= attribute.starts_with("default");
        } else if let Some((name, kind)) = line.trim_end_matches(',').split_once(": ")
            && !line.starts_with("//")
            && !line.starts_with('$')
        {
            let name = rename
                .take()
                .unwrap_or_else(|| name.trim_start_matches("pub(super) ").trim_start_matches("pub "));
            let most = bounded(name, kind, bound.take(), absent);
            let kind = spoken(kind, absent) + &most + if has_default { ", default" } else { "" };
            fields.push((name.to_owned(), kind));
            has_default = default;
        }
    }
    fields
}

/// The bound of a field in words. A list, a map with free keys, a text or bytes have one; a plan's texts are bounded by the
/// length of the plan.
fn bounded(field: &str, kind: &str, bound: Option<&str>, absent: &str) -> String {
    let counted = kind.contains("Vec<") || kind.contains("BTreeMap<String") || kind.contains("BTreeMap<Name");
    let measured = kind.contains("String") || kind.contains("Base64");
    let Some(bound) = bound else {
        assert!(!counted && (!measured || absent != " or null"), "{field}: {kind} has no bound");
        return String::new();
    };
    let most = |name: &str| match bound_of(name) {
        most if counted => format!(", at most {most}"),
        most => format!(", at most {most} bytes"),
    };
    match bound {
        "attestation_files" => format!("{} of at most {} bytes", most("attestation"), bounds::CERTIFICATE),
        "trusted_files" => format!("{} of at most {} bytes", most("trusted"), bounds::CERTIFICATE),
        name => most(name),
    }
}

/// What `src/encoding/bounds.rs` says of a bound, computed.
fn bound_of(name: &str) -> usize {
    let source = read("src/encoding/bounds.rs");
    let line =
        source.lines().find_map(|line| line.trim().strip_prefix(&format!("{name} = ")).map(str::to_owned));
    let line = line.unwrap_or_else(|| panic!("no bound is called {name}"));
    let terms = line.split_once(": ").unwrap().1.trim_end_matches(';').replace("(ROLES + 1)", "8");
    let term = |text: &str| match text.split_once(" << ") {
        Some((base, by)) => base.parse::<usize>().unwrap() << by.parse::<u32>().unwrap(),
        None => text.parse().unwrap_or_else(|_| bound_of(&text.to_lowercase())),
    };
    terms.split(" + ").map(|factors| factors.split(" * ").map(term).product::<usize>()).sum()
}

/// An enum of plain variants is one list; each variant with fields is a list of its own.
fn variants(name: &str, body: &[&str], tagged: bool, absent: &str) -> Vec<(String, Vec<Entry>)> {
    let mut lists = vec![(name.to_owned(), Vec::new())];
    let mut lines = body.iter();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(variant) = trimmed.strip_suffix(" {") {
            let inner: Vec<&str> = lines.by_ref().copied().take_while(|l| *l != "    },").collect();
            assert!(tagged, "{name}::{variant}: in which field does its name stand?");
            let mut list = vec![("kind".to_owned(), "string".to_owned())];
            list.extend(fields(&inner, false, absent));
            lists.push((format!("{name}::{variant}"), list));
        } else if let Some((variant, inner)) = trimmed.split_once('(')
            && trimmed.starts_with(char::is_uppercase)
            && trimmed.ends_with("),")
        {
            let is_bounded = inner.starts_with("#[serde(deserialize_with = \"bounds::");
            let grows = ["Vec<", "BTreeMap<", "String", "Base64"].iter().any(|kind| inner.contains(kind));
            assert!(is_bounded || !grows, "{name}::{variant}: {inner} has no bound");
        } else if trimmed.ends_with(',') && trimmed.starts_with(char::is_uppercase) {
            lists[0].1.push((words(trimmed.trim_end_matches(','), '-'), String::new()));
        }
    }
    lists
}

/// `ObjectRecord` → `object record`, `SoPin` → `so-pin`.
pub(super) fn words(name: &str, between: char) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(between);
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// A Rust type as the pages call it.
fn spoken(kind: &str, absent: &str) -> String {
    // Where it lies in memory is nobody's business.
    if let Some(inner) = kind.strip_prefix("Box<").and_then(|k| k.strip_suffix('>')) {
        return spoken(inner, absent);
    }
    let inside = |outer: &str| kind.strip_prefix(outer).and_then(|k| k.strip_suffix('>'));
    if let Some(inner) = inside("Option<") {
        format!("{}{absent}", spoken(inner, absent))
    } else if let Some(inner) = inside("Vec<") {
        format!("array of {}", spoken(inner, absent))
    } else if let Some(inner) = inside("BTreeMap<").or_else(|| inside("std::collections::BTreeMap<")) {
        format!("object of {}", spoken(inner.split_once(", ").unwrap().1, absent))
    } else if kind == "[Signature; 1]" {
        "array of 1 signature".to_owned()
    } else {
        match kind.rsplit("::").next().unwrap() {
            "bool" => "boolean".to_owned(),
            "u8" | "u32" | "u64" | "NonZeroU32" => "number".to_owned(),
            "Timestamp" => "time".to_owned(),
            "PublicKey" => "key".to_owned(),
            "ApplicationRecipient" | "HybridRecipient" | "ShareRecipient" => "recipient".to_owned(),
            "E" => "event".to_owned(),
            name => words(name, ' '),
        }
    }
}

pub(super) fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    files.sort();
    files
}

/// The text of a string literal with which `text` begins.
fn literal(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// Every code that a source gives a finding, with its severity.
pub(super) fn codes(source: &str, file: &Path) -> BTreeSet<Entry> {
    let mut found = BTreeSet::new();
    let mut indirect = false;
    let mut take = |rest: &str, severity: &str| match literal(rest) {
        Some(code) => drop(found.insert((code.to_owned(), severity.to_owned()))),
        None if rest.trim_start().starts_with("code") => indirect = true,
        None => panic!("{}: which code has this finding? {:.60}", file.display(), rest),
    };
    for call in source.split("Finding::error(").skip(1) {
        take(call, "error");
    }
    for call in source.split("Finding::new(").skip(1) {
        let (severity, rest) = call.trim_start().split_once(',').unwrap();
        take(rest, &severity.trim_start_matches("Severity::").to_lowercase());
    }
    // Where the code is a variable: `fail("code", …)`, and the arms of a match over an error.
    if indirect {
        let failures = source.split("fail(").skip(1).filter(|call| {
            literal(call).is_some_and(|code| {
                is_code(code) && call.trim_start()[code.len() + 2..].trim_start().starts_with(',')
            })
        });
        let arms = source.lines().filter(|line| line.contains("Error::")).filter_map(|l| l.split_once("=> "));
        for text in failures.chain(arms.map(|(_, value)| value)) {
            found.extend(literal(text).filter(|c| is_code(c)).map(|c| (c.to_owned(), "error".to_owned())));
        }
    }
    found
}
