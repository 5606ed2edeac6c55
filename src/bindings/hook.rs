//! Hooks written in Python, called with whichever arguments they name.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use zerepy_core::{Error, ErrorKind, Hook, HookSet, OnError, Result};

use crate::instance::PluginInstance;
use crate::{awaitable, errors};

/// The hook methods that one object has.
pub(crate) struct Methods([Option<Method>; Hook::ALL.len()]);

struct Method {
    callable: Py<PyAny>,
    takes: Vec<Argument>,
}

/// What a hook may ask for, by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    Plugin,
    Config,
    Error,
    Action,
    Params,
    Result,
    Duration,
}

impl Argument {
    const fn all_of(hook: Hook) -> &'static [Self] {
        use Argument::{Action, Config, Duration, Error, Params, Plugin, Result};
        match hook {
            Hook::PreAction => &[Plugin, Config, Action, Params],
            Hook::PostAction => &[Plugin, Config, Action, Params, Result, Error, Duration],
            _ => &[Plugin, Config, Error],
        }
    }

    fn name(self, py: Python<'_>) -> &Bound<'_, PyString> {
        match self {
            Self::Plugin => intern!(py, "plugin"),
            Self::Config => intern!(py, "config"),
            Self::Error => intern!(py, "error"),
            Self::Action => intern!(py, "action"),
            Self::Params => intern!(py, "params"),
            Self::Result => intern!(py, "result"),
            Self::Duration => intern!(py, "duration"),
        }
    }
}

/// What the hooks of one moment are given.
pub(crate) struct Arguments<'a, 'py> {
    pub(crate) plugin: &'a Bound<'py, PyAny>,
    pub(crate) config: &'a Bound<'py, PyAny>,
    pub(crate) error: Option<&'a Error>,
    pub(crate) call: Option<CallArguments<'a>>,
}

/// What belongs to an action.
pub(crate) struct CallArguments<'a> {
    pub(crate) action: &'a str,
    pub(crate) params: &'a Py<PyAny>,
    pub(crate) result: Option<&'a Py<PyAny>>,
    pub(crate) seconds: f64,
}

impl<'py> Arguments<'_, 'py> {
    fn get(&self, argument: Argument) -> PyResult<Bound<'py, PyAny>> {
        let py = self.plugin.py();
        let none = || py.None().into_bound(py);
        let call = self.call.as_ref();
        Ok(match argument {
            Argument::Plugin => self.plugin.clone(),
            Argument::Config => self.config.clone(),
            Argument::Error => self.error.map_or_else(none, |error| {
                errors::to_python(py, error).into_value(py).into_bound(py).into_any()
            }),
            Argument::Action => call.map(|call| call.action).into_pyobject(py)?,
            Argument::Params => call.map_or_else(none, |call| call.params.bind(py).clone()),
            Argument::Result => {
                call.and_then(|call| call.result).map_or_else(none, |it| it.bind(py).clone())
            }
            Argument::Duration => call.map(|call| call.seconds).into_pyobject(py)?,
        })
    }
}

impl Methods {
    /// Looks the methods up and reads their signatures, once; one that asks for what it is not
    /// given is a `PluginConfigError`.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut methods = [const { None }; Hook::ALL.len()];
        let base = object.py().import("zerepy_plugins.hooks")?.getattr("PluginHooks")?;
        for hook in Hook::ALL {
            let Some(callable) = object.getattr_opt(hook.name())? else { continue };
            let function = callable.getattr_opt("__func__")?;
            let inherited = function.is_some_and(|function| {
                base.getattr(hook.name()).is_ok_and(|default| default.is(&function))
            });
            if !inherited {
                methods[hook as usize] = Some(Method::of(hook, &callable)?);
            }
        }
        Ok(Self(methods))
    }

    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Whether there is one around actions.
    pub(crate) fn of_actions(&self) -> bool {
        Hook::ALL.iter().any(|hook| hook.is_of_actions() && self.0[*hook as usize].is_some())
    }

    /// Calls one, if it is there, and returns what it returned, which may have to be awaited.
    ///
    /// After a failed step only those that accept `error` are called, but for `post_cleanup`.
    pub(crate) fn begin<'py>(
        &self,
        hook: Hook,
        arguments: &Arguments<'_, 'py>,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        let method = self.0[hook as usize].as_ref()?;
        let must_accept = matches!(hook, Hook::PostInitialize | Hook::PostAction);
        if arguments.error.is_some() && must_accept && !method.takes.contains(&Argument::Error) {
            return None;
        }
        Some(method.call(arguments))
    }

    /// Calls one, if it is there, and waits for it.
    pub(crate) fn call(&self, hook: Hook, arguments: &Arguments<'_, '_>) -> Result<()> {
        let Some(returned) = self.begin(hook, arguments) else { return Ok(()) };
        let settled = returned.and_then(|result| awaitable::settle(result, || "a hook".to_owned()));
        settled.map(drop).map_err(|raised| failure(hook, arguments.plugin, raised))
    }
}

