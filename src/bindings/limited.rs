//! One limited piece of work, as Python sees it: both the one who does it and the one who waits hold
//! it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use zerepy_core::{Attempt, Error, Result};

use crate::errors::OrRaise;
use crate::target::{Named, refuse_params};
use crate::{errors, logging};

/// An attempt at an action.
#[pyclass(frozen, skip_from_py_object, module = "zerepy_plugins._native")]
#[derive(Clone)]
pub(crate) struct Limited {
    attempt: Arc<Attempt>,
    action: String,
    checks: Arc<AtomicBool>, // whether its parameters are being checked
}

impl Limited {
    pub(crate) fn new(attempt: Arc<Attempt>, action: &str) -> Self {
        Self { attempt, action: action.to_owned(), checks: Arc::default() }
    }

    /// The same for the next item.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.attempt.again(), &self.action)
    }

    pub(crate) const fn attempt(&self) -> &Arc<Attempt> {
        &self.attempt
    }

    /// The error that the time is up.
    #[cold]
    pub(crate) fn error(&self, still_running: bool) -> Error {
        let is_checking = self.checks.load(Ordering::Relaxed);
        let method = if is_checking { "validate_params of " } else { "" };
        self.attempt.timed_out(&format!("{method}{}", self.name()), still_running)
    }

    /// Tells that it takes long.
    #[cold]
    pub(crate) fn warn(&self) {
        self.attempt.tell_slow("action", Some(&self.action));
    }

    /// Warns if work that cannot be given up took too long.
    pub(crate) fn measure(&self, began: Instant) {
        let (took, limit) = (began.elapsed(), self.attempt.limit());
        if took > limit {
            let (what, took, limit) = (self.name(), took.as_secs_f64(), limit.as_secs_f64());
            tracing::warn!(
                target: "zerepy_plugins.calls", took, limit,
                "{what} took longer than its limit; it runs inline and cannot be stopped"
            );
        }
        if took >= self.attempt.slow_after() {
            self.warn();
        }
    }

    fn name(&self) -> String {
        Named::new(self.attempt.plugin(), &self.action).to_string()
    }
}

/// The clock of a thread that waits for limited work; without a limit it never strikes.
pub(crate) struct Watch<'a> {
    limited: Option<&'a Limited>,
    slow_at: Option<Instant>,
    deadline: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// The work begins now.
    pub(crate) fn new(limited: Option<&'a Limited>) -> Self {
        let attempt = limited.map(Limited::attempt);
        let after = |time| Instant::now().checked_add(time);
        Self {
            limited,
            slow_at: attempt.and_then(|attempt| after(attempt.slow_after())),
            deadline: attempt.and_then(|attempt| after(attempt.limit())),
        }
    }

    /// How long to wait before looking at it, `longest` at most.
    pub(crate) fn pause(&self, longest: Duration) -> Duration {
        let next = self.slow_at.or(self.deadline);
        next.map_or(longest, |at| at.saturating_duration_since(Instant::now()).min(longest))
    }

    /// Looks at it: tells that the work is slow, and gives it up with an error.
    pub(crate) fn look(&mut self, is_blocking: bool) -> Result<()> {
        let (Some(limited), now) = (self.limited, Instant::now()) else { return Ok(()) };
        if self.slow_at.take_if(|at| *at <= now).is_some() {
            limited.warn();
        }
        if self.deadline.take_if(|at| *at <= now).is_some() && limited.attempt.give_up() {
            return Err(limited.error(is_blocking));
        }
        Ok(()) // at its deadline it may have ended just now
    }
}

#[pymethods]
impl Limited {
    #[getter]
    fn limit(&self) -> f64 {
        self.attempt.limit().as_secs_f64()
    }

    #[getter]
    fn slow_after(&self) -> f64 {
        self.attempt.slow_after().as_secs_f64()
    }

    #[getter]
    fn what(&self) -> String {
        self.name()
    }

    fn begin_check(&self) {
        self.checks.store(true, Ordering::Relaxed);
    }

    fn end_check(&self, py: Python<'_>, problems: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.attempt.goes_on() {
            return Err(self.error(true)).or_raise(py); // nobody waits: it must not act any more
        }
        self.checks.store(false, Ordering::Relaxed);
        let named = Named::new(self.attempt.plugin(), &self.action);
        refuse_params(&named, problems).or_raise(py)
    }

    fn tell_slow(&self, py: Python<'_>) {
        self.warn();
        logging::flush(py);
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
