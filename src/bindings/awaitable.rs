//! What plugins return: a result, or something to await.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use pyo3::{PyTypeInfo, intern};

/// Whether `object` has to be awaited. Plain data is told by its type alone.
pub(crate) fn is_awaitable(object: &Bound<'_, PyAny>) -> bool {
    if object.is_none() || is_exactly_data(object) {
        return false;
    }
    object.get_type().hasattr(intern!(object.py(), "__await__")).unwrap_or(false)
}

/// Whether `object` yields items: an async iterator, or a generator. Other iterators are values.
pub(crate) fn yields_items(object: &Bound<'_, PyAny>) -> bool {
    static GENERATOR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if object.is_none() || is_exactly_data(object) {
        return false;
    }
    let (py, class) = (object.py(), object.get_type());
    class.hasattr(intern!(py, "__anext__")).unwrap_or(false)
        || GENERATOR.import(py, "types", "GeneratorType").is_ok_and(|known| class.is(known))
}

fn is_exactly_data(object: &Bound<'_, PyAny>) -> bool {
    PyDict::is_exact_type_of(object)
        || PyString::is_exact_type_of(object)
        || PyList::is_exact_type_of(object)
        || PyInt::is_exact_type_of(object)
        || PyBool::is_exact_type_of(object)
        || PyFloat::is_exact_type_of(object)
        || PyTuple::is_exact_type_of(object)
}

/// Waits for `result` if it is awaitable; `what` names it in the error that an event loop is running.
pub(crate) fn settle(
    result: Bound<'_, PyAny>,
    what: impl FnOnce() -> String,
) -> PyResult<Bound<'_, PyAny>> {
    static WAIT_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if !is_awaitable(&result) {
        return Ok(result);
    }
    let py = result.py();
    WAIT_FOR.import(py, "zerepy_plugins._loop", "wait_for")?.call1((result, what()))
}
