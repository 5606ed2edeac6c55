//! Places in a JSON document: kept as JSON pointers, shown the way programmers write them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

/// Some places of a document, each standing for all that is below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeSet<String>);

impl Places {
    pub(crate) fn insert(&mut self, pointer: impl Into<String>) {
        self.0.insert(pointer.into());
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().cloned());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether `pointer` is one of the places or below one.
    pub(crate) fn cover(&self, pointer: &str) -> bool {
        let mut here = pointer;
        loop {
            if self.0.contains(here) {
                return true;
            }
            match here.rfind('/') {
                Some(end) => here = &here[..end],
                None => return false,
            }
        }
    }
}

/// The pointer of `key` below `pointer`.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The pointer as text: `root.options.items[3]`; keys that are no plain words stand in quotes.
/// `document` tells the items of lists from keys that are numbers.
pub(crate) fn dotted(root: &str, pointer: &str, document: &Value) -> String {
    let mut text = root.to_owned();
    let mut here = Some(document);
    for step in pointer.split('/').skip(1) {
        let key = step.replace("~1", "/").replace("~0", "~");
        let plain =
            !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-*$".contains(c));
        let written = if here.is_some_and(Value::is_array) {
            write!(text, "[{key}]")
        } else if !plain {
            write!(text, "[{key:?}]")
        } else if text.is_empty() {
            write!(text, "{key}")
        } else {
            write!(text, ".{key}")
        };
        written.expect("a String takes all that is written");
        here = match here {
            Some(Value::Array(items)) => key.parse().ok().and_then(|index: usize| items.get(index)),
            Some(value) => value.get(&key),
            None => None,
        };
    }
    text
}
