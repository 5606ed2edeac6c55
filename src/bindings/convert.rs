//! Configuration and descriptors between Python and the core: JSON values, not calls' payloads.

use pyo3::prelude::*;
use serde_json::Value;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::Form;

use crate::walk;

/// A Python object as a JSON value; `root` is what it is called in errors, which name the path.
///
/// By the same depth-limited walk as calls' parameters: a list that contains itself is an error.
pub(crate) fn to_json(object: &Bound<'_, PyAny>, root: &str) -> Result<Value> {
    let form = Form { packed: false, ..Form::DEFAULT }; // JSON has lists of numbers only
    let tape = walk::copied(object, form, root, ErrorKind::Config)?;
    zerepy_native::to_json(tape.view())
        .map_err(|error| Error::new(ErrorKind::Config, format!("{root}: {}", error.message())))
}

/// A JSON value as a Python object.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize::pythonize(py, value)?)
}
