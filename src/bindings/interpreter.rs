//! One interpreter of a process: what the extension keeps for good are objects of that one.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static FIRST: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Lets the first interpreter have the extension, and no other one.
///
/// They are told apart by their modules `sys`: each has one of its own.
pub(crate) fn claim(py: Python<'_>) -> PyResult<()> {
    let own = py.import("sys")?;
    if FIRST.get_or_init(py, || own.clone().unbind()).bind(py).is(&own) {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "another interpreter of this process uses zerepy_plugins, and only one can. Use it in the \
         main interpreter, and threads or processes instead of subinterpreters",
    ))
}
