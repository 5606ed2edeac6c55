//! The factory, as Python sees it.

use pyo3::prelude::*;
use pyo3::types::PyType;
use zerepy_core::Environment;

use crate::convert;
use crate::errors::OrRaise;
use crate::registry::PluginRegistry;

/// Creates plugins from their configuration, without a manager.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct PluginFactory;

#[pymethods]
impl PluginFactory {
    /// Create the plugin that ``config`` names; it is not initialized yet.
    #[classmethod]
    #[pyo3(signature = (plugin_type, config, *, registry=None))]
    fn create<'py>(
        _class: &Bound<'py, PyType>,
        py: Python<'py>,
        plugin_type: &str,
        config: &Bound<'py, PyAny>,
        registry: Option<Py<PluginRegistry>>,
    ) -> PyResult<Py<PyAny>> {
        let registry = match registry {
            Some(registry) => registry,
            None => py.import("zerepy_plugins")?.getattr("default_registry")?.extract()?,
        };
        let registry = registry.get().core();
        let instance = plugin_type.parse().and_then(|category| {
            let document = convert::to_json(config, "config")?;
            zerepy_core::create(&registry, category, document, &Environment::of_process())
        });
        Ok(instance.or_raise(py)?.object().clone_ref(py))
    }
}
