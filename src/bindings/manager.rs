//! The manager, as Python sees it: a host, where its plugins come from, and the calls.

mod changes;
mod numbers;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyMapping, PyString, PyTuple};
use zerepy_core::{Host, Limits, Parts, Result, SnapshotStore, Supervision};
use zerepy_native::DEFAULT_MAX_PAYLOAD;

use crate::call;
use crate::coroutine::{CallCoroutine, Request};
use crate::environment::{self, Environment, PluginFinder, PluginHost};
use crate::errors::OrRaise;
use crate::events::EventBus;
use crate::hook::{self, Watcher};
use crate::monitor::PluginMonitor;
use crate::registry::PluginRegistry;
use crate::services::ManagerServices;
use crate::settings;
use crate::sources::{Sources, absolute};
use crate::stream::CallStream;
use crate::surroundings::Surroundings;
use crate::target::Verb;
use crate::undo::Undo;
use crate::{convert, describe, exit, logging, records};

/// Finds, starts, calls and stops the plugins of one application.
#[pyclass(frozen, name = "PluginManager", module = "zerepy_plugins._native", weakref)]
pub(crate) struct PluginManager {
    host: Arc<PluginHost>,
    sources: Sources,
    config_file: Option<PathBuf>,
    registry: Py<PluginRegistry>,
    events: Py<EventBus>,
    monitor: Py<PluginMonitor>,
    shared: Mutex<Option<Py<PyAny>>>, // ends the sharing of its numbers
    handle_signals: bool,
}

#[pymethods]
impl PluginManager {
    #[new]
    #[pyo3(signature = (
        plugin_dirs=None, config=None, *, registry=None, entry_points=true, trusted_libraries=None,
        hooks=None, events=None, monitor=None, state_dir=None,
        max_payload=Some(DEFAULT_MAX_PAYLOAD), initialize_timeout=Some(60.0),
        cleanup_timeout=Some(10.0), action_timeout=None, stop_timeout=Some(30.0),
        handle_signals=true, health_interval=None, max_restarts=5
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a Python constructor")]
    fn new(
        py: Python<'_>,
        plugin_dirs: Option<&Bound<'_, PyAny>>,
        config: Option<&Bound<'_, PyAny>>,
        registry: Option<Py<PluginRegistry>>,
        entry_points: bool,
        trusted_libraries: Option<&Bound<'_, PyAny>>,
        hooks: Option<&Bound<'_, PyAny>>,
        events: Option<Py<EventBus>>,
        monitor: Option<Py<PluginMonitor>>,
        state_dir: Option<&Bound<'_, PyAny>>,
        max_payload: Option<usize>,
        initialize_timeout: Option<f64>,
        cleanup_timeout: Option<f64>,
        action_timeout: Option<f64>,
        stop_timeout: Option<f64>,
        handle_signals: bool,
        health_interval: Option<f64>,
        max_restarts: u32,
    ) -> PyResult<Self> {
        let limit = |seconds| -> PyResult<_> {
            Ok(call::limit(seconds)?.filter(|limit| *limit < Duration::MAX))
        };
        let limits = Limits {
            initialize: limit(initialize_timeout)?,
            cleanup: limit(cleanup_timeout)?,
            action: limit(action_timeout)?,
            stop: limit(stop_timeout)?,
        };
        let sources = Sources::new(py, plugin_dirs, entry_points, trusted_libraries)?;
        let file = config.filter(|config| config.extract::<PathBuf>().is_ok());
        let config_file = file.map(absolute).transpose()?;
        let settings = settings::read(py, config).or_raise(py)?;
        let registry = or_new(py, registry)?;
        let events = or_new(py, events)?;
        let monitor = or_new(py, monitor)?;
        let finder = Py::new(py, PluginFinder::default())?;
        let services = ManagerServices::new(events.get().handlers(), monitor.get().core());
        let services = Arc::new(services);
        let host = Host::new(Parts {
            registry: registry.get().core(),
            settings,
            environment: Environment {
                events: events.clone_ref(py),
                finder: finder.clone_ref(py),
                max_payload: max_payload.unwrap_or(usize::MAX),
                services: Arc::clone(&services),
            },
            monitor: monitor.get().core(),
            events: Arc::new(events.get().sink()),
            snapshots: state_dir.map(absolute).transpose()?.map(SnapshotStore::new),
            limits,
            supervision: Supervision { interval: limit(health_interval)?, max_restarts },
            threads: Arc::new(Surroundings(finder.clone_ref(py))),
        });
        finder.get().connect(&host);
        services.connect(&host);
        environment::remember(&host);
        exit::register(py)?;
        monitor.get().connect(finder);
        let shared = Mutex::default();
        let manager =
            Self { host, sources, config_file, registry, events, monitor, shared, handle_signals };
        if let Some(hooks) = hooks {
            for hooks in hooks.try_iter()? {
                manager.add_hooks(&hooks?, None, "raise")?;
            }
        }
        Ok(manager)
    }

