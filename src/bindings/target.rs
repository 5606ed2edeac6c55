//! What a call of a plugin goes to: a Python method, or a native instance without a detour.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zerepy_core::{Error, ErrorKind, Exec, Result};

use crate::limited::Limited;
use crate::native::{Detached, Handle, NativeInstance, or_empty};
use crate::stream::{self, Items};
use crate::surroundings::limits;
use crate::{awaitable, errors};

/// The two ways to call a plugin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A connection's `perform_action(action, params)`.
    Perform,
    /// An action's `execute(params)`.
    Execute,
}

impl Verb {
    const fn method(self) -> &'static str {
        match self {
            Self::Perform => "perform_action",
            Self::Execute => "execute",
        }
    }
}

/// Where one verb's calls go.
enum Way {
    Python { method: Py<PyAny>, is_async: bool },
    Native(Arc<Handle>),
}

/// One plugin's ways, looked up once when it is made.
pub(crate) struct Target {
    perform: Option<Way>,
    execute: Option<Way>,
    validate: Option<Py<PyAny>>,
}

/// What a call does as its first step.
pub(crate) enum First<'py> {
    /// It is done.
    Done(Bound<'py, PyAny>),
    /// This has to be awaited.
    Awaitable(Bound<'py, PyAny>),
    /// This has to run elsewhere: it may block, or is async.
    Elsewhere(Detached),
}

impl Target {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let validate = object.getattr_opt("validate_params")?.map(Bound::unbind);
        let (perform, execute) = (Way::of(object, Verb::Perform)?, Way::of(object, Verb::Execute)?);
        Ok(Self { perform, execute, validate })
    }

    /// Whether a native instance behind it is running something.
    pub(crate) fn is_busy(&self) -> bool {
        [&self.perform, &self.execute].into_iter().flatten().any(|way| match way {
            Way::Native(handle) => handle.is_busy(),
            Way::Python { .. } => false,
        })
    }

    /// Limits what a native call may pass in either direction, in bytes.
    pub(crate) fn set_max_payload(&self, bytes: usize) {
        for way in [&self.perform, &self.execute].into_iter().flatten() {
            if let Way::Native(handle) = way {
                handle.set_max_payload(bytes);
            }
        }
    }

    /// Closes the streams of a native instance behind it.
    pub(crate) fn close_streams(&self) {
        for way in [&self.perform, &self.execute].into_iter().flatten() {
            if let Way::Native(handle) = way {
                handle.close_streams();
            }
        }
    }

    /// The one verb by which other plugins call it; an action plugin has one action.
    pub(crate) fn verb_for(&self, plugin: &str, action: &str) -> Result<Verb> {
        if self.perform.is_some() {
            return Ok(Verb::Perform);
        }
        if action == Verb::Execute.method() {
            return Ok(Verb::Execute);
        }
        let message = format!("plugin {plugin:?} has no action {action:?}");
        Err(Error::new(ErrorKind::NotFound, message)
            .with_plugin(plugin)
            .with_hint("An action plugin has one action, \"execute\""))
    }

    /// The native instance that a verb's calls go to, if it is one.
    pub(crate) fn native(&self, verb: Verb) -> Option<&Arc<Handle>> {
        let way = match verb {
            Verb::Perform => &self.perform,
            Verb::Execute => &self.execute,
        };
        match way {
            Some(Way::Native(handle)) => Some(handle),
            _ => None,
        }
    }

    fn way(&self, verb: Verb, plugin: &str) -> Result<&Way> {
        let (way, other, hint) = match verb {
            Verb::Perform => {
                (&self.perform, &self.execute, "Call it with execute() or execute_sync()")
            }
            Verb::Execute => (&self.execute, &self.perform, "Call it with perform_action()"),
        };
        way.as_ref().ok_or_else(|| {
            let method = verb.method();
            Error::new(ErrorKind::State, format!("plugin {plugin:?} has no method {method}"))
                .with_plugin(plugin)
                .with_hint(if other.is_some() { hint } else { "It cannot be called" })
        })
    }

    /// Calls the plugin and waits for the result.
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        verb: Verb,
        call: &Named<'_>,
        params: Option<&Bound<'py, PyAny>>,
        limited: Option<&Limited>,
    ) -> Result<Bound<'py, PyAny>> {
        let method = match self.way(verb, call.plugin)? {
            Way::Native(handle) => return handle.call(py, call.action, params, limited),
            Way::Python { method, .. } => method,
        };
        let validate = self.validation(verb);
        let called = if let Some(limited) = limited {
            on_worker(py, "call", limited, (validate, method), verb, call, params)
        } else {
            check(py, validate, call, params)?;
            let result = call_python(py, method, verb, call, params)?;
            awaitable::settle(result, || call.to_string())
        };
        let result = called.map_err(|raised| call.failure(py, raised))?;
        refuse_items(verb, call, &result)?;
        Ok(result)
    }

    /// Opens an action that yields items; a Python one has not run at all yet.
    pub(crate) fn open<'py>(
        &self,
        py: Python<'py>,
        verb: Verb,
        call: &Named<'_>,
        params: Option<&Bound<'py, PyAny>>,
        limited: Option<&Limited>,
    ) -> Result<Items> {
        match self.way(verb, call.plugin)? {
            Way::Native(handle) => handle.open(py, call.action, params).map(Items::Native),
            Way::Python { method, .. } => {
                let validate = self.validation(verb);
                if limited.is_none() {
                    check(py, validate, call, params)?;
                }
                let (methods, params) = ((validate, method), or_empty(py, params));
                let items = stream::of_python(py, methods, verb, call, &params, limited);
                items.map(Items::Python)
            }
        }
    }

    /// Calls the plugin from a coroutine: whatever may block becomes something to wait for.
    pub(crate) fn begin<'py>(
        &self,
        py: Python<'py>,
        verb: Verb,
        call: &Named<'_>,
        params: Option<&Bound<'py, PyAny>>,
        limited: Option<&Limited>,
    ) -> Result<First<'py>> {
        let validate = self.validation(verb);
        match self.way(verb, call.plugin)? {
            Way::Native(handle) => begin_native(py, handle, call.action, params, limited),
            Way::Python { method, is_async: true } => {
                if let (Some(validate), Some(limited)) = (validate, limited) {
                    return limit_checked(py, limited, (validate, method), params)
                        .map(First::Awaitable)
                        .map_err(|raised| call.failure(py, raised));
                }
                check(py, validate, call, params)?;
                let result = call_python(py, method, verb, call, params)?;
                match limited {
                    _ if !awaitable::is_awaitable(&result) => Ok(First::Done(result)),
                    None => Ok(First::Awaitable(result)),
                    Some(limited) => limit(py, limited, result)
                        .map(First::Awaitable)
                        .map_err(|raised| call.failure(py, raised)),
                }
            }
            Way::Python { method, is_async: false } => {
                let coroutine = if let Some(limited) = limited {
                    on_worker(py, "call_async", limited, (validate, method), verb, call, params)
                } else {
                    check(py, validate, call, params)?;
                    on_thread_of_loop(py, method, verb, call, params)
                };
                coroutine.map(First::Awaitable).map_err(|raised| call.failure(py, raised))
            }
        }
    }

    /// What checks the parameters of a Python plugin's call; a native one checks them in the call.
    fn validation(&self, verb: Verb) -> Option<&Py<PyAny>> {
        self.validate.as_ref().filter(|_| verb == Verb::Execute)
    }
}

