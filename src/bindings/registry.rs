//! The registry, as Python sees it.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyType};
use zerepy_core::{Category, Registry};

use crate::class::{self, Place, PluginClass};
use crate::errors::OrRaise;

/// The origin of what is registered through the class below; what is known of it may follow.
pub(crate) const BY_HAND: &str = "registered by hand";

/// Plugin classes by category (``"connection"`` or ``"action"``) and name.
#[pyclass(frozen, name = "PluginRegistry", module = "zerepy_plugins._native")]
#[derive(Default)]
pub(crate) struct PluginRegistry {
    core: Arc<Registry<PluginClass>>,
}

impl PluginRegistry {
    pub(crate) fn core(&self) -> Arc<Registry<PluginClass>> {
        Arc::clone(&self.core)
    }

    /// Names and classes of each category that has any.
    fn by_category<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let by_category = PyDict::new(py);
        for category in Category::ALL {
            let by_name = self.by_name(py, category)?;
            if !by_name.is_empty() {
                by_category.set_item(category.as_str(), by_name)?;
            }
        }
        Ok(by_category)
    }

    /// Names and classes of one category.
    fn by_name<'py>(&self, py: Python<'py>, category: Category) -> PyResult<Bound<'py, PyDict>> {
        let by_name = PyDict::new(py);
        for plugin in self.core.list(Some(category)) {
            by_name.set_item(&plugin.info.name, plugin.class.object(py))?;
        }
        Ok(by_name)
    }
}

#[pymethods]
impl PluginRegistry {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Add a class under a name, which need not be the class's own.
    #[pyo3(signature = (category, name, plugin_cls, *, replace=false, origin=None))]
    fn register(
        &self,
        py: Python<'_>,
        category: &str,
        name: &str,
        plugin_cls: &Bound<'_, PyAny>,
        replace: bool,
        origin: Option<&str>,
    ) -> PyResult<()> {
        let origin = origin.map_or_else(|| BY_HAND.to_owned(), |from| format!("{BY_HAND}: {from}"));
        let plugin = category.parse().and_then(|category| {
            class::checked(plugin_cls, Place::Asked(category), Some(name), origin)
        });
        plugin.and_then(|plugin| self.core.register(plugin, replace)).or_raise(py)?;
        Ok(())
    }

    /// Return a class.
    fn get_plugin<'py>(
        &self,
        py: Python<'py>,
        category: &str,
        name: &str,
    ) -> PyResult<Bound<'py, PyType>> {
        let found = category.parse().and_then(|category| self.core.get(category, name));
        Ok(found.or_raise(py)?.class.object(py))
    }

    /// Return names and classes of one category, or of each that has any; a copy.
    #[pyo3(signature = (category=None))]
    fn list_plugins<'py>(
        &self,
        py: Python<'py>,
        category: Option<&str>,
    ) -> PyResult<Bound<'py, PyDict>> {
        if let Some(category) = category {
            return self.by_name(py, category.parse().or_raise(py)?);
        }
        self.by_category(py)
    }

    /// Take a class away; its instances live on.
    fn unregister(&self, py: Python<'_>, category: &str, name: &str) -> PyResult<()> {
        let removed = category.parse().and_then(|category| self.core.unregister(category, name));
        removed.or_raise(py).map(drop)
    }

    /// A name, or a pair of category and name.
    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        if let Ok((category, name)) = key.extract::<(String, String)>() {
            return category.parse().is_ok_and(|category| self.core.contains(category, &name));
        }
        let name = key.extract::<String>();
        name.is_ok_and(|name| Category::ALL.into_iter().any(|it| self.core.contains(it, &name)))
    }

    fn __len__(&self) -> usize {
        self.core.len()
    }

    /// Pairs of category and name, in the order they were registered.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let all = self.core.list(None);
        let keys: Vec<_> =
            all.iter().map(|plugin| (plugin.info.category.as_str(), &plugin.info.name)).collect();
        keys.into_pyobject(py)?.try_iter()
    }

    /// As ZerePy's own registry has it: classes by category and name; a copy.
    #[getter(_plugins)]
    fn zerepy_plugins<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.by_category(py)
    }

    /// As ZerePy's own registry has it.
    #[getter(_categories)]
    #[expect(clippy::unused_self, reason = "an attribute of an instance, as over there")]
    fn zerepy_categories(&self) -> HashSet<&'static str> {
        Category::ALL.into_iter().map(Category::as_str).collect()
    }

    fn __repr__(&self) -> String {
        let count = |category| self.core.list(Some(category)).len();
        let (connections, actions) = (count(Category::Connection), count(Category::Action));
        format!("<PluginRegistry: {connections} connections, {actions} actions>")
    }
}
