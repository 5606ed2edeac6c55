//! Walking a schema along a value: what it declares, asks for and calls secret at each place.
//!
//! References are followed within the document, and circles of them are left in peace.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::places::{Places, child};

/// A schema for what may be anything, but is not to be shown.
static SECRET: LazyLock<Value> = LazyLock::new(|| json!({"secret": true}));

/// All parts of a schema that say something about one place of a value.
#[derive(Clone)]
pub(crate) struct Schema<'s> {
    root: &'s Value,
    parts: Vec<&'s Map<String, Value>>,
    /// Whether alternatives (`anyOf` and the like) are among the parts.
    alternatives: bool,
}

impl<'s> Schema<'s> {
    /// The parts that say something about the whole value, in every alternative.
    pub(crate) fn new(root: &'s Value) -> Self {
        Self { root, parts: Vec::new(), alternatives: true }.with(root)
    }

    /// Only the parts that hold for certain, whatever the value is.
    pub(crate) fn certain(root: &'s Value) -> Self {
        Self { root, parts: Vec::new(), alternatives: false }.with(root)
    }

    fn with(mut self, schema: &'s Value) -> Self {
        let mut open = vec![schema];
        while let Some(Value::Object(part)) = open.pop() {
            if self.parts.iter().any(|known| std::ptr::eq(*known, part)) {
                continue;
            }
            self.parts.push(part);
            // A stack: what is to be looked at first is pushed last.
            if self.alternatives {
                for key in ["then", "else", "if"] {
                    open.extend(part.get(key));
                }
                open.extend(part.get("dependentSchemas").into_iter().flat_map(children));
                for key in ["oneOf", "anyOf"] {
                    open.extend(part.get(key).into_iter().flat_map(children));
                }
            }
            open.extend(part.get("allOf").into_iter().flat_map(children));
            for key in ["$recursiveRef", "$dynamicRef", "$ref"] {
                open.extend(part.get(key).map(|reference| self.follow(reference)));
            }
            open.retain(|schema| schema.is_object());
        }
        self
    }

