//! JSON Schemas of what the verbs print, made from the same keys as the tables of help and manual pages.

use serde_json::{Map, Value, json};

use super::keys::{Key, Object, Shape};

/// The schema of a verb's whole output: one of its objects, each with the exit code. Keys are added in later versions, so
/// that an object may have more than the schema knows.
pub fn of_verb(verb: &str, objects: &[(&str, Object)]) -> Value {
    let one = |(when, object): &(&str, Object)| {
        let mut schema = of_object(object, true);
        if let Some(schema) = schema.as_object_mut().filter(|_| !when.is_empty()) {
            schema.insert("description".into(), json!(when));
        }
        schema
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("quorate {verb} --json"),
        "anyOf": objects.iter().map(one).collect::<Vec<_>>(),
    })
}

fn of_object(object: &Object, with_exit: bool) -> Value {
    let mut properties: Map<String, Value> = object.keys.iter().map(property).collect();
    let mut required: Vec<&str> = object.keys.iter().map(|key| key.name).collect();
    if with_exit {
        properties.insert("exit".into(), json!({ "type": "integer", "description": "exit code" }));
        required.push("exit");
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn property(key: &Key) -> (String, Value) {
    let mut schema = of_shape(&key.shape);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), json!(key.meaning));
    }
    (key.name.to_owned(), schema)
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Words(words) => json!({ "enum": words }),
        Shape::Digest => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
        Shape::Time => json!({ "type": "string", "format": "date-time" }),
        Shape::Number => json!({ "type": "integer", "minimum": 0 }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>() }),
        Shape::Maybe(inner) => json!({ "anyOf": [of_shape(inner), { "type": "null" }] }),
        Shape::List(inner) => json!({ "type": "array", "items": of_shape(inner) }),
        Shape::Object(object) => of_object(object, false),
        Shape::Document => json!({ "type": "object" }),
    }
}