    /// Where the classes stand.
    #[getter]
    fn registry(&self, py: Python<'_>) -> Py<PluginRegistry> {
        self.registry.clone_ref(py)
    }

    /// Where lifecycle and calls are published.
    #[getter]
    fn events(&self, py: Python<'_>) -> Py<EventBus> {
        self.events.clone_ref(py)
    }

    /// Where calls are counted.
    #[getter]
    fn monitor(&self, py: Python<'_>) -> Py<PluginMonitor> {
        self.monitor.clone_ref(py)
    }

    /// Let an object with methods of :class:`PluginHooks` see every plugin from now on.
    #[pyo3(signature = (hooks, *, priority=None, on_error="raise"))]
    fn add_hooks(
        &self,
        hooks: &Bound<'_, PyAny>,
        priority: Option<i64>,
        on_error: &str,
    ) -> PyResult<Undo> {
        let (watcher, on_error) = (Watcher::of(hooks)?, hook::on_error(on_error)?);
        let own = || {
            Ok::<_, PyErr>(match hooks.getattr_opt("priority")? {
                Some(priority) => priority.extract()?,
                None => 0,
            })
        };
        let priority = priority.map_or_else(own, Ok)?;
        let id = self.host.hooks().add(watcher, priority, on_error);
        let host = Arc::downgrade(&self.host);
        Ok(Undo::new(move || {
            if let Some(host) = host.upgrade() {
                host.hooks().remove(id);
            }
        }))
    }

    // Lifecycle.

    /// Find plugins and register them; start none. Return the names of those that are new.
    fn load_plugins(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        detached(py, || self.sources.load(&self.host))
    }