    /// What a reference leads to. One that cannot be followed here may lead to a secret.
    fn follow(&self, reference: &Value) -> &'s Value {
        let (document, place) =
            reference.as_str().and_then(|r| r.split_once('#')).unwrap_or_default();
        let is_own = document.is_empty()
            || self.root.get("$id").and_then(Value::as_str).is_some_and(|id| id == document);
        let target = self.root.pointer(place).filter(|_| is_own && !reference.is_null());
        target.unwrap_or_else(|| LazyLock::force(&SECRET))
    }

    /// Whether both are the same definition, be it referred to from different places.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let (own, others) = (self.definition(), other.definition());
        own.len() == others.len()
            && own.iter().zip(others).all(|(own, other)| std::ptr::eq(*own, *other))
    }

    fn definition(&self) -> &[&'s Map<String, Value>] {
        match self.parts.split_first() {
            Some((first, rest)) if first.contains_key("$ref") => rest,
            _ => &self.parts,
        }
    }

    fn below(&self, schemas: impl IntoIterator<Item = &'s Value>) -> Self {
        let nothing = Self { parts: Vec::new(), ..*self };
        schemas.into_iter().fold(nothing, Self::with)
    }

    /// The schema of a property of the value.
    pub(crate) fn property(&self, key: &str) -> Self {
        self.below(self.parts.iter().flat_map(|part| -> Vec<&'s Value> {
            if let Some(schema) = part.get("properties").and_then(|all| all.get(key)) {
                return vec![schema];
            }
            // Which patterns match is not looked at: one secret too many is no harm.
            let patterns = part.get("patternProperties").into_iter().flat_map(children);
            let others = ["additionalProperties", "unevaluatedProperties"];
            patterns.chain(others.into_iter().filter_map(|key| part.get(key))).collect()
        }))
    }

    /// The schema of an item of the value.
    fn item(&self, index: usize) -> Self {
        self.below(self.parts.iter().flat_map(|part| -> Vec<&'s Value> {
            let listed = ["prefixItems", "items"]
                .into_iter()
                .find_map(|key| part.get(key)?.as_array()?.get(index));
            match listed {
                Some(schema) => vec![schema],
                None => ["items", "additionalItems", "contains", "unevaluatedItems"]
                    .into_iter()
                    .filter_map(|key| part.get(key))
                    .collect(),
            }
        }))
    }

    /// The schema at a place of `document`, which the whole schema is of.
    pub(crate) fn at(&self, pointer: &str, document: &Value) -> Self {
        let mut here = Some(document);
        let mut schema = self.clone();
        for step in pointer.split('/').skip(1) {
            let key = step.replace("~1", "/").replace("~0", "~");
            (schema, here) = match here {
                Some(Value::Array(items)) => {
                    let index = key.parse().unwrap_or(usize::MAX);
                    (schema.item(index), items.get(index))
                }
                value => (schema.property(&key), value.and_then(|value| value.get(&key))),
            };
        }
        schema
    }

    /// The names of the properties that are declared.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'s str> {
        self.parts
            .iter()
            .filter_map(|part| part.get("properties")?.as_object())
            .flat_map(|properties| properties.keys().map(String::as_str))
    }

    pub(crate) fn declares(&self, name: &str) -> bool {
        self.names().any(|declared| declared == name)
    }

    /// The types that are named, in every alternative.
    pub(crate) fn type_names(&self) -> impl Iterator<Item = &'s str> {
        self.parts.iter().filter_map(|part| part.get("type")).flat_map(|named| match named {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            single => single.as_str().into_iter().collect::<Vec<_>>(),
        })
    }

    /// The names of the properties that must be there.
    pub(crate) fn required(&self) -> impl Iterator<Item = &'s str> {
        self.parts
            .iter()
            .filter_map(|part| part.get("required")?.as_array())
            .flat_map(|names| names.iter().filter_map(Value::as_str))
    }

    pub(crate) fn default_value(&self) -> Option<&'s Value> {
        self.parts.iter().find_map(|part| part.get("default"))
    }

    /// Whether `value`'s type is among those allowed; `None` if the schema does not say.
    pub(crate) fn allows_type_of(&self, value: &Value) -> Option<bool> {
        let mut says = None;
        for part in &self.parts {
            let named = match part.get("type") {
                Some(Value::Array(types)) => types.iter().collect(),
                Some(single) => vec![single],
                None => Vec::new(),
            };
            let listed = part.get("enum").and_then(Value::as_array).into_iter().flatten();
            let examples = listed.chain(part.get("const"));
            let allowed = named.iter().filter_map(|name| name.as_str()).any(|name| is(name, value))
                || examples.clone().any(|example| {
                    std::mem::discriminant(example) == std::mem::discriminant(value)
                });
            if allowed {
                return Some(true);
            }
            if !named.is_empty() || examples.count() > 0 {
                says = Some(false);
            }
        }
        says
    }

    /// Adds the places of `value`, which stands at `pointer`, that the schema calls secret.
    pub(crate) fn secrets(&self, value: &Value, pointer: &str, places: &mut Places) {
        if self.parts.is_empty() {
            return;
        }
        if self.parts.iter().any(|part| calls_secret(part)) {
            places.insert(pointer);
            return;
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    self.property(key).secrets(value, &child(pointer, key), places);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.item(index).secrets(value, &format!("{pointer}/{index}"), places);
                }
            }
            _ => {}
        }
    }
}

fn calls_secret(part: &Map<String, Value>) -> bool {
    let is_true = |key| part.get(key) == Some(&Value::Bool(true));
    is_true("writeOnly")
        || is_true("secret")
        || part.get("format").and_then(Value::as_str) == Some("password")
}

fn is(type_name: &str, value: &Value) -> bool {
    match (type_name, value) {
        ("integer", Value::Number(number)) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("number", Value::Number(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        _ => false,
    }
}

/// The values within, first one last.
fn children(value: &Value) -> Vec<&Value> {
    let mut values: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    };
    values.reverse();
    values
}
