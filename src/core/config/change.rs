//! What differs between two configurations.

use serde_json::{Map, Value};

/// One value that differs. It may be a secret: never log or show it, only its path.
#[derive(Clone, PartialEq)]
pub struct Change {
    /// Where: keys joined by dots, such as `options.depth`.
    pub path: String,
    /// The value before; `None` if there was none.
    pub old: Option<Value>,
    /// The value now; `None` if there is none any more.
    pub new: Option<Value>,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change").field("path", &self.path).finish_non_exhaustive()
    }
}

/// All differences between two objects; lists are compared as a whole.
pub(crate) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", Some(old), Some(new), &mut found);
    found
}

fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => compare_maps(path, old, new, found),
        _ if old != new => {
            found.push(Change { path: path.to_owned(), old: old.cloned(), new: new.cloned() });
        }
        _ => {}
    }
}

fn compare_maps(
    path: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    found: &mut Vec<Change>,
) {
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        compare(&path, old.get(key), new.get(key), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(old: &Value, new: &Value) -> Vec<String> {
        changes(old, new).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn each_difference_is_named_by_its_path() {
        let old = json!({"enabled": true, "options": {"a": 1, "b": [1, 2], "c": {"d": null}}});
        let new = json!({"enabled": true, "options": {"a": 1.0, "b": [2, 1], "c": {}, "e": 5}});
        let expected = ["options.a", "options.b", "options.c.d", "options.e"];
        assert_eq!(paths(&old, &new), expected);
        assert_eq!(paths(&old, &old), [] as [&str; 0]);
    }

    #[test]
    fn both_values_are_told_and_never_shown() {
        let [change] = &changes(&json!({"key": "old"}), &json!({"key": "new"}))[..] else {
            panic!("one change")
        };
        assert_eq!(
            (change.old.as_ref(), change.new.as_ref()),
            (Some(&json!("old")), Some(&json!("new")))
        );
        assert_eq!(format!("{change:?}"), "Change { path: \"key\", .. }");
    }

    #[test]
    fn what_is_no_object_any_more_is_one_change() {
        assert_eq!(paths(&json!({"options": {"a": 1}}), &json!({"options": null})), ["options"]);
    }
}
