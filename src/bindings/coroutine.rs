//! The awaitable form of a call: a coroutine object that starts when it is awaited.

mod protocol;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyIterator, PySendResult, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use zerepy_core::Call;
use zerepy_native::Pending;

use crate::call::{Conclusion, limited};
use crate::class::PluginClass;
use crate::environment::PluginHost;
use crate::errors::OrRaise;
use crate::exit;
use crate::limited::Limited;
use crate::meeting::{self, Asked};
use crate::native::{Detached, Handle};
use crate::target::{First, Named, Verb, begin_native, refuse_items};
use crate::{around, repeat, surroundings};

pub(crate) use protocol::{advance, iterator, outcome, protocol, throw};

pub(crate) type HostedCall = Call<'static, PluginClass, String>;

/// A call that has not been awaited yet.
pub(crate) enum Request {
    /// Through a manager: admitted and accounted for.
    Hosted {
        host: Arc<PluginHost>,
        verb: Verb,
        plugin: String,
        action: String,
        timeout: Option<Duration>,
        /// Whether it is tried only once, whatever the rules of its action say.
        once: bool,
    },
    /// Straight to an instance.
    Direct { handle: Arc<Handle>, action: String },
}

impl Request {
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::Hosted { action, .. } | Self::Direct { action, .. } => action,
        }
    }

    /// Whether it may have to be tried again.
    pub(crate) fn may_repeat(&self) -> bool {
        matches!(self, Self::Hosted { host, plugin, once: false, .. } if host.may_repeat(plugin))
    }
}

enum State {
    Created { request: Request, params: Option<Py<PyAny>> },
    Running(Running),
    Ended,
}

/// A call that has begun.
struct Running {
    /// What is being driven: the iterator of an awaitable.
    inner: Py<PyIterator>,
    /// Accounted for when it ends; dropped before that, it counts as abandoned.
    call: Option<(HostedCall, Verb)>,
    /// Tells a native plugin when it is dropped that nobody waits any more.
    _pending: Option<Pending>,
}

/// A call that begins when it is awaited; a coroutine, so that tasks can be made of it.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct CallCoroutine {
    state: Mutex<State>,
}

impl CallCoroutine {
    pub(crate) fn new(request: Request, params: Option<Py<PyAny>>) -> Self {
        Self { state: Mutex::new(State::Created { request, params }) }
    }

    /// Takes the state out: nobody else can step meanwhile, and no lock is held while Python runs.
    fn take(&self) -> State {
        mem::replace(&mut *self.state.lock(), State::Ended)
    }

    /// One step: begins the call, or drives it on with `resume`.
    fn step<'py>(
        &self,
        py: Python<'py>,
        resume: impl FnOnce(&Bound<'py, PyIterator>) -> PyResult<PySendResult<'py>>,
    ) -> PyResult<PySendResult<'py>> {
        match self.take() {
            State::Created { request, params } => match start(py, request, params)? {
                Started::Done(result) => Ok(PySendResult::Return(result)),
                Started::Waiting(running) => {
                    let step = advance(running.inner.bind(py));
                    self.settle(py, step, running)
                }
            },
            State::Running(running) => {
                let step = resume(running.inner.bind(py));
                self.settle(py, step, running)
            }
            State::Ended => Err(reused()),
        }
    }

    /// Suspends again on a yielded value, concludes on anything else.
    fn settle<'py>(
        &self,
        py: Python<'py>,
        step: PyResult<PySendResult<'py>>,
        running: Running,
    ) -> PyResult<PySendResult<'py>> {
        match (step, running) {
            (Ok(PySendResult::Next(yielded)), running) => {
                *self.state.lock() = State::Running(running);
                Ok(PySendResult::Next(yielded))
            }
            (Ok(PySendResult::Return(result)), Running { call: Some((call, verb)), .. }) => {
                conclude_with(py, call, verb, &result)?;
                Ok(PySendResult::Return(result))
            }
            (Err(raised), Running { call: Some((call, _)), .. }) => {
                Err(call.conclude_raised(py, raised))
            }
            (step, _) => step,
        }
    }
}

enum Started<'py> {
    Done(Bound<'py, PyAny>),
    Waiting(Running),
}

