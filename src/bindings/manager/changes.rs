//! Changing plugins while the others run on: their code, their configuration, their state.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value;
use zerepy_core::{Error, ErrorKind};

use super::{PluginManager, detached, in_thread};
use crate::errors::OrRaise;
use crate::reload::Again;
use crate::{convert, settings};

#[pymethods]
impl PluginManager {
    /// Replace a plugin by what its source is now, without a gap for its callers.
    fn reload(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let registry = self.registry.get().core();
        detached(py, || self.host.reload(name, &Again::new(&self.sources, &registry)))
    }

    /// Like :meth:`reload`, on a worker thread; ``async`` methods run on this loop.
    fn reload_async<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "reload", &PyTuple::new(slf.py(), [name])?, None)
    }

    /// Change a plugin's configuration; return the paths of what is different then.
    fn update_config(
        &self,
        py: Python<'_>,
        name: &str,
        config: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<String>> {
        let config = convert::to_json(config, "config").or_raise(py)?;
        let Value::Object(config) = config else {
            let error = Error::new(ErrorKind::Config, "config: it must be a dict");
            return Err(error.with_hint("Pass {\"options\": {…}}")).or_raise(py);
        };
        detached(py, || self.host.update_config(name, &config))
    }

    /// Like :meth:`update_config`, on a worker thread; ``async`` methods run on this loop.
    fn update_config_async<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        config: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "update_config", &(name, config).into_pyobject(slf.py())?, None)
    }

    /// Add to the configuration what it does not say yet.
    fn add_config(&self, py: Python<'_>, config: &Bound<'_, PyAny>) -> PyResult<()> {
        let added = settings::read(py, Some(config)).or_raise(py)?;
        detached(py, || self.host.add_settings(&added))
    }

    /// Read the configuration file again; return the paths of what is different, by plugin.
    fn reload_config(&self, py: Python<'_>) -> PyResult<HashMap<String, Vec<String>>> {
        let Some(path) = &self.config_file else {
            let error = Error::new(ErrorKind::State, "the configuration did not come from a file");
            let hint = "Pass the file's path as `config`, or change plugins with update_config()";
            return Err(error.with_hint(hint)).or_raise(py);
        };
        let settings = settings::read_file(py, path).or_raise(py)?;
        detached(py, || self.host.update_settings(settings))
            .map(|changed| changed.into_iter().collect())
    }

    /// Like :meth:`reload_config`, on a worker thread; ``async`` methods run on this loop.
    fn reload_config_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "reload_config", &PyTuple::empty(slf.py()), None)
    }

    /// Save the state of all running plugins, or of one; return the names of those with one.
    #[pyo3(signature = (name=None))]
    fn save_state(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Vec<String>> {
        detached(py, || self.host.save_states(name))
    }

    /// Like :meth:`save_state`, on a worker thread; ``async`` methods run on this loop.
    #[pyo3(signature = (name=None))]
    fn save_state_async<'py>(
        slf: &Bound<'py, Self>,
        name: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "save_state", &PyTuple::new(slf.py(), [name])?, None)
    }
}
