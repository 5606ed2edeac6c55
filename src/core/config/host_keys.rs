//! The keys of a plugin's configuration that the host itself understands.
//!
//! A plugin's schema need not know them: unless it declares them, they are checked here instead.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::CompiledSchema;
use crate::schema::Schema;

/// What the host wants its keys to be. Times are in seconds.
pub(super) static SCHEMA: LazyLock<CompiledSchema> = LazyLock::new(|| {
    CompiledSchema::new(json!({
        "properties": {
            "enabled": {"type": "boolean"},
            "actions": {"type": "object", "additionalProperties": action_policy()},
            "options": {
                "type": "object",
                "properties": {
                    "timeout": {"type": ["number", "null"], "exclusiveMinimum": 0},
                    "retries": {"type": "integer", "minimum": 0},
                },
            },
        },
    }))
    .expect("the text above is a JSON Schema")
});

/// What the user may say of an action, or with `*` of all: see [`crate::ActionPolicy`].
fn action_policy() -> Value {
    json!({
        "type": "object",
        "properties": {
            "idempotent": {"type": "boolean"},
            "retries": {"type": "integer", "minimum": 0},
            "max_rate": {"type": "number", "exclusiveMinimum": 0},
            "burst": {"type": "integer", "minimum": 1},
            "max_concurrent": {"type": "integer", "minimum": 1},
            "breaker": {
                "type": "object",
                "properties": {
                    "failures": {"type": "integer", "minimum": 1},
                    "pause": {"type": "number", "exclusiveMinimum": 0},
                },
                "required": ["failures", "pause"],
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

/// The host's keys that `schema` does not declare, and the configuration without them.
pub(super) fn split(config: &Value, schema: &Value) -> (Value, Value) {
    let (mut own, mut rest) = (Map::new(), config.clone());
    let schema = Schema::new(schema);
    let Value::Object(map) = &mut rest else { return (Value::Object(own), rest) };
    for key in ["enabled", "actions"].into_iter().filter(|key| !schema.declares(key)) {
        own.extend(map.shift_remove_entry(key));
    }
    let options_schema = schema.property("options");
    match map.get_mut("options") {
        Some(Value::Object(options)) => {
            let keys = ["timeout", "retries"].into_iter();
            let taken: Map<String, Value> = keys
                .filter(|key| !options_schema.declares(key))
                .filter_map(|key| options.shift_remove_entry(key))
                .collect();
            own.insert("options".to_owned(), Value::Object(taken));
            if options.is_empty() && !schema.declares("options") {
                map.shift_remove("options");
            }
        }
        Some(odd) if !schema.declares("options") => {
            own.insert("options".to_owned(), odd.clone());
        }
        _ => {}
    }
    (Value::Object(own), rest)
}
