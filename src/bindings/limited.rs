//! One limited piece of work, as Python sees it: both the one who does it and the one who waits hold
//! it.

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use zerepy_core::{Attempt, Error};

use crate::errors;

/// An attempt, and what it is called in the error that its time is up.
#[pyclass(frozen, skip_from_py_object, module = "zerepy_plugins._native")]
#[derive(Clone)]
pub(crate) struct Limited {
    attempt: Arc<Attempt>,
    what: String,
}

impl Limited {
    pub(crate) fn new(attempt: Arc<Attempt>, what: String) -> Self {
        Self { attempt, what }
    }

    pub(crate) const fn attempt(&self) -> &Arc<Attempt> {
        &self.attempt
    }

    /// The error that the time is up.
    pub(crate) fn error(&self, still_running: bool) -> Error {
        self.attempt.timed_out(&self.what, still_running)
    }

    /// Warns if work that cannot be given up took too long.
    pub(crate) fn measure(&self, began: Instant) {
        let (took, limit) = (began.elapsed().as_secs_f64(), self.attempt.limit().as_secs_f64());
        if took > limit {
            let what = &self.what;
            tracing::warn!(
                target: "zerepy_plugins.calls", took, limit,
                "{what} took longer than its limit; it runs inline and cannot be stopped"
            );
        }
    }
}

#[pymethods]
impl Limited {
    #[getter]
    fn limit(&self) -> f64 {
        self.attempt.limit().as_secs_f64()
    }

    #[getter]
    fn what(&self) -> &str {
        &self.what
    }

    fn give_up(&self) -> bool {
        self.attempt.give_up()
    }

    fn end(&self) -> bool {
        self.attempt.end()
    }

    fn timed_out(&self, py: Python<'_>, still_running: bool) -> Py<PyBaseException> {
        errors::to_python(py, &self.error(still_running)).into_value(py)
    }
}