/// What a hook raised, as the core's error.
pub(crate) fn failure(hook: Hook, plugin: &Bound<'_, PyAny>, raised: PyErr) -> Error {
    let name = errors::answered(plugin.py(), plugin.getattr("name"));
    let name = name.map(|name| name.to_string()).unwrap_or_default();
    let what = format!("{} of plugin {name:?}", hook.name());
    errors::from_python(plugin.py(), raised, ErrorKind::Execution, &what).with_plugin(name)
}

impl Method {
    fn of(hook: Hook, callable: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = callable.py();
        let inspect = py.import("inspect")?;
        let signature = inspect.call_method1("signature", (callable,))?;
        let empty = inspect.getattr("Parameter")?.getattr("empty")?;
        let mut takes = Vec::new();
        for parameter in signature.getattr("parameters")?.call_method0("values")?.try_iter()? {
            let parameter = parameter?;
            let name = parameter.getattr("name")?.to_string();
            let known =
                Argument::all_of(hook).iter().find(|argument| argument.name(py) == name.as_str());
            match (parameter.getattr("kind")?.getattr("name")?.extract::<String>()?.as_str(), known)
            {
                ("VAR_KEYWORD", _) => takes = Argument::all_of(hook).to_vec(),
                ("VAR_POSITIONAL", _) => {}
                ("POSITIONAL_OR_KEYWORD" | "KEYWORD_ONLY", Some(argument)) => takes.push(*argument),
                _ if !parameter.getattr("default")?.is(&empty) => {}
                _ => return Err(asks_too_much(py, hook, callable, &signature, &name)),
            }
        }
        takes.dedup();
        Ok(Self { callable: callable.clone().unbind(), takes })
    }

    fn call<'py>(&self, arguments: &Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.plugin.py();
        if self.takes.is_empty() {
            return self.callable.bind(py).call0();
        }
        let kwargs = PyDict::new(py);
        for argument in &self.takes {
            kwargs.set_item(argument.name(py), arguments.get(*argument)?)?;
        }
        self.callable.bind(py).call((), Some(&kwargs))
    }
}

/// The error for a hook with an argument that nobody gives it.
fn asks_too_much(
    py: Python<'_>,
    hook: Hook,
    callable: &Bound<'_, PyAny>,
    signature: &Bound<'_, PyAny>,
    name: &str,
) -> PyErr {
    let owner = callable
        .getattr("__qualname__")
        .map_or_else(|_| hook.name().to_owned(), |name| name.to_string());
    let given: Vec<_> =
        Argument::all_of(hook).iter().map(|argument| argument.name(py).to_string()).collect();
    let message = format!("the hook {owner}{signature} asks for {name:?}, which it is not given");
    let hint = format!("A {} may take any of {} by name", hook.name(), given.join(", "));
    errors::to_python(py, &Error::new(ErrorKind::Config, message).with_hint(hint))
}

/// What `on_error` means.
pub(crate) fn on_error(text: &str) -> PyResult<OnError> {
    match text {
        "raise" => Ok(OnError::Raise),
        "collect" => Ok(OnError::Collect),
        "log" => Ok(OnError::Log),
        _ => Err(PyValueError::new_err(format!(
            "on_error must be \"raise\", \"collect\" or \"log\", not {text:?}"
        ))),
    }
}

/// An object with hook methods that sees every plugin of a manager.
pub(crate) struct Watcher(pub(crate) Methods);

impl HookSet<PluginInstance> for Watcher {
    fn call(&self, hook: Hook, plugin: &PluginInstance, error: Option<&Error>) -> Result<()> {
        Python::attach(|py| plugin.call_hook(py, &self.0, hook, error))
    }

    fn watches_actions(&self) -> bool {
        self.0.of_actions()
    }
}
