//! Actions as tools of models. What a tool is stands in `zerepy_plugins.tools`, imported when asked.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::PluginManager;

#[pymethods]
impl PluginManager {
    /// Return the running plugins' actions as a tool list, in a model provider's dialect.
    #[pyo3(signature = (format="openai", *, include=None, exclude=None))]
    fn tools<'py>(
        slf: &Bound<'py, Self>,
        format: &str,
        include: Option<&Bound<'py, PyAny>>,
        exclude: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let module = slf.py().import("zerepy_plugins.tools")?;
        module.call_method1("tools", (slf, format, include, exclude))
    }

    /// Call a tool as a model asked for it, and return its result or a :class:`ToolError`.
    #[pyo3(signature = (name, arguments=None, *, raise_errors=false))]
    fn call_tool<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        arguments: Option<&Bound<'py, PyAny>>,
        raise_errors: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        call(slf, "call_tool", name, arguments, raise_errors)
    }

    /// Like :meth:`call_tool`, awaitable; the call begins when it is awaited.
    #[pyo3(signature = (name, arguments=None, *, raise_errors=false))]
    fn call_tool_async<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        arguments: Option<&Bound<'py, PyAny>>,
        raise_errors: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        call(slf, "call_tool_async", name, arguments, raise_errors)
    }
}

fn call<'py>(
    manager: &Bound<'py, PluginManager>,
    function: &str,
    name: &str,
    arguments: Option<&Bound<'py, PyAny>>,
    raise_errors: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = manager.py();
    let kwargs = PyDict::new(py);
    kwargs.set_item("raise_errors", raise_errors)?;
    let function = py.import("zerepy_plugins.tools")?.getattr(function)?;
    function.call((manager, name, arguments), Some(&kwargs))
}
