//! `${NAME}` and `${NAME:-default}` in texts, filled in from the environment.
//!
//! `$${` stands for `${` itself. What a variable contains is taken as it is, not expanded again.

use serde_json::Value;

use super::{Draft, Environment, ROOT, host_keys};
use crate::schema::Schema;
use crate::schema::places::{child, dotted};

/// A text with something filled in.
struct Expanded {
    text: String,
    /// How many variables were filled in.
    variables: usize,
    /// Whether the text was nothing but one variable.
    whole: bool,
}

impl Draft<'_> {
    /// Expands every text but those that came from the environment.
    pub(super) fn expand(&mut self, environment: &Environment) {
        let mut texts = Vec::new();
        collect(&self.value, String::new(), &mut texts);
        for (pointer, text) in texts {
            if self.hidden.cover(&pointer) {
                continue;
            }
            match expand(&text, environment) {
                Ok(expanded) => self.put(&pointer, text, expanded),
                Err(problems) => {
                    let path = dotted(ROOT, &pointer, &self.value);
                    self.unexpanded.insert(pointer);
                    self.problems
                        .extend(problems.iter().map(|problem| format!("{path}: {problem}")));
                }
            }
        }
    }

    fn put(&mut self, pointer: &str, original: String, expanded: Expanded) {
        let value = if expanded.whole {
            self.of_right_type(pointer, expanded.text)
        } else {
            Value::String(expanded.text)
        };
        if let Some(place) = self.value.pointer_mut(pointer) {
            *place = value;
        }
        if expanded.variables > 0 {
            self.mark(pointer, original);
        }
    }

    /// A variable alone is a number or the like where the schema does not allow a text.
    fn of_right_type(&self, pointer: &str, text: String) -> Value {
        let text = Value::String(text);
        let wants_other = [self.schema, host_keys::SCHEMA.source()]
            .into_iter()
            .find_map(|schema| Schema::new(schema).at(pointer, &self.value).allows_type_of(&text))
            == Some(false);
        let parsed = text.as_str().filter(|_| wants_other).map(serde_json::from_str);
        match parsed {
            Some(Ok(value)) => value,
            _ => text,
        }
    }
}

/// The texts in `value` that are to be expanded, by pointer.
fn collect(value: &Value, pointer: String, texts: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if text.contains("${") => texts.push((pointer, text.clone())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), texts);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, child(&pointer, key), texts);
            }
        }
        _ => {}
    }
}

/// The text with its variables filled in, or all that is wrong with it.
fn expand(text: &str, environment: &Environment) -> Result<Expanded, Vec<String>> {
    let mut expanded = Expanded { text: String::new(), variables: 0, whole: false };
    let (mut rest, mut problems) = (text, Vec::new());
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            expanded.text.push_str(before);
            expanded.text.push_str("${");
            rest = after;
            continue;
        }
        expanded.text.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            problems.push("\"${\" is not closed; write \"$${\" if it is meant as it stands".into());
            rest = "";
            break;
        };
        match variable(inside, environment) {
            Ok(value) => expanded.text.push_str(value),
            Err(problem) => problems.push(problem),
        }
        expanded.variables += 1;
        expanded.whole = inside.len() + "${}".len() == text.len();
        rest = after;
    }
    expanded.text.push_str(rest);
    if problems.is_empty() { Ok(expanded) } else { Err(problems) }
}

/// What stands for the `NAME` or `NAME:-default` between the braces.
fn variable<'t>(inside: &'t str, environment: &'t Environment) -> Result<&'t str, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || !name.chars().all(is_word)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(
            "\"${\" is followed by no variable's name; write \"$${\" if it is meant as it \
                    stands"
                .to_owned(),
        );
    }
    match (environment.get(name), default) {
        // As in a shell, the default also stands for a variable that is empty.
        (None | Some(""), Some(default)) => Ok(default),
        (Some(value), _) => Ok(value),
        (None, None) => Err(format!("the environment variable {name} is not set")),
    }
}
