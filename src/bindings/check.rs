//! The rules for what plugins declare, for Python; the core makes them.

use pyo3::prelude::*;
use zerepy_core::CompiledSchema;

use crate::convert::to_json;
use crate::errors::OrRaise;

/// List what is wrong with a value by a JSON Schema; secrets are not quoted.
#[pyfunction]
pub(crate) fn schema_problems(
    py: Python<'_>,
    schema: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    root: &str,
) -> PyResult<Vec<String>> {
    let schema = to_json(schema, "schema").and_then(CompiledSchema::new).or_raise(py)?;
    let value = to_json(value, root).or_raise(py)?;
    Ok(py.detach(|| schema.problems(root, &value)))
}

/// Say whether a text is a version as PEP 440 defines it.
#[pyfunction]
pub(crate) fn is_version(version: &str) -> bool {
    zerepy_core::is_version(version)
}
