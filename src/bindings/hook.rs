//! Hooks written in Python, called with whichever arguments they name.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::{Error, ErrorKind, Hook, HookSet, Result};

use crate::instance::PluginInstance;
use crate::{awaitable, errors};

/// The hook methods that one object has.
pub(crate) struct Methods([Option<Method>; 4]);

struct Method {
    callable: Py<PyAny>,
    takes: [bool; 3], // plugin, config, error
}

/// What a hook may ask for, by name.
pub(crate) struct Arguments<'a, 'py> {
    pub(crate) plugin: &'a Bound<'py, PyAny>,
    pub(crate) config: &'a Bound<'py, PyAny>,
    pub(crate) error: Option<&'a Error>,
}

const NAMES: [&str; 3] = ["plugin", "config", "error"];

impl Methods {
    /// Looks the methods up and reads their signatures, once.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut methods = [const { None }; 4];
        for (hook, slot) in Hook::ALL.into_iter().zip(&mut methods) {
            if let Some(callable) = object.getattr_opt(hook.name())? {
                *slot = Some(Method::of(&callable)?);
            }
        }
        Ok(Self(methods))
    }

    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Calls one, if it is there. After a failed step only those that accept `error` are called.
    pub(crate) fn call(&self, hook: Hook, arguments: &Arguments<'_, '_>) -> Result<()> {
        let Some(method) = &self.0[hook as usize] else { return Ok(()) };
        if arguments.error.is_some() && hook == Hook::PostInitialize && !method.takes[2] {
            return Ok(());
        }
        let py = arguments.plugin.py();
        method.call(arguments).map_err(|raised| {
            let name = arguments.plugin.getattr("name").map(|name| name.to_string());
            let what = format!("{} of plugin {:?}", hook.name(), name.unwrap_or_default());
            errors::from_python(py, raised, ErrorKind::Execution, &what)
        })
    }
}

impl Method {
    fn of(callable: &Bound<'_, PyAny>) -> PyResult<Self> {
        let inspect = callable.py().import("inspect")?;
        let signature = inspect.call_method1("signature", (callable,))?;
        let parameters = signature.getattr("parameters")?;
        let takes_any = parameters
            .call_method0("values")?
            .try_iter()?
            .any(|parameter| is_keywords(parameter, &inspect).unwrap_or(false));
        let mut takes = [takes_any; 3];
        for (name, takes) in NAMES.iter().zip(&mut takes) {
            *takes |= parameters.contains(name)?;
        }
        Ok(Self { callable: callable.clone().unbind(), takes })
    }

    fn call(&self, arguments: &Arguments<'_, '_>) -> PyResult<()> {
        let py = arguments.plugin.py();
        let kwargs = PyDict::new(py);
        if self.takes[0] {
            kwargs.set_item(NAMES[0], arguments.plugin)?;
        }
        if self.takes[1] {
            kwargs.set_item(NAMES[1], arguments.config)?;
        }
        if self.takes[2] {
            let error = arguments.error.map(|error| errors::to_python(py, error).into_value(py));
            kwargs.set_item(NAMES[2], error)?;
        }
        let result = self.callable.bind(py).call((), Some(&kwargs))?;
        awaitable::settle(result, || "a hook".to_owned()).map(drop)
    }
}

/// Whether a parameter is `**something`.
fn is_keywords(
    parameter: PyResult<Bound<'_, PyAny>>,
    inspect: &Bound<'_, PyModule>,
) -> PyResult<bool> {
    let wanted = inspect.getattr("Parameter")?.getattr("VAR_KEYWORD")?;
    parameter?.getattr("kind")?.eq(wanted)
}

/// An object with hook methods that sees every plugin of a manager.
pub(crate) struct Watcher(pub(crate) Methods);

impl HookSet<PluginInstance> for Watcher {
    fn call(&self, hook: Hook, plugin: &PluginInstance, error: Option<&Error>) -> Result<()> {
        Python::attach(|py| plugin.call_hook(py, &self.0, hook, error))
    }
}