fn start(py: Python<'_>, request: Request, params: Option<Py<PyAny>>) -> PyResult<Started<'_>> {
    if request.may_repeat() {
        let awaitable = repeat::awaited(py, request, params)?;
        return waiting(py, First::Awaitable(awaitable), None, None);
    }
    let params = params.map(|params| params.into_bound(py));
    match request {
        Request::Direct { handle, action } => {
            let first = begin_native(py, &handle, &action, params.as_ref(), None).or_raise(py)?;
            waiting(py, first, None, None)
        }
        Request::Hosted { host, verb, plugin, action, timeout, .. } => {
            let call = exit::check(py).and_then(|()| host.admit(&plugin, action)).or_raise(py)?;
            let named = Named::new(&plugin, call.action());
            let (instance, params) = (call.instance(), params.as_ref());
            let mut limited = limited(&call, timeout);
            let first = if around::is_wanted(&host, instance) {
                around::Kept::new(&host, instance, verb, &named, limited.take())
                    .into_coroutine(py, params)
                    .map(First::Awaitable)
                    .map_err(|raised| named.failure(py, raised))
            } else {
                instance.target().begin(py, verb, &named, params, limited.as_ref())
            };
            match first {
                Ok(first) => waiting(py, first, Some((call, verb)), limited),
                Err(error) => Err(call.conclude_err(py, error)),
            }
        }
    }
}

fn waiting<'py>(
    py: Python<'py>,
    first: First<'py>,
    call: Option<(HostedCall, Verb)>,
    limited: Option<Limited>,
) -> PyResult<Started<'py>> {
    let (awaitable, pending) = match first {
        First::Done(result) => {
            if let Some((call, verb)) = call {
                conclude_with(py, call, verb, &result)?;
            }
            return Ok(Started::Done(result));
        }
        First::Awaitable(awaitable) => (awaitable, None),
        First::Elsewhere(work) => match submit(py, work, limited) {
            Ok((Asked::Waiting(future), pending)) => (future, Some(pending)),
            Ok((Asked::There(Ok(result)), _)) => {
                let result = result.unwrap_or_else(|| py.None().into_bound(py));
                return waiting(py, First::Done(result), call, None);
            }
            Ok((Asked::There(Err(raised)), _)) | Err(raised) => {
                return Err(match call {
                    Some((call, _)) => call.conclude_raised(py, raised),
                    None => raised,
                });
            }
        },
    };
    let inner = iterator(&awaitable)?.unbind();
    Ok(Started::Waiting(Running { inner, call, _pending: pending }))
}

/// Ends a call that returned: well, unless it returned a stream.
fn conclude_with(
    py: Python<'_>,
    call: HostedCall,
    verb: Verb,
    result: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let named = Named::new(call.plugin(), call.action());
    match refuse_items(verb, &named, result) {
        Ok(()) => {
            call.conclude_ok();
            Ok(())
        }
        Err(error) => Err(call.conclude_err(py, error)),
    }
}

/// Has native work done elsewhere; what to await for its result, and what cancels it.
pub(crate) fn submit(
    py: Python<'_>,
    work: Detached,
    limited: Option<Limited>,
) -> PyResult<(Asked<'_>, Pending)> {
    let can_stop = work.is_async(); // it ends when what is returned is dropped
    let attempt = limited.as_ref().map(|limited| Arc::clone(limited.attempt()));
    let (asked, pending) = meeting::ask(py, |answer| {
        work.start(attempt, move |result| answer.give(result.map(Some)))
    })?;
    let (Some(limited), Asked::Waiting(future)) = (limited, &asked) else {
        return Ok((asked, pending));
    };
    let stop = PyCFunction::new_closure(py, None, None, move |_, _| can_stop)?;
    let limit = surroundings::limits(py)?.getattr(intern!(py, "limit_future"))?;
    Ok((Asked::Waiting(limit.call1((limited, future, stop))?), pending))
}

pub(crate) fn reused() -> PyErr {
    PyRuntimeError::new_err("cannot reuse an already awaited coroutine")
}

impl Drop for CallCoroutine {
    fn drop(&mut self) {
        if let State::Created { .. } = self.state.get_mut() {
            let _ = Python::try_attach(|py| {
                let category = py.get_type::<PyRuntimeWarning>();
                let message = c"the call of a plugin was never awaited";
                if let Err(raised) = PyErr::warn(py, &category, message, 1) {
                    raised.write_unraisable(py, None); // warnings may be errors
                }
            });
        }
    }
}

protocol!(CallCoroutine);

#[pymethods]
impl CallCoroutine {
    #[pyo3(signature = (*arguments))]
    fn throw<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.take() {
            State::Running(running) => {
                let step = throw(running.inner.bind(py), arguments);
                self.settle(py, step, running).and_then(outcome)
            }
            State::Created { .. } => Err(thrown(arguments)),
            State::Ended => Err(reused()),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.take() {
            State::Running(running) => {
                running.inner.call_method0(py, intern!(py, "close")).map(drop)
            }
            State::Created { .. } | State::Ended => Ok(()),
        }
    }

    /// What is awaited refers to the task that awaits it.
    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Some(State::Created { params, .. }) => visit.call(params),
            Some(State::Running(running)) => visit.call(&running.inner),
            Some(State::Ended) | None => Ok(()),
        }
    }
}

/// The exception that `throw` was asked to raise: an instance, or a class and perhaps a value.
pub(crate) fn thrown(arguments: &Bound<'_, PyTuple>) -> PyErr {
    let exception = arguments.get_item(0).and_then(|first| {
        let value = arguments.get_item(1).ok().filter(|value| !value.is_none());
        match (first.is_callable(), value) {
            (true, Some(value)) => first.call1((value,)),
            (true, None) => first.call0(),
            (false, _) => Ok(first),
        }
    });
    exception.map_or_else(|error| error, PyErr::from_value)
}