/// Asks a plugin what is wrong with the parameters.
fn check(
    py: Python<'_>,
    validate: Option<&Py<PyAny>>,
    call: &Named<'_>,
    params: Option<&Bound<'_, PyAny>>,
) -> Result<()> {
    let Some(validate) = validate else { return Ok(()) };
    let problems = validate.bind(py).call1((or_empty(py, params),));
    problems
        .map_err(|raised| call.failure(py, raised))
        .and_then(|problems| refuse_params(call, &problems))
}

/// Refuses parameters with the problems that `validate_params` lists.
pub(crate) fn refuse_params(call: &Named<'_>, problems: &Bound<'_, PyAny>) -> Result<()> {
    if problems.is_none() {
        return Ok(());
    }
    let py = problems.py();
    let problems = problems.extract::<Vec<String>>();
    let problems = problems.map_err(|raised| call.failure(py, raised))?;
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!("{call} refused its parameters: {}", problems.join("; "));
    Err(Error::new(ErrorKind::InvalidParams, message).with_plugin(call.plugin))
}

pub(crate) fn begin_native<'py>(
    py: Python<'py>,
    handle: &Arc<Handle>,
    action: &str,
    params: Option<&Bound<'py, PyAny>>,
    limited: Option<&Limited>,
) -> Result<First<'py>> {
    let (index, exec) = handle.action(action)?;
    match exec {
        Exec::Inline => handle.call_measured(py, index, params, limited).map(First::Done),
        Exec::Stream => Err(handle.yields_items(action)),
        Exec::Blocking | Exec::Async => {
            handle.detached(py, index, exec, params).map(First::Elsewhere)
        }
    }
}

impl Way {
    fn of(object: &Bound<'_, PyAny>, verb: Verb) -> PyResult<Option<Self>> {
        let py = object.py();
        let Some(method) = object.getattr_opt(verb.method())? else { return Ok(None) };
        if let Some(handle) = native_handle(object, verb)? {
            return Ok(Some(Self::Native(handle)));
        }
        let inspect = py.import("inspect")?;
        let is_async = inspect.call_method1("iscoroutinefunction", (&method,))?.extract()?;
        Ok(Some(Self::Python { method: method.unbind(), is_async }))
    }
}

