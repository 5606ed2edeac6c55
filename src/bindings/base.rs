//! The native base of all plugin classes.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Has no fields, so that it mixes with any other base, and accepts any arguments, so that any
/// `__init__` signature is fine.
#[pyclass(frozen, subclass, module = "zerepy_plugins._native")]
pub(crate) struct PluginBase;

#[pymethods]
impl PluginBase {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self
    }
}
