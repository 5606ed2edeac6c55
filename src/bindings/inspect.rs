//! What a shared library declares, for Python; reading it is the business of `zerepy-native`.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::errors::OrRaise;

/// Read what a shared library declares, without running any of its code.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 hands over what it converted")]
pub(crate) fn inspect_library(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let info = py.detach(|| zerepy_native::inspect(&path)).or_raise(py)?;
    Ok(pythonize::pythonize(py, &info)?)
}
