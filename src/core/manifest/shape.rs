//! The three shapes of a document: one entry, a list of entries, a table of entries by name.

use serde_json::{Map, Value};

use crate::schema::places::{child, dotted};

/// An entry that is still to be checked.
pub(super) struct Draft {
    /// Where it stands in the document, in front of the paths of its problems.
    pub(super) path: String,
    pub(super) fields: Map<String, Value>,
}

/// The entries of a document, whatever its shape.
pub(super) fn entries(document: Value, problems: &mut Vec<String>) -> Vec<Draft> {
    match document {
        Value::Object(fields) if fields.get("name").is_some_and(Value::is_string) => {
            vec![Draft { path: String::new(), fields }]
        }
        Value::Array(items) => list(items, problems),
        Value::Object(mut table) => {
            let alone = table.len() == 1;
            match table.get_mut("plugins") {
                // TOML cannot have a list at its top.
                Some(Value::Array(items)) if alone => list(std::mem::take(items), problems),
                _ => by_name(table, problems),
            }
        }
        _ => {
            problems.push("it must be an entry, a list of entries, or a table by name".to_owned());
            Vec::new()
        }
    }
}

fn list(items: Vec<Value>, problems: &mut Vec<String>) -> Vec<Draft> {
    let mut drafts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("plugins[{index}]");
        match item {
            Value::Object(fields) => drafts.push(Draft { path, fields }),
            _ => problems.push(format!("{path}: must be an object with a \"name\"")),
        }
    }
    drafts
}

fn by_name(table: Map<String, Value>, problems: &mut Vec<String>) -> Vec<Draft> {
    let mut drafts = Vec::with_capacity(table.len());
    for (key, item) in table {
        let path = dotted("", &child("", &key), &Value::Null);
        let Value::Object(mut fields) = item else {
            problems.push(format!("{path}: must be an object"));
            continue;
        };
        if fields.get("name").and_then(Value::as_str).is_some_and(|name| name != key) {
            problems.push(format!("{path}.name: must be the same as its key, or left out"));
        }
        fields.insert("name".to_owned(), Value::String(key));
        drafts.push(Draft { path, fields });
    }
    drafts
}
