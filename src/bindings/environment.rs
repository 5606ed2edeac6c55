//! What every plugin of one manager is given.

use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zerepy_core::{Error, ErrorKind, Host, Result};

use crate::call;
use crate::class::PluginClass;
use crate::coroutine::{CallCoroutine, Request};
use crate::errors::OrRaise;
use crate::events::EventBus;
use crate::services::ManagerServices;
use crate::target::Verb;

pub(crate) type PluginHost = Host<PluginClass>;

/// Every host that is alive, with its process, for the end of the interpreter.
static HOSTS: Mutex<Vec<(u32, Weak<PluginHost>)>> = Mutex::new(Vec::new());

/// Remembers a host; forgets those that are gone.
pub(crate) fn remember(host: &Arc<PluginHost>) {
    let mut hosts = HOSTS.lock();
    hosts.retain(|(_, host)| host.strong_count() > 0);
    hosts.push((std::process::id(), Arc::downgrade(host)));
}

/// Every host that is alive and was made in this process: a fork's parent looks after its own.
pub(crate) fn hosts() -> Vec<Arc<PluginHost>> {
    let (hosts, process) = (HOSTS.lock(), std::process::id());
    let own = hosts.iter().filter(|(home, _)| *home == process);
    own.filter_map(|(_, host)| host.upgrade()).collect()
}

/// The surroundings of plugins: shared by all plugins of one manager.
pub(crate) struct Environment {
    pub(crate) events: Py<EventBus>,
    pub(crate) finder: Py<PluginFinder>,
    pub(crate) max_payload: usize, // bytes
    pub(crate) services: Arc<ManagerServices>,
}

/// Finds running plugins by name, without keeping their manager alive.
#[pyclass(frozen, module = "zerepy_plugins._native")]
#[derive(Default)]
pub(crate) struct PluginFinder {
    host: OnceLock<Weak<PluginHost>>,
}

impl PluginFinder {
    /// The host, unless its manager is gone.
    pub(crate) fn host(&self) -> Option<Arc<PluginHost>> {
        self.host.get().and_then(Weak::upgrade)
    }

    fn living_host(&self) -> Result<Arc<PluginHost>> {
        self.host().ok_or_else(|| {
            Error::new(ErrorKind::State, "the plugin manager does not exist any more")
        })
    }

    /// Connects it, once the host stands.
    pub(crate) fn connect(&self, host: &Arc<PluginHost>) {
        let _ = self.host.set(Arc::downgrade(host));
    }
}

#[pymethods]
impl PluginFinder {
    fn __call__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        let instance = self.living_host().and_then(|host| host.instance(name)).or_raise(py)?;
        Ok(instance.object().clone_ref(py))
    }

    /// Call an action of a plugin as the manager does, and wait for the result.
    #[pyo3(signature = (plugin, action, params=None, timeout=None))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        plugin: &str,
        action: &Bound<'py, PyString>,
        params: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let host = self.living_host().or_raise(py)?;
        let verb = verb_of(&host, plugin, action.to_str()?).or_raise(py)?;
        call::sync(py, &host, verb, plugin, action, params, timeout)
    }

    /// Like :meth:`call`, awaitable; the call begins when it is awaited.
    #[pyo3(signature = (plugin, action, params=None, timeout=None))]
    fn call_async(
        &self,
        py: Python<'_>,
        plugin: String,
        action: String,
        params: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<CallCoroutine> {
        let host = self.living_host().or_raise(py)?;
        let verb = verb_of(&host, &plugin, &action).or_raise(py)?;
        let timeout = call::limit(timeout)?;
        let request = Request::Hosted { host, verb, plugin, action, timeout, once: false };
        Ok(CallCoroutine::new(request, params))
    }
}

/// How a plugin is called that another one calls by the name of an action.
fn verb_of(host: &PluginHost, plugin: &str, action: &str) -> Result<Verb> {
    host.instance(plugin)?.target().verb_for(plugin, action)
}
