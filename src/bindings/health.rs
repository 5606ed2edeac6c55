//! What plugin objects say of their health.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use zerepy_core::{Error, ErrorKind};

use crate::awaitable;
use crate::errors::{self, OrRaise};
use crate::native::NativeInstance;

/// Whether a plugin has a `health()`, of its own class or of its library.
pub(crate) fn is_told(plugin: &Bound<'_, PyAny>) -> bool {
    let py = plugin.py();
    let told = plugin.hasattr(intern!(py, "health")).and_then(|has| {
        Ok(has
            && (!is_inherited(plugin)? || native(plugin)?.is_none_or(|it| it.get().tells_health())))
    });
    errors::answered(py, told).unwrap_or(true) // asking it will show what is wrong
}

/// Whether its method is the one that passes on to the library.
fn is_inherited(plugin: &Bound<'_, PyAny>) -> PyResult<bool> {
    static NATIVE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = plugin.py();
    let passes_on = NATIVE.import(py, "zerepy_plugins.native", "NativePlugin")?;
    let passes_on = passes_on.getattr(intern!(py, "health"))?;
    Ok(plugin.get_type().getattr(intern!(py, "health")).is_ok_and(|own| own.is(&passes_on)))
}

fn native<'py>(plugin: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, NativeInstance>>> {
    let native = plugin.getattr_opt(intern!(plugin.py(), "_native"))?;
    Ok(native.and_then(|native| native.cast_into::<NativeInstance>().ok()))
}

/// An answer that is not true is an error.
pub(crate) fn judge(answer: &Bound<'_, PyAny>) -> PyResult<()> {
    if answer.is_truthy()? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Execution, "it says that it is not well")).or_raise(answer.py())
}

/// Asks a plugin that no manager runs, on this thread; one that has no `health()` is well.
pub(crate) fn ask(plugin: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = plugin.py();
    let Some(health) = plugin.getattr_opt(intern!(py, "health"))? else { return Ok(true) };
    let answer = health.call0().and_then(|answer| awaitable::settle(answer, || "health()".into()));
    match answer.and_then(|answer| answer.is_truthy()) {
        Err(raised) if raised.is_instance_of::<pyo3::exceptions::PyException>(py) => {
            tracing::warn!(target: "zerepy_plugins.monitor", error = %raised, "health() raised");
            Ok(false)
        }
        answer => answer,
    }
}
