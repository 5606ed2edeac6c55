//! Calls through a manager: admitted, run, accounted for.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zerepy_core::{Call, Error, ErrorKind, Outcome, Result, duration};

use crate::around::{self, Scene};
use crate::class::PluginClass;
use crate::environment::PluginHost;
use crate::errors::{self, OrRaise};
use crate::exit;
use crate::limited::Limited;
use crate::repeat;
use crate::target::{Named, Verb};

/// Calls a plugin and waits for the result.
pub(crate) fn sync<'py>(
    py: Python<'py>,
    host: &PluginHost,
    verb: Verb,
    plugin: &str,
    action: &Bound<'py, PyString>,
    params: Option<&Bound<'py, PyAny>>,
    timeout: Option<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let timeout = limit(timeout)?;
    let named = Named { plugin, action: action.to_str()?, text: Some(action.as_unbound()) };
    repeat::sync(py, host, plugin, named.action, || once(py, host, verb, &named, params, timeout))
}

/// Calls it one time.
#[inline]
fn once<'py>(
    py: Python<'py>,
    host: &PluginHost,
    verb: Verb,
    named: &Named<'_>,
    params: Option<&Bound<'py, PyAny>>,
    timeout: Option<Duration>,
) -> PyResult<Bound<'py, PyAny>> {
    let called = exit::check(py).and_then(|()| {
        host.with_call(named.plugin, named.action, |call| {
            match run(py, host, &call, verb, named, params, timeout) {
                Ok(result) => {
                    call.conclude_ok();
                    Ok(result)
                }
                Err(error) => Err(call.conclude_err(py, error)),
            }
        })
    });
    called.or_raise(py)?
}

/// Does what was let in, with the hooks around it, and waits for it.
#[inline]
pub(crate) fn run<'py, A: AsRef<str>>(
    py: Python<'py>,
    host: &PluginHost,
    call: &Call<'_, PluginClass, A>,
    verb: Verb,
    named: &Named<'_>,
    params: Option<&Bound<'py, PyAny>>,
    timeout: Option<Duration>,
) -> Result<Bound<'py, PyAny>> {
    let (instance, limited) = (call.instance(), limited(call, timeout));
    let limited = limited.as_ref();
    if !around::is_wanted(host, instance) {
        return instance.target().call(py, verb, named, params, limited);
    }
    let (sets, named) = (host.hooks().lend(), *named);
    around::run(py, &Scene { sets: &sets, instance, verb, named, limited, yields: false }, params)
}

/// A limit as Python gives it, in seconds; infinity, which is none, as `Duration::MAX`.
#[inline]
pub(crate) fn limit(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds > 0.0 => Ok(Some(duration(seconds).unwrap_or(Duration::MAX))),
        Some(seconds) => {
            let message = format!("a time limit must be more than 0 seconds, not {seconds}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// What a call with a limit is watched by; `own` is the limit that its caller gave.
#[inline]
pub(crate) fn limited<A: AsRef<str>>(
    call: &Call<'_, PluginClass, A>,
    own: Option<Duration>,
) -> Option<Limited> {
    let attempt = call.attempt(own)?;
    Some(Limited::new(attempt, call.action()))
}

/// How a call ends, and what its caller gets to see.
pub(crate) trait Conclusion {
    fn conclude_ok(self);
    /// Accounts for a failure; the error names the plugin.
    fn conclude_failed(self, error: &Error);
    fn conclude_err(self, py: Python<'_>, error: Error) -> PyErr;
    fn conclude_raised(self, py: Python<'_>, raised: PyErr) -> PyErr;
}

impl<A: AsRef<str>> Conclusion for Call<'_, PluginClass, A> {
    fn conclude_ok(self) {
        self.finish(Outcome::Success, None);
    }

    fn conclude_failed(mut self, error: &Error) {
        if is_of_caller(error.kind()) {
            self.blame_caller();
        }
        let outcome = match error.kind() {
            ErrorKind::Interrupted => Outcome::Abandoned,
            ErrorKind::Timeout => Outcome::Timeout,
            _ => Outcome::Failure,
        };
        self.finish(outcome, Some(error.message()));
    }

    fn conclude_err(self, py: Python<'_>, error: Error) -> PyErr {
        let error = error.with_plugin(self.plugin());
        let raised = errors::to_python(py, &error);
        self.conclude_failed(&error);
        raised
    }

    fn conclude_raised(self, py: Python<'_>, raised: PyErr) -> PyErr {
        let named = Named::new(self.plugin(), self.action());
        let error = named.failure(py, raised);
        self.conclude_err(py, error)
    }
}

/// Whether such an error says nothing about the action that was called.
const fn is_of_caller(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidParams | ErrorKind::Vetoed | ErrorKind::NotFound | ErrorKind::State
    )
}

/// The error for a worker thread that ended without an answer.
pub(crate) fn worker_died(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Execution, format!("the worker thread of the call died: {why}"))
}
