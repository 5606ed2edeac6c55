//! The methods that a plugin may have besides those it must have: state and reconfiguration.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use zerepy_core::{Change, Config, Error, ErrorKind, Snapshot};

use crate::convert;
use crate::errors::OrRaise;

/// Such a method, with what it is given.
#[derive(Clone, Copy)]
pub(crate) enum Optional<'a> {
    LoadState(&'a Snapshot),
    SaveState,
    Reconfigure(&'a Config, &'a [Change]),
}

impl Optional<'_> {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LoadState(_) => "load_state",
            Self::SaveState => "save_state",
            Self::Reconfigure(..) => "reconfigure",
        }
    }

    /// What calls it, if the plugin has it; with what else it takes by name.
    pub(crate) fn of<'py>(self, plugin: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(method) = plugin.getattr_opt(self.name())? else { return Ok(None) };
        let py = method.py();
        let kwargs = PyDict::new(py);
        let argument = match self {
            Self::SaveState => return Ok(Some(method)),
            Self::LoadState(snapshot) => {
                if takes(&method, "version")? {
                    kwargs.set_item("version", &snapshot.version)?;
                }
                convert::to_python(py, &snapshot.state)?
            }
            Self::Reconfigure(config, changes) => {
                if takes(&method, "changes")? {
                    kwargs.set_item("changes", by_path(py, changes)?)?;
                }
                convert::to_python(py, &config.value)?
            }
        };
        let functools = py.import("functools")?;
        functools.call_method("partial", (method, argument), Some(&kwargs)).map(Some)
    }
}

/// What `save_state()` returned, as it is kept; `None` if it was nothing.
pub(crate) fn saved(state: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    if state.is_none() {
        return Ok(None);
    }
    let json = convert::to_json(state, "state").map_err(|error| {
        Error::new(ErrorKind::Execution, format!("save_state() returned {}", error.message()))
            .with_hint("Return what JSON can hold: a dict of None, bool, int, float, str and lists")
    });
    json.map(Some).or_raise(state.py())
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

/// Whether a method has a parameter of that name.
fn takes(method: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    let inspect = method.py().import("inspect")?;
    inspect.call_method1("signature", (method,))?.getattr("parameters")?.contains(name)
}
