//! The one place where the core's errors become Python exceptions, and the other way round.

use pyo3::exceptions::{PyException, PyGeneratorExit, PyKeyboardInterrupt, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use zerepy_core::{Error, ErrorKind};

/// The name of each kind's class in `zerepy_plugins.errors`.
const fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "PluginNotFoundError",
        ErrorKind::Load => "PluginLoadError",
        ErrorKind::Abi => "PluginAbiError",
        ErrorKind::Trust => "PluginTrustError",
        ErrorKind::Config => "PluginConfigError",
        ErrorKind::Dependency => "PluginDependencyError",
        ErrorKind::State => "PluginStateError",
        ErrorKind::Execution | ErrorKind::Interrupted => "PluginExecutionError",
        ErrorKind::InvalidParams => "InvalidParamsError",
        ErrorKind::Vetoed => "PluginVetoError",
        ErrorKind::Busy => "PluginBusyError",
        ErrorKind::Timeout => "PluginTimeoutError",
        ErrorKind::Panic => "PluginPanicError",
        ErrorKind::Cleanup => "PluginCleanupError",
        ErrorKind::NotReady => "PluginNotReady",
    }
}

fn errors_module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE
        .get_or_try_init(py, || PyModule::import(py, "zerepy_plugins.errors").map(Bound::unbind))?;
    Ok(module.bind(py))
}

fn base_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "zerepy_plugins.errors", "PluginError")
}

/// The Python exception for a failure. One that a plugin raised as a `PluginError` stays itself.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|failed| failed)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let raised = raised(py, error);
    if let Some(raised) = &raised {
        if error.kind() == ErrorKind::Interrupted {
            return Ok(raised.clone_ref(py));
        }
        if raised.value(py).is_instance(base_class(py)?)? {
            name_plugin(py, raised, error.plugin())?;
            return Ok(raised.clone_ref(py));
        }
    }
    let arguments = PyDict::new(py);
    arguments.set_item("plugin", error.plugin())?;
    arguments.set_item("hint", error.hint())?;
    let class = errors_module(py)?.getattr(class_name(error.kind()))?;
    let exception = PyErr::from_value(class.call((error.message(),), Some(&arguments))?);
    if let Some(seconds) = error.retry_after() {
        exception.value(py).setattr("retry_after", seconds)?;
    }
    if error.is_retryable() {
        exception.value(py).setattr("retryable", true)?;
    }
    exception.set_cause(py, raised.map_or_else(|| beneath(py, error), |raised| Ok(Some(raised)))?);
    Ok(exception)
}

/// The Python exception beneath a failure, if there is one.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> Option<PyErr> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<PyErr>().map(|raised| raised.clone_ref(py))
}

/// The cause of a failure that no Python code raised: the core's own error beneath it, or for
/// several failures joined into one, a group of them.
fn beneath(py: Python<'_>, error: &Error) -> PyResult<Option<PyErr>> {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    if let Some(source) = source {
        return Ok(Some(to_python(py, source)));
    }
    if error.parts().is_empty() {
        return Ok(None);
    }
    let parts: Vec<_> =
        error.parts().iter().map(|part| to_python(py, part).into_value(py)).collect();
    let class = py.import("builtins")?.getattr("BaseExceptionGroup")?;
    let headline = error.message().lines().next().unwrap_or_default();
    Ok(Some(PyErr::from_value(class.call1((headline, parts))?)))
}

fn name_plugin(py: Python<'_>, raised: &PyErr, plugin: Option<&str>) -> PyResult<()> {
    let value = raised.value(py);
    if plugin.is_some() && value.getattr("plugin")?.is_none() {
        value.setattr("plugin", plugin)?;
    }
    Ok(())
}

/// The core's error for what a plugin raised while it did `what`.
pub(crate) fn from_python(py: Python<'_>, raised: PyErr, kind: ErrorKind, what: &str) -> Error {
    // Ctrl-C is looked at first: making the texts would swallow it.
    let raised = py.check_signals().err().unwrap_or(raised);
    if passes_through(py, &raised) {
        let message = format!("{what} was interrupted");
        return Error::new(ErrorKind::Interrupted, message).with_source(raised);
    }
    let value = raised.value(py);
    let known = base_class(py).and_then(|base| value.is_instance(base)).unwrap_or(false);
    let error = if known { from_plugin_error(value) } else { None };
    let error = error
        .unwrap_or_else(|| Error::new(kind, format!("{what} raised {}", text_of(value.as_any()))));
    let error = match missing_module(py, &raised) {
        Some(module) => error.with_hint(format!("Install what provides the module {module:?}")),
        None => error,
    };
    with_retry(raised.value(py).as_any(), error).with_source(raised)
}

