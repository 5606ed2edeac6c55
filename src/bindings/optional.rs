//! The methods that a plugin may have besides those it must have: state and reconfiguration.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use zerepy_core::{Change, Config, Error, ErrorKind, Result, Snapshot};

use crate::errors::OrRaise;
use crate::{awaitable, convert, errors};

/// What calls `load_state(state)`, with `version` if it takes that, too; if there is such a method.
pub(crate) fn loading<'py>(
    plugin: &Bound<'py, PyAny>,
    snapshot: &Snapshot,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(method) = plugin.getattr_opt("load_state")? else { return Ok(None) };
    let py = method.py();
    let kwargs = PyDict::new(py);
    if takes(&method, "version")? {
        kwargs.set_item("version", &snapshot.version)?;
    }
    prepared(&method, &convert::to_python(py, &snapshot.state)?, &kwargs).map(Some)
}

/// What `save_state()` returns.
pub(crate) fn save_state(plugin: &Bound<'_, PyAny>) -> Result<Option<Value>> {
    let state = run(plugin, "save_state", plugin.getattr_opt("save_state"))?;
    state.map_or(Ok(None), |state| to_json(&state))
}

/// What it returned, elsewhere.
pub(crate) fn saved(state: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    to_json(state).or_raise(state.py())
}

fn to_json(state: &Bound<'_, PyAny>) -> Result<Option<Value>> {
    if state.is_none() {
        return Ok(None);
    }
    let state = convert::to_json(state, "state").map_err(|error| {
        Error::new(ErrorKind::Execution, format!("save_state() returned {}", error.message()))
            .with_hint("Return what JSON can hold: a dict of None, bool, int, float, str and lists")
    })?;
    Ok(Some(state))
}

/// What calls `reconfigure(config)`, with `changes` if it takes that, too; if there is such a method.
pub(crate) fn reconfiguring<'py>(
    plugin: &Bound<'py, PyAny>,
    config: &Config,
    changes: &[Change],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(method) = plugin.getattr_opt("reconfigure")? else { return Ok(None) };
    let py = method.py();
    let kwargs = PyDict::new(py);
    if takes(&method, "changes")? {
        kwargs.set_item("changes", by_path(py, changes)?)?;
    }
    prepared(&method, &convert::to_python(py, &config.value)?, &kwargs).map(Some)
}

/// A method with its arguments, to be called without.
fn prepared<'py>(
    method: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let functools = method.py().import("functools")?;
    functools.call_method("partial", (method, argument), Some(kwargs))
}

/// The values before and after, by path.
fn by_path<'py>(py: Python<'py>, changes: &[Change]) -> PyResult<Bound<'py, PyDict>> {
    let value = |value: &Option<Value>| {
        value.as_ref().map(|value| convert::to_python(py, value)).transpose()
    };
    let found = PyDict::new(py);
    for change in changes {
        found.set_item(&change.path, (value(&change.old)?, value(&change.new)?))?;
    }
    Ok(found)
}

/// Calls an optional method, if it is there, and waits for it if it is async.
pub(crate) fn run<'py>(
    plugin: &Bound<'py, PyAny>,
    name: &str,
    method: PyResult<Option<Bound<'py, PyAny>>>,
) -> Result<Option<Bound<'py, PyAny>>> {
    let py = plugin.py();
    let what = || {
        let plugin = plugin.getattr(intern!(py, "name")).map(|name| name.to_string());
        format!("{name}() of plugin {:?}", plugin.unwrap_or_default())
    };
    let outcome = method.and_then(|method| {
        let result = method.map(|method| method.call0()).transpose()?;
        result.map(|result| awaitable::settle(result, what)).transpose()
    });
    outcome.map_err(|raised| errors::from_python(py, raised, ErrorKind::Execution, &what()))
}

/// Whether a method has a parameter of that name.
fn takes(method: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    let inspect = method.py().import("inspect")?;
    inspect.call_method1("signature", (method,))?.getattr("parameters")?.contains(name)
}
