//! Hooks written in Python, called with whichever arguments they name.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use zerepy_core::{Error, ErrorKind, Hook, HookSet, OnError, Placed, Result};

use crate::instance::PluginInstance;
use crate::{awaitable, errors};

/// The hook methods that one object has; most have none, and then it is small.
pub(crate) struct Methods(Option<Box<ByHook>>);

type ByHook = [Option<Method>; Hook::ALL.len()];

struct Method {
    callable: Py<PyAny>,
    takes: Box<[Argument]>,
    /// Set if it can be called with `takes` in this order and no names: a number for that order.
    order: Option<u32>,
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
pub(crate) struct Arguments {
    plugin: Py<PyAny>,
    config: Py<PyAny>,
    error: Option<Py<PyAny>>,
    call: Option<CallArguments>,
    positional: Option<(u32, Py<PyTuple>)>, // of the last hook: the next one often takes the same
}

/// What belongs to an action.
pub(crate) struct CallArguments {
    pub(crate) action: Py<PyString>,
    pub(crate) params: Py<PyAny>,
    pub(crate) result: Option<Py<PyAny>>,
    pub(crate) seconds: f64,
}

impl Arguments {
    pub(crate) fn new(
        py: Python<'_>,
        plugin: &PluginInstance,
        error: Option<&Error>,
        call: Option<CallArguments>,
    ) -> Self {
        let (config, plugin) = (plugin.config(py).unbind(), plugin.object().clone_ref(py));
        let error = error.map(|error| errors::to_python(py, error).into_value(py).into_any());
        Self { plugin, config, error, call, positional: None }
    }

    fn get<'py>(&self, py: Python<'py>, argument: Argument) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call.as_ref();
        let given = match argument {
            Argument::Plugin => Some(&self.plugin),
            Argument::Config => Some(&self.config),
            Argument::Error => self.error.as_ref(),
            Argument::Action => call.map(|call| call.action.as_any()),
            Argument::Params => call.map(|call| &call.params),
            Argument::Result => call.and_then(|call| call.result.as_ref()),
            Argument::Duration => {
                return Ok(call.map(|call| call.seconds).into_pyobject(py)?);
            }
        };
        Ok(given.map_or_else(|| py.None(), |given| given.clone_ref(py)).into_bound(py))
    }

    /// The arguments of a hook without their names.
    fn in_order<'py>(
        &mut self,
        py: Python<'py>,
        takes: &[Argument],
        order: u32,
    ) -> PyResult<Bound<'py, PyTuple>> {
        if let Some((other, tuple)) = &self.positional
            && *other == order
        {
            return Ok(tuple.bind(py).clone());
        }
        let given: PyResult<Vec<_>> =
            takes.iter().map(|argument| self.get(py, *argument)).collect();
        let tuple = PyTuple::new(py, given?)?;
        self.positional = Some((order, tuple.clone().unbind()));
        Ok(tuple)
    }
}

