//! What every coroutine object of ours does alike: being awaited, and stepped by a loop.

use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PySendResult, PyTuple};

/// The iterator of an awaitable.
pub(crate) fn iterator<'py>(awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    Ok(awaitable.call_method0(intern!(awaitable.py(), "__await__"))?.cast_into()?)
}

/// Takes the first step of what is awaited.
pub(crate) fn advance<'py>(inner: &Bound<'py, PyIterator>) -> PyResult<PySendResult<'py>> {
    inner.send(&inner.py().None().into_bound(inner.py()))
}

/// Has what is awaited raise an exception, and takes the step that it makes of that.
pub(crate) fn throw<'py>(
    inner: &Bound<'py, PyIterator>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<PySendResult<'py>> {
    let py = inner.py();
    match inner.call_method1(intern!(py, "throw"), arguments) {
        Ok(yielded) => Ok(PySendResult::Next(yielded)),
        Err(raised) if raised.is_instance_of::<PyStopIteration>(py) => {
            raised.value(py).getattr(intern!(py, "value")).map(PySendResult::Return)
        }
        Err(raised) => Err(raised),
    }
}

/// A step as Python code sees it that made it by `send` or `throw`: a result is an exception.
pub(crate) fn outcome(step: PySendResult<'_>) -> PyResult<Bound<'_, PyAny>> {
    match step {
        PySendResult::Next(yielded) => Ok(yielded),
        PySendResult::Return(result) => Err(returned(result)),
    }
}

fn returned(result: Bound<'_, PyAny>) -> PyErr {
    let class = result.py().get_type::<PyStopIteration>(); // not `new_err`, which takes a detour
    class.call1((result,)).map_or_else(|failed| failed, PyErr::from_value)
}

/// Implements it for a class with `step(py, resume)`; `throw` and `close` are its own.
macro_rules! protocol {
    ($class:ident) => {
        #[pymethods]
        impl $class {
            fn __await__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __iter__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
                match self.step(py, $crate::coroutine::advance)? {
                    PySendResult::Return(result) if result.is_none() => Ok(None),
                    step => $crate::coroutine::outcome(step).map(Some),
                }
            }

            fn send<'py>(
                &self,
                py: Python<'py>,
                value: &Bound<'py, PyAny>,
            ) -> PyResult<Bound<'py, PyAny>> {
                self.step(py, |inner| inner.send(value)).and_then($crate::coroutine::outcome)
            }
        }
    };
}

pub(crate) use protocol;
