//! What every plugin of one manager is given.

use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use pyo3::prelude::*;
use zerepy_core::{Error, ErrorKind, Host};

use crate::class::PluginClass;
use crate::errors::OrRaise;
use crate::events::EventBus;
use crate::services::ManagerServices;

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

    /// Connects it, once the host stands.
    pub(crate) fn connect(&self, host: &Arc<PluginHost>) {
        let _ = self.host.set(Arc::downgrade(host));
    }
}

#[pymethods]
impl PluginFinder {
    fn __call__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        let host = self.host().ok_or_else(|| {
            Error::new(ErrorKind::State, "the plugin manager does not exist any more")
        });
        let instance = host.and_then(|host| host.instance(name)).or_raise(py)?;
        Ok(instance.object().clone_ref(py))
    }
}
