//! A call with hooks around it, as the coroutine or async generator sees it that awaits its parts.

use std::mem;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::Around;
use crate::awaitable;
use crate::errors::OrRaise;

/// An awaited call with hooks around it, for what drives it.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct HookedCall(Mutex<Option<Around>>);

#[pymethods]
impl HookedCall {
    /// Go on to what has to be awaited or iterated next; ``None`` when all is done.
    fn advance<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let mut around = self.lift()?;
        while let Some(made) = around.next(py, true) {
            match made {
                Ok(value) if around.is_yielding() || awaitable::is_awaitable(&value) => {
                    self.put_back(around);
                    return Some(value);
                }
                made => around.take(py, made),
            }
        }
        self.put_back(around);
        None
    }

    /// Take in what was awaited.
    fn take(&self, py: Python<'_>, value: Bound<'_, PyAny>) {
        if let Some(mut around) = self.lift() {
            around.take(py, Ok(value));
            self.put_back(around);
        }
    }

    /// Take in what awaiting it raised.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) {
        if let Some(mut around) = self.lift() {
            let error = around.failure(py, PyErr::from_value(error));
            around.take(py, Err(error));
            self.put_back(around);
        }
    }

    /// Return the result, or raise what failed.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.lift() {
            Some(around) => around.finish(py).or_raise(py),
            None => Ok(py.None().into_bound(py)),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock().as_deref() {
            Some(Some(around)) => visit.call(&around.params),
            _ => Ok(()),
        }
    }
}

impl HookedCall {
    pub(super) fn new(around: Around) -> Self {
        Self(Mutex::new(Some(around)))
    }

    /// Takes the call out: no lock is held while Python runs.
    fn lift(&self) -> Option<Around> {
        mem::take(&mut *self.0.lock())
    }

    fn put_back(&self, around: Around) {
        *self.0.lock() = Some(around);
    }
}
