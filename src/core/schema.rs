//! JSON Schemas, compiled once and used often: what is wrong with a value, and what in it is secret.
//!
//! Nothing is fetched: a schema may only refer to itself.

use serde_json::Value;

use crate::{Error, ErrorKind, Result};

pub(crate) mod places;
mod problem;
mod walk;

pub(crate) use places::Places;
pub use problem::Problem;
pub(crate) use walk::Schema;

#[cfg(test)]
mod tests;

/// A schema ready for use, from any thread.
#[derive(Debug)]
pub struct CompiledSchema {
    source: Value,
    validator: jsonschema::Validator,
}

impl CompiledSchema {
    /// Compiles a schema; the drafts 4 to 2020-12 are understood.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is not a JSON Schema, or refers to another document.
    pub fn new(source: Value) -> Result<Self> {
        let validator = jsonschema::validator_for(&source).map_err(|error| {
            let place = places::dotted("", error.instance_path().as_str(), &source);
            let place = if place.is_empty() { place } else { format!(" at {place}") };
            Error::new(
                ErrorKind::Config,
                format!("the schema is not a JSON Schema{place}: {error}"),
            )
            .with_hint("Write it as JSON Schema 2020-12, without references to other documents")
        })?;
        Ok(Self { source, validator })
    }

    /// The schema as it was given.
    #[must_use]
    pub const fn source(&self) -> &Value {
        &self.source
    }

    /// Whether `value` fits; this is the fast way to ask.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// Everything that is wrong with `value`, each as `root.path: what`; secrets are not quoted.
    #[must_use]
    pub fn problems(&self, root: &str, value: &Value) -> Vec<String> {
        if self.accepts(value) {
            return Vec::new();
        }
        self.problems_hiding(root, value, &self.secrets(value), &Places::default())
    }

    /// Everything that is wrong with `value`, in parts; `root` is what it is called in paths.
    #[must_use]
    pub fn findings(&self, root: &str, value: &Value) -> Vec<Problem> {
        if self.accepts(value) {
            return Vec::new();
        }
        self.findings_hiding(root, value, &self.secrets(value), &Places::default())
    }

    /// As [`Self::problems`], where no value at one of the `hidden` places is quoted, and what is
    /// wrong at the `excused` ones is left out.
    pub(crate) fn problems_hiding(
        &self,
        root: &str,
        value: &Value,
        hidden: &Places,
        excused: &Places,
    ) -> Vec<String> {
        let findings = self.findings_hiding(root, value, hidden, excused);
        findings.iter().map(Problem::to_string).collect()
    }

    fn findings_hiding(
        &self,
        root: &str,
        value: &Value,
        hidden: &Places,
        excused: &Places,
    ) -> Vec<Problem> {
        let report = problem::Report { schema: Schema::new(&self.source), root, value, hidden };
        self.validator
            .iter_errors(value)
            .filter(|error| !excused.cover(error.instance_path().as_str()))
            .flat_map(|error| report.problems(&error))
            .collect()
    }

    fn secrets(&self, value: &Value) -> Places {
        let mut places = Places::default();
        Schema::new(&self.source).secrets(value, "", &mut places);
        places
    }
}

/// All problems with one thing as one error.
pub(crate) fn list_problems(what: &str, problems: &[String]) -> Error {
    let count = match problems.len() {
        1 => "a problem".to_owned(),
        several => format!("{several} problems"),
    };
    Error::new(ErrorKind::Config, format!("{what} has {count}:\n  {}", problems.join("\n  ")))
}