    /// Start all plugins, or one and what it needs; return the names started, in order.
    #[pyo3(signature = (name=None))]
    fn start_plugins(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Vec<String>> {
        detached(py, || {
            self.sources.load_first(&self.host)?;
            self.host.start(name)
        })
    }

    /// Stop all plugins, or one and what depends on it; return the names stopped, in order.
    #[pyo3(signature = (name=None, *, force=false))]
    fn stop_plugins(
        &self,
        py: Python<'_>,
        name: Option<&str>,
        force: bool,
    ) -> PyResult<Vec<String>> {
        let stopped = detached(py, || self.host.stop(name, force))?;
        if name.is_none() {
            self.unshare(py)?;
        }
        Ok(stopped)
    }

    /// Like :meth:`load_plugins`, on a worker thread.
    fn load_plugins_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "load_plugins", &PyTuple::empty(slf.py()), None)
    }

    /// Like :meth:`start_plugins`, on a worker thread; ``async`` methods run on this loop.
    #[pyo3(signature = (name=None))]
    fn start_plugins_async<'py>(
        slf: &Bound<'py, Self>,
        name: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "start_plugins", &PyTuple::new(slf.py(), [name])?, None)
    }

    /// Like :meth:`stop_plugins`, on a worker thread; ``async`` methods run on this loop.
    #[pyo3(signature = (name=None, *, force=false))]
    fn stop_plugins_async<'py>(
        slf: &Bound<'py, Self>,
        name: Option<&str>,
        force: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "stop_plugins", &PyTuple::new(slf.py(), [name])?, Some(force))
    }

    /// Switch a disabled plugin on, so that it can be started.
    fn enable(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.host.enable(name))
    }

    /// Switch a plugin off: stop it, and start it no more.
    fn disable(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.host.disable(name))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let (manager, py) = (slf.get(), slf.py());
        let started = Self::signals(slf, "hold")
            .and_then(|()| manager.load_plugins(py))
            .and_then(|_| manager.start_plugins(py, None));
        if let Err(raised) = started {
            let stopped = manager.stop_plugins(py, None, false); // what runs already must not stay
            Self::signals(slf, "release")?;
            return Err(stopped.err().unwrap_or(raised));
        }
        Ok(slf.clone())
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(slf: &Bound<'_, Self>, exception: &Bound<'_, PyTuple>) -> PyResult<bool> {
        let stopped = slf.get().stop_plugins(slf.py(), None, false);
        Self::signals(slf, "release")?;
        let leaving_by_error = exception.get_item(0).is_ok_and(|class| !class.is_none());
        match stopped {
            Err(_) if leaving_by_error => Ok(false), // recorded and logged; the first error passes
            stopped => stopped.map(|_| false),
        }
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let enter = slf.py().import("zerepy_plugins._signals")?.getattr("enter")?;
        enter.call1((slf, slf.get().handle_signals))
    }

    #[pyo3(signature = (*exception))]
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        exception: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = PyTuple::new(slf.py(), [slf])?.add(exception)?.cast_into()?;
        slf.py().import("zerepy_plugins._signals")?.getattr("leave")?.call1(arguments)
    }

    // Calls.

    /// Call an action of a connection and wait for the result.
    #[pyo3(signature = (plugin, action, params=None, *, timeout=None))]
    fn perform_action<'py>(
        &self,
        py: Python<'py>,
        plugin: &str,
        action: &Bound<'py, PyString>,
        params: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call::sync(py, &self.host, Verb::Perform, plugin, action, params, timeout)
    }

    /// Like :meth:`perform_action`, awaitable; the call begins when it is awaited.
    #[pyo3(signature = (plugin, action, params=None, *, timeout=None))]
    fn perform_action_async(
        &self,
        plugin: String,
        action: String,
        params: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<CallCoroutine> {
        let timeout = call::limit(timeout)?;
        Ok(CallCoroutine::new(self.request(Verb::Perform, plugin, action, timeout), params))
    }

    /// Validate the parameters and execute an action plugin; awaitable, and begun when awaited.
    #[pyo3(signature = (plugin, params=None, *, timeout=None))]
    fn execute(
        &self,
        plugin: String,
        params: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<CallCoroutine> {
        let (action, timeout) = ("execute".to_owned(), call::limit(timeout)?);
        Ok(CallCoroutine::new(self.request(Verb::Execute, plugin, action, timeout), params))
    }

    /// Like :meth:`execute`, waiting for the result.
    #[pyo3(signature = (plugin, params=None, *, timeout=None))]
    fn execute_sync<'py>(
        &self,
        py: Python<'py>,
        plugin: &str,
        params: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let action = intern!(py, "execute");
        call::sync(py, &self.host, Verb::Execute, plugin, action, params, timeout)
    }

    /// Call an action of a connection that yields items: an async iterator.
    #[pyo3(signature = (plugin, action, params=None, *, timeout=None))]
    fn perform_action_stream(
        &self,
        plugin: String,
        action: String,
        params: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<CallStream> {
        let timeout = call::limit(timeout)?;
        Ok(CallStream::new(self.request(Verb::Perform, plugin, action, timeout), params))
    }

    /// Execute an action plugin that yields items: an async iterator.
    #[pyo3(signature = (plugin, params=None, *, timeout=None))]
    fn execute_stream(
        &self,
        plugin: String,
        params: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<CallStream> {
        let (action, timeout) = ("execute".to_owned(), call::limit(timeout)?);
        Ok(CallStream::new(self.request(Verb::Execute, plugin, action, timeout), params))
    }

    // What there is.

    /// The running plugins by name, in the order they started; a copy.
    #[getter]
    fn plugins<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let running = PyDict::new(py);
        for name in self.host.running() {
            if let Ok(instance) = self.host.instance(&name) {
                running.set_item(name, instance.object())?;
            }
        }
        Ok(running)
    }

    /// What is broken now: not taken in, or taken in and failed, skipped or retrying.
    #[getter]
    fn failures<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.host.failures().iter().map(|failure| records::failure(py, failure)).collect()
    }

    /// Return what a start would find wrong with dependencies; start and change nothing.
    fn check_dependencies<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let failures = self.host.check_dependencies();
        failures.iter().map(|failure| records::failure(py, failure)).collect()
    }

    /// Return every plugin's state, in the order they were taken in.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.host.status().iter().map(|status| records::status(py, status)).collect()
    }

    /// Return what is known of a plugin; secrets in its configuration are ``***``.
    fn describe<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let (status, config) = self.host.describe(name).or_raise(py)?;
        let info = &status.info;
        let fields = PyDict::new(py);
        fields.set_item("name", &info.name)?;
        fields.set_item("version", &info.version)?;
        fields.set_item("category", info.category.as_str())?;
        fields.set_item("kind", status.kind.as_str())?;
        fields.set_item("origin", &status.origin)?;
        fields.set_item("state", status.state.as_str())?;
        fields.set_item("description", &info.description)?;
        fields.set_item("requires", &info.requires)?;
        let schema = info.config_schema.as_ref().map(|schema| convert::to_python(py, schema));
        fields.set_item("config_schema", schema.transpose()?)?;
        let actions = describe::actions_to_python(py, &info.actions)?;
        if let Ok(instance) = self.host.instance(name)
            && let Some(own) = describe::own_actions(instance.object().bind(py))?
        {
            actions.update(own.cast::<PyMapping>()?)?;
        }
        fields.set_item("actions", actions)?;
        let config = config.map(|config| convert::to_python(py, &config.redacted));
        fields.set_item("config", config.transpose()?)?;
        Ok(fields)
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        Ok(self.host.instance(name).or_raise(py)?.object().clone_ref(py))
    }

    fn __contains__(&self, name: &str) -> bool {
        self.host.instance(name).is_ok()
    }

    fn __len__(&self) -> usize {
        self.host.running().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.host.running().into_pyobject(py)?.try_iter()
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.host.environment().events)?;
        visit.call(&self.registry)?;
        visit.call(&self.events)?;
        visit.call(&self.monitor)
    }

    fn __repr__(&self) -> String {
        let status = self.host.status();
        format!("<PluginManager: {} plugins, {} running>", status.len(), self.host.running().len())
    }
}

