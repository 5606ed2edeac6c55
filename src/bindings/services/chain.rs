//! Through which plugins Python code was called: a context variable takes it into coroutines and
//! threads that the code starts.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::Caller;

/// The calls within which Python code was called.
#[pyclass(frozen)]
struct Chain(Caller);

static CHAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Runs `body` as called by `caller`.
pub(super) fn within<T>(
    py: Python<'_>,
    caller: Caller,
    body: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let failed = |raised: PyErr| Error::new(ErrorKind::Execution, raised.to_string());
    let chain = CHAIN.get_or_try_init(py, || {
        let class = py.import("contextvars")?.getattr("ContextVar")?;
        class.call1(("zerepy_plugins.chain",)).map(Bound::unbind)
    });
    let chain = chain.map_err(failed)?.bind(py);
    let token = Bound::new(py, Chain(caller)).and_then(|it| chain.call_method1("set", (it,)));
    let token = token.map_err(failed)?;
    let outcome = body();
    let reset = chain.call_method1("reset", (token,));
    reset.map_err(failed)?;
    outcome
}

/// The plugin on whose behalf Python code is calling, if it is one.
pub(crate) fn caller(py: Python<'_>) -> Option<Caller> {
    let chain = CHAIN.get(py).and_then(|chain| {
        let found = chain.bind(py).call_method1("get", (py.None(),)).ok()?;
        Some(found.cast::<Chain>().ok()?.get().0.clone())
    });
    chain.or_else(Caller::current)
}