impl Methods {
    /// Looks the methods up and reads their signatures, once; one that asks for what it is not
    /// given is a `PluginConfigError`.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut methods = [const { None }; Hook::ALL.len()];
        let mut any = false;
        let base = object.py().import("zerepy_plugins.hooks")?.getattr("PluginHooks")?;
        for hook in Hook::ALL {
            let Some(callable) = object.getattr_opt(hook.name())? else { continue };
            let function = callable.getattr_opt("__func__")?;
            let inherited = function.is_some_and(|function| {
                base.getattr(hook.name()).is_ok_and(|default| default.is(&function))
            });
            if !inherited {
                methods[hook as usize] = Some(Method::of(hook, &callable)?);
                any = true;
            }
        }
        Ok(Self(any.then(|| Box::new(methods))))
    }

    /// Whether there is one around actions.
    pub(crate) fn of_actions(&self) -> bool {
        Hook::ALL.iter().any(|hook| hook.is_of_actions() && self.method(*hook).is_some())
    }

    /// Whether one wants to know how long an action took.
    pub(crate) fn take_duration(&self) -> bool {
        let method = self.method(Hook::PostAction);
        method.is_some_and(|method| method.takes.contains(&Argument::Duration))
    }

    fn method(&self, hook: Hook) -> Option<&Method> {
        self.0.as_ref()?[hook as usize].as_ref()
    }

    /// Whether it has one to be called after a step that failed, or did not.
    ///
    /// After a failed step only those that accept `error` are called, but for `post_cleanup`.
    pub(crate) fn has(&self, hook: Hook, failed: bool) -> bool {
        let must_accept = failed && matches!(hook, Hook::PostInitialize | Hook::PostAction);
        let method = self.method(hook);
        method.is_some_and(|method| !must_accept || method.takes.contains(&Argument::Error))
    }

    /// Calls one that is there, and returns what it returned, which may have to be awaited.
    pub(crate) fn begin<'py>(
        &self,
        py: Python<'py>,
        hook: Hook,
        arguments: &mut Arguments,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.method(hook) {
            Some(method) => method.call(py, arguments),
            None => Ok(py.None().into_bound(py)),
        }
    }

    /// Calls one around a step of the lifecycle, and waits for it.
    pub(crate) fn call(
        &self,
        py: Python<'_>,
        hook: Hook,
        plugin: &PluginInstance,
        arguments: &mut Arguments,
    ) -> Result<()> {
        let returned = self.begin(py, hook, arguments);
        let settled = returned.and_then(|result| awaitable::settle(result, || "a hook".to_owned()));
        settled.map(drop).map_err(|raised| failure(hook, plugin.object().bind(py), raised))
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
        let (mut takes, mut in_order) = (Vec::new(), is_plain(&inspect, callable)?);
        let parameters = signature.getattr("parameters")?.call_method0("values")?;
        for (place, parameter) in parameters.try_iter()?.enumerate() {
            let parameter = parameter?;
            let name = parameter.getattr("name")?.to_string();
            let known =
                Argument::all_of(hook).iter().find(|argument| argument.name(py) == name.as_str());
            let kind = parameter.getattr("kind")?.getattr("name")?.extract::<String>()?;
            match (kind.as_str(), known) {
                ("VAR_KEYWORD", _) => (takes, in_order) = (Argument::all_of(hook).to_vec(), false),
                ("VAR_POSITIONAL", _) => {}
                ("POSITIONAL_OR_KEYWORD" | "KEYWORD_ONLY", Some(argument)) => {
                    in_order &= kind != "KEYWORD_ONLY" && place == takes.len();
                    takes.push(*argument);
                }
                _ if !parameter.getattr("default")?.is(&empty) => {}
                _ => return Err(asks_too_much(py, hook, callable, &signature, &name)),
            }
        }
        let order = in_order
            .then(|| takes.iter().fold(0, |order, argument| order << 3 | (*argument as u32 + 1)));
        Ok(Self { callable: callable.clone().unbind(), takes: takes.into(), order })
    }

    fn call<'py>(&self, py: Python<'py>, arguments: &mut Arguments) -> PyResult<Bound<'py, PyAny>> {
        let callable = self.callable.bind(py);
        if self.takes.is_empty() {
            return callable.call0();
        }
        if let Some(order) = self.order {
            return callable.call1(arguments.in_order(py, &self.takes, order)?);
        }
        let kwargs = PyDict::new(py);
        for argument in &self.takes {
            kwargs.set_item(argument.name(py), arguments.get(py, *argument)?)?;
        }
        callable.call((), Some(&kwargs))
    }
}

/// Whether its signature is how it is really called: what wraps a function may take names alone.
fn is_plain(inspect: &Bound<'_, PyModule>, callable: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_method = inspect.call_method1("ismethod", (callable,))?.is_truthy()?;
    let function = if is_method { callable.getattr("__func__")? } else { callable.clone() };
    Ok(inspect.call_method1("isfunction", (&function,))?.is_truthy()?
        && !function.hasattr("__wrapped__")?
        && !function.hasattr("__signature__")?)
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
    let hint = if name == "self" {
        "Give an instance instead of the class".to_owned()
    } else {
        format!("A {} may take any of {} by name", hook.name(), given.join(", "))
    };
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

impl Watcher {
    /// Refuses what has no hook at all: its methods are misspelt, or it is something else.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        for hook in Hook::ALL {
            if object.hasattr(hook.name())? {
                return Methods::of(object).map(Self);
            }
        }
        let names: Vec<_> = Hook::ALL.iter().map(|hook| hook.name()).collect();
        let given = object.get_type();
        let error = Error::new(ErrorKind::Config, format!("an object of {given} has no hooks"));
        let hint = format!("Name its methods as those of PluginHooks: {}", names.join(", "));
        Err(errors::to_python(object.py(), &error.with_hint(hint)))
    }
}

impl HookSet<PluginInstance> for Watcher {
    fn call_each<'a>(
        sets: impl Iterator<Item = &'a Arc<Placed<Self>>>,
        hook: Hook,
        plugin: &PluginInstance,
        error: Option<&Error>,
        mut note: impl FnMut(OnError, Result<()>),
    ) {
        let mut sets = sets.filter(|it| it.set.0.has(hook, error.is_some())).peekable();
        if sets.peek().is_none() {
            return; // the interpreter is entered only if there is something to do
        }
        Python::attach(|py| {
            let arguments = &mut Arguments::new(py, plugin, error, None);
            for it in sets {
                note(it.on_error, it.set.0.call(py, hook, plugin, arguments));
            }
        });
    }

    fn watches_actions(&self) -> bool {
        self.0.of_actions()
    }
}