impl PluginManager {
    fn request(
        &self,
        verb: Verb,
        plugin: String,
        action: String,
        timeout: Option<Duration>,
    ) -> Request {
        Request::Hosted { host: Arc::clone(&self.host), verb, plugin, action, timeout, once: false }
    }

    /// Takes SIGTERM for a `with` block, or gives it back.
    fn signals(slf: &Bound<'_, Self>, verb: &str) -> PyResult<()> {
        if !slf.get().handle_signals {
            return Ok(());
        }
        slf.py().import("zerepy_plugins._signals")?.call_method1(verb, (slf,)).map(drop)
    }
}

/// Runs an operation with the interpreter released, and hands its log records over.
fn detached<T: Send>(py: Python<'_>, operation: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let outcome = py.detach(operation);
    logging::flush(py);
    outcome.or_raise(py)
}

/// What was given, or a new one.
fn or_new<T>(py: Python<'_>, given: Option<Py<T>>) -> PyResult<Py<T>>
where
    T: pyo3::PyClass + Default + Into<pyo3::PyClassInitializer<T>>,
{
    given.map_or_else(|| Py::new(py, T::default()), Ok)
}

/// The coroutine of a lifecycle method: it runs on a worker thread, what is async in plugins on the
/// caller's event loop.
fn in_thread<'py>(
    manager: &Bound<'py, PluginManager>,
    method: &str,
    arguments: &Bound<'py, PyTuple>,
    force: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = manager.py();
    let kwargs = PyDict::new(py);
    if let Some(force) = force {
        kwargs.set_item("force", force)?;
    }
    let bound = PyTuple::new(py, [manager.getattr(method)?])?.add(arguments)?.cast_into()?;
    py.import("zerepy_plugins._loop")?.getattr("in_thread")?.call(bound, Some(&kwargs))
}
