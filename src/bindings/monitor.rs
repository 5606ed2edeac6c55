//! The monitor, as Python sees it.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use zerepy_core::{Moment, Monitor, Observer, Outcome, Usage};

use crate::environment::{PluginFinder, PluginHost};
use crate::errors::OrRaise;
use crate::undo::Undo;
use crate::{errors, health, logging, metrics, records};

/// Counts calls and watches health. Plugins may be given as themselves or by name.
#[pyclass(frozen, name = "PluginMonitor", module = "zerepy_plugins._native")]
#[derive(Default)]
pub(crate) struct PluginMonitor {
    core: Arc<Monitor>,
    finder: OnceLock<Py<PluginFinder>>,
}

impl PluginMonitor {
    pub(crate) fn core(&self) -> Arc<Monitor> {
        Arc::clone(&self.core)
    }

    /// Lets plugins be named in `check_health`; the first manager that uses this monitor.
    pub(crate) fn connect(&self, finder: Py<PluginFinder>) {
        let _ = self.finder.set(finder);
    }
}

/// The name of a plugin that is given as itself or by name.
fn name_of(plugin: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(name) = plugin.cast::<PyString>() {
        return Ok(name.to_string());
    }
    let name = plugin.getattr(intern!(plugin.py(), "name"))?;
    name.extract().map_err(|_| wrongly_named(plugin, &name))
}

#[cold]
fn wrongly_named(plugin: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) -> PyErr {
    let (class, given) = (plugin.get_type(), name.get_type());
    PyTypeError::new_err(format!(
        "the name of a plugin must be a str, that of this {class} is {given}; give the name that \
         it is registered under instead of the plugin"
    ))
}

#[pymethods]
impl PluginMonitor {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Count a use outside a manager; in a ``with`` statement, time it too.
    fn track_usage(&self, plugin: &Bound<'_, PyAny>) -> PyResult<UsageTimer> {
        Ok(UsageTimer::new(self.core.usage(&name_of(plugin)?)))
    }

    /// Return the plugin's numbers; zeros if it was never called. Durations are in seconds.
    fn stats<'py>(&self, plugin: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        records::stats(plugin.py(), &self.core.stats(&name_of(plugin)?))
    }

    /// Return the plugin's own metrics by name.
    fn metrics<'py>(&self, plugin: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        metrics::read(plugin.py(), &self.core.metrics(&name_of(plugin)?))
    }

    /// Return the names of the plugins that have numbers.
    fn plugins(&self) -> Vec<String> {
        self.core.names()
    }

    /// Return whether the plugin is well: its ``health()``, else its recent calls.
    #[pyo3(signature = (plugin, *, force=false))]
    fn check_health(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        force: bool,
    ) -> PyResult<bool> {
        let name = name_of(plugin)?;
        let host = self.finder.get().and_then(|finder| finder.get().host());
        let Some(host) = host.filter(|host| runs(host, &name, plugin)) else {
            return if plugin.is_instance_of::<PyString>() {
                Ok(false)
            } else {
                health::ask(plugin)
            };
        };
        let verdict = py.detach(|| host.check_health(&name, force));
        logging::flush(py);
        Ok(verdict.or_raise(py)?.is_ok())
    }

    /// Have functions called around every call, on the thread of the call.
    #[pyo3(signature = (before=None, after=None))]
    fn add_observer(
        &self,
        before: Option<Bound<'_, PyAny>>,
        after: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Undo> {
        let (before, after) = (callable(before)?, callable(after)?);
        let (core, id) = (self.core(), self.core.observe(Arc::new(Callbacks { before, after })));
        Ok(Undo::new(move || {
            core.unobserve(id);
        }))
    }
}

fn callable(observer: Option<Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
    match observer {
        Some(other) if !other.is_callable() => {
            let message = format!("an observer must be callable, not {}", other.get_type());
            Err(PyTypeError::new_err(message))
        }
        observer => Ok(observer.map(Bound::unbind)),
    }
}

/// Whether a plugin that is given as itself is the one that the host runs; by name it may be any.
fn runs(host: &PluginHost, name: &str, plugin: &Bound<'_, PyAny>) -> bool {
    plugin.is_instance_of::<PyString>()
        || host.instance(name).is_ok_and(|instance| instance.object().is(plugin))
}

/// One use of a plugin, counted; as a context manager it is timed.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct UsageTimer {
    usage: Arc<Usage>,
    uses: Mutex<Uses>,
}

/// The uses that have been counted in and not out. The first one begins with the timer itself.
struct Uses {
    began: Vec<Moment>,
    entered: bool,
}

impl UsageTimer {
    fn new(usage: Arc<Usage>) -> Self {
        usage.enter();
        let uses = Uses { began: vec![Moment::now()], entered: false };
        Self { usage, uses: Mutex::new(uses) }
    }

    fn leave(&self, error: Option<&str>) {
        if let Some(began) = self.uses.lock().began.pop() {
            let outcome = if error.is_some() { Outcome::Failure } else { Outcome::Success };
            self.usage.leave(began, outcome, error);
        }
    }
}

impl Drop for UsageTimer {
    fn drop(&mut self) {
        while !self.uses.get_mut().began.is_empty() {
            self.leave(None);
        }
    }
}

#[pymethods]
impl UsageTimer {
    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        let mut uses = slf.uses.lock();
        if uses.entered {
            slf.usage.enter();
        } else {
            uses.began.clear();
        }
        uses.began.push(Moment::now());
        uses.entered = true;
        drop(uses);
        slf
    }

    fn __exit__(
        &self,
        _class: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> bool {
        self.leave((!error.is_none()).then(|| errors::text_of(error)).as_deref());
        false
    }
}

/// Two Python functions that see every call.
struct Callbacks {
    before: Option<Py<PyAny>>,
    after: Option<Py<PyAny>>,
}

impl Observer for Callbacks {
    fn before(&self, plugin: &str, action: &str) {
        if let Some(before) = &self.before {
            Python::attach(|py| report(py, before.call1(py, (plugin, action)), before));
        }
    }

    fn after(&self, plugin: &str, action: &str, outcome: Outcome, seconds: f64) {
        let outcome = match outcome {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Timeout => "timeout",
            Outcome::Abandoned => "abandoned",
        };
        if let Some(after) = &self.after {
            let arguments = (plugin, action, outcome, seconds);
            Python::attach(|py| report(py, after.call1(py, arguments), after));
        }
    }
}

/// An observer's failure is shown and does not touch the call.
fn report(py: Python<'_>, outcome: PyResult<Py<PyAny>>, observer: &Py<PyAny>) {
    if let Err(raised) = outcome {
        raised.write_unraisable(py, Some(observer.bind(py)));
    }
}
