//! Putting layers of configuration on top of each other.

use serde_json::{Map, Value};

use super::Settings;
use crate::PluginInfo;
use crate::schema::Schema;

/// All layers that are files, merged.
pub(super) fn merged(
    info: &PluginInfo,
    manifest: &Map<String, Value>,
    settings: &Settings,
) -> Value {
    let mut merged = manifest.clone();
    for scope in settings.scopes(info.category, &info.name) {
        lay_over(&mut merged, scope);
    }
    Value::Object(merged)
}

/// Lays `over` on `under`: objects are merged, everything else is replaced.
pub(crate) fn lay_over(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => lay_over(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Fills in what is missing from the defaults that the schema declares.
///
/// An object that is missing and has no default itself is made from its properties' defaults, but
/// only if these make it complete.
pub(super) fn fill_defaults(schema: &Value, value: &mut Value) {
    if let Value::Object(map) = value {
        let schema = Schema::certain(schema);
        fill(&schema, map, &mut vec![schema.clone()]);
    }
}

/// How deep objects are made of nothing but defaults, the outermost counted.
const MAX_MADE_DEPTH: usize = 5;

/// Fills in an object; `made` are the schemas of the objects around it that are being made.
fn fill<'s>(schema: &Schema<'s>, map: &mut Map<String, Value>, made: &mut Vec<Schema<'s>>) {
    for name in schema.names() {
        let property = schema.property(name);
        let default = property.default_value();
        match (map.get_mut(name), default) {
            (Some(Value::Object(present)), default) => {
                if let Some(Value::Object(default)) = default {
                    let over = std::mem::replace(present, default.clone());
                    lay_over(present, &over);
                }
                fill(&property, present, made);
            }
            (Some(_), _) => {}
            (None, default) => {
                map.extend(make(&property, default, made).map(|value| (name.to_owned(), value)));
            }
        }
    }
}

/// A value made of defaults: the one declared, or that of an object's properties, if it has some
/// and they are all it needs. A schema that contains itself is not followed round.
fn make<'s>(
    schema: &Schema<'s>,
    default: Option<&Value>,
    made: &mut Vec<Schema<'s>>,
) -> Option<Value> {
    let mut object = match default {
        None => Map::new(),
        Some(Value::Object(object)) => object.clone(),
        Some(value) => return Some(value.clone()),
    };
    if made.len() < MAX_MADE_DEPTH && !made.iter().any(|around| around.is(schema)) {
        made.push(schema.clone());
        fill(schema, &mut object, made);
        made.pop();
    }
    let complete = schema.required().all(|name| object.contains_key(name));
    (default.is_some() || (!object.is_empty() && complete)).then_some(Value::Object(object))
}