/// The module that an import did not find.
fn missing_module(py: Python<'_>, raised: &PyErr) -> Option<String> {
    let module = raised.is_instance_of::<PyModuleNotFoundError>(py);
    module.then(|| raised.value(py).getattr("name").ok()?.extract().ok()).flatten()
}

/// An exception's class and text.
pub(crate) fn text_of(raised: &Bound<'_, PyAny>) -> String {
    let name = raised.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
    let text = answered(raised.py(), raised.str());
    match text.map_or_else(|| "<no text>".into(), |text| text.to_string()) {
        text if text.is_empty() => name,
        text => format!("{name}: {text}"),
    }
}

/// A `PluginError` keeps its own words; its code says its kind.
fn from_plugin_error(value: &Bound<'_, PyAny>) -> Option<Error> {
    let read = |name| value.getattr(name)?.extract::<Option<String>>();
    let text = |name| answered(value.py(), read(name)).flatten();
    let code = text("code")?;
    let kind = KINDS.into_iter().find(|kind| kind.code() == code).unwrap_or(ErrorKind::Execution);
    let mut error = Error::new(kind, text("message")?);
    if let Some(plugin) = text("plugin") {
        error = error.with_plugin(plugin);
    }
    if let Some(hint) = text("hint") {
        error = error.with_hint(hint);
    }
    Some(error)
}

/// What an exception says of trying again; any exception may say it, in attributes.
fn with_retry(value: &Bound<'_, PyAny>, mut error: Error) -> Error {
    let read = |name| value.getattr_opt(name).ok().flatten();
    if read("retryable").and_then(|it| it.extract::<bool>().ok()) == Some(true) {
        error = error.with_retryable();
    }
    match read("retry_after").and_then(|seconds| seconds.extract().ok()) {
        Some(seconds) => error.with_retry_after(seconds),
        None => error,
    }
}

const KINDS: [ErrorKind; 15] = [
    ErrorKind::NotFound,
    ErrorKind::Load,
    ErrorKind::Abi,
    ErrorKind::Trust,
    ErrorKind::Config,
    ErrorKind::Dependency,
    ErrorKind::State,
    ErrorKind::Execution,
    ErrorKind::InvalidParams,
    ErrorKind::Vetoed,
    ErrorKind::Busy,
    ErrorKind::Timeout,
    ErrorKind::Panic,
    ErrorKind::Cleanup,
    ErrorKind::NotReady,
];

/// Whether it is not the plugin's failure but its caller's wish to end: Ctrl-C, a cancelled task, a
/// closed coroutine, the signal to terminate. No other `SystemExit` is among them: a plugin must not
/// end the program.
pub(crate) fn passes_through(py: Python<'_>, raised: &PyErr) -> bool {
    static CANCELLED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static TERMINATED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if raised.is_instance_of::<PyException>(py) {
        return false;
    }
    raised.is_instance_of::<PyKeyboardInterrupt>(py)
        || raised.is_instance_of::<PyGeneratorExit>(py)
        || CANCELLED
            .import(py, "asyncio", "CancelledError")
            .is_ok_and(|class| raised.is_instance(py, class))
        || TERMINATED
            .import(py, "zerepy_plugins._signals", "Terminated")
            .is_ok_and(|class| raised.is_instance(py, class))
}

/// The traceback in the plugin's own code, as text, if Python code raised it.
pub(crate) fn traceback(py: Python<'_>, error: &Error) -> Option<String> {
    let raised = raised(py, error)?;
    let lines = || {
        let module = py.import("traceback")?;
        module.call_method1("format_exception", (raised,))?.extract::<Vec<String>>()
    };
    Some(answered(py, lines())?.concat())
}

/// What a question came to that may fail without harm. Ctrl-C meanwhile is not lost: it comes again
/// when whoever asked has got what there is.
pub(crate) fn answered<T>(py: Python<'_>, answer: PyResult<T>) -> Option<T> {
    let raised = match answer {
        Ok(answer) => return Some(answer),
        Err(raised) => raised,
    };
    if raised.is_instance_of::<PyKeyboardInterrupt>(py) {
        let again = py.import("_thread").and_then(|module| module.call_method0("interrupt_main"));
        if let Err(raised) = again {
            raised.write_unraisable(py, None);
        }
    }
    None
}

/// `?` on a core result within `#[pymethods]`.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for zerepy_core::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_python(py, &error))
    }
}
