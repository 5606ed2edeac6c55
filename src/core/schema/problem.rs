//! One problem for each thing that is wrong with a value, without a word of what is secret.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::places::{Places, child, dotted};
use super::walk::Schema;
use crate::names::suggestion;

/// What stands for a value that is not quoted.
const UNQUOTED: &str = "the value";
/// Longer messages leave the value out.
const MAX_QUOTED_CHARS: usize = 160;

/// One thing that is wrong with a value. `Display` gives path and message; no secret is quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, the way programmers write it: `params.items[3]`.
    pub path: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What would do: types, or the keyword of the schema with what it asks for.
    pub expected: String,
    /// What is there instead.
    pub got: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// All that is needed to put errors into words.
pub(super) struct Report<'a> {
    pub(super) schema: Schema<'a>,
    /// What the value is called in front of each path.
    pub(super) root: &'a str,
    pub(super) value: &'a Value,
    pub(super) hidden: &'a Places,
}

impl Report<'_> {
    pub(super) fn problems(&self, error: &ValidationError<'_>) -> Vec<Problem> {
        let place = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let place = child(place, name);
                let expected = self.types_at(&place).unwrap_or_else(|| "a value".to_owned());
                vec![self.problem(&place, "is required", expected, "nothing".to_owned())]
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                unexpected.iter().map(|name| self.unknown_key(place, name)).collect()
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => self.alternatives(error, context),
            _ => vec![self.plain(error)],
        }
    }

    fn problem(&self, pointer: &str, message: &str, expected: String, got: String) -> Problem {
        let path = dotted(self.root, pointer, self.value);
        Problem { path, message: message.to_owned(), expected, got }
    }

    fn plain(&self, error: &ValidationError<'_>) -> Problem {
        let place = error.instance_path().as_str();
        self.problem(place, &self.quoting(error), expected(error.kind()), self.got(error))
    }

    fn unknown_key(&self, place: &str, name: &str) -> Problem {
        let names: Vec<&str> = self.schema.at(place, self.value).names().collect();
        let message = format!("unknown key. {}", suggestion(name, &names));
        let expected = match names.as_slice() {
            [] => "no keys".to_owned(),
            names => format!("one of the keys {}", names.join(", ")),
        };
        self.problem(&child(place, name), &message, expected, format!("the key {name:?}"))
    }

    /// The types that the schema names at a place.
    fn types_at(&self, pointer: &str) -> Option<String> {
        let schema = self.schema.at(pointer, self.value);
        let mut names: Vec<_> = schema.type_names().collect();
        names.dedup();
        (!names.is_empty()).then(|| names.join(" or "))
    }

    /// The value that is wrong, with its type; only its type if it may not be seen or is no scalar.
    fn got(&self, error: &ValidationError<'_>) -> String {
        let instance = error.instance();
        let name = type_name(instance);
        match &**instance {
            Value::Null | Value::Array(_) | Value::Object(_) => name.to_owned(),
            _ if self.hidden.cover(error.instance_path().as_str()) => name.to_owned(),
            scalar => {
                let text = scalar.to_string();
                match text.char_indices().nth(MAX_QUOTED_CHARS) {
                    Some((end, _)) => format!("{name} {}…", &text[..end]),
                    None => format!("{name} {text}"),
                }
            }
        }
    }

    /// The validator's own words, with the value in them if it may be seen.
    fn quoting(&self, error: &ValidationError<'_>) -> String {
        let instance = error.instance();
        let container = instance.is_object() || instance.is_array();
        if !container && !self.hidden.cover(error.instance_path().as_str()) {
            let text = error.to_string();
            if text.chars().count() <= MAX_QUOTED_CHARS {
                return text;
            }
        }
        error.masked_with(UNQUOTED).to_string()
    }

    /// Of several alternatives, what is wrong with the one that was meant; if the value is of the
    /// wrong type for all of them, which types would do.
    fn alternatives(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
    ) -> Vec<Problem> {
        let place = error.instance_path().as_str();
        let mut types = Vec::new();
        let mut meant = Vec::new();
        for problems in context {
            let wrong_types = problems.iter().filter_map(|problem| wrong_type(problem, place));
            let before = types.len();
            types.extend(wrong_types.flatten());
            if types.len() == before {
                meant.push(problems);
            }
        }
        types.dedup();
        match meant.as_slice() {
            [] if !types.is_empty() => {
                let shown = if self.hidden.cover(place)
                    || error.instance().is_object()
                    || error.instance().is_array()
                {
                    UNQUOTED.to_owned()
                } else {
                    error.instance().to_string()
                };
                let quoted: Vec<_> = types.iter().map(|name| format!("\"{name}\"")).collect();
                let message = format!("{shown} is not of type {}", quoted.join(" or "));
                vec![self.problem(place, &message, types.join(" or "), self.got(error))]
            }
            [problems] => problems.iter().flat_map(|problem| self.problems(problem)).collect(),
            _ => vec![self.plain(error)],
        }
    }
}

/// What the keyword asks for that was not fulfilled.
fn expected(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => type_names(kind).join(" or "),
        ValidationErrorKind::Enum { options } => format!("one of {options}"),
        ValidationErrorKind::Constant { expected_value } => expected_value.to_string(),
        ValidationErrorKind::Minimum { limit } => format!("at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        ValidationErrorKind::MinLength { limit } => format!("at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("at most {limit} items"),
        ValidationErrorKind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        ValidationErrorKind::Pattern { pattern } => format!("a text that matches {pattern:?}"),
        ValidationErrorKind::Format { format } => format!("a text of the format {format:?}"),
        ValidationErrorKind::FalseSchema => "nothing".to_owned(),
        other => format!("what {:?} asks for", other.keyword()),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_names(kind: &TypeKind) -> Vec<String> {
    match kind {
        TypeKind::Single(single) => vec![single.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|single| single.to_string()).collect(),
    }
}

/// The types that `problem` asks for at `place`, if that is what it is about.
fn wrong_type(problem: &ValidationError<'_>, place: &str) -> Option<Vec<String>> {
    match problem.kind() {
        ValidationErrorKind::Type { kind } if problem.instance_path().as_str() == place => {
            Some(type_names(kind))
        }
        _ => None,
    }
}
