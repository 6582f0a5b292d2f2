//! Every `--json` object that a test sees is what `quorate schema` says of its verb: keys and types, and no other key.

use quorate::cli::verbs::{VERBS, VerbTable};
use serde_json::Value;

/// Holds what a command printed against the schema of its verb.
#[track_caller]
pub fn check<'a>(arguments: impl Iterator<Item = &'a std::ffi::OsStr>, json: &Value) {
    let words: Vec<&str> = arguments.filter_map(|word| word.to_str()).collect();
    let Some(table) = table(&words) else { return };
    if let Err(why) = matches(&table.schema(), json) {
        panic!("'{}' printed what its schema does not have: {why}\n{json}", words.join(" "));
    }
}

fn table(words: &[&str]) -> Option<&'static VerbTable> {
    let [first, rest @ ..] = words else { return None };
    let two = rest.first().and_then(|second| VerbTable::of(&format!("{first} {second}")));
    two.or_else(|| VERBS.iter().find(|table| table.verb == *first))
}

/// Whether a value is as its schema has it. Stricter than JSON Schema in one point: there is no key that the schema does not
/// name.
pub fn matches(schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(shapes) = schema["anyOf"].as_array() {
        let why: Vec<String> = shapes.iter().filter_map(|shape| matches(shape, value).err()).collect();
        return if why.len() < shapes.len() { Ok(()) } else { Err(why.join("; or ")) };
    }
    if let Some(words) = schema["enum"].as_array() {
        return if words.contains(value) { Ok(()) } else { Err(format!("{value} is not one of {words:?}")) };
    }
    let is_right = match schema["type"].as_str().unwrap() {
        "string" => value.as_str().is_some_and(|text| is_text(schema, text)),
        "integer" => value.as_u64().is_some(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => {
            for (at, item) in value.as_array().ok_or(format!("{value} is not a list"))?.iter().enumerate() {
                matches(&schema["items"], item).map_err(|why| format!("[{at}]: {why}"))?;
            }
            true
        }
        "object" => return object(schema, value),
        other => panic!("a schema has the type {other}"),
    };
    if is_right { Ok(()) } else { Err(format!("{value} is not as {schema}")) }
}

fn is_text(schema: &Value, text: &str) -> bool {
    let is_hex =
        |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match (schema["pattern"].as_str(), schema["format"].as_str()) {
        (Some("^[0-9a-f]{64}$"), _) => is_hex(text),
        (Some(other), _) => panic!("a schema has the pattern {other}"),
        (None, Some("date-time")) => text.len() == 20 && text.ends_with('Z'),
        _ => true,
    }
}

fn object(schema: &Value, value: &Value) -> Result<(), String> {
    let there = value.as_object().ok_or(format!("{value} is not an object"))?;
    let Some(keys) = schema["properties"].as_object() else { return Ok(()) };
    for required in schema["required"].as_array().unwrap() {
        let key = required.as_str().unwrap();
        if !there.contains_key(key) {
            return Err(format!("the key {key} is missing"));
        }
    }
    for (key, value) in there {
        let schema = keys.get(key).ok_or(format!("the key {key} is not in the schema"))?;
        matches(schema, value).map_err(|why| format!("{key}: {why}"))?;
    }
    Ok(())
}

#[test]
fn a_schema_refuses_what_is_not_as_it_says() {
    let schema = VerbTable::of("attest").unwrap().schema();
    let good = serde_json::json!({
        "person": "alice", "ceremony": "0000-genesis", "head": "0".repeat(64), "agrees": true, "exit": 0,
    });
    matches(&schema, &good).unwrap();
    for (key, bad) in [
        ("person", serde_json::json!(7)),
        ("head", serde_json::json!("abc")),
        ("agrees", serde_json::json!("yes")),
        ("agreed", serde_json::json!(true)),
    ] {
        let mut changed = good.clone();
        changed[key] = bad;
        assert!(matches(&schema, &changed).is_err(), "{key}");
    }
    let mut short = good.clone();
    short.as_object_mut().unwrap().remove("exit");
    assert!(matches(&schema, &short).is_err());
}
