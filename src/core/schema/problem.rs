//! One line for each thing that is wrong with a value, without a word of what is secret.

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

/// All that is needed to put errors into words.
pub(super) struct Report<'a> {
    pub(super) schema: Schema<'a>,
    /// What the value is called in front of each path.
    pub(super) root: &'a str,
    pub(super) value: &'a Value,
    pub(super) hidden: &'a Places,
}

impl Report<'_> {
    pub(super) fn lines(&self, error: &ValidationError<'_>) -> Vec<String> {
        let place = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![self.line(&child(place, name), "is required")]
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                unexpected.iter().map(|name| self.unknown_key(place, name)).collect()
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => self.alternatives(error, context),
            _ => vec![self.line(place, &self.quoting(error))],
        }
    }

    fn line(&self, pointer: &str, what: &str) -> String {
        let path = dotted(self.root, pointer, self.value);
        if path.is_empty() { what.to_owned() } else { format!("{path}: {what}") }
    }

    fn unknown_key(&self, place: &str, name: &str) -> String {
        let hint = suggestion(name, self.schema.at(place, self.value).names());
        self.line(&child(place, name), &format!("unknown key. {hint}"))
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
    ) -> Vec<String> {
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
                vec![self.line(place, &format!("{shown} is not of type {}", types.join(" or ")))]
            }
            [problems] => problems.iter().flat_map(|problem| self.lines(problem)).collect(),
            _ => vec![self.line(place, &self.quoting(error))],
        }
    }
}

/// The types that `problem` asks for at `place`, if that is what it is about.
fn wrong_type(problem: &ValidationError<'_>, place: &str) -> Option<Vec<String>> {
    match problem.kind() {
        ValidationErrorKind::Type { kind } if problem.instance_path().as_str() == place => {
            Some(match kind {
                TypeKind::Single(single) => vec![format!("\"{single}\"")],
                TypeKind::Multiple(several) => {
                    several.iter().map(|single| format!("\"{single}\"")).collect()
                }
            })
        }
        _ => None,
    }
}
