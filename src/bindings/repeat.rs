//! Repeating a call that failed, where the rules of its action allow it: whether and when is the
//! core's decision, waiting happens here.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use zerepy_core::{Error, ErrorKind};

use crate::coroutine::{CallCoroutine, Request};
use crate::environment::PluginHost;
use crate::errors;
use crate::interrupt::{SIGNAL_POLL, on_main_thread};
use crate::stream::CallStream;

/// Makes one attempt at a call.
type Make = for<'py> fn(Python<'py>, Request, Option<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>>;

/// Calls until it succeeds or is not to be repeated any more. Ctrl-C ends the waiting.
pub(crate) fn sync<'py>(
    py: Python<'py>,
    host: &PluginHost,
    plugin: &str,
    action: &str,
    mut call: impl FnMut() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut repeated = 0;
    loop {
        let raised = match call() {
            Ok(result) => return Ok(result),
            Err(raised) => raised,
        };
        let Some(wait) = again(py, host, plugin, action, &raised, repeated) else {
            return Err(raised);
        };
        pause(py, wait)?;
        repeated += 1;
    }
}

/// The coroutine that awaits the call as often as its rules allow.
pub(crate) fn awaited(
    py: Python<'_>,
    request: Request,
    params: Option<Py<PyAny>>,
) -> PyResult<Bound<'_, PyAny>> {
    driven(py, "run", request, params, |py, request, params| {
        Ok(Bound::new(py, CallCoroutine::new(request, params))?.into_any())
    })
}

/// The async generator of the call's items, opened as often as its rules allow until the first comes.
pub(crate) fn items(
    py: Python<'_>,
    request: Request,
    params: Option<Py<PyAny>>,
) -> PyResult<Bound<'_, PyAny>> {
    driven(py, "items", request, params, |py, request, params| {
        Ok(Bound::new(py, CallStream::new(request, params))?.into_any())
    })
}

/// A function of `_repeat`, given attempts that `make` makes, and how long to wait between them.
fn driven<'py>(
    py: Python<'py>,
    function: &str,
    request: Request,
    params: Option<Py<PyAny>>,
    make: Make,
) -> PyResult<Bound<'py, PyAny>> {
    let Request::Hosted { host, verb, plugin, action, timeout, .. } = request else {
        return make(py, request, params);
    };
    let (watched, names) = (Arc::clone(&host), (plugin.clone(), action.clone()));
    let decide = move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        let py = arguments.py();
        let (raised, repeated) = arguments.extract::<(Bound<'_, PyAny>, u32)>()?;
        let wait = again(py, &watched, &names.0, &names.1, &PyErr::from_value(raised), repeated);
        PyResult::Ok(wait.map(|wait| wait.as_secs_f64()))
    };
    let params = Mutex::new(params);
    let attempt = move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        let py = arguments.py();
        let params = params.lock().as_ref().map(|params| params.clone_ref(py));
        let (host, plugin, action) = (Arc::clone(&host), plugin.clone(), action.clone());
        let request = Request::Hosted { host, verb, plugin, action, timeout, once: true };
        make(py, request, params).map(Bound::unbind)
    };
    let attempt = PyCFunction::new_closure(py, None, None, attempt)?;
    let decide = PyCFunction::new_closure(py, None, None, decide)?;
    py.import("zerepy_plugins._repeat")?.getattr(function)?.call1((attempt, decide))
}

/// How long to wait before a call is repeated, if it is, given what it raised.
#[cold]
fn again(
    py: Python<'_>,
    host: &PluginHost,
    plugin: &str,
    action: &str,
    raised: &PyErr,
    repeated: u32,
) -> Option<Duration> {
    if !host.may_repeat(plugin) {
        return None;
    }
    let error = errors::from_python(py, raised.clone_ref(py), ErrorKind::Execution, "the call");
    after(host, plugin, action, &error, repeated)
}

/// How long to wait before a call is repeated, if it is, given its error and so many repetitions.
#[cold]
pub(crate) fn after(
    host: &PluginHost,
    plugin: &str,
    action: &str,
    error: &Error,
    repeated: u32,
) -> Option<Duration> {
    let wait = host.repeat(plugin, action, error, repeated)?;
    let (seconds, why) = (wait.as_secs_f64(), error.message());
    tracing::info!(
        target: "zerepy_plugins.calls", plugin, action, repeated, seconds, "called again: {why}"
    );
    Some(wait)
}

/// Waits with the interpreter released; on the main thread, Python's signals are looked at.
fn pause(py: Python<'_>, wait: Duration) -> PyResult<()> {
    let (until, longest) =
        (Instant::now() + wait, if on_main_thread(py) { SIGNAL_POLL } else { Duration::MAX });
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        py.detach(|| thread::sleep(left.min(longest)));
        py.check_signals()?;
    }
}
