//! The environment's say: `ZEREPY_PLUGIN__<NAME>__<KEY>__<SUBKEY>=value`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::layers::lay_over;
use super::{Draft, ROOT};
use crate::schema::Schema;
use crate::schema::places::child;

/// What the variables begin with that configure plugins.
const PREFIX: &str = "ZEREPY_PLUGIN__";
/// What stands between the names of keys in a variable's name.
const SEPARATOR: &str = "__";

/// Environment variables. `Debug` shows none of them.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Draft<'_> {
    /// Takes over what the environment says about the plugin.
    pub(super) fn override_from(&mut self, environment: &Environment, plugin: &str) {
        let prefix = format!("{PREFIX}{}{SEPARATOR}", shouted(plugin));
        for (variable, text) in environment.starting_with(&prefix) {
            let keys: Vec<&str> = variable[prefix.len()..].split(SEPARATOR).collect();
            if keys.iter().any(|key| key.is_empty()) {
                self.problems.push(format!(
                    "{ROOT}: the environment variable {variable} has an empty key in its name"
                ));
            } else {
                self.set(variable, &keys, text);
            }
        }
    }

    fn set(&mut self, variable: &str, keys: &[&str], text: &str) {
        let (mut place, mut pointer) = (&mut self.value, String::new());
        let mut schema = Schema::new(self.schema);
        for key in keys {
            let name = spelling(key, place, &schema);
            schema = schema.property(&name);
            pointer = child(&pointer, &name);
            if !place.is_object() {
                *place = Value::Null;
            }
            place = &mut place[name]; // makes the object and the key
        }
        // What is no JSON of the right type is text: a password may well consist of digits.
        let value = serde_json::from_str(text)
            .ok()
            .filter(|value| schema.allows_type_of(value) != Some(false))
            .unwrap_or_else(|| Value::String(text.to_owned()));
        let leaves = leaves(&value, pointer);
        match (place, value) {
            (Value::Object(under), Value::Object(over)) => lay_over(under, &over),
            (place, value) => *place = value,
        }
        for leaf in leaves {
            self.mark(&leaf, format!("${{{variable}}}"));
        }
    }
}

/// The key that `shouting` means: one that is there or declared, else itself in lower case.
fn spelling(shouting: &str, place: &Value, schema: &Schema<'_>) -> String {
    let present = place.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str));
    present
        .chain(schema.names())
        .find(|name| shouted(name) == shouting)
        .map_or_else(|| shouting.to_lowercase(), str::to_owned)
}

/// A name as it stands in a variable's name.
fn shouted(name: &str) -> String {
    name.to_uppercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// The places within `value`, which stands at `pointer`, that are no objects.
fn leaves(value: &Value, pointer: String) -> Vec<String> {
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| leaves(value, child(&pointer, key))).collect()
        }
        _ => vec![pointer],
    }
}
