//! The core's JSON Schema checker, for values that come from models and from the network.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::CompiledSchema;

use crate::convert;
use crate::errors::OrRaise;

/// A JSON Schema, compiled once.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct JsonSchema {
    core: CompiledSchema,
}

#[pymethods]
impl JsonSchema {
    #[new]
    fn new(py: Python<'_>, schema: &Bound<'_, PyAny>) -> PyResult<Self> {
        let source = convert::to_json(schema, "schema").or_raise(py)?;
        Ok(Self { core: CompiledSchema::new(source).or_raise(py)? })
    }

    /// Say whether a value fits.
    fn accepts(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.core.accepts(&convert::to_json(value, "value").or_raise(py)?))
    }

    /// List what is wrong with a value; empty if it fits.
    fn problems<'py>(
        &self,
        py: Python<'py>,
        root: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let value = convert::to_json(value, root).or_raise(py)?;
        let findings = self.core.findings(root, &value);
        let fields = findings.iter().map(|found| {
            let fields = PyDict::new(py);
            fields.set_item("path", &found.path)?;
            fields.set_item("message", &found.message)?;
            fields.set_item("expected", &found.expected)?;
            fields.set_item("got", &found.got)?;
            Ok(fields)
        });
        fields.collect()
    }
}