/// The native instance behind a plugin, unless a subclass wrote the method anew.
fn native_handle(object: &Bound<'_, PyAny>, verb: Verb) -> PyResult<Option<Arc<Handle>>> {
    let native = object.getattr_opt(intern!(object.py(), "_native"))?;
    let Some(native) = native.as_ref().and_then(|it| it.cast::<NativeInstance>().ok()) else {
        return Ok(None);
    };
    let module = object.py().import("zerepy_plugins.native")?;
    let base = module.getattr(match verb {
        Verb::Perform => "NativeConnectionPlugin",
        Verb::Execute => "NativeActionPlugin",
    })?;
    if !object.is_instance(&base)? {
        return Ok(None);
    }
    let inherited = object.get_type().getattr(verb.method())?.is(&base.getattr(verb.method())?);
    Ok(inherited.then(|| native.get().handle()))
}

fn call_python<'py>(
    py: Python<'py>,
    method: &Py<PyAny>,
    verb: Verb,
    call: &Named<'_>,
    params: Option<&Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let params = or_empty(py, params);
    let result = match verb {
        Verb::Perform => method.bind(py).call1((call.text(py), params)),
        Verb::Execute => method.bind(py).call1((params,)),
    };
    result.map_err(|raised| call.failure(py, raised))
}

/// Refuses a stream where a result was asked for.
pub(crate) fn refuse_items(verb: Verb, call: &Named<'_>, result: &Bound<'_, PyAny>) -> Result<()> {
    if awaitable::yields_items(result) { Err(stream::yields_items(verb, call)) } else { Ok(()) }
}

/// The coroutine of a synchronous method on a thread of its loop's own pool.
fn on_thread_of_loop<'py>(
    py: Python<'py>,
    method: &Py<PyAny>,
    verb: Verb,
    call: &Named<'_>,
    params: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (params, module) = (or_empty(py, params), py.import(intern!(py, "zerepy_plugins._loop"))?);
    match verb {
        Verb::Perform => module.call_method1("call_in_thread", (method, call.action, params)),
        Verb::Execute => module.call_method1("call_in_thread", (method, params)),
    }
}

/// A method with a limit, called on a worker by a function of `_limit`, and before it what checks the
/// parameters.
fn on_worker<'py>(
    py: Python<'py>,
    function: &str,
    limited: &Limited,
    (validate, method): (Option<&Py<PyAny>>, &Py<PyAny>),
    verb: Verb,
    call: &Named<'_>,
    params: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (params, limited, limits) = (or_empty(py, params), limited.clone(), limits(py)?);
    match (verb, validate) {
        (Verb::Perform, _) => limits.call_method1(function, (limited, method, call.action, params)),
        (Verb::Execute, None) => limits.call_method1(function, (limited, method, params)),
        (Verb::Execute, Some(validate)) => {
            let limited = Bound::new(py, limited)?;
            let checked = limits.getattr(intern!(py, "checked"))?;
            limits.call_method1(function, (&limited, checked, &limited, validate, method, params))
        }
    }
}

/// The coroutine that checks the parameters elsewhere and awaits a method, both as long as the limit
/// says.
fn limit_checked<'py>(
    py: Python<'py>,
    limited: &Limited,
    (validate, method): (&Py<PyAny>, &Py<PyAny>),
    params: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (limited, params) = (Bound::new(py, limited.clone())?, or_empty(py, params));
    let checked =
        limits(py)?.call_method1("checked_async", (&limited, validate, method, params))?;
    limits(py)?.call_method1(intern!(py, "limit_task"), (limited, checked))
}

/// The coroutine that awaits another one as long as its limit says.
fn limit<'py>(
    py: Python<'py>,
    limited: &Limited,
    awaitable: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    limits(py)?.call_method1(intern!(py, "limit_task"), (limited.clone(), awaitable))
}

/// A call by its names.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) action: &'a str,
    /// The action as the caller's own object, if there is one: it saves making another.
    pub(crate) text: Option<&'a Py<PyString>>,
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "action {:?} of plugin {:?}", self.action, self.plugin)
    }
}

impl<'a> Named<'a> {
    pub(crate) fn new(plugin: &'a str, action: &'a str) -> Self {
        Self { plugin, action, text: None }
    }

    /// The action as a Python object.
    pub(crate) fn text(&self, py: Python<'_>) -> Py<PyString> {
        let text = self.text.map(|text| text.clone_ref(py));
        text.unwrap_or_else(|| PyString::new(py, self.action).unbind())
    }

    /// What the plugin raised, as the core's error.
    #[cold]
    pub(crate) fn failure(&self, py: Python<'_>, raised: PyErr) -> Error {
        errors::from_python(py, raised, ErrorKind::Execution, &self.to_string())
            .with_plugin(self.plugin)
    }
}
